"""Mentions in channels and messages to the bot: a question to a persona, and the offer to ask again."""

from __future__ import annotations

from dataclasses import replace

from bot.reception import Reception
from bot.slack import cards
from bot.slack.asking_notices import whom_message
from bot.turns import Question, Turn, turn_id_for
from handlers.parsing import EditedMention, Mention
from personas.desk import Address

__all__ = ["answer_mention", "offer_again"]


async def answer_mention(mention: Mention, reception: Reception) -> None:
    """Hand the question over, or say privately what is missing."""
    address = await _address(mention, reception)
    persona, notice = address.persona, _missing(mention, address, reception)
    if notice is None:
        if persona is not None:  # nobody is a notice, too
            await reception.take(_turn(mention, address, persona.code, app_id=reception.app_id))
        return
    if mention.is_direct and persona is None:
        await _ask_whom(mention, address, reception)
        return
    await reception.whisper(
        notice,
        team_id=mention.team_id,
        channel=mention.channel,
        user_id=mention.user_id,
        thread_ts=mention.thread_ts if mention.in_thread else None,
        once=mention.message_ts,
    )


async def offer_again(edited: EditedMention, reception: Reception) -> None:
    """Offer to ask the changed question, for as long as the edit window is open."""
    mention = edited.mention
    address = await _address(mention, reception)
    too_late = edited.seconds_after > reception.edit_window_seconds
    persona = address.persona
    if too_late or persona is None or _missing(mention, address, reception):
        return
    # The key holds the edit's own time: each edit may be offered once.
    turn_id = await reception.offer(_turn(mention, address, persona.code, app_id=reception.app_id))
    await reception.whisper(
        cards.ask_again_notice(turn_id),
        team_id=mention.team_id,
        channel=mention.channel,
        user_id=mention.user_id,
        thread_ts=mention.thread_ts if mention.in_thread else None,
        once=edited.edited_ts,
    )


async def _address(mention: Mention, reception: Reception) -> Address:
    """Whom the mention asks. In a thread nobody need be named: the question goes on with who answered, or
    to the country whose view it asks for.
    """
    address = reception.desk.address(mention.text, bound=reception.bound)
    if address.persona is not None or not mention.in_thread:
        return address
    persona = await reception.thread_persona(
        mention.team_id, mention.channel, mention.thread_ts, mention.text
    )
    return address if persona is None else replace(address, persona=persona, nearest=())


async def _ask_whom(mention: Mention, address: Address, reception: Reception) -> None:
    """Nobody is named to the bot alone: keep the question, and let the person choose."""
    turn = _turn(mention, address, "", app_id=reception.app_id)
    await reception.keep(turn)
    message = whom_message(reception.desk.personas, address.nearest, turn.turn_id)
    await reception.post(message, turn=turn)


def _missing(mention: Mention, address: Address, reception: Reception) -> cards.Notice | None:
    """What keeps the question from being asked, in a sentence, or ``None``."""
    if address.persona is None:
        return cards.desk_notice(reception.desk.personas, address.nearest, bot_user_id=reception.bot_user_id)
    if not address.text.strip() and not mention.quoted:
        return cards.how_to_ask_notice(address.persona, bot_user_id=reception.bot_user_id)
    length = Question(address.text, mention.quoted).length
    if length > reception.question_limit:
        return cards.too_long_notice(length, reception.question_limit)
    return None


def _turn(mention: Mention, address: Address, persona: str, *, app_id: str) -> Turn:
    return Turn(
        turn_id=turn_id_for(app_id, mention.team_id, mention.channel, mention.message_ts),
        app_id=app_id,
        team_id=mention.team_id,
        channel=mention.channel,
        thread_ts=mention.thread_ts,
        message_ts=mention.message_ts,
        user_id=mention.user_id,
        user_team_id=mention.user_team_id,
        persona=persona,
        format=address.format,
        question=Question(address.text, mention.quoted),
        asked_at=mention.asked_at,
        in_conversation=mention.in_thread,
    )

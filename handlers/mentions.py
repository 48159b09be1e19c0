"""Mentions in channels and messages to the bot: a question to a persona, and the offer to ask again."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Final

from bot.reception import Reception
from bot.scopes import COMMANDS
from bot.slack import asking_notices, cards
from bot.slack.mention_notices import several_notice
from bot.turns import Question, Turn, turn_id_for
from handlers.comparing import named_several
from handlers.parsing import EditedMention, Mention
from handlers.small_talk import SmallTalk, small_talk
from personas.desk import Address

__all__ = ["answer_mention", "offer_again"]


_COMMAND: Final = next(iter(COMMANDS))

_PERSON: Final = re.compile(r"@([UW][A-Z0-9]{2,20})(?![A-Za-z0-9])")
"""How a mentioned colleague stands in plain words: Slack gives no name."""
_PEOPLE_NAMED: Final = 5
"""Colleagues of one question whose names are looked up."""


async def answer_mention(mention: Mention, reception: Reception) -> None:
    """Hand the question over, or say privately what is missing. "Stop" in a thread stops its answer."""
    mention = await _with_names(mention, reception)
    address, language = await _address(mention, reception)
    talk = _talk(mention, address)
    if talk is SmallTalk.STOP and mention.in_thread:
        running = await reception.store.running(mention.team_id, mention.channel, mention.thread_ts)
        if running is not None:
            await reception.stop(running, mention.user_id)
            # The mention's other event finds nothing running any more, and shall say nothing.
            await reception.store.claim_notice(mention.team_id, mention.channel, mention.message_ts)
            return
    persona, notice = address.persona, _missing(mention, address, reception)
    if notice is None:
        if persona is not None:  # nobody is a notice, too
            await reception.take(_turn(mention, address, persona.code, language, app_id=reception.app_id))
        return
    asks = talk is None and bool(address.text.strip() or mention.quoted)
    if mention.is_direct and persona is None and asks:
        await _ask_whom(mention, address, language, reception)
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
    mention = await _with_names(edited.mention, reception)
    address, language = await _address(mention, reception)
    too_late = edited.seconds_after > reception.edit_window_seconds
    persona = address.persona
    if too_late or persona is None or _missing(mention, address, reception):
        return
    # The key holds the edit's own time: each edit may be offered once.
    turn = _turn(mention, address, persona.code, language, app_id=reception.app_id)
    asked_before = await reception.store.turn(turn.turn_id) is not None
    turn_id = await reception.offer(turn)
    await reception.whisper(
        cards.ask_again_notice(turn_id, asked_before=asked_before),
        team_id=mention.team_id,
        channel=mention.channel,
        user_id=mention.user_id,
        thread_ts=mention.thread_ts if mention.in_thread else None,
        once=edited.edited_ts,
    )


async def _address(mention: Mention, reception: Reception) -> tuple[Address, str]:
    """Whom the mention asks, and the language of the answer. In a thread nobody need be named: the question
    goes on with who answered, or to the country whose view it asks for; nor in a channel that has its agent.
    """
    address = reception.desk.address(mention.text, bound=reception.bound)
    goes_on = None
    if mention.in_thread:
        goes_on = await reception.thread_persona(
            mention.team_id, mention.channel, mention.thread_ts, mention.text
        )
    return await reception.settled(
        address,
        team_id=mention.team_id,
        channel=mention.channel,
        user_id=mention.user_id,
        goes_on=goes_on,
    )


async def _ask_whom(mention: Mention, address: Address, language: str, reception: Reception) -> None:
    """Nobody is named to the bot alone: keep the question, and let the person choose."""
    turn = _turn(mention, address, "", language, app_id=reception.app_id)
    await reception.keep(turn)
    message = asking_notices.whom_message(reception.desk.personas, address.nearest, turn.turn_id)
    await reception.post(message, turn=turn)


def _missing(mention: Mention, address: Address, reception: Reception) -> cards.Notice | None:
    """What keeps the question from being asked, in a sentence, or ``None``."""
    talk = _talk(mention, address)
    if (instead := _instead(mention, address, reception)) is not None:
        return instead
    if address.persona is None:
        return cards.desk_notice(reception.desk.personas, address.nearest, bot_user_id=reception.bot_user_id)
    if talk is not None or not (address.text.strip() or mention.quoted):
        return cards.how_to_ask_notice(address.persona, bot_user_id=reception.bot_user_id)
    length = Question(address.text, mention.quoted).length
    if length > reception.question_limit:
        return cards.too_long_notice(length, reception.question_limit)
    return None


def _instead(mention: Mention, address: Address, reception: Reception) -> cards.Notice | None:
    """What is told to who asks for help, or several at once; ``None`` for a question to one. A persona's own
    bot has nothing to tell of the desk's command, which need not be installed.
    """
    if reception.bound is not None:
        return None
    talk = _talk(mention, address)
    if talk is SmallTalk.DESK:
        return asking_notices.desk_list_notice(_COMMAND, reception.desk.personas)
    if talk is SmallTalk.HELP or (talk is not None and address.persona is None):
        return asking_notices.help_notice(_COMMAND, bot_user_id=reception.bot_user_id)
    several = named_several(mention.text, reception.desk)
    if several is not None:
        return several_notice([persona.code for persona in several.personas], several.question)
    return None


def _talk(mention: Mention, address: Address) -> SmallTalk | None:
    return None if mention.quoted else small_talk(address.text)


async def _with_names(mention: Mention, reception: Reception) -> Mention:
    """The mention with people's names for their ids, and without the desk's other bots, which are asked by
    themselves.
    """
    found = set(_PERSON.findall(mention.text))
    if not found:
        return mention
    people = sorted(found - reception.colleagues)[:_PEOPLE_NAMED]
    names = await asyncio.gather(*(reception.door.name_of(user_id) for user_id in people))
    shown = dict.fromkeys(found, "a colleague") | dict.fromkeys(found & reception.colleagues, "")
    shown |= {user_id: name for user_id, name in zip(people, names, strict=True) if name}
    text = _PERSON.sub(lambda person: shown[person[1]], mention.text)
    return replace(mention, text=text.strip())


def _turn(mention: Mention, address: Address, persona: str, language: str, *, app_id: str) -> Turn:
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
        question=Question(address.text, mention.quoted, language=language),
        asked_at=mention.asked_at,
        in_conversation=mention.in_thread,
    )

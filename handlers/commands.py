"""``/assess``: a question, the form, or help. What is returned is shown to the person as the command's
answer.
"""

from __future__ import annotations

import re
from dataclasses import replace

from bot.reception import Reception
from bot.slack import asking_notices, cards
from bot.slack.elements import notice
from bot.slack.forms import FormPreset
from bot.turns import Asker, Opening, Question, Turn, unopened_turn
from handlers.comparing import named_several, parse_comparison
from handlers.parsing_commands import COMPARE, FORGET, Command
from handlers.small_talk import SmallTalk, small_talk
from personas.desk import Address

__all__ = ["run_command"]

_MESSAGE_LINK = re.compile(r"/archives/([A-Z0-9]+)/p(\d{10})(\d{6})(?:\?[^\s>]*?thread_ts=(\d{10}\.\d{6}))?")
"""What Slack's "Copy link" gives: the channel, the ts without its point, of a reply also its thread."""


async def run_command(command: Command, reception: Reception) -> cards.Notice | None:
    """Ask, open the form where something is missing, or say how it works."""
    if (explained := _explained(command, reception)) is not None:
        return explained
    if command.verb == FORGET:
        return await _forget(command, reception)
    if command.verb == COMPARE or named_several(command.text, reception.desk) is not None:
        return await _compare(command, reception)
    address, language = await _settled(command, reception)
    if small_talk(address.text) is not None:
        address = replace(address, text="")
    if address.persona is None or not address.text.strip():
        return await _form(command, _preset(command, address), reception)
    question = Question(address.text, language=language)
    turn = _turn(command, (address.persona.code,), address.format, question, reception)
    return await _ask(turn, reception)


def _explained(command: Command, reception: Reception) -> cards.Notice | None:
    """How it works, or why this cannot be asked; ``None`` for what can."""
    talk = small_talk(command.text)
    if command.verb == "help" or talk is SmallTalk.HELP:
        return asking_notices.help_notice(command.command, bot_user_id=reception.bot_user_id)
    if command.verb == "list" or talk is SmallTalk.DESK:
        return asking_notices.desk_list_notice(command.command, reception.desk.personas)
    length = len(command.text)
    if length > reception.question_limit:
        return asking_notices.too_long_to_ask_notice(length, reception.question_limit, command.typed)
    return None


async def _settled(command: Command, reception: Reception) -> tuple[Address, str]:
    """Whom the command asks, and the language of the answer."""
    return await reception.settled(
        reception.desk.address(command.text, bound=reception.bound),
        team_id=command.team_id,
        channel=command.channel,
        user_id=command.user_id,
    )


async def _forget(command: Command, reception: Reception) -> cards.Notice:
    """Remove what is kept of the thread of the message that a link names."""
    link = _MESSAGE_LINK.search(command.text)
    if link is None or link[1] != command.channel:
        return notice(
            f"Please send `{command.command} forget` and the message’s own link (“Copy link” in its menu) in "
            "its channel."
        )
    message_ts = link[4] or f"{link[2]}.{link[3]}"
    forgotten = await reception.forget(command.team_id, command.channel, message_ts, user_id=command.user_id)
    return notice(
        "Done: nothing of that thread is kept any more. What stands in Slack stays until somebody deletes it."
        if forgotten
        else "Nothing is kept of that thread."
    )


async def _compare(command: Command, reception: Reception) -> cards.Notice | None:
    """Compare the views of several on one question; the form, where it is not clear to whom or what."""
    comparison = parse_comparison(command.text, reception.desk)
    codes = tuple(persona.code for persona in comparison.personas)
    if not comparison.is_complete:
        preset = FormPreset(
            channel=command.channel,
            personas=codes,
            question=comparison.question,
            note="Whom shall I compare, and on what question? Choose two or more.",
            response_url=command.response_url,
        )
        return await _form(command, preset, reception)
    address, language = await _settled(command, reception)
    question = Question(comparison.question, language=language)
    return await _ask(_turn(command, codes, address.format, question, reception), reception)


async def _form(command: Command, preset: FormPreset, reception: Reception) -> cards.Notice | None:
    return await reception.open_form(
        command.trigger_id, preset, asker=_asker(command, reception), typed=command.typed
    )


def _asker(command: Command, reception: Reception) -> Asker:
    return Asker(reception.app_id, command.team_id, command.channel, command.user_id)


async def _ask(turn: Turn, reception: Reception) -> cards.Notice | None:
    """What to tell the person where the question is not taken."""
    return next((notice for _, notice in await reception.ask([turn])), None)


def _turn(
    command: Command, codes: tuple[str, ...], format_: str, question: Question, reception: Reception
) -> Turn:
    return unopened_turn(
        _asker(command, reception),
        key=command.trigger_id,
        personas=codes,
        format_=format_,
        question=question,
        opening=Opening(response_url=command.response_url),
    )


def _preset(command: Command, address: Address) -> FormPreset:
    """The form with what is known: whoever may have been meant, and the words."""
    persona = address.persona
    unsure = persona is None and bool(address.text.strip())
    chosen = (persona,) if persona is not None else address.nearest[:1]
    return FormPreset(
        channel=command.channel,
        personas=tuple(member.code for member in chosen),
        question=address.text.strip(),
        format=address.format,
        note="I am not sure whom you are asking: please choose." if unsure else "",
        response_url=command.response_url,
    )

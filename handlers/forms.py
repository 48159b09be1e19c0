"""The form: opened on a message by the shortcut, and sent off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.reception import Reception
from bot.slack import asking_notices, cards, forms
from bot.turns import Asker, ChannelId, Opening, Question, Quoted, Turn, unopened_turn
from handlers.parsing_commands import Shortcut
from handlers.parsing_forms import Filled

__all__ = ["assess_message", "take_form"]

_SOMEBODY = "a colleague"
"""The author of a message where the app may not ask for names."""

_ONE_LINE = 80
"""Characters of an author's name."""


async def assess_message(shortcut: Shortcut, reception: Reception) -> cards.Notice | None:
    """Open the form about a message, which goes along as its author's words."""
    words = [Quoted(await _author(shortcut, reception), shortcut.text)] if shortcut.text else []
    material = (*words, *shortcut.quoted)
    if not material:
        return asking_notices.nothing_to_read_notice()
    asker = Asker(reception.app_id, shortcut.team_id, shortcut.channel, shortcut.user_id)
    draft = unopened_turn(
        asker,
        key=shortcut.trigger_id,
        personas=(),
        format_="",
        question=Question("", material),
        opening=Opening(below=shortcut.thread_ts),
    )
    await reception.keep(draft)
    defaults = await reception.choosing.defaults(shortcut.team_id, shortcut.channel, shortcut.user_id)
    preset = forms.FormPreset(
        channel=shortcut.channel,
        personas=(defaults.agent,) if defaults.agent else (),
        format=defaults.depth,
        material=material[0],
        draft=draft.turn_id,
        response_url=shortcut.response_url,
    )
    return await reception.open_form(shortcut.trigger_id, preset, asker=asker, typed="")


async def take_form(filled: Filled, reception: Reception) -> dict[str, str]:
    """Ask who was chosen, of several for a comparison. Returns what is wrong, by block id; the form then
    stays open.
    """
    draft = await reception.kept(filled.draft) if filled.draft else None
    if filled.draft and draft is None:
        return {forms.QUESTION: "That message is too old for me by now. Please use its menu again."}
    personas = [code for code in filled.personas if reception.desk.by_code(code) is not None]
    if wrong := _wrong(filled, personas, draft, reception.question_limit):
        return wrong
    defaults = await reception.choosing.defaults(filled.team_id, filled.channel, filled.user_id)
    turn = _turn(filled, personas, draft, reception)
    turn = replace(turn, question=replace(turn.question, language=defaults.language))
    refused = await reception.ask([turn])
    return {forms.PERSONAS: refused[0][1].text} if refused else {}


def _wrong(filled: Filled, personas: Sequence[str], draft: Turn | None, limit: int) -> dict[str, str]:
    question = _question(filled, draft)
    if question.length > limit:
        what = "Question and message have" if draft else "That has"
        return {forms.QUESTION: f"{what} {question.length:,} characters, and I can take {limit:,}."}
    if not personas:
        return {forms.PERSONAS: "Please choose whom you ask."}
    if not (question.text or question.quoted):
        return {forms.QUESTION: "Please write a question."}
    if filled.place == forms.HERE and not filled.channel:
        return {forms.CHANNEL: "Please choose a channel, or the direct message above."}
    return {}


def _question(filled: Filled, draft: Turn | None) -> Question:
    return Question(filled.question, draft.question.quoted if draft else (), filled.horizon_months)


def _turn(filled: Filled, personas: Sequence[str], draft: Turn | None, reception: Reception) -> Turn:
    """The question, with a thread of its own or below the message that it is about."""
    in_thread = filled.place == forms.IN_THREAD and draft is not None
    below = draft.opening.below if in_thread and draft and draft.opening else ""
    # In private there may be no channel at all: the person's id stands for the direct message.
    channel = draft.channel if in_thread and draft else filled.channel or ChannelId(filled.user_id)
    asker = Asker(reception.app_id, filled.team_id, channel, filled.user_id)
    opening = Opening(direct=filled.place == forms.PRIVATELY, below=below, response_url=filled.response_url)
    return unopened_turn(
        asker,
        key=filled.view_id,
        personas=personas,
        format_=filled.format,
        question=_question(filled, draft),
        opening=opening,
    )


async def _author(shortcut: Shortcut, reception: Reception) -> str:
    name = shortcut.author or await reception.door.name_of(shortcut.author_id)
    return " ".join(name.split())[:_ONE_LINE] or _SOMEBODY

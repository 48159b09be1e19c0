"""The form behind ``/assess``: a modal in which one question is put to one or several personas.

Ids and values here are what ``handlers.parsing_forms`` reads back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bot.slack.cards import Listed
from bot.slack.elements import context, option, quote
from bot.slack.inputs import agents_select, channel_select, input_block, is_channel, radio_buttons
from bot.slack.limits import PRIVATE_METADATA_CHARS, TEXT_INPUT_CHARS
from bot.turns import Quoted
from personas.desk import BRIEF, IN_DEPTH

__all__ = [
    "CHANNEL",
    "DEPTH",
    "FORM",
    "HERE",
    "HORIZON",
    "IN_THREAD",
    "PERSONAS",
    "PLACE",
    "PRIVATELY",
    "QUESTION",
    "FormPreset",
    "assess_form",
]

FORM: Final = "assess"
"""Callback id."""

PERSONAS: Final = "personas"
QUESTION: Final = "question"
DEPTH: Final = "depth"
HORIZON: Final = "horizon"
PLACE: Final = "place"
CHANNEL: Final = "channel"
"""Block ids; each input's action id is the same word."""

HERE: Final = "channel"
IN_THREAD: Final = "thread"
PRIVATELY: Final = "direct"
"""Values of the place."""

_MOST_PERSONAS: Final = 6
"""Personas one form may ask at once: a table with a row for each still fits a phone."""
_MATERIAL_CHARS: Final = 700
"""Characters of a message shown in the form: to recognise it; all of it goes with the question."""

_HORIZONS: Final = (
    ("As the question asks", 0),
    ("Three months", 3),
    ("Six months", 6),
    ("One year", 12),
    ("Three years", 36),
)
_DEPTHS: Final = (
    ("In depth", IN_DEPTH, "Eight sections, with sources, likelihoods and what to watch"),
    ("Brief", BRIEF, "At most 450 words: bottom line, three judgments, what to watch"),
)


@dataclass(frozen=True, slots=True)
class FormPreset:
    """What the form shows when it opens."""

    channel: str
    """Where the person is; preset only if it is a channel."""
    personas: tuple[str, ...] = ()
    """Codes."""
    question: str = ""
    format: str = IN_DEPTH
    note: str = ""
    """A line above the inputs."""
    material: Quoted | None = None
    """The message that is asked about."""
    draft: str = ""
    """Id of the kept draft that holds the material."""
    response_url: str = ""


def assess_form(personas: Sequence[Listed], preset: FormPreset, *, question_limit: int) -> dict[str, Any]:
    """The view for ``views.open``."""
    blocks: list[dict[str, Any]] = [context(preset.note)] if preset.note else []
    if preset.material is not None:
        blocks.append(context(f"About this message of {preset.material.author}:"))
        blocks.append(quote(preset.material.text, _MATERIAL_CHARS))
    blocks += [
        input_block(
            PERSONAS,
            "Country agents",
            agents_select(personas, preset.personas, most=_MOST_PERSONAS),
            hint="The views of several are compared in a table; each can then be asked for its assessment.",
        ),
        _question(preset, min(question_limit, TEXT_INPUT_CHARS)),
        input_block(
            DEPTH,
            "Depth",
            radio_buttons(
                [option(*depth) for depth in _DEPTHS],
                next((index for index, depth in enumerate(_DEPTHS) if depth[1] == preset.format), 0),
            ),
        ),
        _horizon(),
        *_place(preset),
    ]
    metadata = orjson.dumps({"draft": preset.draft, "response_url": preset.response_url}).decode()
    return {
        "type": "modal",
        "callback_id": FORM,
        "title": {"type": "plain_text", "text": "Ask the country desk"},
        "submit": {"type": "plain_text", "text": "Ask"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "private_metadata": metadata if len(metadata) <= PRIVATE_METADATA_CHARS else "",
        "blocks": blocks,
    }


def _question(preset: FormPreset, limit: int) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "multiline": True, "max_length": limit}
    if preset.question:
        element["initial_value"] = preset.question[:limit]
    if preset.personas and not preset.question:
        element["focus_on_load"] = True
    hint = "Paste the news it is about, with its source."
    if preset.material is not None:
        hint = "May stay empty: the message is then assessed as it is."
    return input_block(QUESTION, "Question", element, hint=hint, optional=preset.material is not None)


def _horizon() -> dict[str, Any]:
    options = [option(label, str(months)) for label, months in _HORIZONS]
    element = {"type": "static_select", "options": options, "initial_option": options[0]}
    return input_block(HORIZON, "Look ahead", element)


def _place(preset: FormPreset) -> list[dict[str, Any]]:
    in_channel = is_channel(preset.channel)
    options = [
        option("In the channel below", HERE, "Everybody there sees question and answer"),
        option("In a direct message", PRIVATELY, "For you alone"),
    ]
    if preset.material is not None and in_channel:
        options.insert(0, option("Below the message", IN_THREAD))
    initial = 0 if in_channel else len(options) - 1
    # Its address reaches the person there even where we are no member.
    select = channel_select(preset.channel) | {"response_url_enabled": True}
    return [
        input_block(PLACE, "Where to answer", radio_buttons(options, initial)),
        input_block(CHANNEL, "Channel", select, optional=True),
    ]

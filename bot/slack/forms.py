"""The form behind ``/assess``: a modal in which one question is put to one or several personas.

Ids and values here are what ``handlers.parsing_forms`` reads back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bot.slack.cards import Listed
from bot.slack.elements import context, option, plain, quote
from bot.slack.limits import OPTIONS, PRIVATE_METADATA_CHARS, TEXT_INPUT_CHARS
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
"""Personas one form may ask at once: each is an assessment of its own, and a channel takes a post a
second."""
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
        _personas(personas, preset.personas),
        _question(preset, min(question_limit, TEXT_INPUT_CHARS)),
        _choice(
            DEPTH,
            "Depth",
            [option(*depth) for depth in _DEPTHS],
            next((index for index, depth in enumerate(_DEPTHS) if depth[1] == preset.format), 0),
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


def _input(
    block_id: str, label: str, element: dict[str, Any], *, hint: str = "", optional: bool = False
) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": label},
        "element": element | {"action_id": block_id},
        "optional": optional,
    }
    return block | {"hint": {"type": "plain_text", "text": hint}} if hint else block


def _personas(personas: Sequence[Listed], chosen: Sequence[str]) -> dict[str, Any]:
    options = [option(f"{persona.code}, {persona.name}", persona.code) for persona in personas[:OPTIONS]]
    element: dict[str, Any] = {
        "type": "multi_static_select",
        "placeholder": plain("Choose one or several", 150),
        "options": options,
        "max_selected_items": _MOST_PERSONAS,
    }
    preset = [entry for entry in options if entry["value"] in chosen]
    if preset:
        element["initial_options"] = preset
    return _input(PERSONAS, "Country agents", element, hint="Each answers in a thread of its own.")


def _question(preset: FormPreset, limit: int) -> dict[str, Any]:
    element: dict[str, Any] = {"type": "plain_text_input", "multiline": True, "max_length": limit}
    if preset.question:
        element["initial_value"] = preset.question[:limit]
    if preset.personas and not preset.question:
        element["focus_on_load"] = True
    hint = "Paste the news it is about, with its source."
    if preset.material is not None:
        hint = "May stay empty: the message is then assessed as it is."
    return _input(QUESTION, "Question", element, hint=hint, optional=preset.material is not None)


def _choice(block_id: str, label: str, options: list[dict[str, Any]], initial: int) -> dict[str, Any]:
    element = {"type": "radio_buttons", "options": options, "initial_option": options[initial]}
    return _input(block_id, label, element)


def _horizon() -> dict[str, Any]:
    options = [option(label, str(months)) for label, months in _HORIZONS]
    element = {"type": "static_select", "options": options, "initial_option": options[0]}
    return _input(HORIZON, "Look ahead", element)


def _place(preset: FormPreset) -> list[dict[str, Any]]:
    # Only in channels can we be invited; a direct message (D…) stands for an answer in private.
    in_channel = preset.channel[:1] in {"C", "G"}
    options = [
        option("In the channel below", HERE, "Everybody there sees question and answer"),
        option("In a direct message", PRIVATELY, "For you alone"),
    ]
    if preset.material is not None and in_channel:
        options.insert(
            0, option("Below the message", IN_THREAD, "With one agent; several begin threads of their own")
        )
    initial = 0 if in_channel else len(options) - 1
    select: dict[str, Any] = {
        "type": "conversations_select",
        "placeholder": plain("Choose a channel", 150),
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
        # Its address reaches the person there even where we are no member.
        "response_url_enabled": True,
    }
    if in_channel:
        select["initial_conversation"] = preset.channel
    return [
        _choice(PLACE, "Where to answer", options, initial),
        _input(CHANNEL, "Channel", select, optional=True),
    ]

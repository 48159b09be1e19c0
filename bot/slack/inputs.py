"""The inputs of our modals. A block's id is its input's action id, too."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Final

from bot.slack.cards import Listed
from bot.slack.elements import option, plain
from bot.slack.limits import OPTIONS

__all__ = ["agents_select", "channel_select", "input_block", "is_channel", "radio_buttons"]

_PLACEHOLDER_CHARS: Final = 150


def input_block(
    block_id: str, label: str, element: dict[str, Any], *, hint: str = "", optional: bool = False
) -> dict[str, Any]:
    """An input with its label."""
    block: dict[str, Any] = {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": label},
        "element": element | {"action_id": block_id},
        "optional": optional,
    }
    return block | {"hint": {"type": "plain_text", "text": hint}} if hint else block


def agents_select(personas: Sequence[Listed], chosen: Container[str], *, most: int) -> dict[str, Any]:
    """A menu of personas, of whom several may be chosen."""
    options = [option(f"{persona.code}, {persona.name}", persona.code) for persona in personas[:OPTIONS]]
    element: dict[str, Any] = {
        "type": "multi_static_select",
        "placeholder": plain("Choose one or several", _PLACEHOLDER_CHARS),
        "options": options,
        "max_selected_items": most,
    }
    preset = [entry for entry in options if entry["value"] in chosen]
    return element | {"initial_options": preset} if preset else element


def radio_buttons(options: list[dict[str, Any]], initial: int) -> dict[str, Any]:
    """A choice between a few."""
    return {"type": "radio_buttons", "options": options, "initial_option": options[initial]}


def is_channel(conversation: str) -> bool:
    """Whether an id is that of a channel: only there can we be invited. ``D…`` is a direct message."""
    return conversation[:1] in {"C", "G"}


def channel_select(conversation: str) -> dict[str, Any]:
    """A menu of channels, with this conversation chosen if it is one."""
    select: dict[str, Any] = {
        "type": "conversations_select",
        "placeholder": plain("Choose a channel", _PLACEHOLDER_CHARS),
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    return select | {"initial_conversation": conversation} if is_channel(conversation) else select

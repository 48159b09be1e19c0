"""The menu that has a section of an assessment written anew, and what a person is told where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.slack.cards import Notice
from bot.slack.elements import notice, option, plain, section
from bot.turns import Rewriting

__all__ = ["REWRITE", "gone_notice", "rewriting_menu", "still_writing_notice", "wanted_section"]

REWRITE: Final = "rewrite_section"
"""Action id of the menu; a choice is the section's key and the turn id of the assessment, ``3:t1f…``."""


def rewriting_menu(turn_id: str, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """A line in the footer with the sections by key; none where there is none that can be written anew."""
    if not titles:
        return []
    menu = {
        "type": "static_select",
        "action_id": REWRITE,
        "placeholder": plain("Choose a section", 150),
        "options": [option(title, f"{key}:{turn_id}") for key, title in titles.items()],
    }
    return [section("Write one section anew") | {"accessory": menu}]


def wanted_section(value: str) -> Rewriting | None:
    """What a choice asks for; ``None`` for what is no choice of ours."""
    key, _, turn_id = value.partition(":")
    return Rewriting(turn_id, key) if key and turn_id else None


def still_writing_notice() -> Notice:
    """An answer of the thread is not complete, this section's new version perhaps."""
    return notice(
        "An answer in this thread is still being written. Choose the section again once its last message is "
        "there."
    )


def gone_notice() -> Notice:
    """The assessment, or the words of its question, are no longer kept."""
    return notice(
        "I no longer keep that question and its assessment, so I cannot write a section of it anew. Ask the "
        "question again in a new message."
    )

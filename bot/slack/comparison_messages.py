"""What a comparison shows beside its text: its voice, the table on its card, a button for each agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.slack.elements import Message, actions, button, markdown
from bot.slack.limits import SECTION_CHARS
from bot.slack.tables import table_block
from bot.slack.text_safety import safe_mrkdwn
from bot.slack.thread_search import Sender
from bot.turns import Turn
from personas.enumeration import enumerated
from personas.persona import Persona

__all__ = [
    "ASSESS_ONE",
    "COMPARED",
    "sender_of",
    "wanted_assessment",
    "with_each_assessment",
    "with_table",
]

ASSESS_ONE: Final = "assess_one"
"""Begins the action ids of the buttons that start one persona's assessment; a value is
``<turn id of the comparison>:<code>``."""

COMPARED: Final = "COMPARISON"
"""Stands for a code where feedback on a comparison is counted."""

_ICON: Final = ":scales:"

Rows = Sequence[Sequence[str]]


def sender_of(persona: Persona, compared: Sequence[str]) -> Sender:
    """Whose voice an answer's messages have: the persona's, and where several are ``compared`` (codes)
    nobody's of them.
    """
    if not compared:
        return Sender(persona.display_name, persona.icon_emoji)
    return Sender(f"Comparison: {enumerated(compared)}", _ICON)


def with_table(card: Message, rows: Rows, legend: Sequence[str]) -> Message:
    """The card with the table at its end, above its buttons, and what its columns stand for. Who cannot see
    it reads or hears all of its cells in the text.
    """
    if not rows:
        return card
    blocks = list(card.blocks)
    buttons = [blocks.pop()] if blocks and blocks[-1]["type"] == "actions" else []
    lines = "\n".join(f"- {line}" for line in legend)
    if lines:
        blocks.append(markdown(lines, SECTION_CHARS))
    blocks.append(table_block(rows))
    header, *others = rows
    read = "; ".join(
        f"{row[0]}: " + ", ".join(f"{name} {cell}" for name, cell in zip(header[1:], row[1:], strict=True))
        for row in others
    )
    return replace(card, text=f"{card.text}\n{safe_mrkdwn(read).text}", blocks=(*blocks, *buttons))


def with_each_assessment(footer: Message, turn: Turn, *, brief: bool = False) -> Message:
    """The footer with a button for each of those compared."""
    label = "Brief" if brief else "Full assessment"
    buttons = [
        button(f"{label} {code}", f"{ASSESS_ONE}:{code}", f"{turn.turn_id}:{code}") for code in turn.compared
    ]
    return replace(footer, blocks=(*footer.blocks, actions(*buttons)))


def wanted_assessment(value: str) -> tuple[str, str]:
    """The comparison's turn id and the code that a press names; empty where it names none."""
    turn_id, _, code = value.partition(":")
    return turn_id, code

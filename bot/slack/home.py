"""The app's home tab: who is on the desk, what one person asked, and their briefings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.briefings.briefing import Run
from bot.slack.briefing_notices import NEW, listed
from bot.slack.elements import actions, button, context, cut, section
from bot.store.briefing_store import Armed
from personas.persona import Persona

__all__ = ["OPEN", "AskedTurn", "home_view"]

OPEN: Final = "open"
"""Begins the action ids of the links to threads. Slack tells of a press on one, too, and wants its ack."""

HOME_BLOCKS: Final = 100
"""Blocks of a view at most (docs, views)."""
TITLE_CHARS: Final = 90
MOST_PERSONAS: Final = 35
MOST_ASKED: Final = 10


@dataclass(frozen=True, slots=True)
class AskedTurn:
    """A question somebody asked, and how far its answer is."""

    persona: str
    """Code; of a comparison all of them."""
    title: str
    when: str
    """In the person's own words of time: ``25 Nov, 07:00``."""
    progress: str
    """``answered``, ``3 of 8 sections``, ``failed``."""
    url: str
    """Of its thread; empty where it has none yet."""


def home_view(
    personas: Sequence[Persona],
    running: Sequence[AskedTurn],
    recent: Sequence[AskedTurn],
    briefings: Sequence[tuple[Armed, Run | None]],
    settings: Sequence[dict[str, Any]],
    *,
    with_briefings: bool = True,
) -> dict[str, Any]:
    """The view for ``views.publish``. ``with_briefings``: they can be made and changed in this app."""
    of_briefings = [
        *_title("Your briefings"),
        *(
            listed(briefings, elsewhere=True).blocks
            or [context("None yet. A briefing is posted to a channel on the mornings you choose.")]
        ),
    ]
    blocks = [
        *_title("The desk"),
        *(_persona(persona) for persona in personas[:MOST_PERSONAS]),
        *([actions(button("New briefing", NEW, "new"))] if with_briefings else []),
        *_title("Your settings"),
        *settings,
        *_title("Being answered"),
        *([_asked(turn) for turn in running[:MOST_ASKED]] or [context("Nothing at the moment.")]),
        *_title("Your recent assessments"),
        *([_asked(turn) for turn in recent[:MOST_ASKED]] or [context("You have not asked anything yet.")]),
        *(of_briefings if with_briefings else []),
    ]
    return {"type": "home", "blocks": blocks[:HOME_BLOCKS]}


def _title(words: str) -> list[dict[str, Any]]:
    return [{"type": "header", "text": {"type": "plain_text", "text": words}}]


def _persona(persona: Persona) -> dict[str, Any]:
    pillars = ", ".join(pillar.name for pillar in persona.pillars)
    block = section(f"*{persona.display_name}*\n{pillars}")
    block["text"]["text"] = f"{persona.icon_emoji} {block['text']['text']}"
    return block


def _asked(turn: AskedTurn) -> dict[str, Any]:
    block = section(f"*{turn.persona}* {cut(turn.title, TITLE_CHARS)}\n{turn.when} · {turn.progress}")
    if turn.url:
        block["accessory"] = button("Open", f"{OPEN}:{turn.url[-20:]}", "open") | {"url": turn.url}
    return block

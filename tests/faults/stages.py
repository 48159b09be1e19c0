"""The stages of a turn, and how a turn is held at one while something happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.faults import Fault
from bot.sandbox.faults import Gate as SlackGate
from tests.faults.pages import HeldPage
from tests.support.model_replies import Gate as ModelGate

__all__ = ["ACK", "AFTER", "CALLS", "QUEUE", "STAGES", "TERMS", "Held", "Stage", "stage"]

CALLS = frozenset({"plan", "outlook", "watch", "1", "2", "3", "4", "5", "6", "8"})
"""The model calls of an in-depth answer; section 7 is printed from the watch list."""

TERMS = "search terms"
"""The model call that helps with the search."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment of a turn. ``call`` is the model call that is held half-way, ``shown`` what is on screen then;
    ``method`` and ``kind`` are the Slack call that is held (``kind``: card, text or footer, by its metadata).
    ``waiting`` is a model call that is held until a message of the turn is streaming, ``growing`` one that is
    held as long as the turn is at its stage: text that is all there is sent without a stream. ``reads``: the
    question links to a page, which is held while it is being read; nothing is written before it is there.
    """

    name: str
    call: str = ""
    shown: str = ""
    after_tokens: int = 0
    method: str = ""
    kind: str = ""
    waiting: str = ""
    growing: str = ""
    reads: bool = False

    @property
    def failing(self) -> str:
        """The model call that goes wrong where the model fails at this stage; empty: none belongs to it."""
        return TERMS if self.reads else self.call

    def wants(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call of ``method`` is the one of this stage."""
        metadata = arguments.get("metadata")
        payload = metadata.get("event_payload", {}) if isinstance(metadata, Mapping) else {}
        return not self.kind or payload.get("kind") == self.kind


ACK, QUEUE, AFTER = "before ack", "in the queue", "after"

STAGES = (
    Stage(ACK),
    Stage(QUEUE),
    Stage("card", method="chat.postMessage", kind="card"),
    Stage("evidence", reads=True),
    Stage("plan", call="plan", shown="## 1. ", after_tokens=40),
    Stage("section 1", call="1", shown="## 1. ", after_tokens=70),
    *(Stage(f"section {key}", call=key, shown=f"## {key}. ", after_tokens=150) for key in "23"),
    Stage("outlook", call="outlook", shown="## 4. ", after_tokens=60),
    *(Stage(f"section {key}", call=key, shown=f"## {key}. ", after_tokens=150) for key in "456"),
    Stage("section 7", call="watch", shown="## 7. ", after_tokens=60),
    Stage("section 8", call="8", shown="## 8. ", after_tokens=100),
    Stage("stream start", method="chat.startStream", growing="2", after_tokens=150),
    Stage("append", method="chat.appendStream", waiting="2", growing="3", after_tokens=150),
    Stage("card update", method="chat.update", kind="card", waiting="plan", growing="2", after_tokens=150),
    Stage("stop", method="chat.stopStream", waiting="2"),
    Stage("footer", method="chat.postMessage", kind="footer"),
    Stage(AFTER),
)
"""In the order of a turn's life; Slack's calls, which come between the sections, after them."""


def stage(name: str) -> Stage:
    """The stage of that name."""
    (found,) = (each for each in STAGES if each.name == name)
    return found


@dataclass
class Held:
    """What holds the turn at its stage."""

    slack: SlackGate | None = None
    model: ModelGate | None = None
    page: HeldPage | None = None

    async def reached(self) -> None:
        """Wait until the turn is there."""
        for gate in (self.slack, self.model, self.page):
            if gate is not None:
                await asyncio.wait_for(gate.reached.wait(), 60)

    def open(self, **fault: Any) -> None:
        """Let it go on; ``fault`` is what happens to the Slack call that was held."""
        if self.slack is not None:
            self.slack.open(Fault(**fault) if fault else None)
        if self.model is not None:
            self.model.open()
        if self.page is not None:
            self.page.open()

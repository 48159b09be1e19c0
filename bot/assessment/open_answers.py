"""Answers that a provider goes on writing when we are gone: which there are, and how far each was read.

Kept as one checkpoint, so that whoever takes the turn over reads on where its predecessor was, instead of
asking, and paying, for the same text again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from bot.llm.port import ResumePoint

__all__ = ["OPEN_ANSWERS", "OpenAnswer", "OpenAnswers"]

OPEN_ANSWERS = "open-answers"
"""Key of the checkpoint."""

NOTE_SECONDS = 1.0
"""Least time between two checkpoints of a turn's answers: what was read since the last one is read once more,
which costs nothing. An answer's first point is kept at once, as without it the answer is lost."""


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """One answer, as far as it was read."""

    point: ResumePoint
    text: str
    """All of it up to the point."""
    units_before: int = 0
    """Of a section: units its draft had when the call began; the answer's own come after them."""

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return {"point": asdict(self.point), "text": self.text, "units_before": self.units_before}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        fields = ("account", "response_id", "sequence_number", "characters")
        point = ResumePoint(*(data["point"][name] for name in fields))
        return cls(point, str(data["text"]), int(data["units_before"]))


class OpenAnswers:
    """The open answers of one turn, by name of their call. Made from the ``checkpoints`` of an earlier run,
    then kept up to date by the engine: after a run it tells what is still being written.
    """

    def __init__(self, checkpoints: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        stored = (checkpoints or {}).get(OPEN_ANSWERS, {})
        self._begun = {name: OpenAnswer.from_json(data) for name, data in stored.items()}
        """By an earlier run, and not taken up yet."""
        self._ours: dict[str, OpenAnswer] = {}
        self._noted_at = float("-inf")
        self.unsaved: dict[str, Mapping[str, Any]] = {}
        """Checkpoints by key that a run had made when its generator was closed, and that nobody took."""
        self.stored = bool(stored)
        """Some answer was checkpointed: what is kept of them must follow."""

    @property
    def points(self) -> list[ResumePoint]:
        """Where each can be resumed, or cancelled."""
        return [answer.point for answer in (*self._begun.values(), *self._ours.values())]

    def take_up(self, name: str) -> OpenAnswer | None:
        """The answer that an earlier run was reading for this call; once, then it is this run's own."""
        answer = self._begun.pop(name, None)
        if answer is not None:
            self._ours[name] = answer
        return answer

    def note(self, name: str, answer: OpenAnswer) -> bool:
        """An answer was read so far. True where that is worth a checkpoint now."""
        known, self._ours[name] = self._ours.get(name), answer
        now = asyncio.get_running_loop().time()
        new = known is None or known.point.response_id != answer.point.response_id
        if not new and now - self._noted_at < NOTE_SECONDS:
            return False
        self._noted_at, self.stored = now, True
        return True

    def close(self, name: str) -> OpenAnswer | None:
        """Nobody will resume it: its text is kept elsewhere or of no use. The next checkpoint lacks it."""
        return self._ours.pop(name, None)

    def to_json(self) -> dict[str, Any]:
        """Of all, as a checkpoint."""
        return {name: answer.to_json() for name, answer in (self._begun | self._ours).items()}

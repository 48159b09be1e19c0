"""A turn: one question to one persona in one thread, from the mention to the footer."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, NewType

__all__ = ["ChannelId", "Question", "Quoted", "TeamId", "ThreadTs", "Turn", "UserId", "turn_id_for"]

TeamId = NewType("TeamId", str)
ChannelId = NewType("ChannelId", str)
UserId = NewType("UserId", str)
ThreadTs = NewType("ThreadTs", str)
"""A Slack ``ts`` is a string, never a float."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """Text somebody else wrote, that came along with the question (forwarded message, attachment)."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the person's own words, and the material they forwarded with them."""

    text: str
    quoted: tuple[Quoted, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything a worker needs to answer; stored as JSON in Redis until the turn's TTL ends."""

    turn_id: str
    app_id: str
    """The Slack app that was asked and must answer (``AppIdentity.key``): no other app's worker takes it."""
    team_id: TeamId
    channel: ChannelId
    thread_ts: ThreadTs
    """The thread to answer in: that of the mention, or the mention itself."""
    message_ts: str
    """The mention."""
    user_id: UserId
    user_team_id: TeamId
    """The asking person's own workspace: differs from ``team_id`` in Slack Connect channels."""
    persona: str
    """Code, ``CN-01``."""
    format: str
    """Key of the format, ``in-depth`` or ``brief``."""
    question: Question
    asked_at: float
    """Unix seconds of the mention, from its ``ts``."""

    def to_json(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Turn:
        """The inverse of ``to_json``."""
        question = data["question"]
        quoted = tuple(Quoted(**quote) for quote in question["quoted"])
        return cls(**{**data, "question": Question(question["text"], quoted)})


def turn_id_for(app_id: str, team_id: str, channel: str, message_ts: str, *, asking: int = 0) -> str:
    """The id of the turn a message starts at an app: the same for every delivery and every event of that
    message (Slack sends a mention as ``app_mention`` and as ``message``, each up to four times). A message
    that mentions two apps starts a turn at each.

    ``asking`` counts deliberate repetitions ("ask again", "try again"): each is a turn of its own.
    """
    name = f"{app_id}/{team_id}/{channel}/{message_ts}/{asking}"
    return "t" + hashlib.sha256(name.encode()).hexdigest()[:20]

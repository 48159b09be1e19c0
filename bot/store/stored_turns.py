"""What the store keeps of a turn, and what a run holds while it works on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from bot.deliveries import Delivery, SentMessage
from bot.store.keys import ThreadKeys
from bot.turns import Turn

__all__ = [
    "Abandoned",
    "Claim",
    "Claimed",
    "Lease",
    "NextTurn",
    "Outcome",
    "StopRequest",
    "StoredTurn",
    "stored_turn",
]

MESSAGE_FIELD = "m:"
"""What the record's fields for sent messages begin with."""


class Outcome(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    STOPPED = "stopped"
    """By a person."""
    FAILED = "failed"
    """The thread says what failed."""
    PARKED = "parked"
    """Given up after too many attempts; the reason is kept for the operator."""


class Claimed(StrEnum):
    """Whether a message started a turn or had done so before."""

    NEW = "new"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to ``claim_and_enqueue``. ``lane``: key of the queue job that must exist, or None when
    nothing waits in the thread.
    """

    claimed: Claimed
    address: str
    lane: str | None


@dataclass(frozen=True, slots=True)
class NextTurn:
    """The first of a thread's waiting turns, to be begun no sooner than ``settles_in`` seconds from now: one
    asked before it may be about to arrive.
    """

    turn_id: str
    settles_in: float


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A thread with waiting turns, found by the sweep."""

    address: str
    lane: str


@dataclass(slots=True, eq=False)
class Lease:
    """One run's right to work on a turn, until a newer run takes it, with a higher ``fence``. ``attempt``
    counts from 1.
    """

    turn_id: str
    fence: int
    attempt: int
    keys: ThreadKeys
    document_bytes: int
    """UTF-8 bytes of the document as far as this run knows it to be stored; the store moves it on."""
    fresh: bool = False
    """No run can have written to Slack before, not even one that the server has forgotten in a crash."""
    known_messages: set[str] = field(default_factory=set)
    """Timestamps of messages that already lead to this turn."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Somebody stopped a turn."""

    turn_id: str
    user: str


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """All that is known of a turn."""

    turn: Turn
    state: str
    """``waiting``, ``running``, or an ``Outcome``."""
    attempts: int
    checkpoints: Mapping[str, Mapping[str, Any]]
    delivery: Delivery
    stopped_by: str | None
    """The user who stopped it."""
    reason: str
    """Why the last attempt ended early or the turn was parked: an error's class name, never its words."""

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it any more, nor will."""
        return self.state in set(Outcome)


def stored_turn(record: Mapping[str, str], checkpoints: Mapping[str, str], text: str | None) -> StoredTurn:
    """Read a turn from its record, its checkpoints and the text of its document, as Redis returns them."""
    messages = [
        message_of(field, value) for field, value in record.items() if field.startswith(MESSAGE_FIELD)
    ]
    return StoredTurn(
        turn=Turn.from_json(orjson.loads(record["turn"])),
        state=record["state"],
        attempts=int(record["attempts"]),
        checkpoints={key: orjson.loads(data) for key, data in checkpoints.items()},
        delivery=Delivery(
            card_ts=record.get("card_ts"),
            footer_ts=record.get("footer_ts"),
            document=text or "",
            messages=tuple(sorted(messages, key=lambda message: message.number)),
        ),
        stopped_by=record.get("stopped_by"),
        reason=record.get("reason", ""),
    )


def field_of(message: SentMessage) -> tuple[str, bytes]:
    """The record's field and value for a message."""
    value = orjson.dumps([message.kind, message.ts, message.start, message.end, message.state])
    return f"{MESSAGE_FIELD}{message.number}", value


def message_of(name: str, value: str) -> SentMessage:
    """The inverse of ``field_of``."""
    kind, ts, start, end, state = orjson.loads(value)
    return SentMessage(int(name.removeprefix(MESSAGE_FIELD)), kind, ts, start, end, state)

"""What the workspace writes down for tests: calls, deliveries, pings, views."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.messages import Message

__all__ = ["CallRecord", "Change", "Delivery", "Ping", "StoredFile", "View"]


@dataclass(slots=True)
class CallRecord:
    """One Web API call. ``at`` is wall-clock seconds; ``result`` the JSON answer, also of a refused call."""

    method: str
    args: dict[str, Any]
    app_id: str | None
    at: float
    result: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    seconds: float = 0.0
    unknown_arguments: tuple[str, ...] = ()
    answer_lost: bool = False

    @property
    def ok(self) -> bool:
        """Whether the call took effect."""
        return bool(self.result.get("ok"))

    @property
    def error(self) -> str | None:
        """The error code of a refused call."""
        error = self.result.get("error")
        return str(error) if error is not None else None


@dataclass(slots=True)
class Delivery:
    """One attempt to hand something to an app.

    ``kind`` is ``events_api``, ``interactive`` or ``slash_commands``; ``outcome`` is ``pending``, ``acked``,
    ``timeout``, ``no_connection``, ``connection_lost`` or ``http_<status>``. ``event_id`` is the same for
    all attempts of one event.
    """

    app_id: str
    kind: str
    event_type: str
    event_id: str | None
    payload: dict[str, Any]
    attempt: int
    sent_at: float
    envelope_id: str | None = None
    reason: str | None = None
    outcome: str = "pending"
    latency_seconds: float | None = None
    response: Any = None


@dataclass(frozen=True, slots=True)
class Ping:
    """A mention or broadcast an app's text would have caused: ``target`` as ``channel`` or ``U…``."""

    method: str
    channel: str | None
    target: str


@dataclass(slots=True)
class View:
    """A modal or an App Home of one user. ``channel`` is where the person was who opened it."""

    id: str
    app_id: str
    user: str
    payload: dict[str, Any]
    hash: str
    root_id: str
    previous_id: str | None = None
    channel: str | None = None

    def as_api(self, team_id: str, bot_id: str) -> dict[str, Any]:
        """The view object of the Web API, of payloads and of the page."""
        return {
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "state": {"values": {}},
            **self.payload,
            "id": self.id,
            "team_id": team_id,
            "app_id": self.app_id,
            "bot_id": bot_id,
            "hash": self.hash,
            "root_view_id": self.root_id,
            "previous_view_id": self.previous_id,
        }


@dataclass(slots=True)
class StoredFile:
    """A file from the request for an address on. ``data`` is None until it is sent."""

    id: str
    name: str
    length: int
    app_id: str
    key: str
    data: bytes | None = None
    title: str = ""
    shared_in: str = ""

    def as_api(self, user: str, team_id: str) -> dict[str, Any]:
        """The file object of messages."""
        return {
            "id": self.id,
            "created": int(time.time()),
            "name": self.name,
            "title": self.title or self.name,
            "size": self.length,
            "user": user,
            "user_team": team_id,
            "mode": "hosted",
            "is_external": False,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """Something changed: ``kind`` is posted, changed, deleted, appended, status, view, home
    or channel.

    ``previous`` is the message object before a change or deletion; ``data`` the rest, by kind.
    """

    kind: str
    message: Message | None = None
    previous: dict[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)

"""Short-lived handles an app gets with an interaction: trigger ids and response addresses."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from bot.sandbox.errors import ApiError
from bot.sandbox.limits import Limits

__all__ = ["ResponseHandle", "Trigger", "Triggers"]


@dataclass(slots=True)
class Trigger:
    """One interaction of a user with an app; opens one view within seconds."""

    app_id: str
    user: str
    issued: float
    used: bool = False
    channel: str | None = None


@dataclass(slots=True)
class ResponseHandle:
    """What a response address answers to: a place, and the message the interaction came from if any."""

    app_id: str
    user: str
    channel: str
    issued: float
    message_ts: str | None = None
    thread_ts: str | None = None
    uses: int = 0


class Triggers:
    """Issues and redeems the handles of one workspace."""

    def __init__(self) -> None:
        self._triggers: dict[str, Trigger] = {}
        self._handles: dict[str, ResponseHandle] = {}

    def issue(self, app_id: str, user: str, channel: str | None = None) -> str:
        """A fresh trigger_id. ``channel`` is where the person was, if anywhere."""
        trigger_id = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(app_id, user, time.monotonic(), channel=channel)
        return trigger_id

    def redeem(self, trigger_id: str | None, app_id: str, limits: Limits) -> Trigger:
        """Use a trigger_id up. Raises invalid_, exchanged_ or expired_trigger_id."""
        trigger = self._triggers.get(trigger_id or "")
        if trigger is None or trigger.app_id != app_id:
            raise ApiError("invalid_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        if time.monotonic() - trigger.issued > limits.trigger_seconds:
            raise ApiError("expired_trigger_id")
        trigger.used = True
        return trigger

    def respond_to(self, handle: ResponseHandle) -> str:
        """The secret part of a fresh response address."""
        key = secrets.token_urlsafe(18)
        self._handles[key] = handle
        return key

    def use_response(self, key: str, limits: Limits) -> ResponseHandle:
        """Count one use of a response address. Raises ApiError expired_url or used_url."""
        handle = self._handles.get(key)
        if handle is None or time.monotonic() - handle.issued > limits.response_url_seconds:
            raise ApiError("expired_url")
        if handle.uses >= limits.response_url_uses:
            raise ApiError("used_url")
        handle.uses += 1
        return handle

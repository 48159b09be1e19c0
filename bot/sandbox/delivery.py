"""Handing events, interactions and commands to apps, again when they are not acknowledged in time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bot.sandbox.config import AppConfig
from bot.sandbox.records import Delivery
from bot.sandbox.sockets import SocketHub
from bot.sandbox.webhooks import Webhooks
from bot.sandbox.workspace import Workspace

__all__ = ["Dispatcher"]

_SOCKET_REASONS = {"timeout": "timeout", "no_connection": "connection_failed"}
_HTTP_REASONS = {"timeout": "http_timeout", "no_connection": "connection_failed"}


class Dispatcher:
    """Delivers by Socket Mode or HTTP as the app is configured, and logs each attempt.

    Events are tried again after the delays of the limits, with the same event_id; interactions and commands
    are tried once, as in Slack.
    """

    def __init__(self, workspace: Workspace, sockets: SocketHub, webhooks: Webhooks) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._webhooks = webhooks
        self._tasks: set[asyncio.Task[None]] = set()
        self.undelivered: dict[str, dict[str, Any]] = {}

    def deliver_event(self, app: AppConfig, payload: dict[str, Any]) -> None:
        """Deliver an event in the background until it is acknowledged or the attempts are used up."""
        task = asyncio.create_task(self._deliver_event(app, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_event(self, app: AppConfig, payload: dict[str, Any]) -> None:
        event_id = payload["event_id"]
        self.undelivered[event_id] = payload
        reason: str | None = None
        waits = (0.0, *self._workspace.limits.redelivery_delays)
        for attempt, wait in enumerate(waits):
            if wait:
                await asyncio.sleep(wait)
            delivery = self._record(app, "events_api", payload["event"]["type"], payload, attempt=attempt)
            delivery.reason = reason
            no_retry = await self._send(app, delivery)
            if delivery.outcome == "acked":
                self.undelivered.pop(event_id, None)  # the same event may be delivered twice at once
                self._workspace.touch()
                return
            if no_retry:
                return
            reasons = _SOCKET_REASONS if app.socket_mode else _HTTP_REASONS
            reason = reasons.get(delivery.outcome, "http_error" if not app.socket_mode else "unknown_error")

    async def deliver_once(
        self, app: AppConfig, kind: str, event_type: str, payload: dict[str, Any]
    ) -> Delivery:
        """Deliver an interaction or a command; the finished record says how it went and what was answered."""
        delivery = self._record(app, kind, event_type, payload)
        await self._send(app, delivery)
        return delivery

    def _record(
        self, app: AppConfig, kind: str, event_type: str, payload: dict[str, Any], *, attempt: int = 0
    ) -> Delivery:
        delivery = Delivery(
            app_id=app.app_id,
            kind=kind,
            event_type=event_type,
            event_id=payload.get("event_id"),
            payload=payload,
            attempt=attempt,
            sent_at=time.time(),
        )
        self._workspace.log_delivery(delivery)
        return delivery

    async def _send(self, app: AppConfig, delivery: Delivery) -> bool:
        no_retry = False
        if app.socket_mode:
            await self._sockets.send(delivery)
        else:
            no_retry = await self._webhooks.send(delivery)
        self._workspace.touch()
        return no_retry

    async def aclose(self) -> None:
        """Give up all deliveries under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

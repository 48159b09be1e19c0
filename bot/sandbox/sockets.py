"""Socket Mode: tickets, connections, envelopes and their acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from bot.sandbox.call import Call
from bot.sandbox.errors import ApiError
from bot.sandbox.records import Delivery
from bot.sandbox.workspace import Workspace

__all__ = ["SocketHub"]

_REFRESH_GRACE_SECONDS = 10.0
"""How long an old connection stays open after its disconnect message, as Slack announces it."""


@dataclass(eq=False, slots=True)
class _Connection:
    socket: web.WebSocketResponse
    request: web.Request
    waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    retiring: bool = False


class SocketHub:
    """The Socket Mode connections of all apps; each envelope goes to one of an app's connections in turn."""

    def __init__(self, workspace: Workspace, base_url: str) -> None:
        self._workspace = workspace
        self._address = base_url.replace("http://", "ws://", 1)
        self._tickets: dict[str, tuple[str, float]] = {}
        self._connections: defaultdict[str, list[_Connection]] = defaultdict(list)
        self._turns: defaultdict[str, int] = defaultdict(int)

    def connection_count(self, app_id: str) -> int:
        """How many connections of an app take envelopes."""
        return sum(not connection.retiring for connection in self._connections[app_id])

    def unanswered_ports(self, app_id: str) -> set[int]:
        """The app's ends of the connections that hold an envelope nobody has acknowledged yet."""
        transports = [item.request.transport for item in self._connections[app_id] if item.waiting]
        return {item.get_extra_info("peername")[1] for item in transports if item is not None}

    def open(self, call: Call) -> dict[str, Any]:
        """apps.connections.open: an address that works once, soon."""
        if not call.app.socket_mode:
            raise ApiError("socket_mode_not_enabled")
        ticket = secrets.token_urlsafe(16)
        expiry = time.monotonic() + self._workspace.limits.ticket_seconds
        self._tickets[ticket] = (call.app.app_id, expiry)
        return {"url": f"{self._address}link/?ticket={ticket}&app_id={call.app.app_id}"}

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket until it closes."""
        app_id, expiry = self._tickets.pop(request.query.get("ticket", ""), ("", 0.0))
        if not app_id or time.monotonic() > expiry:
            raise web.HTTPForbidden(text="invalid ticket")
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        connections = self._connections[app_id]
        if len(connections) >= self._workspace.limits.sockets_per_app:
            await _send(socket, {"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        connection = _Connection(socket, request)
        connections.append(connection)
        try:
            await _send(socket, self._hello(app_id))
            self._workspace.touch()
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    _take_answer(connection, message.data)
        finally:
            connections.remove(connection)
            for future in connection.waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError())
            self._workspace.touch()
        return socket

    def _hello(self, app_id: str) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self._connections[app_id]),
            "debug_info": {
                "host": "sandbox",
                "started": time.strftime("%Y-%m-%d %H:%M:%S"),
                "build_number": 1,
                "approximate_connection_time": 18_060,
            },
            "connection_info": {"app_id": app_id},
        }

    async def send(self, delivery: Delivery) -> None:
        """Hand one delivery to a connection and wait for its acknowledgement; fills in the outcome."""
        ready = [item for item in self._connections[delivery.app_id] if not item.retiring]
        if not ready:
            delivery.outcome = "no_connection"
            return
        turn = self._turns[delivery.app_id]
        self._turns[delivery.app_id] = turn + 1
        connection = ready[turn % len(ready)]
        delivery.envelope_id = str(uuid.uuid4())
        envelope: dict[str, Any] = {
            "envelope_id": delivery.envelope_id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.event_type in ("view_submission", "slash_commands"),
        }
        if delivery.kind == "events_api":
            envelope.update(retry_attempt=delivery.attempt, retry_reason=delivery.reason or "")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection.waiting[delivery.envelope_id] = future
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._workspace.limits.ack_seconds):
                await _send(connection.socket, envelope)
                delivery.response = await future
        except TimeoutError:
            delivery.outcome = "timeout"
        except ConnectionError:
            delivery.outcome = "connection_lost"
        else:
            delivery.outcome = "acked"
            delivery.latency_seconds = time.perf_counter() - started
        finally:
            connection.waiting.pop(delivery.envelope_id, None)
            if not future.done():
                future.cancel()
            elif not future.cancelled():
                future.exception()

    async def refresh(self, app_id: str, reason: str = "refresh_requested") -> None:
        """Ask every connection of an app to make way for a new one, as Slack does every few hours."""
        for connection in list(self._connections[app_id]):
            connection.retiring = True
            await _send(
                connection.socket,
                {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}},
            )
            asyncio.get_running_loop().call_later(_REFRESH_GRACE_SECONDS, _cut, connection)

    def cut(self, app_id: str, most: int | None = None) -> None:
        """Cut the connections of an app without a word: all, or the oldest ``most``."""
        for connection in self._connections[app_id][:most]:
            connection.retiring = True
            _cut(connection)

    async def aclose(self) -> None:
        """Close all connections."""
        for connections in self._connections.values():
            for connection in list(connections):
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await asyncio.wait_for(
                        connection.socket.close(code=WSCloseCode.GOING_AWAY, drain=False), timeout=0.5
                    )
                _cut(connection)


def _cut(connection: _Connection) -> None:
    if connection.request.transport is not None:
        connection.request.transport.abort()


def _take_answer(connection: _Connection, data: str) -> None:
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    if not isinstance(answer, dict):
        return
    future = connection.waiting.get(answer.get("envelope_id", ""))
    if future is not None and not future.done():
        future.set_result(answer.get("payload"))


async def _send(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    await socket.send_str(orjson.dumps(message).decode())

"""The page's live view: a WebSocket per open page that carries what its user may see."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
from aiohttp import web

from bot.sandbox.messages import Message
from bot.sandbox.page_messages import page_channel, page_message
from bot.sandbox.records import Change
from bot.sandbox.workspace import Workspace

__all__ = ["LivePages"]

_QUEUE_SIZE = 10_000
"""Changes one page may lag behind before it is disconnected and has to load anew."""


class LivePages:
    """Pushes the workspace's changes to the open pages; costs nothing while none is open."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._pages: dict[asyncio.Queue[bytes | None], str] = {}
        workspace.listen(self._take)

    async def serve(self, request: web.Request, user: str) -> web.WebSocketResponse:
        """Serve one page until it closes."""
        socket = web.WebSocketResponse(heartbeat=30.0)
        await socket.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE_SIZE)
        self._pages[queue] = user
        for (channel, thread_ts), status in self._workspace.statuses.items():
            self._push(queue, _status_event({**status, "channel": channel, "thread_ts": thread_ts}))
        reader = asyncio.create_task(_read_until_closed(socket, queue))
        try:
            while (data := await queue.get()) is not None:
                await socket.send_str(data.decode())
        except ConnectionError:
            pass  # the page went away between two pushes
        finally:
            self._pages.pop(queue, None)
            reader.cancel()
        await socket.close(drain=False)
        return socket

    async def aclose(self) -> None:
        """Disconnect all pages."""
        for queue in list(self._pages):
            self._drop(queue)
        await asyncio.sleep(0)

    def _drop(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._pages.pop(queue, None)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    def _push(self, queue: asyncio.Queue[bytes | None], event: dict[str, Any]) -> None:
        self._push_bytes(queue, orjson.dumps(event))

    def _push_bytes(self, queue: asyncio.Queue[bytes | None], data: bytes) -> None:
        if queue.full():
            self._drop(queue)
        else:
            queue.put_nowait(data)

    def _take(self, change: Change) -> None:
        if not self._pages:
            return
        for event, audience in self._events(change):
            data = orjson.dumps(event)
            for queue, user in list(self._pages.items()):
                if user in audience:
                    self._push_bytes(queue, data)

    def _events(self, change: Change) -> list[tuple[dict[str, Any], list[str]]]:
        message = change.message
        if message is None:
            return self._other_events(change)
        audience = self._audience(message)
        if change.kind == "posted":
            events = [({"type": "message", "message": page_message(message)}, audience)]
            root = self._root(message)
            if root is not None:
                events.append(({"type": "changed", "message": page_message(root)}, audience))
            return events
        if change.kind == "deleted" and message.subtype != "tombstone":
            return [({"type": "deleted", "channel": message.channel, "ts": message.ts}, audience)]
        if change.kind == "appended" and not change.data.get("structured"):
            event = {
                "type": "appended",
                "channel": message.channel,
                "ts": message.ts,
                "text": change.data["text"],
            }
            return [(event, audience)]
        return [({"type": "changed", "message": page_message(message)}, audience)]

    def _other_events(self, change: Change) -> list[tuple[dict[str, Any], list[str]]]:
        if change.kind == "status":
            members = self._workspace.channels[change.data["channel"]].members
            return [(_status_event(change.data), members)]
        if change.kind in ("view", "home"):
            return [({"type": change.kind, "view": change.data["view"]}, [change.data["user"]])]
        channel = change.data["channel"]
        return [({"type": "channel", "channel": page_channel(channel)}, channel.members)]

    def _audience(self, message: Message) -> list[str]:
        if message.ephemeral_for is not None:
            return [message.ephemeral_for]
        return self._workspace.channels[message.channel].members

    def _root(self, message: Message) -> Message | None:
        if message.ephemeral_for is not None or not message.is_reply or message.thread_ts is None:
            return None
        return self._workspace.channels[message.channel].messages.get(message.thread_ts)


def _status_event(status: dict[str, Any]) -> dict[str, Any]:
    shown = {"loading_messages": [], "username": None, "icon": None, "status": "", **status}
    shown.pop("at", None)
    return {"type": "status", **shown, "time": time.time()}


async def _read_until_closed(socket: web.WebSocketResponse, queue: asyncio.Queue[bytes | None]) -> None:
    async for _message in socket:
        pass
    if not queue.full():
        queue.put_nowait(None)

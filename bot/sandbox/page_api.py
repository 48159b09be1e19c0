"""The page's own JSON API, its files and its WebSocket. For browsers on this machine only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from bot.sandbox.errors import ApiError, SandboxError
from bot.sandbox.interactions import Interactions
from bot.sandbox.live import LivePages
from bot.sandbox.own_commands import run_own_command
from bot.sandbox.page_messages import page_message, page_state, resolve_mentions
from bot.sandbox.people import People
from bot.sandbox.records import Delivery
from bot.sandbox.workspace import Workspace

__all__ = ["PageApi", "refuse_strangers"]

_PAGE_FILES = Path(__file__).parent / "page"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)

_Action = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


@web.middleware
async def refuse_strangers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a request whose Host or Origin is not this machine: another site, or DNS rebinding."""
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    origin = request.headers.get("Origin")
    if host not in _LOOPBACK or (origin is not None and urlsplit(origin).hostname not in _LOOPBACK):
        return web.json_response({"ok": False, "error": "not_loopback"}, status=403)
    return await handler(request)


class PageApi:
    """Routes under ``/``, ``/static/`` and ``/page/``."""

    def __init__(
        self, workspace: Workspace, people: People, interactions: Interactions, live: LivePages
    ) -> None:
        self._workspace = workspace
        self._people = people
        self._interactions = interactions
        self._live = live
        self._actions: dict[str, _Action] = {
            "message": self._message,
            "forward": self._forward,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "action": self._action,
            "stop": self._stop,
            "command": self._command,
            "shortcut": self._shortcut,
            "view": self._view,
            "home": self._home,
        }

    def add_routes(self, app: web.Application) -> None:
        """Add the page's routes to a server."""
        app.router.add_get("/", self._index)
        app.router.add_get("/page/state", self._state)
        app.router.add_get("/page/history", self._history)
        app.router.add_get("/page/replies", self._replies)
        app.router.add_get("/page/live", self._serve_live)
        app.router.add_post("/page/{action}", self._perform)
        if _PAGE_FILES.is_dir():
            app.router.add_static("/static/", _PAGE_FILES)

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        index = _PAGE_FILES / "index.html"
        if not index.is_file():
            return web.Response(text="The sandbox page is not installed.", status=404)
        return web.FileResponse(
            index, headers={"Content-Security-Policy": _CONTENT_POLICY, "Cache-Control": "no-store"}
        )

    def _user(self, request: web.Request) -> str:
        wanted = request.query.get("user")
        if not wanted:
            return next(iter(self._workspace.users))
        try:
            return self._workspace.person(wanted).id
        except SandboxError as error:
            raise _bad_request("user_not_found") from error

    async def _state(self, request: web.Request) -> web.Response:
        return _answer(page_state(self._workspace, self._user(request)))

    async def _history(self, request: web.Request) -> web.Response:
        user, channel = self._user(request), request.query.get("channel", "")
        roots = self._channel_messages(user, channel)
        mine = self._hidden(user, channel)
        shown = [message for message in roots if not message.is_reply or message.reply_broadcast]
        shown += [message for message in mine if message.thread_ts is None]
        return _answer({"messages": [page_message(item) for item in sorted(shown, key=lambda m: m.ts)]})

    async def _replies(self, request: web.Request) -> web.Response:
        user, channel = self._user(request), request.query.get("channel", "")
        self._channel_messages(user, channel)
        ts = request.query.get("ts", "")
        thread = self._workspace.thread(channel, ts)
        if not thread:
            raise _bad_request("thread_not_found")
        replies = thread[1:] + [item for item in self._hidden(user, channel) if item.thread_ts == ts]
        ordered = [thread[0], *sorted(replies, key=lambda message: message.ts)]
        return _answer({"messages": [page_message(item) for item in ordered]})

    def _channel_messages(self, user: str, channel: str) -> list[Any]:
        found = self._workspace.channels.get(channel)
        if found is None or user not in found.members:
            raise _bad_request("channel_not_found")
        return list(found.messages.values())

    def _hidden(self, user: str, channel: str) -> list[Any]:
        return [
            message
            for message in self._workspace.ephemerals
            if message.ephemeral_for == user and message.channel == channel
        ]

    async def _serve_live(self, request: web.Request) -> web.StreamResponse:
        return await self._live.serve(request, self._user(request))

    async def _perform(self, request: web.Request) -> web.Response:
        action = self._actions.get(request.match_info["action"])
        if action is None:
            return _refusal("unknown_action", status=404)
        try:
            body = orjson.loads(await request.read())
            if not isinstance(body, dict):
                return _refusal("json_not_object")
            result = await action(body)
        except orjson.JSONDecodeError:
            return _refusal("invalid_json")
        except KeyError as error:
            return _refusal("missing_argument", argument=str(error.args[0]))
        except ApiError as error:
            return _refusal(error.code)
        except SandboxError as error:
            return _refusal(str(error))
        return _answer({"ok": True, **(result or {})})

    async def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        text = resolve_mentions(self._workspace, body["text"])
        ts = self._people.post(body["user"], body["channel"], text, thread_ts=body.get("thread_ts"))
        return {"ts": ts}

    async def _forward(self, body: dict[str, Any]) -> dict[str, Any]:
        source = body["source"]
        self._channel_messages(body["user"], source["channel"])  # nobody forwards what they cannot read
        ts = self._people.forward(
            body["user"],
            body["channel"],
            resolve_mentions(self._workspace, body.get("text", "")),
            source_channel=source["channel"],
            source_ts=source["ts"],
        )
        return {"ts": ts}

    async def _edit(self, body: dict[str, Any]) -> None:
        text = resolve_mentions(self._workspace, body["text"])
        self._people.edit(body["user"], body["channel"], body["ts"], text)

    async def _delete(self, body: dict[str, Any]) -> None:
        self._people.delete(body["user"], body["channel"], body["ts"])

    async def _react(self, body: dict[str, Any]) -> None:
        self._people.react(body["user"], body["channel"], body["ts"], body["name"])

    async def _stop(self, body: dict[str, Any]) -> None:
        self._people.press_stop(body["user"], body["channel"], body["ts"])

    async def _action(self, body: dict[str, Any]) -> None:
        options: dict[str, Any] = {
            "block_id": body.get("block_id"),
            "chosen": body,
            "state": body.get("state"),
        }
        if body.get("view_id"):
            delivery = await self._interactions.click_in_view(
                body["user"], body["view_id"], body["action_id"], **options
            )
        else:
            delivery = await self._interactions.click(
                body["user"], body["channel"], body["ts"], body["action_id"], **options
            )
        _check(delivery)

    async def _command(self, body: dict[str, Any]) -> None:
        if body.get("thread_ts"):
            raise SandboxError("command_not_supported_in_threads")
        user, channel, command = body["user"], body["channel"], body["command"]
        text = resolve_mentions(self._workspace, body.get("text", ""))
        if not run_own_command(self._workspace, user, channel, command, text):
            _check(await self._interactions.run_command(user, channel, command, body.get("text", "")))

    async def _shortcut(self, body: dict[str, Any]) -> None:
        _check(
            await self._interactions.use_shortcut(
                body["user"], body["channel"], body["ts"], body["callback_id"], app_id=body.get("app_id")
            )
        )

    async def _view(self, body: dict[str, Any]) -> dict[str, Any] | None:
        if body["what"] == "submit":
            return await self._interactions.submit_view(body["user"], body["view_id"], body.get("state"))
        await self._interactions.close_view(body["user"], body["view_id"])
        return None

    async def _home(self, body: dict[str, Any]) -> dict[str, Any]:
        tab = "messages" if body.get("tab") == "messages" else "home"
        return {"view": self._people.open_home(body["user"], body.get("app_id"), tab=tab)}


def _check(delivery: Delivery) -> None:
    if delivery.outcome in ("timeout", "no_connection", "connection_lost"):
        raise SandboxError("operation_timeout")
    if delivery.outcome != "acked":
        raise SandboxError("dispatch_failed")


def _answer(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _refusal(code: str, *, status: int = 200, **extra: object) -> web.Response:
    body = orjson.dumps({"ok": False, "error": code, **extra})
    return web.Response(body=body, status=status, content_type="application/json")


def _bad_request(code: str) -> web.HTTPException:
    body = orjson.dumps({"ok": False, "error": code}).decode()
    return web.HTTPBadRequest(text=body, content_type="application/json")

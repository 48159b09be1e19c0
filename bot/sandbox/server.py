"""The sandbox: one server on 127.0.0.1 with the Web API, Socket Mode and the page."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from bot.sandbox.api import WebApi
from bot.sandbox.config import WorkspaceConfig
from bot.sandbox.delivery import Dispatcher
from bot.sandbox.events import EventSource
from bot.sandbox.faults import Fault, Faults
from bot.sandbox.file_methods import give_file, take_upload
from bot.sandbox.interactions import Interactions
from bot.sandbox.live import LivePages
from bot.sandbox.messages import Message
from bot.sandbox.page_api import PageApi, refuse_strangers
from bot.sandbox.people import People
from bot.sandbox.records import CallRecord, Delivery
from bot.sandbox.responses import take_response
from bot.sandbox.sockets import SocketHub
from bot.sandbox.webhooks import Webhooks
from bot.sandbox.workspace import Workspace

__all__ = ["Sandbox"]

_HOST = "127.0.0.1"
_BODY_BYTES = 4_000_000
_Value = TypeVar("_Value")


class Sandbox:
    """A running workspace. ``await start()``, use it, ``await aclose()``; or ``async with``.

    ``api_url`` ends with a slash, as slack_sdk's base_url does. ``people`` and ``interactions`` act as
    the users, ``workspace`` holds the state; the methods here are the shortest way to both.
    """

    def __init__(
        self, config: WorkspaceConfig | None = None, *, port: int = 0, page_port: int | None = None
    ) -> None:
        self.config = config if config is not None else WorkspaceConfig()
        self.workspace = Workspace(self.config)
        self.faults = Faults()
        self._port = port
        self._page_port = page_port
        self._runner: web.AppRunner | None = None
        self.api_url = ""
        self.page_url = ""

    async def start(self) -> None:
        """Listen on loopback and fill in ``api_url`` and ``page_url``. Raises OSError for a taken port."""
        listening = _listen(self._port)
        port = listening.getsockname()[1]
        base_url = f"http://{_HOST}:{port}/"
        self.api_url = f"{base_url}api/"
        self.page_url = base_url
        self.sockets = SocketHub(self.workspace, base_url)
        self._webhooks = Webhooks(self.workspace)
        self.dispatcher = Dispatcher(self.workspace, self.sockets, self._webhooks)
        self.events = EventSource(self.workspace, self.dispatcher)
        self.people = People(self.workspace, self.events)
        self.interactions = Interactions(self.workspace, self.dispatcher, base_url)
        self._live = LivePages(self.workspace)
        api = WebApi(self.workspace, self.faults, base_url, {"apps.connections.open": self.sockets.open})
        app = web.Application(middlewares=[refuse_strangers], client_max_size=_BODY_BYTES)
        app.router.add_route("*", "/api/{method}", api.answer)
        app.router.add_get("/link/", self.sockets.connect)
        app.router.add_post("/response/{key}", self._take_response)
        app.router.add_post("/upload/v1/{key}", self._take_upload)
        app.router.add_get("/files/{id}", self._give_file)
        PageApi(self.workspace, self.people, self.interactions, self._live).add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handle_signals=False)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        if self._page_port is not None:
            page_socket = _listen(self._page_port)
            self.page_url = f"http://{_HOST}:{page_socket.getsockname()[1]}/"
            await web.SockSite(self._runner, page_socket).start()

    async def _take_response(self, request: web.Request) -> web.Response:
        return await take_response(self.workspace, request)

    async def _take_upload(self, request: web.Request) -> web.Response:
        return await take_upload(self.workspace, request)

    async def _give_file(self, request: web.Request) -> web.Response:
        return give_file(self.workspace, request)

    async def aclose(self) -> None:
        """Stop deliveries, close connections, free the ports."""
        if self._runner is None:
            return
        await self.dispatcher.aclose()
        await self._live.aclose()
        await self.sockets.aclose()
        await self._webhooks.aclose()
        await self._runner.cleanup()
        self._runner = None

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # What tests do

    async def post_as_user(
        self,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        attachments: list[dict[str, Any]] | None = None,
    ) -> str:
        """Write a message as a person, in wire form; returns its ts."""
        return self.people.post(user, channel, text, thread_ts=thread_ts, attachments=attachments)

    async def forward_as_user(
        self, user: str, channel: str, text: str, *, source_channel: str, source_ts: str
    ) -> str:
        """Forward a message with some text; returns the ts of the new message."""
        return self.people.forward(user, channel, text, source_channel=source_channel, source_ts=source_ts)

    async def edit_as_user(self, user: str, channel: str, ts: str, text: str) -> None:
        """Edit a person's message."""
        self.people.edit(user, channel, ts, text)

    async def delete_as_user(self, user: str, channel: str, ts: str) -> None:
        """Delete a person's message."""
        self.people.delete(user, channel, ts)

    async def click(
        self,
        user: str,
        channel: str,
        message_ts: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: str | None = None,
    ) -> Delivery:
        """Click a button in a message, also an ephemeral one; waits for the app's answer."""
        chosen = None if value is None else {"value": value}
        return await self.interactions.click(
            user, channel, message_ts, action_id, block_id=block_id, chosen=chosen
        )

    async def press_stop(self, user: str, channel: str, ts: str) -> None:
        """Press Slack's stop button of a streaming message, or of all that stream in a thread."""
        self.people.press_stop(user, channel, ts)

    async def command(self, user: str, channel: str, command: str, text: str = "") -> Delivery:
        """Run a slash command; waits for the app's answer."""
        return await self.interactions.run_command(user, channel, command, text)

    async def invite(self, user: str, channel: str) -> None:
        """Make a person or bot user a member of a channel."""
        self.workspace.join(self.workspace.channel(channel), user)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """A root and its replies."""
        return self.workspace.thread(channel, ts)

    @property
    def ephemerals(self) -> list[Message]:
        """All ephemeral messages so far."""
        return self.workspace.ephemerals

    @property
    def calls(self) -> list[CallRecord]:
        """All Web API calls so far."""
        return self.workspace.calls

    def fail_next(
        self,
        method: str,
        *,
        error: str | None = None,
        status: int | None = None,
        retry_after: int | None = None,
        delay_seconds: float = 0.0,
        drop: str | None = None,
        times: int = 1,
    ) -> None:
        """Let the next calls of a method go wrong; see ``Fault`` for the ways."""
        fault = Fault(
            error=error, status=status, retry_after=retry_after, delay_seconds=delay_seconds, drop=drop
        )
        self.faults.add(method, fault, times)

    async def wait_for(self, predicate: Callable[[], _Value], timeout: float = 10.0) -> _Value:  # noqa: ASYNC109
        """Wait until ``predicate()`` is true and return its value; it is looked at after each change."""
        return await self.workspace.wait_for(predicate, timeout)

    async def verify_request_url(self, app_id: str | None = None, url: str | None = None) -> None:
        """Set the request URL of an app in HTTP mode, if given, and verify it as Slack does."""
        app = self.workspace.app(app_id)
        if url is not None:
            self._webhooks.set_url(app.app_id, url)
        await self._webhooks.verify(app)

    async def refresh_sockets(self, app_id: str | None = None) -> None:
        """Send Slack's disconnect message to all sockets of an app."""
        await self.sockets.refresh(self.workspace.app(app_id).app_id)

    def cut_sockets(self, app_id: str | None = None, *, most: int | None = None) -> None:
        """Cut all sockets of an app, or the oldest ``most``."""
        self.sockets.cut(self.workspace.app(app_id).app_id, most)


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_HOST, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    listening.settimeout(0)
    return listening

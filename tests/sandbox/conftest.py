"""A running sandbox, a client of its app, a Socket Mode client that acknowledges, and what it received."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Sandbox, WorkspaceConfig

CHANNEL, TEAM, DANA, BOT = "C0DESK", "T0SANDBOX", "U0DANA", "U0AGENTS"


@dataclass
class Inbox:
    """What an app received by Socket Mode. ``silent`` requests are not acknowledged."""

    client: SocketModeClient
    requests: list[SocketModeRequest] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    silent: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type, in order."""
        found = [item.payload["event"] for item in self.requests if item.type == "events_api"]
        return [event for event in found if event["type"] == kind]

    async def take(self, client: SocketModeClient, request: SocketModeRequest) -> None:
        """Record a request and acknowledge it, unless told to be silent."""
        self.requests.append(request)
        self.arrived.set()
        if self.silent:
            self.silent -= 1
            return
        answer = self.answers.get(request.type)
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, answer))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(replace(WorkspaceConfig(), rate_limits=False)) as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox, http: aiohttp.ClientSession) -> AsyncWebClient:
    return client_of(sandbox, http)


def client_of(sandbox: Sandbox, http: aiohttp.ClientSession, app_id: str | None = None) -> AsyncWebClient:
    app = sandbox.workspace.app(app_id)
    return AsyncWebClient(token=app.bot_token, base_url=sandbox.api_url, session=http, retry_handlers=[])


@pytest.fixture
async def connect(sandbox: Sandbox) -> AsyncIterator[Callable[[], Awaitable[Inbox]]]:
    """Opens one more Socket Mode connection of the first app each time it is called."""
    opened: list[SocketModeClient] = []

    async def open_one() -> Inbox:
        web = AsyncWebClient(base_url=sandbox.api_url)
        client = SocketModeClient(
            app_token=sandbox.workspace.app().app_token, web_client=web, ping_interval=1
        )
        inbox = Inbox(client)
        client.socket_mode_request_listeners.append(inbox.take)
        opened.append(client)
        await client.connect()
        return inbox

    yield open_one
    for client in opened:
        await client.close()


@pytest.fixture
async def inbox(connect: Callable[[], Awaitable[Inbox]]) -> Inbox:
    return await connect()


async def error_of(call: Awaitable[Any]) -> str:
    """The error code of a call that must fail."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def started(client: AsyncWebClient, thread_ts: str, **arguments: Any) -> str:
    """The ts of a fresh stream that answers Dana."""
    arguments = {"recipient_user_id": DANA, "recipient_team_id": TEAM, **arguments}
    answer = await client.chat_startStream(channel=CHANNEL, thread_ts=thread_ts, **arguments)
    return str(answer["ts"])

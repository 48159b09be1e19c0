"""How events come in: Socket Mode or signed HTTP. Slack gets its ack when the handler is done."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import aiohttp
import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_internals import build_async_context
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import CountryAgentsError
from bot.slack.api import AppIdentity, SlackApi, quiet_logger

__all__ = ["EVENTS_PATH", "HttpApp", "HttpTransport", "SocketTransport", "Transport", "bolt_app"]

log = structlog.get_logger()

EVENTS_PATH = "/slack/events"
BODY_BYTES = 1024 * 1024
"""Bytes: Slack's largest payloads (views) stay under 250 kB."""
_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}")
"""Unix seconds, as Slack signs them."""
PING_SECONDS = 10.0
"""Seconds between two pings of a Socket Mode connection; one that is silent for four of them is replaced
(Bolt's own value)."""
LOOK_SECONDS = 1.0
"""Seconds between two looks at whether a connection was lost: Slack delivers again what came meanwhile, at
once if there is another connection."""
SURPLUS_SECONDS = 60.0
"""Seconds until a connection is tried again of which Slack said that the app has too many (ten): until
another replica has ended."""
STOP_SECONDS = 3.0
"""Seconds that events being taken may still need when the program ends: Slack's own limit for an ack."""


class Transport(Protocol):
    """A way in."""

    async def start(self) -> None:
        """Begin to take events."""
        ...

    async def aclose(self) -> None:
        """Take no more; finish the events being taken."""
        ...


def bolt_app(identity: AppIdentity, *, token: str, signing_secret: str, client: AsyncWebClient) -> AsyncApp:
    """A Bolt app that acknowledges only what its handlers have handed over."""

    async def authorize(**_: Any) -> AuthorizeResult:  # noqa: ANN401 - Bolt's signature
        # Known since the start: Bolt would ask auth.test again inside the first event's three seconds.
        return AuthorizeResult(
            enterprise_id=None,
            team_id=identity.team_id,
            bot_token=token,
            bot_id=identity.bot_id,
            bot_user_id=identity.bot_user_id,
        )

    with _without_slack_variables():
        return AsyncApp(
            authorize=authorize,
            signing_secret=signing_secret,
            client=client,
            logger=quiet_logger(),  # else each of its own takes the root's level, and at DEBUG writes bodies
            process_before_response=True,
            # Without a secret there is Socket Mode only, where the socket itself is authenticated.
            request_verification_enabled=bool(signing_secret),
            attaching_conversation_kwargs_enabled=False,
        )


@contextmanager
def _without_slack_variables() -> Iterator[None]:
    """Bolt reads ``SLACK_*`` by itself: with a client id and secret it would turn OAuth on and drop the
    token (slack-platform.md, 4).
    """
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


class SocketTransport:
    """Socket Mode: WebSockets that we open. Slack gives each event to one of them: of two, one is there while
    the other is renewed, as Slack demands every few hours.
    """

    def __init__(self, app: AsyncApp, api: SlackApi, client: AsyncWebClient, *, connections: int = 1) -> None:
        """``api``: speaks with the app-level token. ``client``: what Bolt's handlers get."""
        self._app = app
        self._api = api
        self._client = client
        self._connections = connections
        self._sockets: list[_Socket] = []
        self._taking: set[asyncio.Task[None]] = set()
        self._watchers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect; reconnects by itself from then on."""
        # Not before: each opens a session that only aclose ends, and a worker's transport is never started.
        self._sockets = [_Socket(self._api, self._client) for _ in range(self._connections)]
        for each in self._sockets:
            each.socket_mode_request_listeners.append(self._begin)
        await asyncio.gather(*(each.connect() for each in self._sockets))  # type: ignore[no-untyped-call]
        self._watchers = [asyncio.create_task(each.stay_connected()) for each in self._sockets]
        log.info("transport.connected", transport="socket", connections=len(self._sockets))

    async def aclose(self) -> None:
        """Disconnect, after the events being taken."""
        for watcher in self._watchers:
            watcher.cancel()
        if self._taking:
            await asyncio.wait(self._taking, timeout=STOP_SECONDS)
        await asyncio.gather(*(each.close() for each in self._sockets))  # type: ignore[no-untyped-call]

    async def _begin(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Take an envelope in a task of its own: a slow one must not delay the acks behind it."""
        task = asyncio.create_task(self._take(client, request))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        started = time.time()
        try:
            response = await run_async_bolt_app(self._app, request)
            await send_async_response(client, request, response, started)
        except (aiohttp.ClientError, OSError) as error:
            # The connection went with the ack: Slack delivers the event again, and it is taken once.
            log.warning("ack.not_sent", type=request.type, error=type(error).__name__)


class _Socket(SocketModeClient):
    """One connection. The SDK's client, but it asks for its address through the governor, notices a lost
    connection sooner, and does not storm Slack where there are too many.
    """

    def __init__(self, api: SlackApi, client: AsyncWebClient) -> None:
        super().__init__(app_token="", web_client=client, ping_interval=PING_SECONDS, logger=quiet_logger())
        self._api = api
        self._not_before = 0.0

    async def issue_new_wss_url(self) -> str:
        """apps.connections.open, paced with those of all replicas. Without Redis there is no connection: no
        event could be taken.
        """
        await asyncio.sleep(max(self._not_before - time.monotonic(), 0.0))
        response = await self._api.call("apps.connections.open", {}, repeatable=True)
        return str(response.data["url"])

    async def run_message_listeners(self, message: dict[str, Any], raw_message: str) -> None:
        """Wait before the next try where Slack has as many connections of the app as it allows."""
        if message.get("type") == "disconnect" and message.get("reason") == "too_many_websockets":
            log.warning("socket.too_many", again_in_seconds=SURPLUS_SECONDS)
            self._not_before = time.monotonic() + SURPLUS_SECONDS
        await super().run_message_listeners(message, raw_message)

    async def stay_connected(self) -> None:
        """Connect again whenever the connection is lost, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if not await self.is_connected():
                    log.info("socket.reconnects")
                    await self.connect_to_new_endpoint()
            except (CountryAgentsError, aiohttp.ClientError, OSError) as error:
                log.warning("socket.not_connected", error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class HttpApp:
    """A Slack app that is reached over HTTP."""

    bolt: AsyncApp
    signing_secret: str
    app_id: str = ""
    """As its requests name it; empty where Slack did not tell: then its secret alone says whose they are."""


class HttpTransport:
    """Signed HTTP: ``POST /slack/events``, and ``GET /healthz`` for whoever watches the process.

    One server for all apps: a request is of the app whose secret signed it and whose id it carries.
    """

    def __init__(self, apps: Sequence[HttpApp], *, host: str, port: int) -> None:
        self._apps = tuple(apps)
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self.port = port
        """The port in use: another one where 0 was asked for."""

    async def start(self) -> None:
        """Listen."""
        server = web.Application(client_max_size=BODY_BYTES)
        server.router.add_post(EVENTS_PATH, self._take)
        server.router.add_get("/healthz", _healthy)
        self._runner = web.AppRunner(server, access_log=None, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        addresses = self._runner.addresses
        self.port = addresses[0][1] if addresses else self._port
        log.info("transport.listening", transport="http", port=self.port)

    async def aclose(self) -> None:
        """Stop listening, after the requests being taken."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        # Before anything is read from the body: Bolt parses first, logs what it refuses, and answers 500 with
        # a traceback to a timestamp that is no number (slack-platform.md, 5).
        body = await request.read()
        signers = [app for app in self._apps if _signed_by(app, request, body)]
        if not signers:
            return web.Response(status=401, text="not signed")
        bolt_request = _bolt_request(body, request)
        app_id = str(bolt_request.body.get("api_app_id") or "")
        app = next((app for app in signers if not app_id or app.app_id in {"", app_id}), None)
        if app is None:
            log.warning("request.of_another_app", app_id=app_id)
            return web.Response(status=401, text="not the app that signed")
        response: web.Response = await to_aiohttp_response(await app.bolt.async_dispatch(bolt_request))
        return response


def _signed_by(app: HttpApp, request: web.Request, body: bytes) -> bool:
    stamp = request.headers.get("X-Slack-Request-Timestamp", "")
    if not _TIMESTAMP.fullmatch(stamp):
        return False
    verifier = SignatureVerifier(app.signing_secret)
    return verifier.is_valid(body, stamp, request.headers.get("X-Slack-Signature", ""))


def _bolt_request(body: bytes, request: web.Request) -> AsyncBoltRequest:
    """The request for Bolt, which takes a form that holds the word "payload" anywhere for an interaction, and
    finds nothing in it where it is a command (slack-platform.md, 5).
    """
    text = body.decode()
    made = AsyncBoltRequest(body=text, query=request.query_string, headers=dict(request.headers))
    if not made.body and text:
        made.body = dict(parse_qsl(text, keep_blank_values=True))
        made.context = build_async_context(AsyncBoltContext(), made.body)
    return made


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")

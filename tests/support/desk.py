"""The whole desk at work in a sandbox workspace: real HTTP and WebSocket, a real Valkey, a scripted model.

In a scenario::

    async with open_desk(valkey) as desk:
        ts = await desk.ask("CN-01 What now?")
        await desk.answered(ts)
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis

from bot.app import Application, DemoModel, SlackPace, application, engine_of, format_for
from bot.assessment.events import Part
from bot.assessment.run import Assignment
from bot.evidence.items import EvidenceDesk
from bot.sandbox import AppConfig, Sandbox, WorkspaceConfig
from bot.sandbox.messages import Message
from bot.settings import Settings
from bot.slack.limits import WriterLimits
from bot.store.connection import open_redis
from bot.store.keys import app_prefix
from bot.store.thread_store import ThreadStore
from bot.store.turn_store import TurnStore
from bot.turns import turn_id_for
from personas.desk import Desk
from personas.loader import load_personas
from tests.support.model_replies import ModelRequest, Reply, Script
from tests.support.model_server import ModelServer, serve_model
from tests.support.seed_script import QUESTION, answer
from tests.support.valkey import RealValkey, keys_without_ttl

__all__ = [
    "APP",
    "BOT",
    "CHANNEL",
    "FAST",
    "HEADINGS",
    "OpenDesk",
    "ServeProcess",
    "at_work",
    "bare",
    "buttons_of",
    "connected",
    "dripping",
    "kind_of",
    "open_desk",
    "shown_text",
    "words_of",
]

ROOT = Path(__file__).parents[2]
CHANNEL, BOT, TEAM, APP = "C0DESK", "U0AGENTS", "T0SANDBOX", "B0AGENTS"
HEADINGS = tuple(f"{number}. " for number in range(1, 9))

FAST = SlackPace(
    WriterLimits(
        flush_seconds=0.05,
        first_growth_seconds=0.05,
        flush_min_bytes=1,
        update_seconds=0.05,
        settle_seconds=0.05,
        retry_first_seconds=0.02,
        outage_seconds=5.0,
    ),
    budgets={},
)
"""A workspace without rate limits, in which nobody waits for a reader's eyes."""

ANSWER_SECONDS = 40.0
PERSONAS = Desk(load_personas())
_Value = TypeVar("_Value")


@dataclass
class OpenDesk:
    """A workspace, and what of the desk runs in it. ``app`` is None where the desk is a process."""

    sandbox: Sandbox
    model: ModelServer
    settings: Settings
    redis: Redis
    evidence: EvidenceDesk | None = None
    app: Application | None = None
    asked: dict[str, str] = field(default_factory=dict)

    # What people do -------------------------------------------------------------------------------------

    async def ask(
        self,
        text: str = f"CN-01 {QUESTION}",
        *,
        user: str = "dana",
        channel: str = CHANNEL,
        thread_ts: str | None = None,
        bot: str = BOT,
    ) -> str:
        """Mention the bot; the ts of the mention."""
        ts = await self.sandbox.post_as_user(user, channel, f"<@{bot}> {text}", thread_ts)
        self.asked[ts] = channel
        return ts

    async def press(self, message: Message, action_id: str, *, user: str = "dana") -> str:
        """Press a button; how the delivery ended."""
        delivery = await self.sandbox.click(user, message.channel, message.ts, action_id)
        return delivery.outcome

    @asynccontextmanager
    async def beside(self, app: AppConfig) -> AsyncIterator[None]:
        """One more app of the same workspace at work, on the same Redis."""
        url = self.settings.redis_url.get_secret_value() if self.settings.redis_url else ""
        settings = settings_for(self.sandbox, self.model.url, self.model.key, url, app=app)
        async with at_work(replace(self, settings=settings), FAST, None, app.app_id):
            yield

    # What people see ------------------------------------------------------------------------------------

    def replies(self, ts: str) -> list[Message]:
        """The app's messages in the thread of ``ts``, oldest first."""
        return [message for message in self.sandbox.thread(self.asked.get(ts, CHANNEL), ts) if message.app_id]

    def of_kind(self, ts: str, kind: str) -> list[Message]:
        """The thread's cards, texts or footers."""
        return [message for message in self.replies(ts) if kind_of(message) == kind]

    async def until(self, condition: Callable[[], _Value], seconds: float = ANSWER_SECONDS) -> _Value:
        """Wait for something to be true of the workspace."""
        return await self.sandbox.wait_for(condition, seconds)

    async def poll(self, condition: Callable[[], bool], seconds: float = ANSWER_SECONDS) -> None:
        """Wait for something of which the workspace learns nothing, such as the model server's state."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.005)

    async def answered(self, ts: str, *, times: int = 1, seconds: float = ANSWER_SECONDS) -> list[Message]:
        """Wait until so many answers in the thread have ended, cards included; all messages of the app."""

        def over() -> bool:
            cards = self.of_kind(ts, "card")
            running = [card for card in cards if "stop_turn" in buttons_of(card)]
            return len(self.of_kind(ts, "footer")) >= times and not running

        await self.until(over, seconds)
        return self.replies(ts)

    def text(self, ts: str) -> str:
        """All text messages of the thread, joined."""
        return "\n\n".join(shown_text(message) for message in self.of_kind(ts, "text"))

    def everything(self, ts: str) -> str:
        """All that the app shows in the thread: card, text, footer."""
        return "\n".join(words_of(message) for message in self.replies(ts))

    def whispers(self, user: str = "U0DANA") -> list[Message]:
        """What one person was told privately."""
        return [message for message in self.sandbox.ephemerals if message.ephemeral_for == user]

    # What was done, and is kept -------------------------------------------------------------------------

    def calls(self, method: str) -> list[Any]:
        """Calls of one method."""
        return [call for call in self.sandbox.calls if call.method == method]

    @property
    def store(self) -> TurnStore:
        """The app's turns."""
        return TurnStore(self.redis, prefix=app_prefix(APP))

    @property
    def threads(self) -> ThreadStore:
        """What the app remembers of threads."""
        return ThreadStore(self.redis, prefix=app_prefix(APP))

    async def idle(self, seconds: float = ANSWER_SECONDS) -> None:
        """Wait until every event is acknowledged, so that nothing more can come of it."""
        await asyncio.sleep(0)  # deliveries that were just begun
        await self.until(lambda: not self.sandbox.dispatcher.undelivered, seconds)

    async def at_rest(self, ts: str) -> None:
        """Wait until no turn of the thread is being worked on or waits."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while await self.store.running(TEAM, self.asked.get(ts, CHANNEL), ts):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    def turn_id(self, ts: str) -> str:
        """The id of the turn a mention starts."""
        return turn_id_for(APP, TEAM, self.asked.get(ts, CHANNEL), ts)

    async def stored_document(self, turn_id: str) -> str:
        """What the desk says it rendered."""
        stored = await self.store.load(turn_id)
        assert stored is not None
        return stored.delivery.document

    async def rendered_with(self, script: Script, ts: str) -> str:
        """The document the model would have given by another script."""
        self.model.script = script
        return await self.rendered(ts)

    async def rendered(self, ts: str) -> str:
        """The engine's own document for a mention, made once more without Slack."""
        stored = await self.store.load(self.turn_id(ts))
        assert stored is not None
        folder = self.settings.personas_dir
        persona = (Desk(load_personas(folder)) if folder else PERSONAS).by_code(stored.turn.persona)
        assert persona is not None
        engine, model = engine_of(self.settings, None, evidence=self.evidence)
        assignment = Assignment(
            "again",
            persona,
            format_for(self.settings, None)(stored.turn.format),
            stored.turn.question,
            datetime.fromtimestamp(stored.turn.asked_at, UTC),
        )
        try:
            events = engine.run(assignment)
            return "".join([event.text async for event in events if isinstance(event, Part)])
        finally:
            await model.aclose()


# Reading messages -------------------------------------------------------------------------------------------


def kind_of(message: Message) -> str:
    """``card``, ``text`` or ``footer``: from its metadata; a stream has none before its end."""
    payload = (message.metadata or {}).get("event_payload", {})
    return str(payload.get("kind", "text"))


def shown_text(message: Message) -> str:
    """The Markdown a text message shows, streamed or in blocks."""
    return "".join(block["text"] for block in message.all_blocks() if block["type"] == "markdown")


def words_of(message: Message) -> str:
    """Every word of a message, whatever holds it."""
    return "\n".join([message.text, *_strings(message.all_blocks())])


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _strings(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _strings(part)]
    return []


def buttons_of(message: Message) -> list[str]:
    """Action ids of the message's buttons."""
    return [
        element["action_id"]
        for block in message.all_blocks()
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def bare(text: str) -> str:
    """Text without white space: what is compared, since separators are left out where a message begins."""
    return "".join(text.split())


def dripping(*keys: str, script: Script = answer, tokens_per_second: float = 40.0) -> Script:
    """The script, but these sections come slowly: something can happen meanwhile."""

    def slow(request: ModelRequest) -> Reply:
        reply = script(request)
        named = re.search(r"^Section (\d):", request.instruction, re.MULTILINE)
        key = request.schema_name or (named[1] if named else "1")
        return replace(reply, tokens_per_second=tokens_per_second) if key in keys else reply

    return slow


# Opening ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_desk(
    valkey: RealValkey,
    *,
    transport: str = "socket",
    script: Script = answer,
    tokens_per_second: float = 0.0,
    first_token_seconds: float = 0.0,
    workspace: WorkspaceConfig | None = None,
    pace: SlackPace | None = FAST,
    local: DemoModel | None = None,
    running: bool = True,
    evidence: EvidenceDesk | None = None,
    **settings: Any,
) -> AsyncIterator[OpenDesk]:
    """A workspace with the desk in it, ready to be asked; with ``running=False`` the workspace alone.

    Afterwards no key of ours may be left in Valkey without an end.
    """
    workspace = workspace or WorkspaceConfig(rate_limits=False)
    if transport == "http":
        apps = tuple(replace(app, socket_mode=False) for app in workspace.apps)
        workspace = replace(workspace, apps=apps)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(workspace))
        model = await stack.enter_async_context(
            serve_model(script, tokens_per_second=tokens_per_second, first_token_seconds=first_token_seconds)
        )
        redis = open_redis(valkey.url)
        stack.push_async_callback(redis.aclose)
        chosen = settings_for(sandbox, model.url, model.key, valkey.url, transport=transport, **settings)
        desk = OpenDesk(sandbox, model, chosen, redis, evidence)
        if running:
            await stack.enter_async_context(at_work(desk, pace, local))
        yield desk
        await _no_key_lives_for_ever(desk)


def settings_for(
    sandbox: Sandbox,
    model_url: str,
    model_key: str,
    redis_url: str,
    *,
    transport: str = "socket",
    app: AppConfig | None = None,
    **settings: Any,
) -> Settings:
    """The settings that lead to these servers."""
    app = app or sandbox.workspace.app()
    given: dict[str, Any] = {
        "slack_bot_token": app.bot_token,
        "slack_api_url": sandbox.api_url,
        "redis_url": redis_url,
        "model_url": model_url,
        "model_key": model_key,
        "model": "scripted",
        "model_retry_seconds": 3,
        "lease_seconds": 2,
        "slack_sockets": 1,  # tests count connections to see that a process is there
        "log_level": "INFO",
        "web_search": "off",
        "search_terms": False,
        "evidence": False,  # the open web is no place for tests; those of evidence bring their own
    }
    if transport == "socket":
        given["slack_app_token"] = app.app_token
    else:
        given |= {
            "slack_signing_secret": app.signing_secret,
            "http_host": "127.0.0.1",
            "http_port": free_port(),
        }
    return Settings.load(**given | settings)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def at_work(
    desk: OpenDesk,
    pace: SlackPace | None = FAST,
    local: DemoModel | None = None,
    app_id: str | None = None,
) -> AsyncIterator[None]:
    """The app runs in this process, and can be reached."""
    async with application(desk.settings, local=local, pace=pace, evidence=desk.evidence) as app:
        stop = asyncio.Event()
        task = asyncio.create_task(app.run(stop))
        try:
            await connected(desk.sandbox, desk.settings, app_id)
            desk.app = app
            yield
        finally:
            stop.set()
            await task
            desk.app = None


async def connected(sandbox: Sandbox, settings: Settings, app_id: str | None = None) -> None:
    """Wait until the app can be reached."""
    app = sandbox.workspace.app(app_id)
    if settings.socket_mode:
        await sandbox.wait_for(lambda: sandbox.sockets.connection_count(app.app_id))
        return
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", settings.http_port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        await writer.wait_closed()
        break
    await sandbox.verify_request_url(app.app_id, f"http://127.0.0.1:{settings.http_port}/slack/events")


async def _no_key_lives_for_ever(desk: OpenDesk) -> None:
    assert await keys_without_ttl(desk.redis, "assess:*") == []


# The desk as a process of its own ---------------------------------------------------------------------------


class ServeProcess:
    """``country-agents serve``: to be killed, and to be ended in peace."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, settings: Settings) -> ServeProcess:
        """Start it; it is ready when its socket is connected."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "serve"), cwd=ROOT, env=environment_of(settings)
        )
        return cls(process)

    async def kill(self) -> None:
        """Kill -9, if it still runs."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def end(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that gives a process these settings, and nothing else of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "OPENAI_"))}
    kept["COUNTRY_AGENTS_EVIDENCE"] = "False"  # unless the test sets it
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is not None:
            secret = getattr(value, "get_secret_value", None)
            kept[f"COUNTRY_AGENTS_{name.upper()}"] = str(secret() if secret else value)
    return kept

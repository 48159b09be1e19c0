"""A browser on the sandbox workspace's page: the real server, Debian's Chromium, an app on a real socket.

One browser serves a module; each test has a workspace and browser contexts of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from bot.sandbox.config import AppConfig, MentionShortcut, ShortcutConfig, WorkspaceConfig
from bot.sandbox.server import Sandbox

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MENTIONS = (
    MentionShortcut("CN-01", "China Agent", "<@U0AGENTS> CN-01", ":flag-cn:"),
    MentionShortcut("US-01", "United States Agent", "<@U0AGENTS> US-01", ":flag-us:"),
)
DELIVERY_SECONDS = 10.0  # generous: the machine runs other things; a delivery takes milliseconds

OpenPage = Callable[..., Awaitable[Page]]
CallApi = Callable[..., Awaitable[dict[str, Any]]]
Delivered = Callable[..., Awaitable[dict[str, Any]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, once a module."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    """A workspace with two country agents to mention, an app with all ways in, and no rate limits."""
    app = AppConfig(shortcuts=(ShortcutConfig("assess_message", "Assess this message"),), agent=True)
    config = WorkspaceConfig(apps=(app,), mentions=MENTIONS, info={"model": "scripted"}, rate_limits=False)
    async with Sandbox(config) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(sandbox: Sandbox, browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens the page as a user once it is live. A script error, or a refused resource, fails the test."""
    complaints: list[str] = []
    contexts = []

    async def opened(user: str = "U0DANA", **options: Any) -> Page:
        context = await browser.new_context(**options)
        contexts.append(context)
        tab = await context.new_page()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await tab.goto(f"{sandbox.page_url}?user={user}")
        await tab.wait_for_selector("body[data-live=up]")
        return tab

    yield opened
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def api(sandbox: Sandbox) -> AsyncIterator[CallApi]:
    """Calls a Web API method as the app and insists that it succeeds."""
    headers = {"Authorization": f"Bearer {sandbox.config.apps[0].bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def call(method: str, **arguments: Any) -> dict[str, Any]:
            async with session.post(f"{sandbox.api_url}{method}", json=arguments) as response:
                answer: dict[str, Any] = await response.json()
            assert answer["ok"], answer
            return answer

        yield call


@pytest_asyncio.fixture(loop_scope="module")
async def delivered(sandbox: Sandbox) -> AsyncIterator[Delivered]:
    """A way to wait for the next payload of a type, ``block_actions`` say; each is acked at once.

    The type is that of the interaction or of the event; a slash command's is ``slash_commands``.
    """
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    headers = {"Authorization": f"Bearer {sandbox.config.apps[0].app_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{sandbox.api_url}apps.connections.open") as response:
            url = (await response.json())["url"]
        async with session.ws_connect(url) as socket:

            async def listen() -> None:
                async for message in socket:
                    envelope = json.loads(message.data)
                    if "envelope_id" in envelope:
                        await socket.send_json({"envelope_id": envelope["envelope_id"]})
                        inbox.put_nowait(envelope)

            async def wait_for(kind: str) -> dict[str, Any]:
                async with asyncio.timeout(DELIVERY_SECONDS):
                    while True:
                        envelope = await inbox.get()
                        payload: dict[str, Any] = envelope["payload"]
                        if kind in (
                            envelope["type"],
                            payload.get("type"),
                            payload.get("event", {}).get("type"),
                        ):
                            return payload

            listener = asyncio.create_task(listen())
            yield wait_for
            listener.cancel()


@pytest.fixture
def card() -> list[dict[str, Any]]:
    """Blocks as on an agent's card: a heading, a text, buttons and a menu."""
    return [
        {"type": "header", "text": {"type": "plain_text", "text": "Truce :flag-cn:"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Bottom line:* likely (60–75 %)."}},
        {
            "type": "actions",
            "block_id": "foot",
            "elements": [
                {
                    "type": "button",
                    "action_id": "ask",
                    "text": {"type": "plain_text", "text": "Ask again"},
                    "value": "t1",
                },
                {
                    "type": "button",
                    "action_id": "stop",
                    "style": "danger",
                    "text": {"type": "plain_text", "text": "Stop"},
                    "confirm": {
                        "title": {"type": "plain_text", "text": "Stop?"},
                        "text": {"type": "plain_text", "text": "The answer ends here."},
                        "confirm": {"type": "plain_text", "text": "End it"},
                        "deny": {"type": "plain_text", "text": "Go on"},
                    },
                },
                {
                    "type": "static_select",
                    "action_id": "format",
                    "placeholder": {"type": "plain_text", "text": "Format"},
                    "options": [
                        {"text": {"type": "plain_text", "text": "Brief"}, "value": "brief"},
                        {"text": {"type": "plain_text", "text": "In depth"}, "value": "deep"},
                    ],
                },
            ],
        },
    ]

"""The ways in: signed HTTP, and an app that leaves Bolt's own environment alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.webhooks import signature
from bot.slack.api import AppIdentity
from bot.transports import EVENTS_PATH, HttpApp, HttpTransport, bolt_app

SECRET = "a-signing-secret"
IDENTITY = AppIdentity("T1", "Team", "U1", "agents", "B1", "A1", frozenset())


def an_app() -> AsyncApp:
    """The app of these tests."""
    return bolt_app(IDENTITY, token="xoxb-1", signing_secret=SECRET, client=AsyncWebClient())


@pytest.fixture
async def served() -> AsyncIterator[tuple[str, list[Any]]]:
    """A listening app, its address, and the events it took; an event whose text is "fail" fails."""
    taken: list[Any] = []
    app = an_app()

    @app.event("app_mention")
    async def take(event: dict[str, Any]) -> None:
        if event["text"] == "slow":
            await asyncio.sleep(0.3)
        taken.append(event["text"])

    transport = HttpTransport([HttpApp(app, SECRET, "A1")], host="127.0.0.1", port=0)
    await transport.start()
    yield f"http://127.0.0.1:{transport.port}", taken
    await transport.aclose()


def signed(text: str, *, secret: str = SECRET, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an event as Slack sends it."""
    event = {"type": "app_mention", "user": "U2", "text": text, "channel": "C1", "ts": "1.2"}
    body = json.dumps(
        {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event": event}
    ).encode()
    stamp = str(int(time.time() if at is None else at))
    return body, {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(secret, stamp, body),
    }


async def test_a_signed_event_is_acknowledged_after_its_handler(served: tuple[str, list[Any]]) -> None:
    """Bolt by itself would acknowledge first."""
    url, taken = served
    body, headers = signed("slow")
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + EVENTS_PATH, data=body, headers=headers) as response,
    ):
        assert response.status == 200
        assert taken == ["slow"]


@pytest.mark.parametrize(
    "change",
    [
        {"X-Slack-Signature": "v0=0"},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "9" * 5000},
    ],
    ids=["signature", "words", "negative", "none", "endless"],
)
async def test_what_slack_did_not_sign_is_refused(
    served: tuple[str, list[Any]], change: dict[str, str]
) -> None:
    """401, no traceback, and no handler is run."""
    url, taken = served
    body, headers = signed("hello")
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + EVENTS_PATH, data=body, headers=headers | change) as response,
    ):
        assert response.status == 401
        assert "Traceback" not in await response.text()
    assert taken == []


async def test_an_old_signature_is_refused(served: tuple[str, list[Any]]) -> None:
    """Somebody plays a recorded request again."""
    url, taken = served
    body, headers = signed("hello", at=time.time() - 3600)
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + EVENTS_PATH, data=body, headers=headers) as response,
    ):
        assert response.status == 401
    assert taken == []


async def test_the_process_says_that_it_lives(served: tuple[str, list[Any]]) -> None:
    """For whoever watches it, without a signature."""
    url, _ = served
    async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok\n")


async def test_bolts_own_variables_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SLACK_CLIENT_ID and _SECRET set Bolt would turn OAuth on and forget the token."""
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "secret")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "another")
    app = an_app()
    assert app.oauth_flow is None
    assert app.installation_store is None


@pytest.mark.parametrize("body", [b"payload=%7B", b"payload=[]", b"{", b"\xff", b""], ids=repr)
async def test_what_slack_did_not_sign_is_not_even_read(served: tuple[str, list[Any]], body: bytes) -> None:
    """Bolt parses before it verifies, and falls over what is no JSON."""
    url, _ = served
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": "1"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + EVENTS_PATH, data=body, headers=headers) as response,
    ):
        assert response.status == 401

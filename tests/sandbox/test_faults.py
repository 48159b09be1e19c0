"""Faults on demand: refusals, server errors, delays, lost answers."""

from __future__ import annotations

import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Sandbox
from tests.sandbox.conftest import CHANNEL, error_of


async def test_the_next_calls_are_refused(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """As many as ordered, of this method only."""
    sandbox.fail_next("chat.postMessage", error="restricted_action", times=2)
    await client.auth_test()
    for _ in range(2):
        assert await error_of(client.chat_postMessage(channel=CHANNEL, text="x")) == "restricted_action"
    await client.chat_postMessage(channel=CHANNEL, text="x")


async def test_a_rate_refusal_can_be_ordered(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """429 with the Retry-After asked for."""
    sandbox.fail_next("chat.postMessage", error="ratelimited", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=CHANNEL, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "7"


async def test_a_server_error_can_be_ordered(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """HTTP 503 with nothing done."""
    sandbox.fail_next("chat.postMessage", status=503)
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=CHANNEL, text="x")
    assert not sandbox.workspace.channels[CHANNEL].messages


async def test_an_answer_can_be_late(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """The call is done after the delay."""
    sandbox.fail_next("chat.postMessage", delay_seconds=0.2)
    before = time.monotonic()
    await client.chat_postMessage(channel=CHANNEL, text="x")
    assert time.monotonic() - before >= 0.2


@pytest.mark.parametrize(("drop", "kept"), [("before", 0), ("after", 1)])
async def test_a_connection_can_break(client: AsyncWebClient, sandbox: Sandbox, drop: str, kept: int) -> None:
    """Before the call took effect, or after: sent, but the answer lost."""
    sandbox.fail_next("chat.postMessage", drop=drop)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.chat_postMessage(channel=CHANNEL, text="x")
    assert len(sandbox.workspace.channels[CHANNEL].messages) == kept
    assert sandbox.calls[-1].answer_lost

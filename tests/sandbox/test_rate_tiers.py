"""Rate tiers: how many calls go, and what the next one is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import AppConfig, Limits, Sandbox, WorkspaceConfig
from tests.sandbox.conftest import CHANNEL, client_of, started


@pytest.fixture
async def limited() -> AsyncIterator[Sandbox]:
    async with Sandbox(WorkspaceConfig(limits=Limits(post_burst=200))) as sandbox:
        yield sandbox


async def refused(call: object) -> int:
    """The Retry-After of a call that must be refused."""
    with pytest.raises(SlackApiError) as caught:
        await call  # type: ignore[misc]
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    return int(caught.value.response.headers["Retry-After"])


async def test_twenty_streams_start_in_a_minute(limited: Sandbox, http: aiohttp.ClientSession) -> None:
    """The twenty-first start waits for the window; other methods are not affected."""
    client = client_of(limited, http)
    root = await limited.post_as_user("dana", CHANNEL, "a question")
    stamps = [await started(client, root) for _ in range(20)]
    assert 58 <= await refused(started(client, root)) <= 60
    await client.chat_appendStream(channel=CHANNEL, ts=stamps[0], markdown_text="x")


async def test_a_hundred_appends_go_in_a_minute(limited: Sandbox, http: aiohttp.ClientSession) -> None:
    """chat.appendStream is tier 4, over all streams of the app."""
    client = client_of(limited, http)
    root = await limited.post_as_user("dana", CHANNEL, "a question")
    first, second = await started(client, root), await started(client, root)
    for number in range(100):
        ts = first if number % 2 else second
        await client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="x")
    assert await refused(client.chat_appendStream(channel=CHANNEL, ts=first, markdown_text="x")) > 0


async def test_the_window_slides(limited: Sandbox, http: aiohttp.ClientSession) -> None:
    """After the time in Retry-After the call goes; slack_sdk's own handler gets through."""
    limited.workspace.limits = replace(
        limited.workspace.limits, tier_window_seconds=1.0, tiers={**limited.workspace.limits.tiers, "t3": 2}
    )
    client = client_of(limited, http)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
    for _ in range(3):
        await client.conversations_info(channel=CHANNEL)
    assert [call.status for call in limited.calls] == [200, 200, 429, 200]


async def test_a_channel_takes_one_post_a_second(http: aiohttp.ClientSession) -> None:
    """A short burst goes, then Retry-After is a second; another channel is free."""
    async with Sandbox(WorkspaceConfig(limits=Limits(post_burst=2))) as sandbox:
        client = client_of(sandbox, http)
        for _ in range(2):
            await client.chat_postMessage(channel=CHANNEL, text="x")
        assert await refused(client.chat_postMessage(channel=CHANNEL, text="x")) == 1
        await client.chat_postMessage(channel="C0SHARED", text="x")


async def test_each_app_has_its_own_buckets(http: aiohttp.ClientSession) -> None:
    """Limits are per method, team and app."""
    second = AppConfig(
        app_id="A0SECOND", bot_user_id="U0SECOND", bot_id="B0SECOND", bot_token="xoxb-2", app_token="xapp-2"
    )
    limits = Limits(tiers={"t3": 1, "t2": 1, "t4": 1, "special": 1, "status": 1})
    config = WorkspaceConfig(apps=(AppConfig(), second), limits=limits)
    async with Sandbox(config) as sandbox:
        first, other = client_of(sandbox, http), client_of(sandbox, http, "A0SECOND")
        await first.conversations_info(channel=CHANNEL)
        await refused(first.conversations_info(channel=CHANNEL))
        await other.conversations_info(channel=CHANNEL)


async def test_rate_limits_can_be_switched_off(client: AsyncWebClient) -> None:
    """The sandbox of the benchmarks answers everything."""
    for _ in range(60):
        await client.conversations_info(channel=CHANNEL)

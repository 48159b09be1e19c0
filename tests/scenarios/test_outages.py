"""The queue is out of reach: no ack, so that Slack delivers again; buttons say so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from bot.sandbox import WorkspaceConfig
from tests.support.desk import CHANNEL, OpenDesk, open_desk, words_of
from tests.support.valkey import RealValkey


def redelivering(*delays: float) -> WorkspaceConfig:
    """The workspace, delivering again after these seconds instead of minutes."""
    workspace = WorkspaceConfig(rate_limits=False)
    return replace(workspace, limits=replace(workspace.limits, redelivery_delays=delays))


def outcomes(desk: OpenDesk, attempt: int = 0) -> set[str]:
    """How the deliveries of one attempt ended so far."""
    return {item.outcome for item in desk.sandbox.workspace.deliveries if item.attempt == attempt}


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_no_ack_before_the_question_is_in_the_queue(valkey: RealValkey, transport: str) -> None:
    """The enqueue is held: neither event of the mention is acknowledged until it is through."""
    async with open_desk(valkey, transport=transport) as desk:
        valkey.pause()
        try:
            ts = await desk.ask()
            await desk.poll(lambda: len(desk.sandbox.workspace.deliveries) == 2)
            await asyncio.sleep(0.4)  # what must not happen has no event to wait for
            assert outcomes(desk) == {"pending"}
            assert desk.sandbox.calls[-1].method != "chat.postMessage"
        finally:
            valkey.resume()
        await desk.answered(ts)
        await desk.idle()
        assert outcomes(desk) == {"acked"}
        assert len(desk.of_kind(ts, "card")) == 1


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_a_question_asked_while_the_queue_is_down_is_answered_once(
    valkey: RealValkey, transport: str
) -> None:
    """No ack and nothing said; when the queue is back, the redelivered event starts one answer."""
    async with open_desk(valkey, transport=transport, workspace=redelivering(0.0, 0.1, 0.1)) as desk:
        valkey.kill()
        ts = await desk.ask()
        await desk.until(lambda: [d for d in desk.sandbox.workspace.deliveries if d.attempt == 1])
        assert "acked" not in outcomes(desk)
        assert desk.replies(ts) == []
        valkey.start()
        await desk.answered(ts)
        await desk.idle()
        assert len(desk.of_kind(ts, "card")) == len(desk.of_kind(ts, "footer")) == 1
        assert "## 8." in desk.text(ts)


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_a_button_pressed_while_the_queue_is_down_says_so(valkey: RealValkey, transport: str) -> None:
    """Slack never delivers a press again: the person reads what to do, and the press is acknowledged."""
    async with open_desk(valkey, transport=transport, tokens_per_second=200) as desk:
        ts = await desk.ask()
        await desk.until(lambda: desk.of_kind(ts, "card"))
        valkey.pause()
        try:
            assert await desk.press(desk.of_kind(ts, "card")[0], "stop_turn") == "acked"
            await desk.until(desk.whispers)
            assert "cannot take requests" in words_of(desk.whispers()[0])
        finally:
            valkey.resume()


async def test_an_outage_in_the_middle_of_an_answer_is_ridden_out(valkey: RealValkey) -> None:
    """Valkey is killed and comes back with its append-only file: the answer is complete, once."""
    async with open_desk(valkey, tokens_per_second=1000) as desk:
        ts = await desk.ask()
        await desk.until(lambda: desk.of_kind(ts, "text"))
        valkey.kill()
        await asyncio.sleep(0.3)  # an outage has a length
        valkey.start()
        await desk.answered(ts)
        assert desk.text(ts).count("## 8.") == 1
        assert len(desk.of_kind(ts, "card")) == len(desk.of_kind(ts, "footer")) == 1


async def test_an_unsigned_or_wrongly_signed_request_is_refused(valkey: RealValkey) -> None:
    """Over HTTP only Slack may ask; a body that is no JSON, or a time that is no number, changes nothing."""
    async with open_desk(valkey, transport="http") as desk, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{desk.settings.http_port}/slack/events"
        event = {"type": "event_callback", "event": {"type": "app_mention", "text": "<@U0AGENTS> CN-01 now?"}}
        for headers in (
            {},
            {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=00"},
            {"X-Slack-Request-Timestamp": "1700000000", "X-Slack-Signature": "v0=00"},
        ):
            async with session.post(url, json=event, headers=headers) as response:
                assert response.status == 401
                assert "Traceback" not in await response.text()
        async with session.get(f"http://127.0.0.1:{desk.settings.http_port}/healthz") as response:
            assert response.status == 200
        assert desk.sandbox.workspace.channel(CHANNEL).messages == {}

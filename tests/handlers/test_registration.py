"""Which event reaches which handler, and that none is acknowledged before it is handed over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.reception import Reception
from bot.sandbox import Sandbox
from bot.slack.api import AppIdentity
from bot.transports import bolt_app
from bot.turns import turn_id_for
from handlers.registration import register
from tests.support.desk import APP, BOT, CHANNEL, TEAM
from tests.support.reception import open_reception
from tests.support.valkey import RealValkey, doomed_valkey, namespace

__all__ = ["doomed_valkey", "namespace"]

TS = "1700000000.000100"
MENTION = {"user": "U0DANA", "text": f"<@{BOT}> CN-01 What now?", "channel": CHANNEL, "ts": TS}


@pytest.fixture
async def app(
    doomed_valkey: RealValkey, namespace: str
) -> AsyncIterator[tuple[AsyncApp, Reception, Sandbox]]:
    """Bolt with our handlers, without a transport."""
    async with open_reception(doomed_valkey, prefix=namespace) as (reception, sandbox):
        identity = AppIdentity(TEAM, "Sandbox", BOT, "agents", "B0AGENTS", "A0COUNTRY", frozenset())
        bolt = bolt_app(identity, token="xoxb-1", signing_secret="", client=AsyncWebClient())
        register(bolt, reception)
        yield bolt, reception, sandbox


async def dispatched(bolt: AsyncApp, event: dict[str, Any]) -> int:
    """Hand an event to Bolt; the status it would answer Slack with."""
    body = {"type": "event_callback", "team_id": TEAM, "event_id": "Ev1", "event": event}
    response = await bolt.async_dispatch(AsyncBoltRequest(body=json.dumps(body), mode="socket_mode"))
    return response.status


@pytest.mark.parametrize("kind", ["app_mention", "message"])
async def test_either_event_of_a_mention_takes_it(
    app: tuple[AsyncApp, Reception, Sandbox], kind: str
) -> None:
    """Slack sends both; one may get lost."""
    bolt, reception, _ = app
    assert await dispatched(bolt, {**MENTION, "type": kind, "channel_type": "channel"}) == 200
    assert await reception.store.turn(turn_id_for(APP, TEAM, CHANNEL, TS)) is not None


@pytest.mark.parametrize(
    "event",
    [
        {"subtype": "channel_join", "text": f"<@{BOT}> joined"},
        {"subtype": "bot_message", "bot_id": "B2"},
        {"bot_id": "B2"},
        {"user": BOT},
        {"text": "no mention"},
        {"subtype": "message_deleted"},
    ],
    ids=["join", "bot message", "bot id", "itself", "no mention", "deleted"],
)
async def test_what_is_not_for_us_is_acknowledged_and_forgotten(
    app: tuple[AsyncApp, Reception, Sandbox], event: dict[str, Any]
) -> None:
    """No turn, no whisper, no redelivery."""
    bolt, reception, sandbox = app
    status = await dispatched(bolt, {**MENTION, "type": "message", "channel_type": "channel", **event})
    assert status == 200
    assert await reception.store.turn(turn_id_for(APP, TEAM, CHANNEL, TS)) is None
    assert sandbox.ephemerals == []


async def test_without_the_queue_there_is_no_ack(
    app: tuple[AsyncApp, Reception, Sandbox], doomed_valkey: RealValkey
) -> None:
    """Slack then delivers the event again, three times at most, and it is taken."""
    bolt, _, _ = app
    doomed_valkey.kill()
    async with asyncio.timeout(10):  # the store alone would ride the outage out for half a minute
        assert await dispatched(bolt, {**MENTION, "type": "app_mention"}) == 503
    doomed_valkey.start()
    statuses = [await dispatched(bolt, {**MENTION, "type": "app_mention"}) for _ in range(3)]
    assert statuses[-1] == 200

"""Several Socket Mode connections of one app, and what becomes of events when one of them is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot import doorkeeper, transports
from bot.sandbox import WorkspaceConfig
from handlers import registration
from tests.support.desk import CHANNEL, open_desk
from tests.support.valkey import RealValkey

QUESTION = "CN-01 brief: What now?"


async def test_while_one_of_two_connections_is_lost_each_question_is_answered_once(
    valkey: RealValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events on the lost one come again on the other, which takes all until the lost one is back."""
    # On a busy machine the connection is cut later than we would wait for Slack's word on a person.
    monkeypatch.setattr(doorkeeper, "LOOK_SECONDS", 20.0)
    monkeypatch.setattr(registration, "EVENT_SECONDS", 20.0)
    async with open_desk(valkey, slack_sockets=2) as desk:
        hub, app_id = desk.sandbox.sockets, desk.sandbox.workspace.app().app_id
        await desk.until(lambda: hub.connection_count(app_id) == 2)
        # Nobody is acknowledged before we know who asks: the first events wait on both connections.
        gate = desk.sandbox.faults.hold("users.info")
        first = [await desk.ask(QUESTION) for _ in range(2)]
        await asyncio.wait_for(gate.reached.wait(), 10)
        await desk.until(lambda: len(hub.unanswered_ports(app_id)) == 2)
        desk.sandbox.cut_sockets(most=1)
        gate.open()
        second = [await desk.ask(QUESTION) for _ in range(2)]
        for ts in (*first, *second):
            await desk.answered(ts)
        await desk.until(lambda: hub.connection_count(app_id) == 2)
        third = await desk.ask(QUESTION)
        await desk.answered(third)
        await desk.idle()

        assert "connection_lost" in {item.outcome for item in desk.sandbox.workspace.deliveries}
        for ts in (*first, *second, third):
            assert len(desk.of_kind(ts, "card")) == len(desk.of_kind(ts, "footer")) == 1
        assert len(desk.calls("apps.connections.open")) == 3


async def test_too_many_connections_are_not_tried_again_in_a_storm(
    valkey: RealValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that Slack takes do the work; the others wait for their time."""
    monkeypatch.setattr(transports, "LOOK_SECONDS", 0.05)
    workspace = WorkspaceConfig(rate_limits=False)
    workspace = replace(workspace, limits=replace(workspace.limits, sockets_per_app=1))
    async with open_desk(valkey, slack_sockets=2, workspace=workspace) as desk:
        ts = await desk.ask(QUESTION, channel=CHANNEL)
        await desk.answered(ts)
        assert len(desk.calls("apps.connections.open")) == 2
        assert desk.sandbox.sockets.connection_count(desk.sandbox.workspace.app().app_id) == 1

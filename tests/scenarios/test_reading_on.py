"""A provider that writes on without us: whoever takes a turn over reads on, and pays for nothing twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.scenarios.test_takeovers import assert_complete_once, in_the_middle, process_of
from tests.support.background_server import BackgroundServer, serve_background
from tests.support.desk import OpenDesk, at_work, dripping, open_desk, words_of
from tests.support.model_replies import parse_request
from tests.support.valkey import RealValkey

CALLS = 10
"""Model calls of an in-depth answer: plan, outlook, watch, seven sections."""
WORDS_PER_SECOND = 2000.0
"""Of all but the sections that are being written when something happens."""
STOP_SECONDS = 1.0
"""From the press to the end of every answer at the provider (issue 2)."""


@asynccontextmanager
async def desk_with_background(valkey: RealValkey) -> AsyncIterator[tuple[OpenDesk, BackgroundServer]]:
    """A desk that nobody works at yet, and a provider that keeps answers."""
    async with (
        serve_background(words_per_second=WORDS_PER_SECOND, script=dripping("2", "3", "5")) as server,
        open_desk(valkey, running=False, lease_seconds=2) as desk,
    ):
        provider = {"model_url": server.url, "background": "on"}
        desk.settings = desk.settings.model_copy(update=provider)
        yield desk, server


def unfinished(server: BackgroundServer) -> set[str]:
    """Ids of the answers being written."""
    return {id_ for id_, kept in server.answers.items() if kept.status == "in_progress"}


async def assert_read_on(desk: OpenDesk, server: BackgroundServer, ts: str, open_: set[str]) -> None:
    """Every call was made once; what was open was resumed, and the text is exact."""
    await assert_complete_once(desk, ts)
    stored = await desk.stored_document(desk.turn_id(ts))
    asked = Counter(
        parse_request("responses", kept.body, attempt=1).instruction for kept in server.answers.values()
    )
    assert (server.count("POST /responses"), set(asked.values())) == (CALLS, {1})
    resumed = {line.split()[1]: line for line in server.log if line.startswith("GET")}
    assert open_ <= set(resumed)
    cursors = [int(line.rpartition("starting_after=")[2].split("&")[0]) for line in resumed.values()]
    assert max(cursors) > 0
    assert "could not be" not in words_of(desk.of_kind(ts, "footer")[0])
    assert stored == await desk.rendered(ts)


async def test_a_killed_process_s_sections_are_read_on(valkey: RealValkey) -> None:
    """Kill -9 with section 2 on screen and others half-written: no call is made again."""
    async with desk_with_background(valkey) as (desk, server), process_of(desk) as first:
        ts = await in_the_middle(desk)
        async with process_of(desk, wait=False) as _:
            await first.kill()
            open_ = unfinished(server)
            assert open_
            server.hurried = True
            await desk.answered(ts)
            await assert_read_on(desk, server, ts, open_)


async def test_a_process_that_is_ended_leaves_its_answers_to_the_next(valkey: RealValkey) -> None:
    """They are not cancelled, but handed over with the turn."""
    async with desk_with_background(valkey) as (desk, server):
        async with at_work(desk):
            ts = await in_the_middle(desk)
            open_ = unfinished(server)
            assert open_
        async with at_work(desk):
            server.hurried = True
            await desk.answered(ts)
            await assert_read_on(desk, server, ts, open_)
            assert server.count("POST resp_") == 0


async def test_a_stop_ends_the_answers_at_the_provider(valkey: RealValkey) -> None:
    """Within a second each of them is cancelled, and the message ends cleanly."""
    async with desk_with_background(valkey) as (desk, server), at_work(desk):
        ts = await in_the_middle(desk)
        open_ = unfinished(server)
        assert open_
        await desk.press(desk.of_kind(ts, "card")[0], "stop_turn")
        pressed = time.monotonic()
        await desk.poll(lambda: not unfinished(server))
        assert time.monotonic() - pressed < STOP_SECONDS
        await desk.answered(ts)
        assert "Stopped" in words_of(desk.of_kind(ts, "footer")[0])
        assert {line.split()[1] for line in server.log if line.endswith("cancel")} <= open_
        assert server.count("GET") == 0


async def test_a_turn_stopped_between_two_processes_costs_no_more(valkey: RealValkey) -> None:
    """Nobody reads when the stop comes: the next process ends what the one before left open."""
    async with desk_with_background(valkey) as (desk, server):
        async with at_work(desk):
            ts = await in_the_middle(desk)
        assert unfinished(server)
        assert await desk.store.stop(desk.turn_id(ts), "U0KIM")
        async with at_work(desk):
            await desk.answered(ts)
            await desk.poll(lambda: not unfinished(server))
        assert server.count("POST /responses") == CALLS
        assert "Stopped" in words_of(desk.of_kind(ts, "footer")[0])

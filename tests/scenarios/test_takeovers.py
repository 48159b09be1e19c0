"""A process dies or is asked to go while it answers: another one finishes the thread."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.desk import OpenDesk, ServeProcess, at_work, bare, kind_of, open_desk, words_of
from tests.support.valkey import RealValkey

LEASE_SECONDS = 2
"""The setting in these scenarios; a takeover begins one to 1.3 leases after a crash (queue-facts, 2)."""

START_SECONDS = 16.0
"""A process may need this long to start on a busy machine."""

END_SECONDS = 10.0
"""A process ends within this time of SIGTERM, whatever it is doing."""


@asynccontextmanager
async def process_of(desk: OpenDesk, *, wait: bool = True) -> AsyncIterator[ServeProcess]:
    """``country-agents serve``, killed in the end; connected, unless nobody wants to ``wait``."""
    before = desk.sandbox.sockets.connection_count(desk.sandbox.workspace.app().app_id)
    process = await ServeProcess.start(desk.settings)
    try:
        await desk.until(
            lambda: (
                not wait
                or desk.sandbox.sockets.connection_count(desk.sandbox.workspace.app().app_id) > before
            )
        )
        yield process
    finally:
        await process.kill()


async def in_the_middle(desk: OpenDesk) -> str:
    """Ask, and wait until section 2 is on screen and still growing."""
    ts = await desk.ask()
    await desk.until(lambda: "### A." in desk.text(ts))
    assert desk.of_kind(ts, "text")[-1].is_streaming
    return ts


async def assert_complete_once(desk: OpenDesk, ts: str) -> None:
    """Every section once, no bullet twice, and exactly what was rendered."""
    kinds = [kind_of(message) for message in desk.replies(ts)]
    assert kinds.count("card") == kinds.count("footer") == 1
    text = desk.text(ts)
    print(words_of(desk.of_kind(ts, "footer")[0]))
    print(text[2000:12000])
    assert re.findall(r"^## (\d)\. ", text, re.MULTILINE) == list("12345678")
    bullets = Counter(line for line in text.splitlines() if line.startswith("- "))
    assert [line for line, count in bullets.items() if count > 1] == []
    assert bare(text) == bare(await desk.stored_document(desk.turn_id(ts)))
    assert not [message for message in desk.replies(ts) if message.is_streaming]
    assert desk.sandbox.workspace.pings == []


async def test_a_killed_process_is_replaced_within_the_lease(valkey: RealValkey) -> None:
    """Kill -9 with text on screen: another process completes the thread."""
    async with (
        open_desk(valkey, running=False, tokens_per_second=250, lease_seconds=LEASE_SECONDS) as desk,
        process_of(desk) as first,
    ):
        ts = await in_the_middle(desk)
        async with process_of(desk, wait=False) as _:
            await first.kill()
            killed = time.monotonic()
            desk.model.tokens_per_second = 0.0
            await desk.answered(ts)
            assert time.monotonic() - killed < 3 * LEASE_SECONDS + START_SECONDS
            await assert_complete_once(desk, ts)


async def test_sigterm_hands_the_answer_over_at_once(valkey: RealValkey) -> None:
    """The process ends in peace within seconds, and the other one goes on without waiting for a lease."""
    async with (
        open_desk(valkey, running=False, tokens_per_second=250, lease_seconds=30) as desk,
        process_of(desk) as first,
    ):
        ts = await in_the_middle(desk)
        async with process_of(desk, wait=False) as _:
            started = time.monotonic()
            assert await first.end() == 0
            ended = time.monotonic() - started
            assert ended < END_SECONDS
            desk.model.tokens_per_second = 0.0
            await desk.answered(ts)
            assert time.monotonic() - started < END_SECONDS + START_SECONDS
            await assert_complete_once(desk, ts)


async def test_a_question_taken_by_a_process_that_ends_is_answered_by_the_next(valkey: RealValkey) -> None:
    """Only the card was there: the next one finds the question in the queue, and posts no second card."""
    async with open_desk(valkey, running=False, first_token_seconds=30.0) as desk:
        async with at_work(desk):
            ts = await desk.ask()
            await desk.idle()
        desk.model.first_token_seconds = 0.0
        async with at_work(desk):
            await desk.answered(ts)
            await assert_complete_once(desk, ts)

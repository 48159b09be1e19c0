"""``serve --role``: one process takes the questions, another answers them."""

from __future__ import annotations

import asyncio

import pytest

from bot.app import NotConfiguredError, application, serve
from bot.settings import Settings
from tests.support.desk import FAST, connected, open_desk
from tests.support.valkey import RealValkey


async def test_what_a_web_process_takes_a_worker_process_answers(valkey: RealValkey) -> None:
    """The one posts no answer, the other has no connection to Slack's events."""
    async with open_desk(valkey, running=False) as desk:
        stop = asyncio.Event()
        async with (
            application(desk.settings, pace=FAST) as web,
            application(desk.settings, pace=FAST) as worker,
        ):
            taking = asyncio.create_task(web.run(stop, role="web"))
            await connected(desk.sandbox, desk.settings, None)
            ts = await desk.ask("CN-01 brief: What now?")
            await desk.idle()
            assert desk.replies(ts) == []

            answering = asyncio.create_task(worker.run(stop, role="worker"))
            await desk.answered(ts)
            app = desk.sandbox.workspace.app()
            assert desk.sandbox.sockets.connection_count(app.app_id) == 1
            stop.set()
            await asyncio.gather(taking, answering)


async def test_roles_need_a_redis_that_both_reach() -> None:
    """The embedded store is one process's own."""
    with pytest.raises(NotConfiguredError, match="COUNTRY_AGENTS_REDIS_URL"):
        await serve(Settings.load(), role="web")

"""The whole program with jobs that do nothing but note when they began: one line each, in a file.

    python -m tests.benchmarks.empty_jobs FILE

Bolt, reception, queue and store are the program's, and so is what a job costs before its answer begins.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from bot.app import SlackPace, application
from bot.jobs import TurnRun
from bot.logs import configure
from bot.settings import Settings

__all__ = ["main", "read_starts"]


def read_starts(path: Path) -> dict[str, float]:
    """When each question's job began, wall-clock seconds, by the ts of its message."""
    lines = (line.split() for line in path.read_text().splitlines(keepends=True) if line.endswith("\n"))
    return {ts: float(at) for ts, at in lines}


async def _serve(settings: Settings, path: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with path.open("a", buffering=1) as file:

        async def note(run: TurnRun) -> None:
            file.write(f"{run.turn.message_ts} {time.time():.6f}\n")

        async with application(settings, pace=SlackPace(budgets={})) as running:
            workers = [asyncio.create_task(app.queue.run_worker(note)) for app in running.apps]
            for transport in running.transports:
                await transport.start()
            await stop.wait()
            await asyncio.gather(*(transport.aclose() for transport in running.transports))
            for app in running.apps:
                app.queue.drain()
            await asyncio.gather(*workers)


def main() -> None:
    """Serve until interrupted."""
    settings = Settings.load()
    configure(settings.log_level, settings.log_format)
    asyncio.run(_serve(settings, Path(sys.argv[1])))


if __name__ == "__main__":
    main()

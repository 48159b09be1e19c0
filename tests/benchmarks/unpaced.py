"""``country-agents serve`` without the app's own pacing of Slack calls, for a workspace without rate limits.

    python -m tests.benchmarks.unpaced

Everything else is the program as it is. The issue wants twenty assessments at once measured with Slack's
limits switched off; no operator has such a Slack, so this is no setting.
"""

from __future__ import annotations

import asyncio
import signal

from bot.app import SlackPace, application
from bot.logs import configure
from bot.settings import Settings

__all__ = ["main"]


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with application(settings, pace=SlackPace(budgets={})) as running:
        await running.run(stop)


def main() -> None:
    """Serve until interrupted."""
    settings = Settings.load()
    configure(settings.log_level, settings.log_format)
    asyncio.run(_serve(settings))


if __name__ == "__main__":
    main()

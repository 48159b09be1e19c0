"""``python -m bot.sandbox``: a workspace of its own, its addresses printed as one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

import orjson

from bot.sandbox.config import WorkspaceConfig
from bot.sandbox.server import Sandbox

__all__ = ["main"]


def main() -> None:
    """Run until interrupted or terminated."""
    parser = argparse.ArgumentParser(
        prog="python -m bot.sandbox", description="A strict local Slack workspace"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--page-port", type=int, help="another port for the page; default: the same")
    parser.add_argument("--config", type=Path, help="JSON file with the workspace")
    parser.add_argument("--no-rate-limits", action="store_true", help="answer every call at once")
    arguments = parser.parse_args()
    config = WorkspaceConfig()
    if arguments.config is not None:
        config = WorkspaceConfig.from_json(orjson.loads(arguments.config.read_bytes()))
    if arguments.no_rate_limits:
        config = replace(config, rate_limits=False)
    asyncio.run(_serve(config, arguments.port, arguments.page_port))


async def _serve(config: WorkspaceConfig, port: int, page_port: int | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with Sandbox(config, port=port, page_port=page_port) as sandbox:
        ready = {
            "api_url": sandbox.api_url,
            "page_url": sandbox.page_url,
            "team_id": config.team_id,
            "apps": [
                {
                    "app_id": app.app_id,
                    "bot_user_id": app.bot_user_id,
                    "bot_id": app.bot_id,
                    "bot_token": app.bot_token,
                    "app_token": app.app_token,
                    "signing_secret": app.signing_secret,
                }
                for app in config.apps
            ],
        }
        sys.stdout.write(orjson.dumps(ready).decode() + "\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    main()

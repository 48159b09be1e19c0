"""The desk's app and two personas' own, at work in one process: the sandbox's ``--apps CN-01 US-01``.

In a scenario::

    async with open_several(valkey, tmp_path, workspace=workspace_of("http")) as desk:
        ts = await desk.ask("brief What now?", bot=OWN_BOTS["CN-01"])
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bot.app import application
from bot.demo_workspace import demo_workspace, list_apps
from bot.sandbox import WorkspaceConfig
from bot.settings import Settings
from tests.support.desk import FAST, PERSONAS, OpenDesk, free_port, open_desk
from tests.support.valkey import RealValkey

__all__ = ["DESK_APP", "OWN_APPS", "OWN_BOTS", "open_several", "workspace_of"]

DESK_APP = "A0COUNTRY"
OWN_APPS = MappingProxyType({"CN-01": "A0CN01", "US-01": "A0US01"})
"""Code -> id of the persona's own app."""
OWN_BOTS = MappingProxyType({"CN-01": "U0CN01", "US-01": "U0US01"})
"""Code -> its bot user."""


def workspace_of(transports: str | Mapping[str, str], *, agents: bool = False) -> WorkspaceConfig:
    """Three apps, members of the same channels. ``transports``: ``socket`` or ``http``, or by app id."""
    config = demo_workspace(PERSONAS, {}, codes=tuple(OWN_APPS), agents=agents)
    apps = tuple(
        replace(
            app,
            socket_mode=(transports if isinstance(transports, str) else transports[app.app_id]) == "socket",
        )
        for app in config.apps
    )
    return replace(config, apps=apps, rate_limits=False)


@asynccontextmanager
async def open_several(
    valkey: RealValkey, folder: Path, *, workspace: WorkspaceConfig, **options: Any
) -> AsyncIterator[OpenDesk]:
    """The three at work; ``folder`` takes their list and their secrets. ``options``: of ``open_desk``."""
    async with open_desk(valkey, workspace=workspace, running=False, **options) as alone:
        given = alone.settings.model_dump(exclude_unset=True) | {
            "slack_bot_token": None,
            "slack_app_token": None,
            "apps_file": list_apps(workspace, folder),
            "http_host": "127.0.0.1",
            "http_port": free_port(),
        }
        desk = replace(alone, settings=Settings.load(**given))
        stop, ready = asyncio.Event(), asyncio.Event()
        async with application(desk.settings, pace=FAST, evidence=desk.evidence) as running:
            task = asyncio.create_task(running.run(stop, ready.set))
            try:
                await ready.wait()
                for app in workspace.apps:
                    if not app.socket_mode:
                        url = f"http://127.0.0.1:{desk.settings.http_port}/slack/events"
                        await desk.sandbox.verify_request_url(app.app_id, url)
                yield desk
            finally:
                stop.set()
                await task

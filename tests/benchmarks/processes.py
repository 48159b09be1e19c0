"""The processes of one measurement: model server, sandbox workspace and app, each with its CPU and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.script import REQUESTS_VARIABLE, ModelRequestNote, read_notes

__all__ = ["KEY", "Desk", "Meter", "beside_sandbox", "open_desk"]

ROOT = Path(__file__).parents[2]
READY_SECONDS = 30.0
"""The app starts in two seconds on a quiet machine."""
KEY = "test-key"


@dataclass(frozen=True, slots=True)
class Meter:
    """One process, as the system sees it."""

    name: str
    process: psutil.Process

    @property
    def cpu_seconds(self) -> float:
        """User and system time so far, of the process itself."""
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def rss_megabytes(self) -> float:
        """Resident memory, without its children's."""
        return self.process.memory_info().rss / 1e6


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that runs in one measurement."""

    page_url: str
    team_id: str
    bot_id: str
    app: Meter
    sandbox: Meter
    model: Meter
    folder: Path

    def requests(self) -> list[ModelRequestNote]:
        """What the model server was asked."""
        return read_notes(self.folder / "requests")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The app's log lines of one name."""
        return [event for event in self._log() if event.get("event") == name]

    def warnings(self) -> list[str]:
        """Names of the events that should not happen on a good day."""
        return [str(event["event"]) for event in self._log() if event.get("level") not in ("info", "debug")]

    def _log(self) -> Iterator[dict[str, Any]]:
        for line in (self.folder / "app.log").read_text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):  # the last one may be half written
                yield json.loads(line)


@contextlib.asynccontextmanager
async def open_desk(*, script: str, rate_limits: bool, **more: str) -> AsyncIterator[Desk]:
    """Start everything. ``script`` is a function of ``tests.benchmarks.script``; without ``rate_limits``
    neither the sandbox nor the app keeps to Slack's tiers. ``more``: settings over those of a measurement.
    """
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (folder / "requests").touch()
        model, model_url = await _start(
            stack,
            *("tests.support.model_server", "--script", f"tests.benchmarks.script:{script}", "--key", KEY),
            variables={REQUESTS_VARIABLE: str(folder / "requests")},
        )
        limits = [] if rate_limits else ["--no-rate-limits"]
        sandbox, ready = await _start(stack, "bot.sandbox", *limits, variables={})
        workspace = json.loads(ready)
        settings = {
            "slack_bot_token": workspace["apps"][0]["bot_token"],
            "slack_app_token": workspace["apps"][0]["app_token"],
            "slack_api_url": workspace["api_url"],
            "model_url": model_url,
            "model_key": KEY,
            "data_dir": str(folder / "data"),
            "log_format": "json",
            "evidence": "false",  # no fetching from the open web
        }
        module = ["bot", "serve"] if rate_limits else ["tests.benchmarks.unpaced"]
        log = stack.enter_context((folder / "app.log").open("wb"))
        app = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *module),
            cwd=folder,  # no .env of the developer's
            env=_environment(
                {f"COUNTRY_AGENTS_{name.upper()}": value for name, value in (settings | more).items()}
            ),
            stdout=log,
            stderr=log,
        )
        stack.push_async_callback(_end, app)
        app_meter, sandbox_meter, model_meter = (
            Meter(name, psutil.Process(process.pid))
            for name, process in (("app", app), ("sandbox", sandbox), ("model server", model))
        )
        team_id, bot_id = workspace["team_id"], workspace["apps"][0]["bot_id"]
        desk = Desk(workspace["page_url"], team_id, bot_id, app_meter, sandbox_meter, model_meter, folder)
        await _ready(desk, app)
        yield desk


@contextlib.asynccontextmanager
async def beside_sandbox(
    module: str, *arguments: str, variables: dict[str, str], folder: Path, ready: str
) -> AsyncIterator[Meter]:
    """A module as a process whose workspace runs in this one; it is up once its output, in ``app.log`` of
    ``folder``, holds ``ready``.
    """
    path = folder / "app.log"
    async with contextlib.AsyncExitStack() as stack:
        log = stack.enter_context(path.open("wb"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            cwd=folder,
            env=_environment(variables),
            stdout=log,
            stderr=log,
        )
        stack.push_async_callback(_end, process)
        async with asyncio.timeout(READY_SECONDS):
            while ready not in path.read_text():
                if process.returncode is not None:
                    raise RuntimeError(f"{module} did not start: {path.read_text()}")
                await asyncio.sleep(0.05)
        yield Meter(module, psutil.Process(process.pid))


async def _start(
    stack: contextlib.AsyncExitStack, module: str, *arguments: str, variables: dict[str, str]
) -> tuple[asyncio.subprocess.Process, str]:
    """Start a module that prints one line when it is ready; the process and the line."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=ROOT,
        env=_environment(variables),
        stdout=asyncio.subprocess.PIPE,
    )
    stack.push_async_callback(_end, process)
    line = (await process.stdout.readline()).decode().strip() if process.stdout else ""
    if not line:
        raise RuntimeError(f"{module} did not start: see its output")
    return process, line


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """The developer's environment without what would configure the app."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COUNTRY_AGENTS_", "SLACK_", "OPENAI_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), **variables}


async def _ready(desk: Desk, app: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while not desk.events("transport.connected"):
            if app.returncode is not None:
                raise RuntimeError(f"the app did not start: {(desk.folder / 'app.log').read_text()}")
            await asyncio.sleep(0.05)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

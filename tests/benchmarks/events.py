"""From event to job, and to Slack's acknowledgement, at fifty events a second with empty jobs.

The workspace runs in this process and measures its own acknowledgements; app, queue and Valkey are the
program's. Each event is a question in a thread of its own, so each starts a job.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.sandbox import Sandbox, WorkspaceConfig
from bot.transports import EVENTS_PATH
from tests.benchmarks.empty_jobs import read_starts
from tests.benchmarks.processes import KEY, beside_sandbox
from tests.benchmarks.rows import Row, row_of
from tests.support.valkey import RealValkey

__all__ = ["measure"]

EVENTS_PER_SECOND = 50
SECONDS = 10
"""Of each transport: five hundred events, so that five lie above the p99."""
WARM_UP_SECONDS = 1
WAIT_SECONDS = 30.0
CHANNEL, USER = "C0DESK", "U0DANA"

# Targets: issue 3, Speed. Milliseconds.
START_P50 = 20
START_P99 = 100
ACK_P99 = 100


@dataclass(frozen=True, slots=True)
class Load:
    """Milliseconds of each event."""

    starts: Sequence[float]
    """From the message to the first line of its job."""
    acks: Sequence[float]
    """From the delivery to its acknowledgement."""
    cpu: float
    """CPU seconds a second of the app."""
    again: int
    """Events that had to be delivered more than once."""


async def measure(*, quick: bool) -> list[Row]:
    """Both transports, one after the other."""
    rows = []
    for transport in ("socket", "http"):
        load = await _load(2 if quick else SECONDS, socket_mode=transport == "socket")
        name = f"{EVENTS_PER_SECOND} events/s over {transport}"
        rows += [
            row_of(f"{name}: event to job start", "ms", load.starts),
            _share(f"{name}: event to job start, p50", load.starts, 50, target=START_P50),
            _share(f"{name}: event to job start, p99", load.starts, 99, target=START_P99),
            row_of(f"{name}: acknowledgement", "ms", load.acks),
            _share(f"{name}: acknowledgement, p99", load.acks, 99, target=ACK_P99),
            row_of(f"{name}: events delivered again", "", [load.again], target=0),
            row_of(f"{name}: cpu of the app", "% of a core", [100 * load.cpu]),
        ]
    return rows


def _share(name: str, values: Sequence[float], percent: int, *, target: float) -> Row:
    cut = statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
    return replace(row_of(name, "ms", [cut], target=target), n=len(values))


async def _load(seconds: int, *, socket_mode: bool) -> Load:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
        starts = folder / "starts"
        starts.touch()
        valkey = RealValkey(folder)
        valkey.start()
        stack.callback(valkey.kill)
        plain = WorkspaceConfig(rate_limits=False)
        # One event a question: with messages of channels subscribed to, too, each would bring two.
        only = replace(plain.apps[0], events=("app_mention",), socket_mode=socket_mode)
        sandbox = await stack.enter_async_context(Sandbox(replace(plain, apps=(only,))))
        port = _free_port()
        variables = {
            "SLACK_BOT_TOKEN": only.bot_token,
            "SLACK_API_URL": sandbox.api_url,
            "MODEL_URL": "http://127.0.0.1:9/v1",  # never asked
            "MODEL_KEY": KEY,
            "REDIS_URL": valkey.url,
            "EVIDENCE": "false",
            "LOG_FORMAT": "json",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(port),
            **(
                {"SLACK_APP_TOKEN": only.app_token}
                if socket_mode
                else {"SLACK_SIGNING_SECRET": only.signing_secret}
            ),
        }
        app = await stack.enter_async_context(
            beside_sandbox(
                "tests.benchmarks.empty_jobs",
                str(starts),
                variables={f"COUNTRY_AGENTS_{name}": value for name, value in variables.items()},
                folder=folder,
                ready="transport.connected" if socket_mode else "transport.listening",
            )
        )
        if not socket_mode:
            await sandbox.verify_request_url(only.app_id, f"http://127.0.0.1:{port}{EVENTS_PATH}")
        await _ask(sandbox, starts, WARM_UP_SECONDS)
        seen, cpu = len(sandbox.workspace.deliveries), app.cpu_seconds
        asked = await _ask(sandbox, starts, seconds)
        cpu = (app.cpu_seconds - cpu) / seconds
        began = read_starts(starts)
        deliveries = sandbox.workspace.deliveries[seen:]
        return Load(
            [1e3 * (began[ts] - float(ts)) for ts in asked],
            [1e3 * (each.latency_seconds or 0.0) for each in deliveries if each.outcome == "acked"],
            cpu,
            sum(each.attempt > 0 for each in deliveries),
        )


async def _ask(sandbox: Sandbox, starts: Path, seconds: int) -> list[str]:
    """Questions at an even pace, until each one's job has begun; their messages' ts."""
    loop = asyncio.get_running_loop()
    began, asked = loop.time(), []
    for number in range(seconds * EVENTS_PER_SECOND):
        await asyncio.sleep(began + number / EVENTS_PER_SECOND - loop.time())
        text = f"<@{sandbox.workspace.app().bot_user_id}> CN-01 Does question {number} start its job?"
        asked.append(sandbox.people.post(USER, CHANNEL, text))
    async with asyncio.timeout(WAIT_SECONDS):
        while not read_starts(starts).keys() >= set(asked):  # noqa: ASYNC110 - a file of another process
            await asyncio.sleep(0.1)
    return asked


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

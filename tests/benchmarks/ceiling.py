"""How much one process carries: model streams read side by side, and whole turns, until something gives way.

Load goes up in steps until a step is late. The ceiling is the last step in time; what had a whole core to
itself when it was passed is what bounds it, and is printed. Model server and sandbox have cores to use, too:
where one of them is full first, the machine is the limit and the process carries at least that much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from bot.llm.openai_model import ModelEndpoint, OpenAIModel, RoleSettings
from bot.llm.port import ModelCall, Role
from tests.benchmarks.assessments import ask_at_once, idle_cpu
from tests.benchmarks.cpu_per_token import KEY, SCRIPT, TOKENS, TOKENS_PER_SECOND
from tests.benchmarks.processes import Meter, open_desk
from tests.benchmarks.rows import Row, row_of
from tests.benchmarks.watching import viewer
from tests.support.model_replies import CHARACTERS_PER_TOKEN
from tests.support.model_server import model_server_process

__all__ = ["measure"]

FIRST_TOKEN_SECONDS = 0.5
STREAMS = (50, 200, 400, 600, 800)
TURNS = (10, 25, 40, 55)
"""Each has up to eight streams at once; a step takes half a minute."""
LATE = 1.1
"""A step of streams is late when its slowest needs a tenth longer than the server takes to write it."""
TURNS_LATE = 1.5
"""A step of turns is late when its slowest needs this much longer than the first step's (issue 2, Speed)."""
FULL = 0.85
"""Share of a core from which on a process is called full: the rest is the system's waiting."""
FLAT_SHARE = 0.8
"""Issue 3, Speed: cost stays flat up to this share of the ceiling."""
FLAT = 1.25
"""What "flat" may be: the cost at any step to that of the first; measured twice, a step differs by a fifth
on a quiet machine."""
WATCH_SECONDS = 2.0
"""One stretch of a step of turns."""
TURN_MEGABYTES = 1
"""Issue 2, Speed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One load."""

    number: int
    """Streams or turns at once."""
    lateness: float
    """The slowest, to what it should take."""
    cpu_per_token: float
    """µs of the process."""
    cpu_share: Mapping[str, float]
    """Of a core, by process; of turns in the busiest stretch, because they begin and end quietly."""
    megabytes: float = 0.0
    """Memory a turn, at its highest."""


async def measure(*, quick: bool) -> list[Row]:
    """Streams, then turns."""
    streams = await _streams(STREAMS[:2] if quick else STREAMS)
    turns = await _turns((2, 4) if quick else TURNS)
    return [
        *_rows("model streams", streams, LATE),
        *_rows("turns", turns, TURNS_LATE),
        row_of(
            "turns of one process: memory a turn, up to 80 % of the ceiling",
            "MB",
            [step.megabytes for step in _within(turns, TURNS_LATE)],
            target=TURN_MEGABYTES,
        ),
    ]


def _rows(what: str, steps: Sequence[Step], late: float) -> list[Row]:
    name = f"{what} of one process"
    ceiling, last = _ceiling(steps, late), steps[-1]
    full = [process for process, share in last.cpu_share.items() if share >= FULL]
    if last.lateness <= late:
        reason = f"no step was late: the ceiling is above {last.number}"
    else:
        bound = " and ".join(full) or "none of the processes, so the cores they share"
        reason = f"{last.number} were {last.lateness:.2f} times as slow as they should be; bound by: {bound}"
    for step in steps:
        print(
            f"  {step.number:4} {what}: {step.lateness:.2f} of the time, {step.cpu_per_token:.0f} µs a token",
            flush=True,
        )
    shares = ", ".join(f"{process} {100 * share:.0f} %" for process, share in last.cpu_share.items())
    print(f"  {what}: ceiling {ceiling.number}; {reason} ({shares} of a core)", flush=True)
    within = _within(steps, late)
    return [
        row_of(f"{name}: ceiling", "", [ceiling.number]),
        *(
            row_of(f"{name}: at the last step, cpu of the {process}", "% of a core", [100 * share])
            for process, share in last.cpu_share.items()
        ),
        row_of(
            f"{name}: cpu a token, up to 80 % of the ceiling",
            "µs",
            [step.cpu_per_token for step in within],
            baseline=within[0].cpu_per_token,
        ),
        row_of(
            f"{name}: cpu a token at any step to the first, up to 80 % of the ceiling",
            "ratio",
            [max(step.cpu_per_token for step in within) / within[0].cpu_per_token],
            target=FLAT,
        ),
    ]


def _ceiling(steps: Sequence[Step], late: float) -> Step:
    """The last step in time; the first where none was."""
    return next((step for step in reversed(steps) if step.lateness <= late), steps[0])


def _within(steps: Sequence[Step], late: float) -> list[Step]:
    most = FLAT_SHARE * _ceiling(steps, late).number
    return [step for step in steps if step.number <= most] or list(steps[:1])


async def _streams(numbers: Sequence[int]) -> list[Step]:
    steps: list[Step] = []
    async with model_server_process(
        SCRIPT, key=KEY, tokens_per_second=TOKENS_PER_SECOND, first_token_seconds=FIRST_TOKEN_SECONDS
    ) as url:
        roles = {role: RoleSettings("scripted") for role in Role}
        model = OpenAIModel(ModelEndpoint(roles=roles, key=KEY, url=url))
        async with aiohttp.ClientSession() as session:
            for number in numbers:
                step = await _stream_step(model, session, url, number)
                if step.lateness > LATE:  # once more, in case that it was the machine's busy moment
                    step = min(step, await _stream_step(model, session, url, number), key=_lateness)
                steps.append(step)
                if step.lateness > LATE:
                    break
        await model.aclose()
    return steps


async def _stream_step(model: OpenAIModel, session: aiohttp.ClientSession, url: str, number: int) -> Step:
    # Connections are opened before: a process in service has them.
    await asyncio.gather(*(_read(model, "warm up") for _ in range(number)))
    server, cpu, began = await _server_cpu(session, url), time.process_time(), time.monotonic()
    took = await asyncio.gather(*(_read(model, "write") for _ in range(number)))
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    server = await _server_cpu(session, url) - server
    ideal = FIRST_TOKEN_SECONDS + TOKENS / TOKENS_PER_SECOND
    shares = {"reader": cpu / seconds, "model server": server / seconds}
    return Step(number, max(took) / ideal, 1e6 * cpu / number / TOKENS, shares)


def _lateness(step: Step) -> float:
    return step.lateness


async def _read(model: OpenAIModel, words: str) -> float:
    """Read one stream; the seconds it took."""
    began, characters = time.monotonic(), 0
    call = ModelCall("t1", "section-1", Role.SECTION, "", "", words, 10 * TOKENS)
    async for item in model.stream(call):
        characters += len(item) if isinstance(item, str) else 0
    if words != "warm up" and characters != TOKENS * CHARACTERS_PER_TOKEN:
        raise RuntimeError(f"{characters} characters arrived of {TOKENS * CHARACTERS_PER_TOKEN}")
    return time.monotonic() - began


async def _server_cpu(session: aiohttp.ClientSession, url: str) -> float:
    async with session.get(f"{url.removesuffix('/v1')}/stats") as response:
        return float((await response.json())["cpu_seconds"])


async def _turns(numbers: Sequence[int]) -> list[Step]:
    steps: list[Step] = []
    async with open_desk(script="answer", rate_limits=False) as desk, viewer(desk.page_url) as person:
        idle = await idle_cpu(desk)
        await ask_at_once(desk, person, 1, idle=idle)  # what is loaded with the first is nobody's memory
        first = 0.0
        for number in numbers:
            shares = {"app": 0.0, "sandbox": 0.0, "model server": 0.0}
            watching = asyncio.create_task(_watch([desk.app, desk.sandbox, desk.model], shares))
            try:
                crowd = await ask_at_once(desk, person, number, idle=idle)
            finally:
                watching.cancel()
            slowest = max(answer.complete for answer in crowd.answers)
            first = first or slowest
            tokens = sum(answer.tokens for answer in crowd.answers)
            cpu = sum(answer.cpu_per_token * answer.tokens for answer in crowd.answers) / tokens
            megabytes = (crowd.megabytes_peak - crowd.megabytes_before) / number
            steps.append(Step(number, slowest / first, cpu, shares, megabytes))
            if steps[-1].lateness > TURNS_LATE:
                break
    return steps


async def _watch(meters: Sequence[Meter], shares: dict[str, float]) -> None:
    """Keep each process's share of a core in its busiest stretch, until cancelled."""
    while True:
        before, began = [meter.cpu_seconds for meter in meters], time.monotonic()
        await asyncio.sleep(WATCH_SECONDS)
        seconds = time.monotonic() - began
        for meter, start in zip(meters, before, strict=True):
            shares[meter.name] = max(shares[meter.name], (meter.cpu_seconds - start) / seconds)

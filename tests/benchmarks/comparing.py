"""Our answer beside the plain way's (``tests.benchmarks.plain``), in one run against the same workspace and
model server: alone, and with one refusal for rate (429) in the middle.

The workspace runs in this process, with Slack's limits, and counts the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bot.sandbox import Sandbox
from bot.sandbox.records import CallRecord
from tests.benchmarks.processes import KEY, Meter, beside_sandbox
from tests.benchmarks.rows import Row, row_of
from tests.benchmarks.watching import Thread, Viewer, viewer
from tests.support.model_server import model_server_process
from tests.support.seed_script import QUESTION

__all__ = ["measure"]

SCRIPT = "tests.benchmarks.script:plain_or_seed"
CHANNEL = "C0DESK"
CHARACTERS = 16_000
"""Of the plain answer (issue 3, Speed); ours is as long as the seed script makes it, which is longer."""
FITTING = 10_000
"""Characters that one stream still holds: the longest answer that the plain way completes."""
RETRY_AFTER_SECONDS = 2
SLACK_CALLS = 60
"""Issue 3, Speed."""
QUIET_SECONDS = 2.0
"""Before each question, and after an answer that has failed, in which nothing more may come."""


@dataclass(frozen=True, slots=True)
class Result:
    """One answer. Seconds from the question."""

    first_text: float
    complete: float | None
    """None: it never was."""
    first_sentence: float | None
    """The first that the model wrote and the checks let through; None for the plain way: it has no checks."""
    last_text: float
    characters: int
    calls: int
    text: str


@dataclass(frozen=True, slots=True)
class Way:
    """One app in its own workspace."""

    app: Meter
    sandbox: Sandbox
    person: Viewer
    model_url: str


async def measure(*, quick: bool) -> list[Row]:
    """The plain way first, then ours; ``quick``: the plain way's short answers only beside ours."""
    async with model_server_process(SCRIPT, key=KEY) as url:
        async with _plain(url) as way:
            sizes = [2_000, 4_000] if quick else [FITTING, CHARACTERS]
            asked = [f"@agents {size} characters, please" for size in sizes]
            (plain_whole, plain_long), plain_cpu = await _ask(way, asked)
            (plain_refused,), _ = await _ask(way, asked[:1], refused=True)
        async with _ours(url) as way:
            question = f"@agents CN-01 {QUESTION}"
            (ours,), cpu = await _ask(way, [question])
            (refused,), _ = await _ask(way, [question], refused=True)
    if plain_whole.complete is None or ours.complete is None or ours.first_sentence is None:
        raise RuntimeError("an answer that fits was not completed")
    size = f"{sizes[1]} characters"
    return [
        row_of("compared: first text", "s", [ours.first_text], baseline=plain_long.first_text),
        row_of(
            "compared: first sentence (plain way: its first text)",
            "s",
            [ours.first_sentence],
            baseline=plain_long.first_text,
        ),
        row_of(
            f"compared: complete (plain way: of {sizes[0]} characters)",
            "s",
            [ours.complete],
            baseline=plain_whole.complete,
        ),
        row_of("compared: last text", "s", [ours.last_text], baseline=plain_long.last_text),
        row_of("compared: cpu a token", "µs", [cpu], baseline=plain_cpu),
        row_of("compared: calls to Slack", "", [ours.calls], baseline=plain_long.calls, target=SLACK_CALLS),
        row_of(
            "compared: calls to Slack for 1,000 characters shown",
            "",
            [1e3 * ours.calls / ours.characters],
            baseline=1e3 * plain_long.calls / max(1, plain_long.characters),
        ),
        row_of(
            f"compared: characters delivered (plain way: of {size})",
            "",
            [ours.characters],
            baseline=plain_long.characters,
        ),
        row_of(
            "compared: answers cut short",
            "",
            [_cut(ours)],
            baseline=_cut(plain_long),
            target=0,
        ),
        row_of(
            f"compared under a 429: share delivered (plain way: of {sizes[0]} characters)",
            "%",
            [100 * _same(refused.text, ours.text)],
            baseline=100 * plain_refused.characters / sizes[0],
        ),
        row_of(
            "compared under a 429: answers cut short",
            "",
            [float(refused.text != ours.text)],
            baseline=_cut(plain_refused),
            target=0,
        ),
        row_of("compared under a 429: calls to Slack", "", [refused.calls], baseline=plain_refused.calls),
    ]


def _cut(result: Result) -> float:
    return float(result.complete is None)


def _same(text: str, whole: str) -> float:
    """Share of the whole that the text holds from its beginning on."""
    same = next((n for n, (one, other) in enumerate(zip(text, whole, strict=False)) if one != other), None)
    return (min(len(text), len(whole)) if same is None else same) / len(whole)


@asynccontextmanager
async def _plain(model_url: str) -> AsyncIterator[Way]:
    async with AsyncExitStack() as stack:
        sandbox, folder, person = await _workspace(stack)
        app = sandbox.workspace.app()
        variables = {
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
            "SLACK_URL": sandbox.api_url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model_url,
        }
        process = beside_sandbox(
            "tests.benchmarks.plain", variables=variables, folder=folder, ready="connected"
        )
        yield Way(await stack.enter_async_context(process), sandbox, person, model_url)


@asynccontextmanager
async def _ours(model_url: str) -> AsyncIterator[Way]:
    async with AsyncExitStack() as stack:
        sandbox, folder, person = await _workspace(stack)
        app = sandbox.workspace.app()
        settings = {
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
            "SLACK_API_URL": sandbox.api_url,
            "MODEL_URL": model_url,
            "MODEL_KEY": KEY,
            "DATA_DIR": str(folder / "data"),
            "LOG_FORMAT": "json",
            "EVIDENCE": "false",
        }
        variables = {f"COUNTRY_AGENTS_{name}": value for name, value in settings.items()}
        process = beside_sandbox(
            "bot", "serve", variables=variables, folder=folder, ready="transport.connected"
        )
        yield Way(await stack.enter_async_context(process), sandbox, person, model_url)


async def _workspace(stack: AsyncExitStack) -> tuple[Sandbox, Path, Viewer]:
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-")))
    sandbox = await stack.enter_async_context(Sandbox())
    return sandbox, folder, await stack.enter_async_context(viewer(sandbox.page_url))


async def _ask(
    way: Way, questions: Sequence[str], *, refused: bool = False
) -> tuple[tuple[Result, ...], float]:
    """Ask side by side; the answers and the app's µs a token. ``refused``: once text is there, Slack refuses
    the next piece for rate.
    """
    await asyncio.sleep(QUIET_SECONDS)
    tokens, cpu = await _tokens(way.model_url), way.app.cpu_seconds
    threads = [await way.person.ask(CHANNEL, question) for question in questions]
    if refused:
        await way.person.until(lambda: threads[0].first_text_at is not None, "the first text")
        way.sandbox.fail_next("chat.appendStream", error="ratelimited", retry_after=RETRY_AFTER_SECONDS)
    ended = [await _ended(way, thread) for thread in threads]
    cpu = way.app.cpu_seconds - cpu
    tokens = await _tokens(way.model_url) - tokens
    return tuple(
        _result(way, thread, end) for thread, end in zip(threads, ended, strict=True)
    ), 1e6 * cpu / tokens


async def _ended(way: Way, thread: Thread) -> float | None:
    """When the answer was complete; None where it broke off for good."""
    is_plain = way.app.name == "tests.benchmarks.plain"
    if not is_plain:
        await way.person.until(lambda: thread.complete, "our answer")
        return thread.footer_at
    # The sample does not go on after a refusal: its handler ends with an exception.
    await way.sandbox.wait_for(
        lambda: any(call.method == "chat.stopStream" or not call.ok for call in _calls(way, thread)), 120
    )
    await asyncio.sleep(QUIET_SECONDS)
    last = _calls(way, thread)[-1]
    return last.at + last.seconds if last.method == "chat.stopStream" and last.ok else None


def _calls(way: Way, thread: Thread) -> list[CallRecord]:
    """The calls that wrote into a thread, or asked Slack anything for it."""
    messages = {thread.ts, *(m.ts for m in way.sandbox.thread(CHANNEL, thread.ts))}
    return [
        call
        for call in way.sandbox.calls
        if messages & {call.args.get(name) for name in ("ts", "thread_ts", "message_ts", "timestamp")}
    ]


def _result(way: Way, thread: Thread, ended: float | None) -> Result:
    if thread.first_text_at is None or thread.text_at is None:
        raise RuntimeError("no text came at all")
    # White space counts as it was sent; the comparison of texts does without.
    characters = sum(len(text) for text in thread.texts.values())
    return Result(
        first_text=thread.first_text_at - thread.asked_at,
        complete=None if ended is None else ended - thread.asked_at,
        first_sentence=None if thread.sentence_at is None else thread.sentence_at - thread.asked_at,
        last_text=thread.text_at - thread.asked_at,
        characters=characters,
        calls=len(_calls(way, thread)),
        text=thread.text,
    )


async def _tokens(model_url: str) -> int:
    """Events that the model server has written: one a token, and a handful a call."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{model_url.removesuffix('/v1')}/stats") as response,
    ):
        return int((await response.json())["events_written"])

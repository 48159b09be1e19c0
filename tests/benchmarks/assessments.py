"""Whole assessments, measured from outside: one alone, and many at once in one process."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.turns import turn_id_for
from tests.benchmarks.processes import Desk
from tests.benchmarks.watching import Thread, Viewer
from tests.support.seed_script import QUESTION

__all__ = [
    "CHANNEL",
    "FIRST_TOKEN_SECONDS",
    "QUIET_SECONDS",
    "SINGLE_STREAM_SECONDS",
    "Answer",
    "Crowd",
    "ask_alone",
    "ask_at_once",
    "idle_cpu",
    "known",
    "settled",
    "turn_of",
]

TOKENS_PER_SECOND = 60.0
FIRST_TOKEN_SECONDS = 0.5
ANSWER_CHARACTERS = 16_000
CHARACTERS_A_TOKEN = 4
SINGLE_STREAM_SECONDS = FIRST_TOKEN_SECONDS + ANSWER_CHARACTERS / CHARACTERS_A_TOKEN / TOKENS_PER_SECOND
"""What one long model call would take (issue 2, Speed). Our answer is longer than that, because what the
outlook and watch calls hold is printed, too; the comparison ignores it, to our disadvantage."""
CHANNEL = "C0DESK"
QUIET_SECONDS = 2.0
"""Before a lone question: the footer of the one before takes a post of the channel's second."""
SAMPLE_SECONDS = 0.25
"""Between two looks at the app's memory."""
IDLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One assessment. Seconds, each from the event or from the model's first token."""

    thread_ts: str
    card: float
    """Event to card."""
    first_request: float
    """Event to the first call of the model."""
    heading: float
    """First token to opening line and heading 1."""
    sentence: float
    """First token to the first checked sentence."""
    last_text: float
    """Event to the last piece of text."""
    complete: float
    """Event to footer: all text is there and checked."""
    text: str
    slack_calls: int
    messages: int
    tokens: int
    """Written by the model, all calls of the turn."""
    model_calls: int
    corrections: int
    """Pieces of text that the checks reworded or dropped; repairs are not among them."""
    repairs: int
    problems: int
    cpu_per_token: float
    """µs of the app's CPU, less what it uses while idle. Of a crowd: the average."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many assessments asked at once."""

    answers: Sequence[Answer]
    cpu_share: Mapping[str, float]
    """By process: CPU seconds a second."""
    megabytes_before: float
    megabytes_peak: float
    rate_limited: int
    """429s the app got."""


async def idle_cpu(desk: Desk) -> float:
    """CPU seconds a second that the app uses while nobody asks."""
    before = desk.app.cpu_seconds
    await asyncio.sleep(IDLE_SECONDS)
    return (desk.app.cpu_seconds - before) / IDLE_SECONDS


async def ask_alone(desk: Desk, viewer: Viewer, *, idle: float) -> Answer:
    """One assessment with nothing beside it."""
    await asyncio.sleep(QUIET_SECONDS)
    cpu, began = desk.app.cpu_seconds, time.monotonic()
    thread = await _ask(viewer)
    await viewer.until(lambda: thread.complete, "the answer")
    await settled(desk, [thread])
    spent = desk.app.cpu_seconds - cpu - idle * (time.monotonic() - began)
    return _answers(desk, [thread], spent)[0]


async def ask_at_once(desk: Desk, viewer: Viewer, number: int, *, idle: float) -> Crowd:
    """Many assessments, asked in one breath in one channel."""
    meters = (desk.app, desk.sandbox, desk.model)
    limited = len(desk.events("slack.rate_limited"))
    cpu, began = [meter.cpu_seconds for meter in meters], time.monotonic()
    before = desk.app.rss_megabytes
    peaks = [before]
    sampling = asyncio.create_task(_sample(desk, peaks))
    try:
        threads = await asyncio.gather(*(_ask(viewer) for _ in range(number)))
        await viewer.until(lambda: all(thread.complete for thread in threads), f"{number} answers")
        await settled(desk, threads)
    finally:
        sampling.cancel()
    seconds = time.monotonic() - began
    spent = [meter.cpu_seconds - start for meter, start in zip(meters, cpu, strict=True)]
    return Crowd(
        answers=_answers(desk, threads, spent[0] - idle * seconds),
        cpu_share={meter.name: used / seconds for meter, used in zip(meters, spent, strict=True)},
        megabytes_before=before,
        megabytes_peak=max(peaks),
        rate_limited=len(desk.events("slack.rate_limited")) - limited,
    )


async def _ask(viewer: Viewer) -> Thread:
    return await viewer.ask(CHANNEL, f"@agents CN-01 {QUESTION}")


async def _sample(desk: Desk, peaks: list[float]) -> None:
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        peaks.append(desk.app.rss_megabytes)


async def settled(desk: Desk, threads: Sequence[Thread]) -> None:
    """Wait until the app has done what comes after the footer, too."""
    wanted = {turn_of(desk, thread) for thread in threads}
    async with asyncio.timeout(60):
        while wanted - {e["turn_id"] for e in desk.events("turn.finished")}:  # noqa: ASYNC110 - a log
            await asyncio.sleep(0.05)


def turn_of(desk: Desk, thread: Thread) -> str:
    """The id of the turn that a question began."""
    return turn_id_for(desk.bot_id, desk.team_id, CHANNEL, thread.ts)


def _answers(desk: Desk, threads: Sequence[Thread], cpu_seconds: float) -> list[Answer]:
    finished = {event["turn_id"]: event for event in desk.events("answer.finished")}
    requests = desk.requests()
    turns = [turn_of(desk, thread) for thread in threads]
    tokens = sum(note.tokens for note in requests if note.turn in turns)
    answers = []
    for turn, thread in zip(turns, threads, strict=True):
        mine = [note for note in requests if note.turn == turn]
        first_token = min(note.at for note in mine) + FIRST_TOKEN_SECONDS
        counts = Counter(finished[turn]["corrections"])
        repairs = sum(count for name, count in counts.items() if name.startswith("repair_"))
        answers.append(
            Answer(
                thread_ts=thread.ts,
                card=known(thread.card_at) - thread.asked_at,
                first_request=first_token - FIRST_TOKEN_SECONDS - thread.asked_at,
                heading=known(thread.heading_at) - first_token,
                sentence=known(thread.sentence_at) - first_token,
                last_text=known(thread.text_at) - thread.asked_at,
                complete=known(thread.footer_at) - thread.asked_at,
                text=thread.text,
                slack_calls=finished[turn]["slack_calls"],
                messages=finished[turn]["messages"],
                tokens=sum(note.tokens for note in mine),
                model_calls=len(mine),
                corrections=counts.total() - repairs,
                repairs=repairs,
                problems=finished[turn]["problems"],
                cpu_per_token=cpu_seconds / tokens * 1e6,
            )
        )
    return answers


def known(at: float | None) -> float:
    """A time that a complete answer has."""
    if at is None:
        raise RuntimeError("a complete answer shows what it is made of")
    return at

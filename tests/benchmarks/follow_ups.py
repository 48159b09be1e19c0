"""A follow-up in the thread of an assessment: how soon its reader sees something of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.benchmarks.assessments import (
    CHANNEL,
    FIRST_TOKEN_SECONDS,
    QUIET_SECONDS,
    ask_alone,
    known,
    settled,
    turn_of,
)
from tests.benchmarks.processes import Desk, open_desk
from tests.benchmarks.rows import Row, row_of
from tests.benchmarks.watching import Viewer, viewer

__all__ = ["measure"]

FIRST_TEXT_MS = 400
"""From the model's first token to the first text (issue 5)."""
QUESTION = "@agents CN-01 why do the controls stay?"


@dataclass(frozen=True, slots=True)
class _FollowUp:
    """Seconds: of the first two from the event, of the others from the model's first token."""

    card: float
    first_request: float
    first_text: float
    sentence: float


async def measure(runs: int) -> list[Row]:
    """Follow-ups one after the other, in the thread of one assessment, without rate limits."""
    async with (
        open_desk(script="answer_with_follow_ups", rate_limits=False) as desk,
        viewer(desk.page_url) as person,
    ):
        root = (await ask_alone(desk, person, idle=0.0)).thread_ts
        asked = [await _follow_up(desk, person, root) for _ in range(runs)]
    return [
        row_of("follow-up: card after the event", "ms", [1e3 * each.card for each in asked]),
        row_of("follow-up: model asked after the event", "ms", [1e3 * each.first_request for each in asked]),
        row_of(
            "follow-up: first text (who answers) after the first token",
            "ms",
            [1e3 * each.first_text for each in asked],
            target=FIRST_TEXT_MS,
        ),
        row_of(
            "follow-up: first checked sentence after the first token",
            "ms",
            [1e3 * each.sentence for each in asked],
        ),
    ]


async def _follow_up(desk: Desk, person: Viewer, root: str) -> _FollowUp:
    await asyncio.sleep(QUIET_SECONDS)
    thread = await person.ask(CHANNEL, QUESTION, below=root)
    await person.until(lambda: thread.footer_at is not None, "the follow-up")
    await settled(desk, [thread])
    requested = min(note.at for note in desk.requests() if note.turn == turn_of(desk, thread))
    first_token = requested + FIRST_TOKEN_SECONDS
    return _FollowUp(
        card=known(thread.card_at) - thread.asked_at,
        first_request=requested - thread.asked_at,
        first_text=known(thread.first_text_at) - first_token,
        sentence=known(thread.words_at) - first_token,
    )

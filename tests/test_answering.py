"""Answering a turn: what the engine gives becomes checkpoints, messages and an outcome."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from bot.answering import RECORD_CHECKPOINT, Answering
from bot.app import engine_of, format_for
from bot.assessment.assessment_record import AssessmentRecord
from bot.conversations import Conversations
from bot.jobs import HandOverError, TurnRun
from bot.sandbox import Sandbox
from bot.store.errors import FencedError
from bot.store.stored_turns import Outcome
from bot.store.turn_store import TurnStore
from bot.turns import Question, Turn
from tests.support.desk import CHANNEL, PERSONAS, buttons_of, kind_of, settings_for, words_of
from tests.support.model_replies import Reply
from tests.support.model_server import ModelServer, serve_model
from tests.support.reception import open_reception
from tests.support.seed_script import QUESTION, answer
from tests.support.valkey import RealValkey, namespace, turn_in, valkey

__all__ = ["namespace", "valkey"]


@dataclass
class Bench:
    """One turn, and an answering to run it with."""

    answering: Answering
    store: TurnStore
    sandbox: Sandbox
    turn: Turn
    model: ModelServer

    async def run(self) -> TurnRun:
        """A run under a fresh lease, with what earlier ones stored."""
        lease = await self.store.begin(self.turn.turn_id)
        stored = await self.store.load(self.turn.turn_id)
        assert stored is not None
        return TurnRun(self.turn, lease, stored, asyncio.Event())

    def kinds(self) -> list[str]:
        """What stands in the thread."""
        return [
            kind_of(message)
            for message in self.sandbox.thread(CHANNEL, self.turn.thread_ts)
            if message.app_id
        ]

    def footer(self) -> str:
        """The footer's words."""
        return words_of(self.sandbox.thread(CHANNEL, self.turn.thread_ts)[-1])


@pytest.fixture
async def bench(valkey: RealValkey, namespace: str) -> AsyncIterator[Bench]:
    async with (
        open_reception(valkey, prefix=namespace) as (reception, sandbox),
        serve_model(answer) as model,
    ):
        settings = settings_for(sandbox, model.url, model.key, valkey.url, model_retry_seconds=1)
        engine, client = engine_of(settings, None)
        answering = Answering(
            reception.api,
            reception.store,
            engine,
            PERSONAS,
            reception.admission,
            client.meter,
            format_for(settings, None),
            reception.pane,
            Conversations(reception.threads, reception.ways_in, context_tokens=6000, own_bot="U0AGENTS"),
        )
        ts = await sandbox.post_as_user("dana", CHANNEL, "a question")
        turn = replace(turn_in(ts), channel=CHANNEL, team_id="T0SANDBOX", user_id="U0DANA")
        turn = replace(turn, user_team_id="T0SANDBOX", question=Question(QUESTION), format="brief")
        await reception.take(turn)
        yield Bench(answering, reception.store, sandbox, turn, model)
        await client.aclose()


async def test_an_answered_turn_leaves_its_work_and_its_messages(bench: Bench) -> None:
    """Card, text and footer in the thread; plan and sections in the store."""
    run = await bench.run()
    assert await bench.answering.answer(run) is Outcome.ANSWERED
    assert bench.kinds() == ["card", "text", "footer"]
    stored = await bench.store.load(bench.turn.turn_id)
    assert stored is not None
    assert "plan" in stored.checkpoints
    record = AssessmentRecord.from_json(json.dumps(stored.checkpoints[RECORD_CHECKPOINT]))
    assert record.turn_id == bench.turn.turn_id
    assert record.plan.judgments
    assert "checks " in bench.footer()
    assert stored.delivery.card_ts is not None
    assert stored.delivery.footer_ts is not None
    assert {message.state for message in stored.delivery.messages} == {"closed"}


async def test_the_as_of_time_is_the_question_s_and_not_the_run_s(bench: Bench) -> None:
    """A turn taken up later says the same, and its calls find the prompt cache."""
    bench.turn = replace(bench.turn, asked_at=1_700_000_000.0)
    await bench.answering.answer(await bench.run())
    assert "14 Nov 2023" in words_of(bench.sandbox.thread(CHANNEL, bench.turn.thread_ts)[1])
    assert all("2023" in request.context + request.system for request in bench.model.requests)


async def test_a_failed_model_is_an_outcome_and_not_an_exception(bench: Bench) -> None:
    """A retry by the queue would not help: the reader has the button."""
    bench.model.script = lambda _: Reply(status=401, code="invalid_api_key")
    assert await bench.answering.answer(await bench.run()) is Outcome.FAILED
    assert bench.kinds() == ["card", "footer"]
    assert buttons_of(bench.sandbox.thread(CHANNEL, bench.turn.thread_ts)[-1]) == ["retry_turn"]


async def test_a_stopped_turn_says_so(bench: Bench) -> None:
    """Also when it was stopped before it began."""
    run = await bench.run()
    run.stop.set("U0KIM")
    assert await bench.answering.answer(run) is Outcome.STOPPED
    assert "Stopped" in bench.footer()


async def test_a_draining_process_hands_over_and_the_next_run_ends_it(bench: Bench) -> None:
    """The card is there once."""
    bench.model.first_token_seconds = 30.0
    run = await bench.run()
    run.draining.set()
    with pytest.raises(HandOverError):
        await bench.answering.answer(run)
    bench.model.first_token_seconds = 0.0
    assert await bench.answering.answer(await bench.run()) is Outcome.ANSWERED
    assert bench.kinds() == ["card", "text", "footer"]


async def test_a_run_that_is_not_the_owner_any_more_writes_nothing(bench: Bench) -> None:
    """Its process was thought dead: the newer run speaks."""
    old = await bench.run()
    await bench.run()
    with pytest.raises(FencedError):
        await bench.answering.answer(old)
    assert bench.kinds() == []


async def test_giving_up_tells_the_thread(bench: Bench) -> None:
    """After five attempts: a sentence and a retry."""
    await bench.answering.give_up(await bench.run(), "SomeError")
    assert "I tried several times" in bench.footer()
    assert "SomeError" not in bench.footer()

"""Answering one turn: the engine's events become checkpoints, a card, streamed text and a footer.

The only consumer of the engine's events. Work is checkpointed before its text is shown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.admission import Admission
from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.engine import Assignment, Engine
from bot.assessment.events import (
    CardChanged,
    Checkpointed,
    Event,
    Finished,
    Part,
    Report,
    SourcesAdded,
    StatusChanged,
    Withdrawn,
)
from bot.assessment.formats import Format
from bot.assessment.open_answers import OpenAnswers
from bot.assessment.titles import headline
from bot.conversations import Context, Conversations
from bot.evidence.items import Retrieval
from bot.jobs import HandOverError, TurnRun
from bot.llm.port import ModelError
from bot.metering import MeteredModel
from bot.pane import AgentPane
from bot.slack import cards
from bot.slack.admission_notices import position_line
from bot.slack.answer_controls import with_forgetting, with_thumbs
from bot.slack.api import SlackApi
from bot.slack.comparison_messages import COMPARED, sender_of, with_each_assessment, with_table
from bot.slack.errors import SlackGoneError, StoppedByUserError
from bot.slack.export_notices import export_menu
from bot.slack.rewriting_notices import rewriting_menu
from bot.slack.thread_search import ThreadPlace
from bot.slack.thread_writer import ThreadWriter
from bot.store.stored_turns import Outcome
from bot.store.turn_store import TurnStore
from bot.turns import Turn
from personas.desk import BRIEF, Desk
from personas.enumeration import enumerated
from personas.persona import Persona

__all__ = ["RECORD_CHECKPOINT", "Answering"]

log = structlog.get_logger()

RECORD_CHECKPOINT = "record"
"""Checkpoint that holds the finished assessment (``AssessmentRecord``). The engine does not read it."""


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers turns for one Slack app."""

    api: SlackApi
    store: TurnStore
    engine: Engine
    desk: Desk
    admission: Admission
    meter: MeteredModel
    """The engine's model."""
    formats: Callable[[str], Format]
    """The format of a turn's key, fitted to the model in use."""
    pane: AgentPane
    conversations: Conversations

    async def answer(self, run: TurnRun) -> Outcome:
        """Answer one turn, from where an earlier run left it. Raises ``HandOverError`` while draining."""
        turn = run.turn
        ids = {
            "turn_id": turn.turn_id,
            "team": turn.team_id,
            "channel": turn.channel,
            "thread": turn.thread_ts,
        }
        with structlog.contextvars.bound_contextvars(**ids):
            persona = self.desk.by_code(turn.persona)
            if persona is None:
                raise LookupError(f"persona {turn.persona} is not on this desk")
            try:
                context = await self.conversations.begin(turn, run.lease, persona)
                outcome = await _Answer(self, run, persona, context).go()
            finally:
                await self._charge(run)
            await self.admission.release(turn, forgive=outcome is Outcome.FAILED)
            return outcome

    def compared(self, turn: Turn) -> tuple[Persona, ...]:
        """Whose views the turn compares. Raises ``LookupError`` where one of them has left the desk."""
        found = {code: self.desk.by_code(code) for code in turn.compared}
        if absent := [code for code, persona in found.items() if persona is None]:
            raise LookupError(f"personas {absent} are not on this desk")
        return tuple(persona for persona in found.values() if persona is not None)

    async def _charge(self, run: TurnRun) -> None:
        """Charge what this run used, whatever became of it; its fence names it, so nothing counts twice."""
        for model, usage in self.meter.take(run.turn.turn_id).items():
            await self.admission.charge(run.turn, usage, model, call=f"{run.lease.fence}:{model}")

    async def give_up(self, run: TurnRun, reason: str) -> None:
        """Tell the thread that a turn failed for good."""
        persona = self.desk.by_code(run.turn.persona)
        if persona is None:
            return
        log.warning("answer.given_up", turn_id=run.turn.turn_id, reason=reason)
        answer = _Answer(self, run, persona)
        await self.engine.cancel(answer.open_answers)
        await answer.writer.fail(answer.card(), cards.failure(cards.GAVE_UP, run.turn.turn_id))
        await self.admission.release(run.turn, forgive=True)


class _Answer:
    """One run of one turn."""

    def __init__(
        self, answering: Answering, run: TurnRun, persona: Persona, context: Context | None = None
    ) -> None:
        turn = run.turn
        self.context = context or Context(turn.question)
        self.answering = answering
        self.run = run
        self.persona = persona
        self.format = self.context.format(turn, answering.formats)
        self.as_of = self.context.as_of(turn)
        self.headline = headline(turn.question)
        self.open_answers = OpenAnswers(run.stored.checkpoints)
        """What the provider writes on when this run ends early: for the next run, unless there is none."""
        self.assignment = Assignment(
            turn.turn_id,
            persona,
            self.format,
            self.context.question,
            self.as_of,
            self.context.earlier,
            self.context.rests_on,
            answering.compared(turn),
        )
        self.shown = answering.engine.first_card(self.assignment)
        self.writer = ThreadWriter(
            answering.api,
            answering.store.journal(run.lease),
            ThreadPlace(turn.team_id, turn.channel, turn.thread_ts, turn.user_id, turn.user_team_id),
            sender_of(persona, turn.compared),
            turn.turn_id,
            limits=answering.api.limits,
            delivered=run.stored.delivery,
            look_first=not run.lease.fresh,
        )

    def card(self, *, running: bool = False, check_line: str = "") -> cards.Message:
        """The card as it should look now: with a stop button, or once it has ended with one that forgets."""
        turn = self.run.turn
        shown = cards.card(
            persona_name=enumerated(turn.compared) or self.persona.display_name,
            headline=self.headline,
            format_name=self.format.name,
            as_of=self.as_of,
            bottom_line=self.shown.bottom_line,
            banners=self.shown.banners,
            check_line=check_line or self.shown.evidence_line,
            stop_turn_id=turn.turn_id if running else None,
        )
        shown = with_table(shown, self.shown.table, self.shown.legend)
        return shown if running else with_forgetting(shown, turn.turn_id)

    async def post_card(self) -> str:
        """The card with its stop button, in the order of the channel's questions."""
        return await self.writer.post_card(self.card(running=True), asked_at=self.run.turn.asked_at)

    async def go(self) -> Outcome:
        """Race the answer against a stop and the end of this process."""
        answering, run = self.answering, self.run
        card: asyncio.Task[str] | None = None
        # Before anything else: sources take longer than the card, and than most waits for a free place.
        retrieval = self.answering.engine.retrieve(self.assignment, run.stored.checkpoints)
        try:
            card = asyncio.create_task(self.post_card())
            work = asyncio.create_task(self._seated_work(card, retrieval))
            stopped = asyncio.create_task(run.stop.wait())
            draining = asyncio.create_task(run.draining.wait())
            delivery = asyncio.create_task(self.writer.failed())
            titled = asyncio.create_task(answering.pane.entitle(run.turn))
            tasks = {work, stopped, draining, delivery}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if stopped.done() and self.writer.is_complete:
                    # A stop that came too late: the thread would say both that it is complete and stopped.
                    await asyncio.wait(tasks - {stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _cancel({*tasks, titled})
            await card
            if work.done() and not work.cancelled():
                return work.result()
            if stopped.done() and not stopped.cancelled():
                return await self._stopped(stopped.result())
            await self._keep_unsaved()
            if delivery.done() and not delivery.cancelled():
                raise delivery.result()
            raise HandOverError(f"turn {run.turn.turn_id} is handed over")
        except StoppedByUserError:
            return await self._stopped("")
        except SlackGoneError as error:
            # There is nobody left to tell.
            log.warning("answer.channel_gone", method=error.method, code=error.code)
            await answering.engine.cancel(self.open_answers)
            return Outcome.FAILED
        except ModelError as error:
            log.warning("answer.failed", error=type(error).__name__)
            await answering.engine.cancel(self.open_answers)
            await self.writer.fail(self.card(), cards.failure(error.user_message, run.turn.turn_id))
            return Outcome.FAILED
        finally:
            if card is not None:
                card.cancel()
            if retrieval is not None:
                await retrieval.aclose()
            await self.writer.aclose()

    async def _seated_work(self, card: asyncio.Task[str], retrieval: Retrieval | None) -> Outcome:
        async with self.answering.admission.seated(
            self.run.turn, lambda position: self.writer.set_status(position_line(position))
        ):
            return await self._work(card, retrieval)

    async def _work(self, card: asyncio.Task[str], retrieval: Retrieval | None) -> Outcome:
        answering, run = self.answering, self.run
        report: Report | None = None
        record: AssessmentRecord | None = None
        events_of_run = answering.engine.run(
            self.assignment, run.stored.checkpoints, self.open_answers, retrieval=retrieval
        )
        async with aclosing(events_of_run) as events:
            async for event in events:
                # The model is asked at once; in a busy channel the card may have to wait for its slot.
                await asyncio.shield(card)
                if isinstance(event, Finished):
                    report, record = event.report, event.record
                    await self._keep_record(record)
                    await answering.conversations.keep(run.turn, run.lease, self.context, record)
                else:
                    await self._take(event)
        if report is None or record is None:
            raise RuntimeError("the engine ended without its last event")
        footer = cards.footer(report, run.turn.turn_id, allowed_urls=report.links, menus=self._menus(record))
        if run.turn.compared:
            footer = with_each_assessment(footer, run.turn, brief=run.turn.format == BRIEF)
        footer = with_thumbs(footer, run.turn.turn_id, COMPARED if run.turn.compared else run.turn.persona)
        delivered = await self.writer.finish(footer)
        self.shown = replace(self.shown, banners=report.banners)
        await self.writer.update_card(self.card(check_line=report.check_line))
        log.info(
            "answer.finished",
            characters=delivered.characters,
            messages=delivered.messages,
            slack_calls=delivered.calls,
            input_tokens=report.usage.input_tokens,
            cached_tokens=report.usage.cached_tokens,
            output_tokens=report.usage.output_tokens,
            corrections=dict(report.counts),
            problems=len(report.problems),
        )
        return Outcome.ANSWERED

    def _menus(self, record: AssessmentRecord) -> list[dict[str, Any]]:
        """What may be done with an assessment. A follow-up goes on from one, and that has its own menus."""
        earlier = self.context.earlier
        if earlier is not None and not earlier.rewritten:
            return []
        titles = {section.key: section.title for section in record.sections} if self.format.numbered else {}
        return [export_menu(record.turn_id), *rewriting_menu(record.turn_id, titles)]

    async def _take(self, event: Event) -> None:
        match event:
            case Part():
                self.writer.write(event)
            case Withdrawn():
                self.writer.withdraw(event)
            case Checkpointed():
                await self.answering.store.save_checkpoint(self.run.lease, event.key, event.data)
            case SourcesAdded():
                self.writer.allow_links(event.urls)
            case StatusChanged():
                self.writer.set_status(event.status)
            case CardChanged():
                self.shown = event
                await self.writer.update_card(self.card(running=True))

    async def _keep_record(self, record: AssessmentRecord) -> None:
        """The assessment as data, for whoever checks it or asks about it later."""
        data = json.loads(record.to_json())
        await self.answering.store.save_checkpoint(self.run.lease, RECORD_CHECKPOINT, data)

    async def _keep_unsaved(self) -> None:
        """Whoever goes on needs what this run had made, and the names of the answers it leaves open."""
        for key, data in self.open_answers.unsaved.items():
            await self.answering.store.save_checkpoint(self.run.lease, key, data)

    async def _stopped(self, user_id: str) -> Outcome:
        # Side by side: the provider may take its time, and the reader sees the end at once.
        await asyncio.gather(
            self.answering.engine.cancel(self.open_answers),
            self.writer.interrupt(self.card(), cards.stopped(user_id, self.run.turn.turn_id)),
        )
        return Outcome.STOPPED


async def _cancel(tasks: set[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

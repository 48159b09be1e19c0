"""The JSON calls of a run: plan, outlook and watch list, each made once its needs are there."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import structlog

from bot.assessment import demo, prompts
from bot.assessment.changes import (
    Change,
    change_units,
    read_changes,
    rescoring_instruction,
    rescoring_schema,
    with_changes,
)
from bot.assessment.checks.table import Results, check_outlook, check_plan, check_watch
from bot.assessment.data_calls import DataReader, outlook_schema, parse_object, plan_schema, watch_schema
from bot.assessment.data_mending import cut_schema, mend_fields
from bot.assessment.data_schemas import HEAD
from bot.assessment.dialect import Unit
from bot.assessment.events import CardChanged
from bot.assessment.evidence_stage import EvidenceStage
from bot.assessment.formats import RESCORE_TOKENS
from bot.assessment.json_calls import (
    GIVEN_UP,
    JsonCall,
    ask_json,
    ask_json_or_give_up,
    collect_json,
)
from bot.assessment.plan_head import PlanHead
from bot.assessment.printing import Data
from bot.assessment.recording import make_record
from bot.assessment.rewriting import rewriting_instruction, with_items
from bot.assessment.run import Run
from bot.assessment.standing import corroborated, evidence_line
from bot.assessment.values import Outlook, Plan, Watch
from bot.llm.port import JsonSchema, ModelError

__all__ = ["DataStage"]

PREMISE = "premise"
"""Checkpoint of the plan's head."""

_CHECKS = {"plan": check_plan, "outlook": check_outlook, "watch": check_watch}

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


class DataStage:
    """The three calls as tasks. ``plan`` raises ``ModelError``: nothing goes without it. The others are
    empty where their call failed, and the run's problems say so.
    """

    def __init__(self, run: Run, evidence: EvidenceStage) -> None:
        self._run = run
        self._evidence = evidence
        self._head: Plan | None = None
        self._head_is_late = False
        self._head_known = asyncio.Event()
        """The head is there, or it is known that it comes with the whole plan only."""
        self._resume_head()
        self._other = demo.counterparty(run.evidence, run.persona)
        self.plan = asyncio.create_task(self._make_plan(), name="plan")
        self.outlook = asyncio.create_task(self._make_outlook(), name="outlook")
        self.watch = asyncio.create_task(self._make_watch(), name="watch")
        self.rescore = asyncio.create_task(self._make_changes(), name="rescore")

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        """All of them, to be cancelled together."""
        return [self.plan, self.outlook, self.watch, self.rescore]

    async def needed(self, call: str) -> Data:
        """The data there is, once the named call is done; what is not done yet is empty."""
        tasks: dict[str, Awaitable[Any]] = {
            "plan": self.plan,
            "outlook": self.outlook,
            "watch": self.watch,
            "rescore": self.rescore,
        }
        await tasks[call]
        changes = _or(self.rescore, ())
        plan = with_changes(await self.plan, changes)
        return Data(plan, _or(self.outlook, Outlook()), _or(self.watch, Watch()), self._told(changes))

    async def premise(self, seconds: float) -> Plan | None:
        """The plan's head, which is known before its rest: only event date, premise and what belongs to them
        are filled. ``None`` where it is not there within so many seconds; it then comes with the plan.
        """
        if self._head_is_late:
            return None
        known = asyncio.create_task(self._head_known.wait())
        waiting: set[asyncio.Task[Any]] = {known, self.plan}
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            known.cancel()
        if self._head is None and self.plan.done():
            self._head = self.plan.result()
        if self._head is None:
            # What is on screen without it must look the same when another run takes over.
            self._head_is_late = True
            self._run.checkpoint(PREMISE, {"late": True})
        return self._head

    async def _make_plan(self) -> Plan:
        run = self._run
        await self._evidence.ready()
        if (earlier := run.assignment.earlier) is not None:
            return earlier.record.plan
        instruction = self._instruction("plan", None)
        data = await self._ask("plan", self._schema("plan", None), instruction, run.format.plan_tokens)
        plan = await self._mended("plan", data, self._read_plan, None, run.format.plan_tokens)
        if not plan.judgments:
            run.problems.append("The plan could not be read, so there are no judgments with likelihoods.")
        run.put(CardChanged(plan.bottom_line, run.banners(plan), evidence_line(run.standing())))
        return plan

    def _read_plan(self, data: Mapping[str, Any]) -> Plan:
        plan = self._capped(self._reader(None).plan(data))
        if self._head is not None:
            plan = replace(plan, **{name: getattr(self._head, name) for name in HEAD})
        return plan

    def _capped(self, plan: Plan) -> Plan:
        """High confidence needs two independent owners, one of them not of the persona's state (SO7)."""
        run = self._run
        if corroborated(run.standing(), run.persona):
            return plan
        judgments = tuple(
            replace(judgment, confidence="moderate") if judgment.confidence == "high" else judgment
            for judgment in plan.judgments
        )
        run.accounts.counts["confidence_capped"] += judgments != plan.judgments
        return replace(plan, judgments=judgments)

    def _resume_head(self) -> None:
        stored = self._run.checkpoints.get(PREMISE)
        if stored is None:
            return
        self._head_is_late = bool(stored.get("late"))
        if not self._head_is_late:
            self._head = self._reader(None).premise(stored)
        self._head_known.set()

    def _read_head(self) -> Callable[[str], None]:
        """Takes the plan's text as it comes. Of a second attempt at the plan nothing is taken that the first
        one has told already: it may be on screen.
        """
        head = PlanHead()

        def take(piece: str) -> None:
            if head.feed(piece) and not self._head_known.is_set():
                if head.data is not None:
                    self._run.checkpoint(PREMISE, head.data)
                    self._head = self._reader(None).premise(head.data)
                self._head_known.set()

        return take

    async def _make_outlook(self) -> Outlook:
        run = self._run
        if (earlier := run.assignment.earlier) is not None:
            return earlier.record.outlook
        if "outlook" not in run.format.calls:
            return Outlook()
        plan = await self.plan
        await self._evidence.latest()
        data = await self._ask_or_do_without("outlook", plan, run.format.outlook_tokens)
        read = functools.partial(self._reader(plan).outlook, plan=plan)
        return await self._mended("outlook", data, read, plan, run.format.outlook_tokens)

    async def _make_watch(self) -> Watch:
        run = self._run
        earlier = run.assignment.earlier
        if "watch" not in run.format.calls:
            return earlier.record.watch if earlier else Watch(epigraph_id=run.persona.epigraphs[0].id)
        plan = await self.plan
        await self._evidence.latest()
        data = await self._ask_or_do_without("watch", plan, run.format.watch_tokens)
        read = functools.partial(self._reader(plan).watch, plan=plan)
        watch = await self._mended("watch", data, read, plan, run.format.watch_tokens)
        return with_items(earlier.record.watch, watch) if earlier else watch

    async def _make_changes(self) -> tuple[Change, ...]:
        run = self._run
        earlier = run.assignment.earlier
        if earlier is None or "rescore" not in run.format.calls:
            return ()
        plan = await self.plan
        await self._evidence.latest()
        question = run.assignment.question.text
        instruction = rescoring_instruction(earlier, code=run.persona.code, question=question)
        data = await self._ask("rescore", rescoring_schema(plan), instruction, RESCORE_TOKENS)
        return read_changes(data, plan, self._reader(plan)) if data else ()  # the reader is told

    def _told(self, changes: Sequence[Change]) -> tuple[Unit, ...]:
        run = self._run
        earlier = run.assignment.earlier
        if earlier is None or not changes:
            return ()
        known = {source.id for source in earlier.record.sources}
        new = [source for source in run.evidence.retrieved if source.id not in known]
        since = f"{earlier.record.as_of:%d %b %Y, %H:%M} UTC"
        return tuple(change_units(changes, new, run.settings.lexicon, since))

    async def _mended(
        self,
        name: str,
        data: dict[str, Any],
        read: Callable[[Mapping[str, Any]], _T],
        plan: Plan | None,
        max_tokens: int,
    ) -> _T:
        """What the call gave, its failing fields asked for anew before anybody has seen them. Not where an
        earlier run had the answer: what came of it may be on screen.
        """
        run = self._run
        if name in run.checkpoints or run.format.compact or not data:
            run.drop(f"{name}-fields")
            return read(data)
        schema, instruction = self._schema(name, plan), self._instruction(name, plan)

        async def check(value: _T) -> Results:
            if isinstance(value, Plan):
                await self._evidence.look_against(value)  # what LO4 asks for
            written = {"plan": plan or Plan(), "outlook": Outlook(), "watch": Watch()} | {name: value}
            record = make_record(run, Data(**cast("dict[str, Any]", written)), {})
            # In a thread: it computes for some milliseconds, and others' text goes on meanwhile.
            return await asyncio.to_thread(_CHECKS[name], record, run.persona)

        async def ask(fields: Mapping[str, object], request: str) -> dict[str, Any] | None:
            cut, again = cut_schema(schema, fields), f"{instruction}\n{request}"
            try:
                call = self._call(f"{name}-fields", cut, again, max_tokens)
                return parse_object(await collect_json(run, call))
            except ModelError as error:
                log.warning(
                    "repair.failed", turn_id=run.assignment.turn_id, call=name, error=type(error).__name__
                )
                return None
            finally:
                run.settled(f"{name}-fields")

        value, mended = await mend_fields(name, data, read, check, ask, run.accounts)
        if mended is not data:
            run.checkpoint(name, mended)
        return value

    def _reader(self, plan: Plan | None) -> DataReader:
        run = self._run
        today = run.assignment.as_of.date()
        return DataReader(run.format, run.persona, run.tables(plan), today, run.accounts.counts)

    def _instruction(self, name: str, plan: Plan | None) -> str:
        run = self._run
        if run.format.compact:
            return demo.data_instruction(name, run.persona, self._other)
        instruction = prompts.data_instruction(name, plan, run.format, run.told_names(plan))
        if (earlier := run.assignment.rewriting) is not None:
            return rewriting_instruction(instruction, earlier.record.section(earlier.rewritten))
        return instruction

    def _schema(self, name: str, plan: Plan | None) -> JsonSchema:
        run = self._run
        if run.format.compact:
            return demo.data_schema(name, run.persona, self._other)
        if plan is None:
            return plan_schema(run.format, run.persona)
        if name == "outlook":
            return outlook_schema(run.format, plan)
        return watch_schema(run.format, plan, run.persona)

    async def _ask_or_do_without(self, name: str, plan: Plan, max_tokens: int) -> dict[str, Any]:
        run = self._run
        instruction = self._instruction(name, plan)
        title = {"outlook": "outlook", "watch": "watch list"}[name]
        call = self._call(name, self._schema(name, plan), instruction, max_tokens)
        data = await ask_json_or_give_up(run, call)
        if reason := data.get(GIVEN_UP):
            run.problems.append(f"The {title} is missing. {reason}")
            return {}
        if not data:
            run.problems.append(f"The {title} could not be read and is missing.")
        return data

    async def _ask(self, name: str, schema: JsonSchema, instruction: str, max_tokens: int) -> dict[str, Any]:
        """The JSON of one call; empty where no attempt gave any. Raises ``ModelError``."""
        return await ask_json(self._run, self._call(name, schema, instruction, max_tokens))

    def _call(self, name: str, schema: JsonSchema, instruction: str, max_tokens: int) -> JsonCall:
        run = self._run
        return JsonCall(
            name,
            schema,
            instruction,
            max_tokens,
            run.priority(name.removesuffix("-fields")),
            shaped=functools.partial(self._shaped, name),
            reader=self._read_head if name == "plan" and not run.format.compact else None,
        )

    def _shaped(self, name: str, data: dict[str, Any]) -> dict[str, Any]:
        return demo.expanded(name, data, self._other) if self._run.format.compact else data


def _or(task: asyncio.Task[_T], otherwise: _T) -> _T:
    return task.result() if task.done() else otherwise

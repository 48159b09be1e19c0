"""The engine: a question in, an assessment out, as a stream of events.

A small dependency graph: section 1 and the plan start at once; when the plan is there, the outlook,
the watch list and all other sections start together, as many at a time as the model allows; they are
shown in order. The engine knows neither Slack nor Redis. Closing the generator ends all model calls.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.assessment import prompts
from bot.assessment.data_calls import DataReader, outlook_schema, parse_object, plan_schema, watch_schema
from bot.assessment.dialect import Kind, Unit
from bot.assessment.drafting import Accounts, Draft, UnusableDraftError, repair_draft, write_draft
from bot.assessment.events import CardChanged, Checkpointed, Cut, Event, Finished, Part, StatusChanged
from bot.assessment.formats import Format, SectionSpec
from bot.assessment.lexicon import Lexicon
from bot.assessment.printing import Data, closing_lines, epigraph_lines, print_block, source_call
from bot.assessment.rendering import SectionRenderer, heading_part, line_part
from bot.assessment.reporting import banners, report
from bot.assessment.slots import CallSlots
from bot.assessment.titles import headline, opening_sentence, title_slots
from bot.assessment.values import Outlook, Plan, Watch
from bot.assessment.wording import Tables, material_of
from bot.errors import CountryAgentsError
from bot.evidence.table import EvidenceTable, table_of_claims
from bot.llm.port import (
    Finished as ModelFinished,
)
from bot.llm.port import (
    JsonSchema,
    Model,
    ModelCall,
    ModelConfigurationError,
    ModelError,
    Role,
    Usage,
)
from bot.retrying import RetryPolicy, call_with_retries
from bot.turns import Question
from personas.persona import Persona

__all__ = ["Assignment", "Engine", "EngineSettings"]

DATA_ATTEMPTS = 2
"""Attempts at a JSON call whose answer cannot be read, the first one included."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the operator decides."""

    organisation: str
    lexicon: Lexicon
    calls_at_once: int
    retries: RetryPolicy
    plan_tokens: int = 0
    """Cap of the plan's length in tokens; 0: the format's own."""
    demo_label: str = ""
    """Set for a model whose text is no assessment."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One question to one persona in one format."""

    turn_id: str
    persona: Persona
    format: Format
    question: Question
    as_of: datetime
    """Time of the question, UTC."""


class Engine:
    """Runs assignments; holds nothing of any one of them."""

    def __init__(self, model: Model, settings: EngineSettings) -> None:
        self._model = model
        self._settings = settings

    async def run(
        self, assignment: Assignment, checkpoints: Mapping[str, Mapping[str, Any]] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yield the assessment's events; ``Finished`` is the last. Raises ``ModelError`` where there
        is nothing to show. ``checkpoints``: what an earlier run yielded as ``Checkpointed``, by key;
        finished work is not paid for again, and the same text comes out for it.
        """
        run = _Run(self._model, self._settings, assignment, checkpoints or {})
        tasks = run.start()
        try:
            while True:
                event = await run.outbox.get()
                if isinstance(event, BaseException):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Run:
    """The state of one run."""

    def __init__(
        self,
        model: Model,
        settings: EngineSettings,
        assignment: Assignment,
        checkpoints: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.model = model
        self.settings = settings
        self.assignment = assignment
        self.checkpoints = checkpoints
        self.outbox: asyncio.Queue[Event | BaseException] = asyncio.Queue()
        self.persona, self.format = assignment.persona, assignment.format
        self.evidence: EvidenceTable = table_of_claims(assignment.question)
        self.title = headline(assignment.question)
        self.accounts = Accounts(Counter(), Usage())
        self.slots = CallSlots(settings.calls_at_once)
        self.started = asyncio.Event()
        """Some model call has given its first text."""
        self.system = prompts.system_text(self.persona, self.format, settings.organisation)
        self.context = prompts.context_text(self.evidence, self.format, assignment.as_of)
        self.material = material_of(self.evidence)
        self.terms = {term.id: term.native for term in self.persona.glossary}
        self.drafts = {spec.key: self._draft(spec) for spec in self.format.sections}
        self.problems: list[str] = []
        self._plan: asyncio.Task[Plan]
        self._outlook: asyncio.Task[Outlook]
        self._watch: asyncio.Task[Watch]

    # -- the graph --------------------------------------------------------------------------------

    def start(self) -> list[asyncio.Task[Any]]:
        """Start everything; each task waits for what it needs."""
        spawn = asyncio.create_task
        facts = [spec for spec in self.format.sections if spec.words and not spec.needs]
        judged = [spec for spec in self.format.sections if spec.words and spec.needs]
        drafts = {spec.key: spawn(self._guard(self._write(spec))) for spec in facts}
        self._plan = spawn(self._make_plan())
        self._outlook = spawn(self._make_outlook())
        self._watch = spawn(self._make_watch())
        drafts |= {spec.key: spawn(self._guard(self._write(spec))) for spec in judged}
        display = spawn(self._guard(self._display()))
        return [*drafts.values(), self._plan, self._outlook, self._watch, display]

    async def _guard(self, work: Awaitable[None]) -> None:
        """An error nobody waits for ends the run: it goes to the consumer instead of being lost."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.outbox.put_nowait(error)

    def _priority(self, key: str) -> int:
        """Display order: section 4 before the outlook it closes with, the watch list before section 7."""
        if key == "plan":
            return 15 if self.format.compact else 5
        if key in ("outlook", "watch"):
            due = next(
                (
                    place
                    for place, spec in enumerate(self.format.sections, 1)
                    if any(source_call(block) == key for block in spec.prints)
                ),
                len(self.format.sections),
            )
            return due * 10 + 5
        return 10 * (1 + [spec.key for spec in self.format.sections].index(key))

    # -- data calls -------------------------------------------------------------------------------

    def _reader(self, plan: Plan | None = None) -> DataReader:
        tables = self._tables(plan)
        return DataReader(
            self.format, self.persona, tables, self.assignment.as_of.date(), self.accounts.counts
        )

    def _tables(self, plan: Plan | None) -> Tables:
        judgments = {judgment.id: judgment for judgment in plan.judgments} if plan else {}
        return Tables(self.evidence, judgments, self.terms, self.material)

    async def _make_plan(self) -> Plan:
        format_ = self.format
        instruction = prompts.plan_instruction(format_)
        data = await self._data(
            "plan", plan_schema(format_, self.persona), instruction, None, format_.plan_tokens
        )
        plan = self._reader().plan(data or {})
        if not plan.judgments:
            self.problems.append("The plan could not be read, so there are no judgments with likelihoods.")
        self.outbox.put_nowait(
            CardChanged(plan.bottom_line, banners(self.evidence, plan, self.settings.demo_label))
        )
        return plan

    async def _make_outlook(self) -> Outlook:
        if "outlook" not in self.format.calls:
            return Outlook()
        plan = await self._plan
        schema = outlook_schema(self.format, plan)
        instruction = prompts.outlook_instruction(self.format)
        data = await self._data("outlook", schema, instruction, plan, self.format.outlook_tokens)
        if data is None:
            self.problems.append("The outlook could not be read, so hypotheses and assumptions are missing.")
        return self._reader(plan).outlook(data or {}, plan)

    async def _make_watch(self) -> Watch:
        if "watch" not in self.format.calls:
            return Watch(epigraph_id=self.persona.epigraphs[0].id)
        plan = await self._plan
        schema = watch_schema(self.format, plan, self.persona)
        instruction = prompts.watch_instruction(self.format)
        data = await self._data("watch", schema, instruction, plan, self.format.watch_tokens)
        watch = self._reader(plan).watch(data or {}, plan)
        if not watch.items:
            self.problems.append("The watch list could not be read.")
        return watch

    async def _data(
        self, name: str, schema: JsonSchema, instruction: str, plan: Plan | None, max_tokens: int
    ) -> dict[str, Any] | None:
        """The JSON of one call, or ``None`` where no attempt gave any. Raises ``ModelError``."""
        if name in self.checkpoints:
            return dict(self.checkpoints[name]) or None
        slots = self._slots(plan)
        instruction = prompts.data_instruction(
            instruction.replace("{the_country}", slots["the_country"]), plan, self.format, slots
        )
        asked = instruction
        data: dict[str, Any] | None = None
        for _ in range(DATA_ATTEMPTS):
            text = await self._collect(name, asked, schema, max_tokens)
            data = parse_object(text)
            if data and any(data.values()):
                break
            self.accounts.counts[f"unreadable_{name}"] += 1
            data = None
            asked = prompts.repair_instruction(instruction, ["It was not the JSON object asked for."])
        self.outbox.put_nowait(Checkpointed(name, data or {}))
        return data

    async def _collect(self, name: str, instruction: str, schema: JsonSchema, max_tokens: int) -> str:
        call = self._call(name, Role.PLAN, instruction, max_tokens, schema=schema)

        async def attempt() -> str:
            pieces: list[str] = []
            async with self.slots.slot(self._priority(name)), aclosing(self.model.stream(call)) as stream:
                async for item in stream:
                    if isinstance(item, ModelFinished):
                        self.accounts.add(item.usage)
                        break
                    self.started.set()
                    pieces.append(item)
            return "".join(pieces)

        return await call_with_retries(
            attempt, policy=self.settings.retries, on=_retryable, name=f"model.{name}"
        )

    def _call(
        self,
        name: str,
        role: Role,
        instruction: str,
        max_tokens: int,
        *,
        schema: JsonSchema | None = None,
        opening: str = "",
    ) -> ModelCall:
        return ModelCall(
            turn_id=self.assignment.turn_id,
            name=name,
            role=role,
            system=self.system,
            context=self.context,
            instruction=instruction,
            max_output_tokens=max_tokens,
            schema=schema,
            opening=opening,
        )

    def _slots(self, plan: Plan | None) -> Mapping[str, str]:
        return title_slots(
            self.persona,
            title=self.title,
            organisation=self.settings.organisation,
            counterparty=plan.counterparty if plan else "",
            stance=plan.stance if plan else "act",
        )

    # -- sections ---------------------------------------------------------------------------------

    def _draft(self, spec: SectionSpec) -> Draft:
        stored = self.checkpoints.get(f"section-{spec.key}")
        if stored is None:
            return Draft(spec)
        units = [Unit(Kind(kind), text) for kind, text in stored["units"]]
        return Draft(spec, units, complete=bool(stored["complete"]))

    async def _write(self, spec: SectionSpec) -> None:
        """Write one section; never raises for what only this section suffers."""
        draft = self.drafts[spec.key]
        if draft.complete:
            return
        try:
            plan = await self._plan if "plan" in spec.needs else None
        except ModelError:
            return  # the display waits for the plan too, and reports it
        tables = self._tables(None if spec.factual else plan)
        slots = self._slots(plan)
        instruction = prompts.section_instruction(spec, self.format, plan, slots)
        name, opening = f"section-{spec.key}", spec.prefill.format_map(slots)
        call = self._call(name, Role.SECTION, instruction, spec.max_tokens, opening=opening)

        async def attempt() -> None:
            asked = call
            if draft.on_screen or draft.units:
                draft.units = draft.units[: draft.shown]  # nobody has seen the rest
            if draft.units:
                shown = [f"- {unit.text}" if unit.kind is Kind.BULLET else unit.text for unit in draft.units]
                asked = self._call(
                    name, Role.SECTION, prompts.continue_instruction(instruction, shown), spec.max_tokens
                )
            async with self.slots.slot(self._priority(spec.key)):
                await write_draft(draft, self.model, asked, tables, self.accounts, started=self.started)
                if not draft.on_screen:
                    draft.hold(True)
                    await repair_draft(draft, self.model, call, tables, self.accounts)

        try:
            await call_with_retries(
                attempt, policy=self.settings.retries, on=_retryable, name=f"model.{name}"
            )
        except ModelConfigurationError:
            raise
        except (ModelError, UnusableDraftError) as error:
            self._give_up(draft, error)
            return
        draft.finish()
        self._checkpoint(draft)

    def _give_up(self, draft: Draft, error: CountryAgentsError) -> None:
        """The section stays as far as it came; the reader is told."""
        number = draft.spec.key
        part = "is incomplete" if draft.units else "could not be written"
        problem = f"Section {number} {part}. {error.user_message}"
        self.problems.append(problem)
        self.started.set()
        draft.finish(problem)

    def _checkpoint(self, draft: Draft) -> None:
        units = [[unit.kind.value, unit.text] for unit in draft.units]
        data = {"units": units, "complete": draft.complete}
        self.outbox.put_nowait(Checkpointed(f"section-{draft.spec.key}", data))

    # -- display ----------------------------------------------------------------------------------

    async def _display(self) -> None:
        """Put everything visible into the outbox, in order."""
        put = self.outbox.put_nowait
        put(StatusChanged("is reading the question …"))
        await self._first_text()
        first = True
        if self.format.frame:
            put(
                line_part(f"**{self.persona.display_name}:**", section="opening", cut=Cut.SECTION, first=True)
            )
            sentence = opening_sentence(self.persona, self.title, up_to_date=bool(self.evidence.retrieved))
            put(line_part(sentence, section="opening", last=True))
            first = False
        for number, spec in enumerate(self.format.sections, 1):
            await self._display_section(spec, number, first=first)
            first = False
        if self.format.frame:
            await self._display_closing()
        plan, outlook, watch = await self._plan, await self._outlook, await self._watch
        put(
            Finished(
                report(
                    self.evidence,
                    Data(plan, outlook, watch),
                    self.accounts.counts,
                    self.accounts.usage,
                    problems=self.problems,
                    demo_label=self.settings.demo_label,
                    model_name=self.model.name,
                    as_of=self.assignment.as_of,
                )
            )
        )

    async def _first_text(self) -> None:
        """Wait for the model's first words, or for the plan's failure if there are none."""
        started = asyncio.create_task(self.started.wait())
        waiting: set[asyncio.Task[Any]] = {started, self._plan}
        try:
            while not self.started.is_set():
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if self._plan.done():
                    await self._plan  # raises where the plan failed
                    return
        finally:
            started.cancel()

    async def _display_section(self, spec: SectionSpec, number: int, *, first: bool) -> None:
        put, draft = self.outbox.put_nowait, self.drafts[spec.key]
        total = len(self.format.sections)
        put(
            StatusChanged(
                f"is writing section {number} of {total} …" if self.format.numbered else "is writing …"
            )
        )
        plan = await self._plan if spec.needs else None
        slots = self._slots(plan)
        title = spec.title.format_map(slots)
        size = sum(len(unit.text.encode()) + 8 for unit in draft.units) if draft.complete else 0
        size = max(size + 300, spec.expected_bytes) if not draft.complete or spec.prints else size + 300
        title = f"{number}. {title}" if self.format.numbered else title
        put(heading_part(title, section=spec.key, section_bytes=size, first=first))
        renderer = SectionRenderer(
            spec.key,
            self._tables(None if spec.factual else plan),
            self.persona,
            self.settings.lexicon,
            self.accounts.counts,
            factual=spec.factual,
        )
        if spec.lead:
            put(
                renderer.render(Unit(Kind.PARAGRAPH, spec.lead.format_map(slots)))
                if not spec.factual
                else line_part(spec.lead.format_map(slots), section=spec.key)
            )
        if spec.words:
            await self._display_draft(draft, renderer)
        if not spec.prints_inside:
            await self._display_blocks(spec, renderer)
        if draft.problem:
            put(line_part(f"_{draft.problem}_", section=spec.key))
        put(Part("", Cut.NONE, spec.key, ends_section=True))

    async def _display_draft(self, draft: Draft, renderer: SectionRenderer) -> None:
        """Show units as they come; where blocks are printed inside, hold the last paragraph back."""
        spec, held = draft.spec, list[Unit]()
        while units := await draft.next_units():
            if not draft.complete:
                self._checkpoint(draft)
            for unit in units:
                if spec.prints_inside:
                    if unit.kind is not Kind.SENTENCE and held:
                        self._render(renderer, held)
                        held = []
                    held.append(unit)
                else:
                    self._render(renderer, [unit])
        if spec.prints_inside:
            await self._display_blocks(spec, renderer)
            self._render(renderer, held)

    def _render(self, renderer: SectionRenderer, units: list[Unit]) -> None:
        for unit in units:
            self.outbox.put_nowait(renderer.render(unit))

    async def _display_blocks(self, spec: SectionSpec, renderer: SectionRenderer) -> None:
        for block in spec.prints:
            calls = {"plan": self._plan, "outlook": self._outlook, "watch": self._watch}
            await calls[source_call(block)]
            data = Data(
                self._plan.result(),
                self._outlook.result() if self._outlook.done() else Outlook(),
                self._watch.result() if self._watch.done() else Watch(),
            )
            self._render(renderer, print_block(block, data))

    async def _display_closing(self) -> None:
        put, watch = self.outbox.put_nowait, await self._watch
        for line in closing_lines(watch, self.persona):
            put(line_part(line, section="closing", cut=Cut.SECTION))
        epigraph = self.persona.epigraph(watch.epigraph_id) or self.persona.epigraphs[0]
        put(line_part("\n".join(epigraph_lines(epigraph)), section="closing"))
        put(line_part(f"**{self.persona.display_name}**", section="closing"))
        put(line_part(self.settings.organisation, section="closing", last=True))


def _retryable(error: BaseException) -> bool:
    """Whether another attempt at the same call makes sense."""
    return isinstance(error, UnusableDraftError) or (isinstance(error, ModelError) and error.retryable)

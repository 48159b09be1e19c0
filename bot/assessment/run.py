"""One run of an assignment: what its stages share, and the events they put out."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeVar

import structlog

from bot.assessment import prompts
from bot.assessment.assessment_record import AssessmentRecord, RetrievalReport
from bot.assessment.changes import asks_what_changed
from bot.assessment.dialect import Unit
from bot.assessment.drafting import Accounts, UnusableDraftError
from bot.assessment.earlier import Earlier
from bot.assessment.events import Checkpointed, Event, Part, Withdrawn
from bot.assessment.formats import Format
from bot.assessment.languages import LANGUAGES
from bot.assessment.lexicon import Lexicon
from bot.assessment.open_answers import OPEN_ANSWERS, OpenAnswer, OpenAnswers
from bot.assessment.printing import source_call
from bot.assessment.references import Reference
from bot.assessment.slots import CallSlots
from bot.assessment.standing import Standing, banners
from bot.assessment.titles import event_kind, headline, title_slots
from bot.assessment.transcript import Transcript
from bot.assessment.values import Plan
from bot.assessment.wording import Tables, material_of
from bot.evidence.items import Retrieved, SourceFailure
from bot.evidence.table import EvidenceTable, fold, table_of_claims
from bot.llm.port import (
    Finished,
    JsonSchema,
    Model,
    ModelCall,
    ModelError,
    ModelRateLimitedError,
    ResumePoint,
    Role,
    Usage,
)
from bot.retrying import RetryPolicy, retrying
from bot.turns import Question, Quoted
from personas.persona import Persona

__all__ = ["Assignment", "EngineSettings", "Run"]

log = structlog.get_logger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the operator decides."""

    organisation: str
    lexicon: Lexicon
    calls_at_once: int
    retries: RetryPolicy
    demo_label: str = ""
    """Set for a model whose text is no assessment."""
    search_seconds: float = 8.0
    """Longest wait of section 1 and the plan for searches, where there is too little to write from."""
    sources_wanted: int = 12
    """Sources that are asked for; a retrieval may add a few that come late."""
    model_cutoff: date | None = None
    """Last day of the model's training data; ``None``: nobody has told it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One question to one persona in one format."""

    turn_id: str
    persona: Persona
    format: Format
    question: Question
    as_of: datetime
    """Time of the question, UTC."""
    earlier: Earlier | None = None
    """For the follow-up format: what it goes on from."""
    rests_on: AssessmentRecord | None = None
    """An answer whose evidence this one has, instead of a search of its own."""
    compared: tuple[Persona, ...] = ()
    """For the comparison format: whose views are compared, ``persona`` the first of them."""

    @property
    def rewriting(self) -> Earlier | None:
        """The assessment of which one section is written anew, where that is asked."""
        return self.earlier if self.earlier is not None and self.earlier.rewritten else None

    @property
    def searched_for(self) -> Question:
        """What sources are looked for: of "what changed since?" the assessment's own question. Its words may
        be forgotten by now; then what it came to.
        """
        earlier = self.earlier
        if earlier is None:
            return self.question
        of_comparison = bool(earlier.record.compared) and asks_what_changed(self.question.text)
        if not (earlier.rescored or of_comparison):
            return self.question
        asked, plan = earlier.record.question, earlier.record.plan
        if asked.text:
            return asked
        return Question(" ".join([plan.bottom_line, *(judgment.statement for judgment in plan.judgments)]))


class Run:
    """What the stages of one run share. Nothing of it outlives the run."""

    def __init__(
        self,
        model: Model,
        settings: EngineSettings,
        assignment: Assignment,
        checkpoints: Mapping[str, Mapping[str, Any]],
        answers: OpenAnswers | None = None,
    ) -> None:
        self.model = model
        self._answers = answers
        self.cancelling: set[asyncio.Task[None]] = set()
        """Answers being ended at the provider."""
        self.settings = settings
        self.assignment = assignment
        self.checkpoints = checkpoints
        self.persona, self.format = assignment.persona, assignment.format
        self.outbox: asyncio.Queue[Event | BaseException] = asyncio.Queue()
        self.accounts = Accounts(Counter(), Usage())
        self.problems: list[str] = []
        """Sentences on what could not be written."""
        self.calls = CallSlots(settings.calls_at_once)
        self.started = asyncio.Event()
        """Some model call has given its first text."""
        earlier = assignment.earlier
        self.evidence = _evidence_at_first(assignment)
        """Grows; ids once given keep their meaning."""
        self.frozen = 0
        """Sources at the front of the table that stand in the prefix; 0: it is not frozen yet."""
        self.searched = _searched(assignment.rests_on)
        """How retrieval goes, without its items; ``None``: nothing is searched."""
        self.citations: Counter[str] = Counter()
        """How often the text on screen cites each source."""
        self.supported: defaultdict[str, set[str]] = defaultdict(set)
        """The retrieved sources that the text on screen cites together with a claim, by the claim's id."""
        self.transcript = Transcript()
        """What is put out for readers."""
        self.card_tells_search = False
        asked = LANGUAGES.get(assignment.question.language)
        self.language = None if self.format.compact else asked
        """What prose is written in; ``None``: English, all that a small model can write."""
        self.title = headline(_read_question(self.evidence))
        self._system = prompts.system_text(self.persona, self.format, settings.organisation)
        self._context = ""
        self._late = ""
        self._material = material_of(self.evidence)
        if earlier is not None:
            self._material += fold(assignment.question.text)

    def put(self, event: Event | BaseException) -> None:
        """Give an event, or the error that ends the run, to the consumer."""
        if isinstance(event, Part):
            self.show(event)
            return
        if isinstance(event, Withdrawn):
            self.transcript.withdraw(event)
        self.outbox.put_nowait(event)

    async def shown(self, display: Callable[[], Awaitable[None]]) -> None:
        """Await what shows the answer; an error of it is handed to the consumer, who ends the run."""
        try:
            await display()
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.put(error)

    def show(self, part: Part) -> int:
        """Put out a part; its number."""
        self.outbox.put_nowait(part)
        return self.transcript.add(part)

    def checkpoint(self, key: str, data: Mapping[str, Any]) -> None:
        """Let the consumer keep work that must not be paid for twice."""
        self.put(Checkpointed(key, data))

    def unsaved(self) -> dict[str, Mapping[str, Any]]:
        """The checkpoints that the consumer did not take, and how far the open answers were read at last."""
        left: dict[str, Mapping[str, Any]] = {}
        while not self.outbox.empty():
            event = self.outbox.get_nowait()
            if isinstance(event, Checkpointed):
                left[event.key] = event.data
        if self._answers is not None and self._answers.stored:
            left[OPEN_ANSWERS] = self._answers.to_json()
        return left

    def freeze(self, sources: int | None = None) -> None:
        """Make the prefix, of the first so many sources (of all): it is the same in every call after that."""
        self.frozen = self.frozen or sources or len(self.evidence.sources)
        first = EvidenceTable(self.evidence.sources[: self.frozen], self.evidence.excerpts)
        self._context = prompts.context_text(
            first,
            self.format,
            self.assignment.as_of,
            horizon_months=self.assignment.question.horizon_months,
            language=self.language,
            model_cutoff=self.settings.model_cutoff,
        )
        self._tell_late()

    def grow(self, evidence: EvidenceTable) -> None:
        """Go on with this table, which begins with the present one."""
        self.evidence = evidence
        self._material = material_of(evidence)
        if self.frozen:
            self._tell_late()

    def _tell_late(self) -> None:
        late = self.evidence.sources[self.frozen :]
        text = prompts.late_text(EvidenceTable(late, self.evidence.excerpts), self.contrary_sources)
        self._late = "" if self.format.compact else text

    def uncite(self, unit: Unit) -> None:
        """Its text was shown and does not stand any more: neither does what it cites."""
        for reference in Reference.findall(unit.text):
            name = reference.strip("[]{}")
            excerpt = self.evidence.excerpt(name)
            self.citations[excerpt.source_id if excerpt else name] -= 1

    @property
    def contrary_sources(self) -> tuple[str, ...]:
        """Ids of the sources that the search for what speaks against the leading hypothesis found."""
        urls = self.searched.contrary_urls if self.searched else ()
        by_url = {source.url: source.id for source in self.evidence.retrieved}
        return tuple(by_url[url] for url in urls if url in by_url)

    def standing(self, *, prefix: bool = False, written: bool = False) -> Standing:
        """What the answer rests on; ``prefix``: on the sources that section 1 knows; ``written``: by what
        the text cites.
        """
        evidence = EvidenceTable(self.evidence.sources[: self.frozen]) if prefix else self.evidence
        citations = dict(self.citations) if written else None
        supported = {claim: frozenset(by) for claim, by in self.supported.items() if by} if written else {}
        cutoff = self.settings.model_cutoff
        return Standing(evidence, self.assignment.as_of, self.searched, citations, supported, cutoff)

    def first_banners(self) -> tuple[str, ...]:
        """What is known before anything was retrieved or planned."""
        return tuple(filter(None, [self.settings.demo_label]))

    def banners(self, plan: Plan, *, written: bool = False) -> tuple[str, ...]:
        """What a reader must know before reading on."""
        return banners(self.standing(written=written), plan, self.settings.demo_label)

    def tables(self, plan: Plan | None, persona: Persona | None = None) -> Tables:
        """The ids a call may use; without a plan there are no judgments to refer to. ``persona``: another
        than the run's.
        """
        judgments = {judgment.id: judgment for judgment in plan.judgments} if plan else {}
        terms = {term.id: term.native for term in (persona or self.persona).glossary}
        language = self.language.code if self.language else ""
        return Tables(self.evidence, judgments, terms, self._material, language)

    def names(self, plan: Plan | None) -> Mapping[str, str]:
        """The names that templates use."""
        return title_slots(
            self.persona,
            title=self.title,
            organisation=self.settings.organisation,
            counterparty=plan.counterparty if plan else "",
            stance=plan.stance if plan else "act",
        )

    def told_names(self, plan: Plan | None) -> Mapping[str, str]:
        """The same for instructions: the event by its kind alone. The person's own words reach a model as
        data, never as part of what it is told to do.
        """
        names = self.names(plan)
        return {**names, "it": event_kind(self.title) or "the event"}

    def call(
        self,
        name: str,
        role: Role,
        instruction: str,
        max_tokens: int,
        *,
        schema: JsonSchema | None = None,
        opening: str = "",
        system: str = "",
    ) -> ModelCall:
        """A model call: the turn's common prefix, what arrived after it, and this call's instruction.
        ``system``: instead of that of the run's persona.
        """
        instruction = f"{self._late}\n\n{instruction}" if self._late else instruction
        return ModelCall(
            turn_id=self.assignment.turn_id,
            name=name,
            role=role,
            system=system or self._system,
            context=self._context,
            instruction=instruction,
            max_output_tokens=max_tokens,
            schema=schema,
            opening=opening,
        )

    def begun(self, name: str) -> OpenAnswer | None:
        """The answer to this call that an earlier run was reading, if there is one, for ``stream`` to go on
        with. Offered once.
        """
        return None if self._answers is None else self._answers.take_up(name)

    def stream(
        self, call: ModelCall, begun: OpenAnswer | None = None, *, units_before: int = 0
    ) -> AsyncGenerator[str | Finished, None]:
        """The whole answer to a call (``Model.stream``). Where the provider goes on writing without us, it is
        checkpointed how far the answer was read, and one that was ``begun`` is read on; raises
        ``ModelForgottenError`` where that cannot be had any more. Who has kept the text says ``settled``.
        """
        if self._answers is None:
            return self.model.stream(call)
        return self._resumable(self._answers, call, begun, units_before)

    async def _resumable(
        self, answers: OpenAnswers, call: ModelCall, begun: OpenAnswer | None, units_before: int
    ) -> AsyncGenerator[str | Finished, None]:
        text, finished = "", False
        if begun is not None:
            text, units_before = begun.text, begun.units_before
            call = replace(call, resume=begun.point)
        try:
            if text:
                yield text
            async with aclosing(self.model.resumable(call)) as items:
                async for item in items:
                    if isinstance(item, ResumePoint):
                        if answers.note(call.name, OpenAnswer(item, text, units_before)):
                            self.checkpoint(OPEN_ANSWERS, answers.to_json())
                        continue
                    if isinstance(item, str):
                        text += item
                    finished = isinstance(item, Finished)
                    yield item
        except ModelError:
            answers.close(call.name)  # whoever raised it has ended the answer as well
            raise
        except GeneratorExit:
            # Closed by its reader, who has had enough of it. A run that is cancelled does not come by here:
            # that hits it while it waits for text, and the answer goes on for whoever takes the turn over.
            if not finished:
                self.drop(call.name)
            raise

    def lost(self, name: str) -> None:
        """An answer that was begun cannot be read on: the call is made again."""
        self.settled(name)
        log.warning("answer.not_resumed", turn_id=self.assignment.turn_id, call=name)

    def settled(self, name: str) -> None:
        """The answer's text is checkpointed in another form, or of no use."""
        if self._answers is not None:
            self._answers.close(name)

    def drop(self, name: str) -> None:
        """Nobody wants the rest of the answer: end it at the provider, in the background."""
        answer = None if self._answers is None else self._answers.close(name)
        if answer is not None:
            task = asyncio.create_task(self.model.cancel(answer.point), name=f"cancel-{name}")
            self.cancelling.add(task)
            task.add_done_callback(self.cancelling.discard)

    def priority(self, key: str) -> int:
        """Rank of a call in display order: the outlook behind section 4, which it closes, and so on."""
        sections = self.format.sections
        if key == "plan":
            # A small model runs one call at a time: the reader gets section 1 first.
            return 15 if self.format.compact else 5
        if key in ("outlook", "watch"):
            uses = (any(source_call(block) == key for block in spec.prints) for spec in sections)
            due = next((place for place, used in enumerate(uses, 1) if used), len(sections))
            return 10 * due + 5
        return 10 * (1 + [spec.key for spec in sections].index(key))

    async def retried(self, name: str, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Make attempts until one succeeds or the policy ends; only here is a model call repeated."""
        async for trial in retrying(
            self.settings.retries,
            on=_retryable,
            name=f"model.{name}",
            retry_after=_retry_after,
            turn_id=self.assignment.turn_id,
        ):
            with trial:
                return await attempt()
        raise AssertionError("unreachable: the last error is raised")


def _evidence_at_first(assignment: Assignment) -> EvidenceTable:
    """The table before anything is retrieved for this run."""
    if assignment.earlier is not None:
        return assignment.earlier.evidence
    if (record := assignment.rests_on) is not None:
        return EvidenceTable(record.sources, record.excerpts)
    return table_of_claims(assignment.question)


def _searched(record: AssessmentRecord | None) -> Retrieved | None:
    """How retrieval went for an answer whose evidence is taken over; ``None``: nothing was searched."""
    if record is None or record.retrieval == RetrievalReport():
        return None
    told, table = record.retrieval, EvidenceTable(record.sources)
    contrary = (source for name in told.contrary_sources if (source := table.source(name)))
    return Retrieved(
        queries=told.queries,
        sources_total=told.sources_total,
        failures=tuple(SourceFailure(*failure) for failure in told.failures),
        stored_items=told.stored_items,
        contrary_queries=told.contrary_queries,
        contrary_urls=tuple(source.url for source in contrary if source.url),
    )


def _read_question(claims: EvidenceTable) -> Question:
    """The question as the table of claims has it."""
    asked, *forwarded = claims.sources
    return Question(asked.text, tuple(Quoted(source.publisher, source.text) for source in forwarded))


def _retry_after(error: BaseException) -> float | None:
    """The seconds a provider asks us to wait."""
    return error.retry_after_seconds if isinstance(error, ModelRateLimitedError) else None


def _retryable(error: BaseException) -> bool:
    """Whether another attempt at the same call makes sense."""
    return isinstance(error, UnusableDraftError) or (isinstance(error, ModelError) and error.retryable)

"""One section's draft: the call, the units as they come, the checks, the repairs.

A draft that is not on screen yet may be repaired anywhere. Of a draft on screen, what the reader has
seen stays: when its call breaks off, another one goes on after the last unit.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from bot.assessment.dialect import Kind, SectionParser, Unit
from bot.assessment.facts import as_fact
from bot.assessment.formats import SectionSpec
from bot.assessment.prompts import data_block
from bot.assessment.section_checks import find_defect, mend
from bot.assessment.wording import Tables, clean, jaccard
from bot.errors import CountryAgentsError
from bot.llm.port import Finished, FinishReason, Model, ModelCall, ModelForgottenError, Usage

__all__ = [
    "CHARS_A_TOKEN",
    "REPAIRS",
    "Accounts",
    "Draft",
    "UnusableDraftError",
    "repair_draft",
    "write_draft",
]

REPAIRS = 2
"""Repair rounds a section at most (analysis standard, 2.4)."""
CHARS_A_TOKEN = 8
"""Characters a token at the very most in the languages we write: a model that sends more than its
token limit's worth is not counting, and is cut off here."""
SAME = 0.9
"""Token overlap from which two bullets of a section are one and the same: a model that goes in circles.
The standard's stricter bounds (ST6) ask for a repair, not for silent removal."""


class UnusableDraftError(CountryAgentsError):
    """The model's text holds nothing that can be shown."""

    user_message = "The language model gave nothing usable for a part of this answer."


@dataclass(slots=True)
class Accounts:
    """What one run has used and corrected."""

    counts: Counter[str]
    usage: Usage
    models: set[str] = field(default_factory=set)
    """Names of the models that wrote."""

    def add(self, finished: Finished) -> None:
        """Add one call's tokens, and who answered it."""
        usage = finished.usage
        if finished.model:
            self.models.add(finished.model)
        self.usage = Usage(
            self.usage.input_tokens + usage.input_tokens,
            self.usage.cached_tokens + usage.cached_tokens,
            self.usage.output_tokens + usage.output_tokens,
        )


class Draft:
    """The units of one section, growing; one writer, one reader."""

    def __init__(self, spec: SectionSpec, units: Iterable[Unit] = (), *, complete: bool = False) -> None:
        self.spec = spec
        self.units: list[Unit] = list(units)
        self.complete = complete
        self.problem = ""
        """A sentence, when the section could not be written."""
        self.withdrawn: dict[int, tuple[str, ...]] = {}
        """Units that readers have had and must not go on reading, by number: ids of the checks they fail."""
        self.shown = len(self.units) if not complete else 0
        """Units the reader has: they can no longer change."""
        self._taken = 0
        """Units given out by this run: one that goes on where another ended shows everything again."""
        self._held = False
        self._changed = asyncio.Event()

    @property
    def on_screen(self) -> bool:
        """Whether the reader has part of it."""
        return self.shown > 0

    @property
    def standing(self) -> list[Unit]:
        """The units without those that were taken back."""
        return [unit for number, unit in enumerate(self.units) if number not in self.withdrawn]

    def take_back(self, failing: Mapping[int, tuple[str, ...]]) -> None:
        """Take back the units with these numbers; those that no reader has are as if never written."""
        self.withdrawn |= {number: ids for number, ids in failing.items() if number < self.shown}
        self.units = [
            unit for number, unit in enumerate(self.units) if number < self.shown or number not in failing
        ]

    def extend(self, units: Iterable[Unit]) -> None:
        """Add units at the end."""
        self.units.extend(units)
        self._changed.set()

    def hold(self) -> None:
        """Until it is finished, a reader who has nothing yet is given nothing: the draft is being mended."""
        self._held = True

    def finish(self, problem: str = "") -> None:
        """No more units will come."""
        self.problem = problem
        self.complete = True
        self._held = False
        self._changed.set()

    async def ready(self) -> None:
        """Wait until ``next_units`` would return at once."""
        while not self.complete and (len(self.units) == self._taken or (self._held and not self.on_screen)):
            self._changed.clear()
            await self._changed.wait()

    async def next_units(self) -> list[Unit]:
        """The units not taken yet, as soon as there are some; empty when the draft is complete and
        all are taken.
        """
        await self.ready()
        taken = self.units[self._taken :]
        self._taken = len(self.units)
        self.shown = max(self.shown, self._taken)
        return taken


async def write_draft(
    draft: Draft,
    answer: AsyncGenerator[str | Finished, None],
    call: ModelCall,
    tables: Tables,
    accounts: Accounts,
    *,
    started: asyncio.Event,
    units_before: int | None = None,
) -> None:
    """One attempt at a section: take the call's ``answer`` in, parse, clean, extend the draft. Raises
    ``ModelError`` where the model fails and ``UnusableDraftError`` where nothing of its text can be shown.

    ``units_before``: of an answer that an earlier run began, how many units the draft had then. What the
    draft has since then must come out of it again; ``ModelForgottenError`` where it does not.
    """
    begun_with = len(draft.units) if units_before is None else units_before
    intake = _Intake(draft, call, tables, accounts, begun_with)
    reason = FinishReason.STOP
    async with aclosing(answer) as stream:
        async for item in stream:
            if isinstance(item, Finished):
                reason = item.reason
                accounts.add(item)
                break
            started.set()
            if not intake.take(item):
                accounts.counts["endless"] += 1
                reason = FinishReason.LENGTH
                break
    intake.close(whole=reason is FinishReason.STOP)
    if len(draft.units) == begun_with:
        going_on = begun_with and reason is FinishReason.STOP
        if going_on and (intake.empty or find_defect(draft.spec, draft.units) is None):
            return  # asked to go on after its last line, the model had nothing to add
        accounts.counts["unusable_draft"] += 1
        raise UnusableDraftError("nothing left after the checks")


async def repair_draft(
    draft: Draft, model: Model, call: ModelCall, tables: Tables, accounts: Accounts
) -> int:
    """Check a draft that is not on screen, and have its failing part written again, twice at most.
    Returns the rounds it took.
    """
    for done in range(REPAIRS):
        defect = find_defect(draft.spec, draft.units)
        if defect is None or draft.on_screen:
            return done
        accounts.counts[f"repair_{defect.id}"] += 1
        so_far = "\n".join(_as_markdown(draft.units))
        drafted = data_block("the section so far", so_far)
        instruction = f"{call.instruction}\n{drafted}\n{defect.request}"
        # Begun with what is there, so that a repair cannot repeat it.
        addition = Draft(draft.spec, draft.units)
        again = replace(call, instruction=instruction, name=f"{call.name}-repair", opening="")
        try:
            await write_draft(addition, model.stream(again), again, tables, accounts, started=asyncio.Event())
        except UnusableDraftError:
            return done + 1
        written = addition.units[len(draft.units) :]
        if not written:
            return done + 1
        draft.units = mend(draft.units, defect, written)
    return REPAIRS


def _looks_like_json(head: str) -> bool:
    start = head.lstrip()
    return start[0] == "{" or bool(re.match(r"\[\s*[\"{\[]|```+\s*json", start))


def _whole(units: Sequence[Unit]) -> list[Unit]:
    """What a cut-off text ends with: a unit that does not close with a full stop is half a unit."""
    kept = []
    for unit in units:
        end = max(unit.text.rfind(mark) for mark in ".?!。")
        if unit.kind is not Kind.HEADING and end > 20:
            kept.append(replace(unit, text=unit.text[: end + 1]))
    return kept


def _as_markdown(units: Iterable[Unit]) -> list[str]:
    marks = {Kind.HEADING: "### ", Kind.BULLET: "- "}
    return [f"{marks.get(unit.kind, '')}{unit.text}" for unit in units]


class _Intake:
    """Takes a call's text into a draft, piece by piece."""

    def __init__(
        self, draft: Draft, call: ModelCall, tables: Tables, accounts: Accounts, units_before: int
    ) -> None:
        self._draft = draft
        self._known = draft.units[units_before:]
        """Units of the draft that this answer gave an earlier run, and gives again."""
        self._counts = accounts.counts
        self._parser = SectionParser()
        self._filter = _UnitFilter(draft.spec, tables, accounts, draft.units[:units_before])
        self._left = call.max_output_tokens * CHARS_A_TOKEN
        self._head = ""
        self._is_json: bool | None = None
        if call.opening:
            self._give(call.opening)

    @property
    def empty(self) -> bool:
        """Whether no word has come."""
        return self._is_json is None

    def take(self, text: str) -> bool:
        """Take more text; False where the model has sent more than it may."""
        self._left -= len(text)
        if self._is_json is None:
            text = self._head = self._head + text
            if text.strip():
                self._is_json = _looks_like_json(text)
        if self._is_json is False:
            self._give(text)
        return self._left >= 0

    def close(self, *, whole: bool) -> None:
        """The text is complete, or it was cut off."""
        if self._is_json:
            self._counts["json_for_markdown"] += 1
            raise UnusableDraftError("JSON where Markdown is due")
        rest = self._parser.close()
        self._counts.update(self._parser.dropped)
        if not whole:
            self._counts["cut_off"] += 1
            rest = _whole(rest)
        self._extend(rest)
        if self._known:
            raise ModelForgottenError("the answer ends before what was shown of it")

    def _give(self, text: str) -> None:
        if units := self._parser.feed(text):
            self._extend(units)

    def _extend(self, units: Iterable[Unit]) -> None:
        accepted = self._filter.accept(units)
        known, self._known = self._known[: len(accepted)], self._known[len(accepted) :]
        if accepted[: len(known)] != known:
            raise ModelForgottenError("what was shown does not come out of the answer again")
        self._draft.extend(accepted[len(known) :])


class _UnitFilter:
    """Shapes units to the section's form and cleans their text."""

    def __init__(self, spec: SectionSpec, tables: Tables, accounts: Accounts, before: Sequence[Unit]) -> None:
        self._spec = spec
        self._tables = tables
        self._counts = accounts.counts
        self._first = not before
        self._heading: Unit | None = None
        """A heading is held until something stands under it."""
        self._bullets = [unit.text for unit in before if unit.kind is Kind.BULLET]

    def accept(self, units: Iterable[Unit]) -> list[Unit]:
        """The units that can be shown."""
        accepted = []
        for unit in units:
            shaped = self._shape(unit)
            if shaped is None:
                continue
            text = clean(shaped.text, self._tables, self._counts, heading=shaped.kind is Kind.HEADING)
            if text is not None and self._spec.factual and shaped.kind is Kind.BULLET:
                text = as_fact(text, self._tables, self._counts)
            if text is None or (shaped.kind is Kind.BULLET and self._repeats(text)):
                continue
            shaped = Unit(shaped.kind, self._finish(text, shaped.kind))
            if shaped.kind is Kind.HEADING:
                if self._heading is not None:
                    self._counts["empty_part"] += 1
                self._heading = shaped
                continue
            if self._heading:
                accepted.append(self._heading)
                self._heading = None
            accepted.append(shaped)
            self._first = False
        return accepted

    def _shape(self, unit: Unit) -> Unit | None:
        """The unit in a form the section has, or ``None`` where it has none."""
        spec = self._spec
        prose = unit.kind in (Kind.PARAGRAPH, Kind.SENTENCE)
        if unit.kind is Kind.HEADING and not spec.subs[1]:
            self._counts["extra_heading"] += 1
            return None
        if unit.kind is Kind.BULLET and not spec.bullets[1]:
            return Unit(Kind.PARAGRAPH, unit.text)
        if prose and spec.lead and self._first and unit.text.endswith(":"):
            self._counts["extra_lead"] += 1
            return None
        if prose and spec.factual:
            return Unit(Kind.BULLET, unit.text)  # a fact a line, so that each carries its source
        return unit

    def _finish(self, text: str, kind: Kind) -> str:
        if kind is Kind.HEADING:
            return text.rstrip(".:")
        if self._spec.starts_with and self._first:
            start = self._spec.starts_with
            text = re.sub(rf"^{re.escape(start.rstrip(':'))}\s*[:,]?\s*", "", text, flags=re.IGNORECASE)
            return f"{start} {text[:1].upper()}{text[1:]}"
        if self._spec.labelled and kind is Kind.BULLET:
            return re.sub(r"^\**([^:*]{2,60}?)\**\s*:\**\s+", r"**\1:** ", text, count=1)
        return text

    def _repeats(self, text: str) -> bool:
        text = re.sub(r"^[^:]{2,60}:\**\s+", "", text)  # the same sentence under another label is no new one
        if any(jaccard(text, known) >= SAME for known in self._bullets):
            self._counts["repetition"] += 1
            return True
        self._bullets.append(text)
        return False

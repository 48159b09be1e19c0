"""Showing a run: everything visible, in display order, as parts."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.checks.table import check_record, reason_of
from bot.assessment.data_stage import DataStage
from bot.assessment.dialect import Kind, Unit
from bot.assessment.drafting import Draft
from bot.assessment.earlier import Earlier
from bot.assessment.events import Cut, Finished, Part, Report, StatusChanged, Withdrawn
from bot.assessment.formats import SectionSpec
from bot.assessment.premise import HYPOTHETICAL, contradiction_units, premise_units
from bot.assessment.printing import Data, closing_lines, epigraph_lines, print_block, source_call
from bot.assessment.recording import close_accounts
from bot.assessment.rendering import SectionRenderer, heading_part, line_part
from bot.assessment.reporting import source_line, version_report, with_checks
from bot.assessment.rewriting import new_version_line, with_new_version
from bot.assessment.run import Run
from bot.assessment.section_stage import SectionStage
from bot.assessment.standing import is_up_to_date
from bot.assessment.titles import opening_sentence
from bot.assessment.values import Plan

__all__ = ["Display"]

PREMISE_SECONDS = 3.0
"""Longest wait of a first fact that is ready for the plan's head: both calls begin at the same time, and the
head is its first eighty tokens, so that this passes only where the plan's call had to be made again."""
HEADING_BYTES = 300
"""UTF-8 bytes set aside for a section's title and lead."""
LINK_BYTES = 90
"""UTF-8 bytes set aside for a link: a news address has about eighty."""
LINKS_A_SECTION = 6
"""Links expected in a section; each source is linked once in it."""


class Display:
    """Puts everything visible into the run's outbox, and ``Finished`` last."""

    def __init__(self, run: Run, data: DataStage, sections: SectionStage) -> None:
        self._run = run
        self._data = data
        self._sections = sections
        self.task = asyncio.create_task(run.shown(self._show), name="display")

    async def _show(self) -> None:
        run = self._run
        run.put(StatusChanged("is reading the question …"))
        await self._first_text()
        first = True
        if run.format.frame:
            name, sentence = self._opening()
            run.put(line_part(name, section="opening", cut=Cut.SECTION, first=True))
            run.put(line_part(sentence, section="opening", last=True))
            first = False
        if (earlier := run.assignment.rewriting) is not None:
            line = f"**{run.persona.display_name}:** {new_version_line(earlier)}"
            run.put(line_part(line, section="opening", cut=Cut.SECTION, first=True, last=True))
            first = False
        for number, spec in enumerate(run.format.sections, 1):
            await self._show_section(spec, number, first=first)
            first = False
        if run.format.frame:
            await self._show_closing()
        await self._data.needed("outlook")
        run.put(await self._finished(await self._data.needed("watch")))

    async def _finished(self, data: Data) -> Finished:
        """The accounts of the whole, which is held against the standard as it was shown."""
        run = self._run
        drafts = {key: draft.standing for key, draft in self._sections.drafts.items()}
        accounts, record = close_accounts(run, data, drafts)
        if (earlier := run.assignment.rewriting) is not None:
            return await self._rewritten(earlier, accounts, record)
        if run.assignment.earlier is not None:  # the standard is for assessments
            return Finished(accounts, record)
        # In a thread: it computes for a quarter of a second, and other threads' text must not wait for that.
        results = await asyncio.to_thread(check_record, record, run.persona)
        return Finished(with_checks(accounts, results, demo=record.demo), record)

    def _opening(self) -> tuple[str, str]:
        """The lines above an assessment."""
        run = self._run
        up_to_date = is_up_to_date(run.standing(prefix=True))
        sentence = opening_sentence(run.persona, run.title, up_to_date=up_to_date)
        return f"**{run.persona.display_name}:**", sentence

    async def _rewritten(self, earlier: Earlier, accounts: Report, written: AssessmentRecord) -> Finished:
        """The stored assessment with the new version in it, held against the standard as a whole. What could
        not be written leaves it as it was.
        """
        whole = earlier.record
        if not accounts.problems:
            whole = with_new_version(whole, written, earlier.rewritten)
        # What holds the person's words is not stored with it, and stood above the first version.
        shown = replace(whole, title=self._run.title, opening=self._opening())
        results = await asyncio.to_thread(check_record, shown, self._run.persona)
        accounts = with_checks(version_report(accounts, earlier), results, demo=whole.demo)
        return Finished(accounts, whole)

    async def _first_text(self) -> None:
        """Wait for the model's first words; raises where the plan fails before there are any. A section that
        is written anew is waited for whole: it is mended before anything of it is shown.
        """
        earlier = self._run.assignment.earlier
        ready = asyncio.create_task(self._drafts_ready()) if earlier else self._data.plan
        if self._run.assignment.rewriting is not None:
            await ready
            return
        started = asyncio.create_task(self._run.started.wait())
        waiting: set[asyncio.Task[Any]] = {started, ready}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
            if earlier is not None:
                ready.cancel()
        if not self._run.started.is_set():
            await ready

    async def _drafts_ready(self) -> None:
        await asyncio.gather(*(draft.ready() for draft in self._sections.drafts.values()))

    async def _show_section(self, spec: SectionSpec, number: int, *, first: bool) -> None:
        run, draft = self._run, self._sections.drafts[spec.key]
        run.put(StatusChanged(f"is writing {self._place_of(spec, number)}…"))
        plan = await self._data.plan if spec.needs else None
        names = run.names(plan)
        size = self._size(draft, plan)
        if spec.title:
            title = self._title_of(spec, number, names)
            run.put(heading_part(title, section=spec.key, section_bytes=size, first=first))
        else:
            name = f"**{run.persona.display_name}:**"
            run.put(line_part(name, section=spec.key, cut=Cut.SECTION, first=first))
        if spec.lead:
            run.put(line_part(spec.lead.format_map(names), section=spec.key))
        if plan is not None and plan.premise == "hypothetical" and not spec.factual:
            run.put(line_part(f"_{HYPOTHETICAL}_", section=spec.key))
        renderer = self._renderer(spec, plan)
        head = await self._show_premise(renderer, draft) if spec.factual else None
        last = await self._show_draft(draft, renderer)
        printed = 0
        for block in spec.prints:
            units = print_block(block, await self._data.needed(source_call(block)))
            printed += len(units)
            self._render(renderer, units)
        if not spec.words and not printed:
            self._nothing_to_print(spec)
        self._render(renderer, last)
        follows_up = run.assignment.earlier is not None
        if spec.factual or (first and not self._has_facts and not follows_up):
            await self._show_contradictions(renderer, head)
        self._show_new_sources(spec, known=run.assignment.earlier)
        if draft.problem:
            run.put(line_part(f"_{draft.problem}_", section=spec.key))
        run.put(Part("", Cut.NONE, spec.key, ends_section=True))

    def _place_of(self, spec: SectionSpec, number: int) -> str:
        """For the status line: "section 3 of 8 "; nothing where sections have no numbers."""
        run = self._run
        if run.assignment.rewriting is not None:
            return f"section {spec.key} anew "
        return f"section {number} of {len(run.format.sections)} " if run.format.numbered else ""

    def _title_of(self, spec: SectionSpec, number: int, names: Mapping[str, str]) -> str:
        """The heading, with its number; of a new version that of the old one."""
        if (earlier := self._run.assignment.rewriting) is not None:
            stored = earlier.record.section(spec.key)
            return stored.title if stored and stored.title else f"{spec.key}. {spec.title.format_map(names)}"
        title = spec.title.format_map(names)
        return f"{number}. {title}" if self._run.format.numbered else title

    @property
    def _has_facts(self) -> bool:
        return any(spec.factual for spec in self._run.format.sections)

    async def _show_premise(self, renderer: SectionRenderer, draft: Draft) -> Plan | None:
        """The first bullet says where the question is not about the present any more. A reader whose first
        fact is ready is not kept waiting for long; what is not known by then stands at the section's end.
        """
        run = self._run
        if run.format.compact:
            return None
        await draft.ready()
        head = await self._data.premise(PREMISE_SECONDS)
        if head is not None:
            self._print(renderer, premise_units(head, run.evidence, run.assignment.as_of.date()))
        return head

    async def _show_contradictions(self, renderer: SectionRenderer, head: Plan | None) -> None:
        """What speaks against the question: it is the plan that knows."""
        run = self._run
        plan = head or await self._data.plan
        if head is None:
            self._print(renderer, premise_units(plan, run.evidence, run.assignment.as_of.date()))
        self._print(renderer, contradiction_units(plan, run.evidence))

    def _show_new_sources(self, spec: SectionSpec, *, known: Earlier | None) -> None:
        """Behind a follow-up: which of the sources it cites the assessment did not have."""
        if known is None:
            return
        run, before = self._run, {source.id for source in known.record.sources}
        new = [each for each in run.evidence.sources if each.id not in before and run.citations[each.id]]
        if new:
            told = "; ".join(source_line(source) for source in new)
            run.put(line_part(f"**New since the assessment:** {told}", section=spec.key))

    def _print(self, renderer: SectionRenderer, units: list[Unit]) -> None:
        for unit in units:
            self._run.put(renderer.render(unit, ours=True))

    async def _show_draft(self, draft: Draft, renderer: SectionRenderer) -> list[Unit]:
        """Show units as they come. Returns the last paragraph unshown where the section has blocks that
        stand before it.
        """
        held: list[Unit] = []
        numbers: list[int] = []
        """Of the parts that the draft's units became."""
        paragraphs = 0
        while units := await draft.next_units():
            if not draft.complete:
                self._sections.checkpoint(draft)  # before it is shown: a torn section is continued from here
            for unit in units:
                starts = unit.kind is not Kind.SENTENCE
                paragraphs += starts
                held.append(unit)
                if starts or not draft.spec.prints_inside:
                    numbers += self._render(renderer, held, but=1 if draft.spec.prints_inside else 0)
        if paragraphs == 1:
            numbers += self._render(renderer, held)  # a verdict of one paragraph stands before all else
        return self._take_back(draft, numbers, held)

    def _take_back(self, draft: Draft, numbers: Sequence[int], held: list[Unit]) -> list[Unit]:
        """Withdraw what was shown and must not stand; what is left of the units held back."""
        for place, ids in draft.withdrawn.items():
            if place < len(numbers):
                self._run.accounts.counts.update({f"withdrawn_{check_id}" for check_id in ids})
                self._run.uncite(draft.units[place])
                self._run.put(Withdrawn(numbers[place], reason_of(ids)))
        return [unit for place, unit in enumerate(held, len(numbers)) if place not in draft.withdrawn]

    def _nothing_to_print(self, spec: SectionSpec) -> None:
        """A section made of data, and there is none: say so where the reader looks for it."""
        sentence = "Nothing could be read from the language model’s answer for this section."
        self._run.problems.append(f"Section {spec.key}: {sentence[0].lower()}{sentence[1:]}")
        self._run.put(line_part(f"_{sentence}_", section=spec.key))

    def _renderer(self, spec: SectionSpec, plan: Plan | None, *, rehearsal: bool = False) -> SectionRenderer:
        """The section's renderer; one for a rehearsal counts nothing."""
        run = self._run
        return SectionRenderer(
            spec.key,
            run.tables(None if spec.factual else plan),
            run.persona,
            run.settings.lexicon,
            Counter() if rehearsal else run.accounts.counts,
            factual=spec.factual,
            cited=Counter() if rehearsal else run.citations,
            supported=defaultdict(set) if rehearsal else run.supported,
        )

    def _size(self, draft: Draft, plan: Plan | None) -> int:
        """UTF-8 bytes of a section, links included: measured where it is drafted, what its format expects
        where it is not.
        """
        spec = draft.spec
        if not draft.complete:
            links = min(len(self._run.evidence.urls), LINKS_A_SECTION)
            return spec.expected_bytes + links * LINK_BYTES
        renderer = self._renderer(spec, plan, rehearsal=True)
        drafted = sum(len(renderer.render(unit).text.encode()) for unit in draft.units)
        return drafted + (spec.expected_bytes if spec.prints else HEADING_BYTES)

    def _render(self, renderer: SectionRenderer, units: list[Unit], *, but: int = 0) -> list[int]:
        """Put out the units and take them from the list, except the last ``but``; the parts' numbers."""
        numbers = []
        while len(units) > but:
            numbers.append(self._run.show(renderer.render(units.pop(0))))
        return numbers

    async def _show_closing(self) -> None:
        run, watch = self._run, await self._data.watch
        for line in closing_lines(watch, run.persona):
            run.put(line_part(line, section="closing", cut=Cut.SECTION))
        epigraph = run.persona.epigraph(watch.epigraph_id) or run.persona.epigraphs[0]
        run.put(line_part("\n".join(epigraph_lines(epigraph)), section="closing"))
        run.put(line_part(f"**{run.persona.display_name}**", section="closing"))
        run.put(line_part(run.settings.organisation, section="closing", last=True))

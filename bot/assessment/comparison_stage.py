"""A comparison's run: hypotheses for all, a view of each persona side by side, then what we make of them.

Shown in the order in which the personas were named, so that another run prints the same. A view that fails
is missing with a sentence on why; the others are compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bot.assessment import demo, prompts
from bot.assessment.comparison import Comparison, View
from bot.assessment.comparison_calls import (
    FRAME_TOKENS,
    VIEW_TOKENS,
    desk_text,
    frame_instruction,
    frame_schema,
    read_frame,
    read_view,
    view_instruction,
    view_schema,
)
from bot.assessment.comparison_text import (
    agreement_units,
    bottom_line,
    hypothesis_units,
    legend,
    table_rows,
    view_units,
)
from bot.assessment.data_calls import DataReader
from bot.assessment.dialect import Unit
from bot.assessment.events import CardChanged, Cut, Finished, Part, StatusChanged
from bot.assessment.evidence_stage import EvidenceStage
from bot.assessment.json_calls import GIVEN_UP, JsonCall, ask_json, ask_json_or_give_up
from bot.assessment.premise import contradiction_units, premise_units
from bot.assessment.printing import Data
from bot.assessment.recording import close_accounts
from bot.assessment.rendering import SectionRenderer, heading_part, line_part
from bot.assessment.run import Run
from bot.assessment.standing import corroborated, evidence_line
from bot.assessment.values import Outlook, Plan, Watch
from personas.persona import Persona

__all__ = ["FRAME", "ComparisonStage", "view_name"]

FRAME = "frame"
"""Name of the call for hypotheses, and of its checkpoint."""
HYPOTHESES_SECTION, AGREEMENT_SECTION = "hypotheses", "agreement"
SECTION_BYTES = 1_400
"""UTF-8 bytes expected of one persona's section: a judgment, its scores, four reasons with their links."""


def view_name(code: str) -> str:
    """Name of the call for a persona's view, and of its checkpoint."""
    return f"view-{code}"


class ComparisonStage:
    """The calls of one comparison as tasks, and the display that puts everything into the run's outbox. Where
    the run rests on an earlier comparison of the question, only what that lacks is asked for.
    """

    def __init__(self, run: Run, evidence: EvidenceStage) -> None:
        self._run = run
        self._evidence = evidence
        self._personas = run.assignment.compared
        record = run.assignment.rests_on
        self._before = record.comparison if record is not None else None
        self._plan_before = record.plan if record is not None else Plan()
        self._units: dict[str, list[Unit]] = {}
        """What was shown, by section."""
        self._framed = asyncio.create_task(self._frame(), name=FRAME)
        self._views = {
            persona.code: asyncio.create_task(self._view(place, persona), name=view_name(persona.code))
            for place, persona in enumerate(self._personas, 1)
        }
        self._display = asyncio.create_task(run.shown(self._show), name="display")

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        """All of them, to be cancelled together."""
        return [self._framed, *self._views.values(), self._display]

    # Calls ----------------------------------------------------------------------------------------------

    async def _frame(self) -> tuple[Plan, Comparison]:
        """The premise as a plan without judgments, and the comparison without views."""
        run = self._run
        await self._evidence.ready()
        codes = tuple(persona.code for persona in self._personas)
        if self._before is not None:
            return self._plan_before, replace(self._before, personas=codes, views=())
        data = await self._frame_data()
        reader = self._reader(run.persona)
        hypotheses, until = read_frame(data, reader)
        plan = replace(reader.premise(data), hypotheses=hypotheses)
        if not run.format.compact:
            await self._evidence.look_against(plan)
        # What came meanwhile stands in front of every view alike, and then no more: one table for all.
        await self._evidence.latest()
        return plan, Comparison(codes, hypotheses, until)

    async def _frame_data(self) -> dict[str, Any]:
        run = self._run
        if run.format.compact:
            return {"hypotheses": list(demo.HYPOTHESES)}
        system = desk_text(self._personas, run.settings.organisation)
        call = JsonCall(FRAME, frame_schema(), frame_instruction(), FRAME_TOKENS, 0, system=system)
        return await ask_json(run, call)

    async def _view(self, place: int, persona: Persona) -> View | str:
        """A persona's view, or a sentence on why it is missing."""
        run = self._run
        _, comparison = await self._framed
        if self._before is not None and (view := self._before.view(persona.code)) is not None:
            return view
        data = await ask_json_or_give_up(run, self._view_call(place, persona, comparison))
        if reason := data.get(GIVEN_UP):
            return f"The view of {persona.code} is missing. {reason}"
        view = read_view(data, comparison.hypotheses, self._reader(persona), run.settings.lexicon)
        if view is None:
            return f"The view of {persona.code} could not be read and is missing."
        if view.confidence == "high" and not corroborated(run.standing(), persona):
            run.accounts.counts["confidence_capped"] += 1
            view = replace(view, confidence="moderate")
        return view

    def _view_call(self, place: int, persona: Persona, comparison: Comparison) -> JsonCall:
        run, name = self._run, view_name(persona.code)
        system = prompts.system_text(persona, run.format, run.settings.organisation)
        if run.format.compact:
            other = demo.counterparty(run.evidence, persona)
            return JsonCall(
                name,
                demo.data_schema("view", persona, other),
                demo.data_instruction("view", persona, other),
                run.format.plan_tokens,
                place,
                system,
                lambda data: demo.expanded("view", data, other),
            )
        schema = view_schema(comparison.hypotheses, persona)
        instruction = view_instruction(comparison.hypotheses, comparison.until, persona)
        return JsonCall(name, schema, instruction, VIEW_TOKENS, place, system)

    def _reader(self, persona: Persona) -> DataReader:
        run = self._run
        today = run.assignment.as_of.date()
        return DataReader(run.format, persona, run.tables(None, persona), today, run.accounts.counts)

    # Display --------------------------------------------------------------------------------------------

    async def _show(self) -> None:
        run = self._run
        run.put(StatusChanged("is reading the question …"))
        plan, comparison = await self._framed
        units = [
            *premise_units(plan, run.evidence, run.assignment.as_of.date()),
            *contradiction_units(plan, run.evidence),
            *hypothesis_units(comparison),
        ]
        self._show_section(HYPOTHESES_SECTION, "The hypotheses", units, run.persona, first=True)
        views: list[View] = []
        for place, persona in enumerate(self._personas, 1):
            run.put(StatusChanged(f"is weighing the hypotheses: {place} of {len(self._personas)} …"))
            view = await self._views[persona.code]
            if isinstance(view, str):
                run.problems.append(view)
                self._show_section(persona.code, persona.display_name, [], persona, note=view)
                continue
            views.append(view)
            shown = view_units(view, persona, run.settings.lexicon)
            self._show_section(persona.code, persona.display_name, shown, persona)
        comparison = replace(comparison, views=tuple(views))
        plan = replace(plan, bottom_line=bottom_line(comparison))
        run.put(self._card(plan, comparison))
        title = "Where they agree and differ"
        self._show_section(AGREEMENT_SECTION, title, agreement_units(comparison), run.persona)
        run.put(self._finished(plan, comparison))

    def _show_section(
        self,
        key: str,
        title: str,
        units: Iterable[Unit],
        persona: Persona,
        *,
        note: str = "",
        first: bool = False,
    ) -> None:
        run = self._run
        self._units[key] = list(units)
        run.put(heading_part(title, section=key, section_bytes=SECTION_BYTES, first=first))
        renderer = SectionRenderer(
            key,
            run.tables(None, persona),
            persona,
            run.settings.lexicon,
            run.accounts.counts,
            cited=run.citations,
            supported=run.supported,
        )
        for unit in self._units[key]:
            run.put(renderer.render(unit, ours=True))
        if note:
            run.put(line_part(f"_{note}_", section=key))
        run.put(Part("", Cut.NONE, key, ends_section=True))

    def _card(self, plan: Plan, comparison: Comparison) -> CardChanged:
        run = self._run
        rows = table_rows(comparison) if comparison.views else ()
        return CardChanged(
            plan.bottom_line, run.banners(plan), evidence_line(run.standing()), rows, legend(comparison)
        )

    def _finished(self, plan: Plan, comparison: Comparison) -> Finished:
        views, hypotheses = len(comparison.views), len(comparison.hypotheses)
        judged = f"{views} view{'' if views == 1 else 's'} of {hypotheses} hypotheses"
        data = Data(plan, Outlook(), Watch())
        accounts, record = close_accounts(self._run, data, self._units, judged=judged)
        return Finished(accounts, replace(record, comparison=comparison))

"""The prose sections of a run: each is drafted when its needs are there, all side by side."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.assessment import prompts
from bot.assessment.checks.table import Results, check_section
from bot.assessment.data_stage import DataStage
from bot.assessment.dialect import Kind, Unit
from bot.assessment.drafting import REPAIRS, Draft, UnusableDraftError, repair_draft, write_draft
from bot.assessment.earlier import follow_up_instruction
from bot.assessment.evidence_stage import EvidenceStage
from bot.assessment.formats import SectionSpec
from bot.assessment.mending import mend_lines, take_back
from bot.assessment.printing import Data
from bot.assessment.recording import make_record
from bot.assessment.rewriting import rewriting_instruction
from bot.assessment.run import Run
from bot.assessment.values import Outlook, Plan, Watch
from bot.assessment.wording import Tables
from bot.errors import CountryAgentsError
from bot.llm.port import ModelCall, ModelConfigurationError, ModelError, ModelForgottenError, Role

__all__ = ["SectionStage"]


COMPACT_TOKENS = 600
"""Account of a thread for a small model, in tokens: it reads about a hundred a second."""


class SectionStage:
    """The drafts, by section key, and the tasks that write them."""

    def __init__(self, run: Run, data: DataStage, evidence: EvidenceStage) -> None:
        self._run = run
        self._data = data
        self._evidence = evidence
        self.drafts = {spec.key: self._draft(spec) for spec in run.format.sections}
        self.tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._write(spec), name=f"section-{spec.key}")
            for spec in run.format.sections
            if spec.words
        ]

    def checkpoint(self, draft: Draft) -> None:
        """Keep a draft as far as it is."""
        kept: dict[str, Any] = {
            "units": [[unit.kind.value, unit.text] for unit in draft.units],
            "complete": draft.complete,
        }
        if draft.problem:
            kept["problem"] = draft.problem
        if draft.withdrawn:
            kept["withdrawn"] = [[number, list(ids)] for number, ids in draft.withdrawn.items()]
        self._run.checkpoint(f"section-{draft.spec.key}", kept)

    def _draft(self, spec: SectionSpec) -> Draft:
        stored = self._run.checkpoints.get(f"section-{spec.key}")
        if stored is None:
            draft = Draft(spec, complete=not spec.words)
            if self._run.assignment.rewriting is not None:
                draft.hold()  # the reader has a version already: the new one is checked whole, then shown
            return draft
        units = [Unit(Kind(kind), text) for kind, text in stored["units"]]
        draft = Draft(spec, units, complete=bool(stored["complete"]))
        draft.withdrawn = {number: tuple(ids) for number, ids in stored.get("withdrawn", ())}
        if problem := str(stored.get("problem", "")):
            # Given up by an earlier run: what was shown after it would move if it were written after all.
            self._run.problems.append(problem)
            draft.finish(problem)
        return draft

    async def _write(self, spec: SectionSpec) -> None:
        """Write one section. What only this section suffers stays with it; anything else ends the run."""
        draft, run = self.drafts[spec.key], self._run
        if draft.complete:
            return
        try:
            await self._write_draft(draft)
        except ModelConfigurationError as error:
            run.put(error)
        except (ModelError, UnusableDraftError) as error:
            self._give_up(draft, error)
        except Exception as error:
            run.put(error)  # handed to the consumer, who ends the run
            raise
        else:
            draft.finish()
            self.checkpoint(draft)
            run.settled(f"section-{spec.key}")

    async def _write_draft(self, draft: Draft) -> None:
        run, spec = self._run, draft.spec
        await self._evidence.ready()
        plan = await self._data.plan if "plan" in spec.needs else None
        if plan is not None:
            await self._evidence.latest()
        # From here to the call nothing is awaited: what it is shown and what it may cite are one table.
        tables, names = run.tables(None if spec.factual else plan), run.names(plan)
        instruction = prompts.section_instruction(spec, run.format, plan, run.told_names(plan))
        if (stored := run.assignment.rewriting) is not None:
            instruction = rewriting_instruction(instruction, stored.record.section(spec.key))
        elif (earlier := run.assignment.earlier) is not None:
            if run.format.compact:
                earlier = replace(earlier, budget_tokens=min(earlier.budget_tokens, COMPACT_TOKENS))
            instruction = follow_up_instruction(
                earlier, instruction, code=run.persona.code, question=run.assignment.question.text
            )
        name, opening = f"section-{spec.key}", spec.prefill.format_map(names)
        whole = run.call(name, Role.SECTION, instruction, spec.max_tokens, opening=opening)

        async def attempt() -> None:
            async with run.calls.slot(run.priority(spec.key)):
                if not await self._read_on(draft, whole, tables):
                    draft.units = draft.units[: draft.shown]  # of what broke off, only what is shown stays
                    call = whole
                    if draft.units:
                        rest = prompts.continue_instruction(instruction, _as_lines(draft.units))
                        call = run.call(name, Role.SECTION, rest, spec.max_tokens)
                    answer = run.stream(call, units_before=len(draft.units))
                    await write_draft(draft, answer, call, tables, run.accounts, started=run.started)
                await self._check_and_mend(draft, plan, whole, tables)

        await run.retried(name, attempt)

    async def _check_and_mend(self, draft: Draft, plan: Plan | None, call: ModelCall, tables: Tables) -> None:
        """What fails is written anew where no reader has the section yet, and taken back where one has."""
        run, assignment, done = self._run, self._run.assignment, 0
        check = functools.partial(self._check, draft.spec.key, plan)
        # The rules of a line are about English words.
        in_english = run.language is None and not run.format.compact
        if not draft.on_screen:
            draft.hold()
            done = await repair_draft(draft, run.model, call, tables, run.accounts)
        if not in_english or (assignment.earlier is not None and assignment.rewriting is None):
            return
        if not draft.on_screen:
            left = REPAIRS - done
            await mend_lines(draft, check, run.model, call, tables, run.accounts, rounds=left)
        if draft.on_screen:
            take_back(draft, await check(draft.units))

    async def _check(self, key: str, plan: Plan | None, units: Sequence[Unit]) -> Results:
        """The section's units held against the standard, beside what is drafted already."""
        drafts = {
            each: draft.standing for each, draft in self.drafts.items() if draft.complete or each == key
        }
        if (earlier := self._run.assignment.earlier) is not None:
            drafts = {section.key: list(section.units) for section in earlier.record.sections} | drafts
        record = make_record(self._run, Data(plan or Plan(), Outlook(), Watch()), drafts | {key: units})
        # In a thread: it computes for up to thirty milliseconds, and others' text goes on meanwhile.
        return await asyncio.to_thread(check_section, record, self._run.persona, key)

    async def _read_on(self, draft: Draft, call: ModelCall, tables: Tables) -> bool:
        """Go on with the answer that an earlier run was reading; False where there is none any more."""
        run = self._run
        if (begun := run.begun(call.name)) is None:
            return False
        try:
            await write_draft(
                draft,
                run.stream(call, begun),
                call,
                tables,
                run.accounts,
                started=run.started,
                units_before=begun.units_before,
            )
        except ModelForgottenError:
            run.lost(call.name)
            return False
        return True

    def _give_up(self, draft: Draft, error: CountryAgentsError) -> None:
        """The section stays as far as it came; the reader is told."""
        part = "is incomplete" if draft.units else "could not be written"
        problem = f"Section {draft.spec.key} {part}. {error.user_message}"
        self._run.problems.append(problem)
        draft.finish(problem)
        self.checkpoint(draft)
        self._run.settled(f"section-{draft.spec.key}")


def _as_lines(units: list[Unit]) -> list[str]:
    return [f"- {unit.text}" if unit.kind is Kind.BULLET else unit.text for unit in units]

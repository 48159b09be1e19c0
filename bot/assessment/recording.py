"""A run as a record: what was shown beside the data it was made from. Finished, or as far as it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.assessment.assessment_record import AssessmentRecord, RetrievalReport, SectionRecord
from bot.assessment.dialect import Unit
from bot.assessment.events import Report
from bot.assessment.languages import language_notice
from bot.assessment.printing import Data
from bot.assessment.reporting import report
from bot.assessment.run import Run
from bot.evidence.items import Retrieved

__all__ = ["close_accounts", "make_record"]


def close_accounts(
    run: Run, data: Data, drafts: Mapping[str, Iterable[Unit]], *, judged: str = ""
) -> tuple[Report, AssessmentRecord]:
    """The report of a run that has shown all, and its record. ``judged``: see ``report``."""
    accounts = report(
        run.standing(written=True),
        data,
        run.accounts.counts,
        run.accounts.usage,
        problems=run.problems,
        demo_label=run.settings.demo_label,
        model_name=", ".join(sorted(run.accounts.models)) or run.model.name,
        judged=judged,
    )
    if run.language is not None:
        accounts = replace(accounts, notices=(*accounts.notices, language_notice(run.language)))
    footer = (accounts.check_line, *accounts.notices)
    return accounts, make_record(run, data, drafts, banners=accounts.banners, footer=footer)


def make_record(
    run: Run,
    data: Data,
    drafts: Mapping[str, Iterable[Unit]],
    *,
    banners: tuple[str, ...] = (),
    footer: tuple[str, ...] = (),
) -> AssessmentRecord:
    """The record of a run; ``drafts``: the model's units by section key, in the order shown."""
    assignment, shown = run.assignment, run.transcript
    return AssessmentRecord(
        turn_id=assignment.turn_id,
        persona=run.persona.code,
        format=run.format.key,
        question=assignment.question,
        as_of=assignment.as_of,
        organisation=run.settings.organisation,
        lexicon=run.settings.lexicon.key,
        model=", ".join(sorted(run.accounts.models)) or run.model.name,
        model_cutoff=run.settings.model_cutoff,
        hypothetical=data.plan.premise == "hypothetical",
        demo=bool(run.settings.demo_label),
        title=run.title,
        plan=data.plan,
        outlook=data.outlook,
        watch=data.watch,
        opening=shown.lines("opening"),
        sections=tuple(
            SectionRecord(key, shown.title(key), tuple(units), shown.text(key))
            for key, units in drafts.items()
        ),
        closing=shown.lines("closing"),
        banners=banners,
        footer=footer,
        sources=run.evidence.sources,
        excerpts=run.evidence.excerpts,
        retrieval=_retrieval(run.searched, run.contrary_sources),
        counts=dict(run.accounts.counts),
    )


def _retrieval(searched: Retrieved | None, contrary_sources: tuple[str, ...]) -> RetrievalReport:
    if searched is None:
        return RetrievalReport()
    return RetrievalReport(
        queries=searched.queries,
        contrary_queries=searched.contrary_queries,
        contrary_sources=contrary_sources,
        sources_total=searched.sources_total,
        failures=tuple((failure.name, failure.reason) for failure in searched.failures),
        stored_items=searched.stored_items,
    )

"""A run as a record: what was shown beside the data it was made from. Finished, or as far as it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.assessment.assessment_record import AssessmentRecord, RetrievalReport, SectionRecord
from bot.assessment.dialect import Unit
from bot.assessment.printing import Data
from bot.assessment.run import Run
from bot.evidence.items import Retrieved

__all__ = ["make_record"]


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

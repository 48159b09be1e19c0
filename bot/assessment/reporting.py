"""The accounts of an assessment: the footer's source list, its check line and its notices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.assessment.checks.finding import Check, Severity
from bot.assessment.checks.table import Results
from bot.assessment.earlier import Earlier
from bot.assessment.events import Report
from bot.assessment.printing import Data
from bot.assessment.standing import Standing, banners, evidence_line, nothing_retrieved
from bot.evidence.items import SourceClass
from bot.evidence.table import Source
from bot.llm.port import Usage

__all__ = ["report", "source_line", "with_checks"]

SIMULATION = "Analytic simulation by an AI, not an official position. Check it before you act on it."
UNCITED = "Also read, not cited"
UNCITED_NAMED = 6
"""Publishers named of what was read and is not cited."""
FAILED_NAMED = 3
"""Failed checks named with their rules; more are counted, and ``country-agents check`` tells them all."""


def report(
    standing: Standing,
    data: Data,
    counts: Mapping[str, int],
    usage: Usage,
    *,
    problems: Iterable[str],
    demo_label: str,
    model_name: str,
    judged: str = "",
) -> Report:
    """The footer of a finished assessment, and what the card says in the end; ``judged``: what was scored,
    where that is not the plan's judgments.
    """
    evidence = standing.evidence
    accounts = (
        evidence_line(standing),
        judged or f"{_counted(len(data.plan.judgments), 'judgment')} with likelihood",
        f"{_counted(sum(counts.values()), 'correction')} before display",
        f"as of {standing.as_of:%d %b %Y %H:%M} UTC",
    )
    ends = f" (training data to {standing.model_cutoff:%d %b %Y})" if standing.model_cutoff else ""
    notices = [*([demo_label] if demo_label else []), f"{SIMULATION} Model: {model_name}{ends}."]
    if not evidence.retrieved:
        notices.append(nothing_retrieved(standing.model_cutoff))
    if uncited := _uncited(standing):
        notices.append(uncited)
    if any(name.startswith("withdrawn_") for name in counts):
        notices.append("Text that had been shown was withdrawn: it is marked where it stood.")
    return Report(
        sources=tuple(
            source_line(source, standing.supported.get(source.id, ())) for source in _listed(standing)
        ),
        check_line=" · ".join(accounts),
        notices=tuple(notices),
        problems=tuple(problems),
        usage=usage,
        counts=dict(counts),
        banners=banners(standing, data.plan, demo_label),
        links=evidence.urls,
    )


def version_report(report: Report, earlier: Earlier) -> Report:
    """The same for one section that is written anew: what the whole rests on is said of the whole."""
    record = earlier.record
    return replace(
        report,
        check_line=f"New version of section {earlier.rewritten} · as of {record.as_of:%d %b %Y %H:%M} UTC",
        notices=tuple(line for line in report.notices if not line.startswith(UNCITED)),
        banners=record.banners,
    )


def with_checks(report: Report, results: Results, *, demo: bool) -> Report:
    """The report of an assessment that was held against the standard. What is grave becomes a banner, all of
    it stands in the footer; a demo model's text is no assessment anyway, and its label says so.
    """
    failed = results.failed
    grave = [] if demo else [check for check in failed if check.severity is Severity.P0]
    banners = [f"Failed checks: {_named(grave)}."] if grave else []
    notices = [f"Checks not passed: {_named(failed)}."] if failed else []
    return replace(
        report,
        check_line=f"{report.check_line} · {results.line}",
        banners=(*report.banners, *banners),
        notices=(*report.notices, *notices),
    )


def _named(checks: Sequence[Check]) -> str:
    """Failed checks, with what each wants."""
    named = [f"{check.id} ({check.rule.rstrip('.')})" for check in checks[:FAILED_NAMED]]
    more = f" and {len(checks) - FAILED_NAMED} more" if len(checks) > FAILED_NAMED else ""
    return ", ".join(named) + more


def source_line(source: Source, supported_by: Iterable[str] = ()) -> str:
    """One row of the source list: "[3](https://…) Title, Publisher, 20 Nov 2026 (wire)"; of a claim also the
    numbers of the sources that say the same.
    """
    number = source.id.removeprefix("S")
    label = f"[{number}]({source.url})" if source.url else f"[{number}]"
    marked = source.source_class is SourceClass.STATE_MEDIA
    kind = f"**{source.source_class}**" if marked else source.source_class
    if source.is_claim:
        numbers = sorted(int(name.removeprefix("S")) for name in supported_by)
        support = f", in part supported by {', '.join(map(str, numbers))}" if numbers else ""
        return f"{label} {source.title}, {source.publisher} ({kind}{support})"
    dated = f"{source.published:%d %b %Y}" if source.published else "**undated**"
    return f"{label} {source.title}, {source.publisher}, {dated} ({kind})"


def _listed(standing: Standing) -> list[Source]:
    """Claims and what is cited, by number."""
    used = {source.id for source in standing.used}
    return [source for source in standing.evidence.sources if source.is_claim or source.id in used]


def _uncited(standing: Standing) -> str:
    """What was read and is not cited, so that nobody thinks it was overlooked."""
    used = {source.id for source in standing.used}
    left = [source for source in standing.evidence.retrieved if source.id not in used]
    publishers = list(dict.fromkeys(source.publisher for source in left))
    if not left:
        return ""
    names = ", ".join(publishers[:UNCITED_NAMED])
    more = ", and others" if len(publishers) > UNCITED_NAMED else ""
    return f"{UNCITED}: {_counted(len(left), 'source')} ({names}{more})."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

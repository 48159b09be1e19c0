"""The table of checks, and how a part of an assessment, or a whole one, is held against it.

``check_plan``, ``check_outlook``, ``check_watch`` and ``check_section`` are for parts that are not on screen
yet: give them a partial record that holds what there is so far. ``check_record`` is for a finished one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.checks import (
    identity,
    logic,
    operations,
    relevance,
    sourcing,
    structure,
    support,
    uncertainty,
    watching,
)
from bot.assessment.checks.finding import Check, Fault, Finding, Severity
from bot.assessment.checks.subject import Stage, Subject
from personas.persona import Persona

__all__ = [
    "CHECKS",
    "Results",
    "check_outlook",
    "check_plan",
    "check_record",
    "check_section",
    "check_watch",
    "find_faults",
    "reason_of",
]

_FAMILIES = (
    *structure.CHECKS,
    *sourcing.CHECKS,
    *support.CHECKS,
    *uncertainty.CHECKS,
    *logic.CHECKS,
    *watching.CHECKS,
    *relevance.CHECKS,
    *identity.CHECKS,
    *operations.CHECKS,
)
_ORDER = ("ST", "SO", "UN", "LO", "WA", "FQ", "RE", "PE", "OP")
CHECKS: tuple[Check, ...] = tuple(
    sorted(_FAMILIES, key=lambda check: (_ORDER.index(check.id[:2]), int(check.id[2:])))
)
"""Every check, in the order of the standard."""


@dataclass(frozen=True, slots=True)
class Results:
    """What was checked, and what was found."""

    checked: tuple[Check, ...]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """Checks with at least one finding."""
        ids = {finding.id for finding in self.findings}
        return tuple(check for check in self.checked if check.id in ids)

    @property
    def line(self) -> str:
        """For readers: ``checks 52/54``."""
        return f"checks {len(self.checked) - len(self.failed)}/{len(self.checked)}"

    def of(self, *severities: Severity) -> tuple[Finding, ...]:
        """The findings of these severities."""
        return tuple(finding for finding in self.findings if finding.severity in severities)

    @property
    def to_repair(self) -> tuple[Finding, ...]:
        """What a repair call can mend: findings that come with its sentence, P2 apart."""
        return tuple(
            finding
            for finding in self.findings
            if finding.fault.repair and finding.severity is not Severity.P2
        )


def check_plan(record: AssessmentRecord, persona: Persona) -> Results:
    """Check the plan: the record needs ``plan``, ``sources``, ``excerpts`` and ``retrieval``."""
    return _run(Subject(record, persona, Stage.PLAN))


def check_outlook(record: AssessmentRecord, persona: Persona) -> Results:
    """Check the outlook, beside the plan it belongs to."""
    return _run(Subject(record, persona, Stage.OUTLOOK))


def check_watch(record: AssessmentRecord, persona: Persona) -> Results:
    """Check the watch list, beside the plan it belongs to."""
    return _run(Subject(record, persona, Stage.WATCH))


def check_section(record: AssessmentRecord, persona: Persona, key: str) -> Results:
    """Check the drafted section ``key``, which is not shown yet; other sections that the record holds are
    looked at for repetitions only. Raises ``KeyError`` where the record has no such section.
    """
    if record.section(key) is None:
        raise KeyError(key)
    return _run(Subject(record, persona, Stage.SECTION, key))


def check_record(record: AssessmentRecord, persona: Persona) -> Results:
    """Check a finished assessment. What is missing in it fails."""
    return _run(Subject(record, persona, Stage.RECORD))


def _run(subject: Subject) -> Results:
    checked = tuple(_concerning(subject))
    findings = tuple(Finding(check, fault) for check in checked for fault in find_faults(check, subject))
    return Results(checked, findings)


def find_faults(check: Check, subject: Subject) -> list[Fault]:
    """What a check finds; of a finished answer without text nothing is clean that is said about its text."""
    faults = list(check.find(subject))
    if not faults and subject.whole and not subject.units and Stage.SECTION in check.stages:
        faults.append(Fault("There is no text that could be looked at."))
    return faults


def reason_of(ids: Iterable[str]) -> str:
    """Why something was taken back, for readers: the first of the rules that it breaks."""
    first = next(iter(ids))
    rule = next(check.rule for check in CHECKS if check.id == first)
    # In brackets: in quotation marks it would be taken for a source's words (SO3).
    return f"it breaks rule {first} ({rule.rstrip('.')})"


def _concerning(subject: Subject) -> Iterable[Check]:
    for check in CHECKS:
        if subject.stage not in check.stages or (check.full_only and not subject.is_full):
            continue
        if subject.stage is Stage.SECTION and check.sections and subject.key not in check.sections:
            continue
        yield check

"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.assessment.checks.subject import Passage, Stage, Subject

__all__ = [
    "EVERYWHERE",
    "ON_OUTLOOK",
    "ON_PLAN",
    "ON_RECORD",
    "ON_SECTIONS",
    "ON_WATCH",
    "Check",
    "Fault",
    "Finding",
    "Severity",
    "Told",
    "at",
]

ON_PLAN = frozenset({Stage.PLAN, Stage.RECORD})
ON_OUTLOOK = frozenset({Stage.OUTLOOK, Stage.RECORD})
ON_WATCH = frozenset({Stage.WATCH, Stage.RECORD})
ON_SECTIONS = frozenset({Stage.SECTION, Stage.RECORD})
ON_RECORD = frozenset({Stage.RECORD})
EVERYWHERE = frozenset(Stage)
"""When checks can be told."""


class Severity(StrEnum):
    """What a failure leads to."""

    P0 = "P0"
    """The part is not shown, or a banner says what is wrong with it."""
    P1 = "P1"
    """The model is asked to repair the failing part, before it is shown."""
    P2 = "P2"
    """The footer says so."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where a rule is broken."""

    problem: str
    """A sentence a reader understands."""
    section: str = ""
    """Key of the section, or ``opening``, ``closing``, ``card``, ``footer``; empty for data in no section."""
    unit: int | None = None
    """Number of the unit in its section, from 0."""
    item: str = ""
    """Id of the judgment, watch item, forecast and so on: ``J2``."""
    repair: str = ""
    """What a repair call is asked for; empty where no model can mend it. In our words alone: the text it is
    about goes to the model as data.
    """
    beside: str = ""
    """Another text that the repair is about: the model is shown it, as data."""


def at(passage: Passage, problem: str, repair: str = "", *, beside: str = "") -> Fault:
    """A fault in a passage."""
    return Fault(problem, passage.section, passage.unit, passage.item, repair, beside)


class Told:
    """What a check has told already. Every line tells by itself, for it is repaired by itself; what is no
    line (a printed text, a field) tells only what nothing has told before.
    """

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._lines: set[tuple[str, str, int | None]] = set()

    def is_new(self, words: str, passage: Passage) -> bool:
        """Whether this is to be told; it counts as told then."""
        line = (words, passage.section, passage.unit)
        if line in self._lines or (passage.kind is None and words in self._words):
            return False
        self._words.add(words)
        self._lines.add(line)
        return True


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table of checks."""

    id: str
    rule: str
    """One sentence: what is right."""
    severity: Severity
    find: Callable[[Subject], Iterable[Fault]]
    """The faults of a subject. Where the data that the rule is about is missing, that is a fault."""
    stages: frozenset[Stage]
    """When it can be told: ``RECORD`` always, earlier stages where their part is enough."""
    sections: tuple[str, ...] = ()
    """Keys of the sections it concerns; empty: all of them, or none in particular."""
    by_construction: bool = False
    """The program prints this part itself; the check is a test of that."""
    full_only: bool = False
    """Only for the in-depth format: a brief has no such part."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault together with the rule that it breaks."""

    check: Check = field(repr=False)
    fault: Fault

    @property
    def id(self) -> str:
        """Id of the check."""
        return self.check.id

    @property
    def severity(self) -> Severity:
        """Of the check."""
        return self.check.severity

    @property
    def place(self) -> str:
        """Where, for people: ``section 2, unit 5``, ``J3``, ``the assessment``."""
        fault = self.fault
        parts = []
        if fault.section:
            parts.append(f"section {fault.section}" if fault.section[:1].isdigit() else fault.section)
        if fault.unit is not None:
            parts.append(f"unit {fault.unit + 1}")
        if fault.item:
            parts.append(fault.item)
        return ", ".join(parts) or "the assessment"

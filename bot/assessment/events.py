"""What the engine yields: the only thing the rest of the program learns of an assessment.

The engine knows neither Slack nor Redis. Its events are consumed once, in order, by ``bot.desk``,
which checkpoints them and hands text to the thread writer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from bot.assessment.assessment_record import AssessmentRecord
from bot.llm.port import Usage

__all__ = [
    "CardChanged",
    "Checkpointed",
    "Cut",
    "Event",
    "Finished",
    "Part",
    "Report",
    "SourcesAdded",
    "StatusChanged",
    "Withdrawn",
    "in_place_of",
]


class Cut(IntEnum):
    """How good a place the start of a part is to begin a new message; higher is better."""

    NONE = 0
    """A sentence inside a paragraph."""
    LINE = 1
    """A bullet inside a list."""
    PARAGRAPH = 2
    """A paragraph or a lettered heading."""
    SECTION = 3
    """A numbered section."""


@dataclass(frozen=True, slots=True)
class Part:
    r"""One unit of visible text: a heading, a bullet, a sentence. Checked, safe Slack Markdown.

    The document is the concatenation of all parts' ``text``; each begins with the separator that
    sets it off from the one before ("\n\n", "\n" or " "). A message that begins with this part
    leaves the separator out.
    """

    text: str
    cut: Cut
    section: str
    """Key of the section it belongs to (``opening``, ``1`` … ``8``, ``closing``)."""
    ends_section: bool = False
    """True when the section is complete with this part."""
    section_bytes: int = 0
    """On a part with ``Cut.SECTION``: the section's size in UTF-8 bytes, exact where the section is
    already drafted, otherwise what its format expects. Lets the writer choose where to split."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A part that was put out breaks a rule of the gravest kind: readers must not go on reading it."""

    part: int
    """Its number, from 0, among all parts of the run."""
    reason: str
    """For readers, in our own words: nothing of what is taken back."""

    @property
    def note(self) -> str:
        """What stands in its place, as Markdown."""
        return f"_[withdrawn: {self.reason}]_"


_SET_OFF = re.compile(r"\s*(?:#{1,6} (?:[A-Z]\. )?|- )?")


def in_place_of(text: str, note: str) -> str:
    """A note in place of a part's text: set off like it, as a bullet where it was one."""
    mark = _SET_OFF.match(text)
    return f"{mark[0] if mark else ''}{note}"


@dataclass(frozen=True, slots=True)
class CardChanged:
    """The card shows the bottom line and banners from now on."""

    bottom_line: str
    banners: tuple[str, ...] = ()
    evidence_line: str = ""
    """What is being searched, then what the answer rests on."""
    table: tuple[tuple[str, ...], ...] = ()
    """Rows of plain cells, a header first; empty: the card has no table."""
    legend: tuple[str, ...] = ()
    """Lines of Markdown on what the table's columns stand for."""


@dataclass(frozen=True, slots=True)
class SourcesAdded:
    """The evidence table has these addresses: from now on they, and no others, may be links."""

    urls: frozenset[str]


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A short line for the thread's status ("is writing section 2 of 8 …")."""

    status: str


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """Work that must not be paid for twice is done: ``data`` is JSON-able and resumes the engine."""

    key: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """The accounts of a finished assessment, for the footer, the card and the metrics."""

    sources: tuple[str, ...]
    """One line of Slack Markdown a source."""
    check_line: str
    """What the answer rests on and how it was checked, in one line."""
    notices: tuple[str, ...]
    """What a reader must know (AI notice, no sources, demo model)."""
    problems: tuple[str, ...] = ()
    """Sentences on what could not be written; not empty: a retry is offered."""
    usage: Usage = field(default_factory=Usage)
    counts: Mapping[str, int] = field(default_factory=dict)
    """Corrections by check id, for the log."""
    banners: tuple[str, ...] = ()
    """What the card's reader must know first, now that everything is written."""
    links: frozenset[str] = frozenset()
    """Addresses that may be links in ``sources``."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every run that did not raise."""

    report: Report
    record: AssessmentRecord
    """The whole assessment as data, to be stored."""


Event = Part | Withdrawn | CardChanged | SourcesAdded | StatusChanged | Checkpointed | Finished

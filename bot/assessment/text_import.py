"""Reads an assessment from plain text or Markdown: the envelope of the customer's own example, or what
``country-agents ask`` prints.

The order is: headline and question, header (``CN-01, China Agent:``), opening sentence, numbered sections
with lettered parts and bullets, closing question, epigraph, signature, firm. What a text cannot hold stays
empty in the record (sources, plan, outlook, watch list), and the checks say so. No character is mended: a
no-break space is one of the things that the checks look for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.assessment.assessment_record import AssessmentRecord, Origin, SectionRecord
from bot.assessment.dialect import Kind, Unit, split_sentences
from bot.errors import CountryAgentsError
from bot.turns import Question

__all__ = ["NoAssessmentError", "import_text"]


class NoAssessmentError(CountryAgentsError):
    """The text has no numbered sections."""

    user_message = (
        "This text is not an assessment: it has no header like “CN-01, China Agent:” and no sections."
    )


_HEADER = re.compile(r"^\W*([A-Z]{2}-\d{2}), ([^:*]{2,60}):\W*$")
_TITLE = re.compile(r"^\s{0,3}(?:#{1,2}\s+)?\**(\d{1,2})\.\s+(\S.*?)\**\s*$")
_LETTERED = re.compile(r"^\s{0,3}(?:#{3,6}\s+)?\**([A-Z])\.\s+(\S.*?)\**\s*$")
_BULLET = re.compile(r"^\s*[•◦▪‣·*-]\s+")
_CLOSING = re.compile(r"^\W*In the coming (?:year|months|weeks)\b")
_EPIGRAPH = re.compile(r"^\W*[“\"«「『]")
_LONGEST_TITLE_WORDS = 25


@dataclass(slots=True)
class _Section:
    key: str
    title: str
    units: list[Unit] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def import_text(text: str, *, as_of: datetime, organisation: str, lexicon: str) -> AssessmentRecord:
    """The record of a text. Raises ``NoAssessmentError`` where it is none."""
    lines = text.splitlines()
    header = next((place for place, line in enumerate(lines) if _HEADER.match(line.strip())), None)
    if header is None:
        raise NoAssessmentError(NoAssessmentError.user_message)
    match = _HEADER.match(lines[header].strip())
    persona = match[1] if match else ""
    question = "\n".join(lines[:header]).strip()
    first = next((place for place, line in enumerate(lines) if place > header and _TITLE.match(line)), None)
    if first is None:
        raise NoAssessmentError(NoAssessmentError.user_message)
    end = next((place for place, line in enumerate(lines) if place > first and _CLOSING.match(line)), None)
    end = _signature(lines, persona, first) if end is None else end
    opening = [line.strip() for line in lines[header:first] if line.strip()]
    closing = [line.strip() for line in lines[end:] if line.strip()]
    return AssessmentRecord(
        turn_id=f"import-{hashlib.sha256(text.encode()).hexdigest()[:12]}",
        persona=persona,
        format="in-depth",
        question=Question(question),
        as_of=as_of,
        organisation=organisation,
        origin=Origin.IMPORT,
        lexicon=lexicon,
        title=next((line.strip() for line in question.splitlines() if line.strip()), ""),
        opening=tuple(opening),
        sections=tuple(_sections(lines[first:end])),
        closing=tuple(_closing(closing)),
    )


def _signature(lines: Sequence[str], persona: str, first: int) -> int:
    """Where the frame begins that closes an answer without a closing question."""
    places = [place for place, line in enumerate(lines) if place > first and _EPIGRAPH.match(line)]
    signed = [place for place, line in enumerate(lines) if place > first and persona in line]
    return (places or signed or [len(lines)])[0]


def _sections(lines: Iterable[str]) -> list[SectionRecord]:
    sections: list[_Section] = []
    for line in lines:
        title = _TITLE.match(line)
        if title and int(title[1]) == len(sections) + 1:
            sections.append(_Section(title[1], f"{title[1]}. {title[2]}"))
        elif sections and line.strip():
            _take(sections[-1], line)
    return [
        SectionRecord(each.key, each.title, tuple(each.units), "\n".join((f"## {each.title}", *each.lines)))
        for each in sections
    ]


def _take(section: _Section, line: str) -> None:
    """Add a line to its section; both forms that are read have a bullet or a paragraph a line."""
    bullet, lettered = _BULLET.match(line), _LETTERED.match(line)
    if bullet:
        text = line[bullet.end() :].strip()
        section.units.append(Unit(Kind.BULLET, text))
        section.lines.append(f"- {text}")
    elif lettered and len(lettered[2].split()) <= _LONGEST_TITLE_WORDS:
        section.units.append(Unit(Kind.HEADING, lettered[2]))
        section.lines.append(f"### {lettered[1]}. {lettered[2]}")
    else:
        text = line.strip()
        kinds = (Kind.PARAGRAPH, *[Kind.SENTENCE] * len(text))
        section.units += [Unit(kind, each) for kind, each in zip(kinds, split_sentences(text), strict=False)]
        section.lines.append(text)


def _closing(lines: Sequence[str]) -> list[str]:
    """The closing lines as the engine has them: the epigraph's lines are one text."""
    start = next((place for place, line in enumerate(lines) if _EPIGRAPH.match(line)), None)
    if start is None:
        return list(lines)
    end = next(
        (place + 1 for place, line in enumerate(lines) if place > start and line.startswith(("—", "–"))),
        start + 1,
    )
    return [*lines[:start], "\n".join(lines[start:end]), *lines[end:]]

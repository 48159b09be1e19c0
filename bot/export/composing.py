"""From the stored assessment to a document: everything that was shown, in the order it was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from bot.assessment.assessment_record import AssessmentRecord, SectionRecord
from bot.assessment.formats import FORMATS
from bot.assessment.reporting import SIMULATION, source_line
from bot.assessment.titles import headline
from bot.assessment.wording import Reference
from bot.evidence.table import Source
from bot.export.document import Block, Document, Style, plain, runs_of
from personas.enumeration import enumerated
from personas.persona import Persona

__all__ = ["compose", "file_name"]

_CITED = re.compile(r"\[(\d+)(?:\]|:)")
_NOT_IN_NAMES = re.compile(r"[^\w]+")
_NAME_CHARS = 60
"""Characters of a file's name taken from the title: more is cut off in every list of files."""


def compose(record: AssessmentRecord, persona: Persona) -> Document:
    """The document. People's words stand in it as far as they are still kept."""
    urls = {source.url for source in record.sources if source.url}
    kind = FORMATS[record.format].name if record.format in FORMATS else record.format
    author = enumerated(record.compared) or persona.display_name
    title = record.title or headline(record.question) or f"{kind} by {author}"
    byline = " · ".join(
        part
        for part in (
            author,
            kind,
            f"as of {record.as_of:%d %B %Y, %H:%M} UTC",
            record.organisation,
        )
        if part
    )
    blocks = [
        *(plain(Style.WARNING, banner) for banner in record.banners),
        *_bottom_line(record, urls),
        *(Block(Style.PARAGRAPH, runs_of(line, urls)) for line in record.opening),
        *(block for section in record.sections for block in _section(section, urls)),
        *_closing(record, persona, urls),
        *_sources(record, urls),
        *_accounts(record, urls),
    ]
    return Document(title, author, record.organisation, persona.languages[0], byline, tuple(blocks))


def file_name(record: AssessmentRecord, persona: Persona, ending: str) -> str:
    """``CN-01 2026-11-25 the truce.pdf``: sorts by agent and day, and says what it is about."""
    about = _NOT_IN_NAMES.sub(" ", record.title or headline(record.question)).strip()[:_NAME_CHARS].strip()
    who = " ".join(record.compared) or persona.code
    return f"{who} {record.as_of:%Y-%m-%d} {about or record.format}.{ending}"


def _bottom_line(record: AssessmentRecord, urls: Set[str]) -> Iterator[Block]:
    text = " ".join(Reference.sub("", record.plan.bottom_line).split())
    shown = "\n".join(section.text for section in record.sections)
    if text and text not in shown:  # the short format prints it itself
        yield Block(Style.PARAGRAPH, runs_of(f"**Bottom line.** {text}", urls))


def _section(section: SectionRecord, urls: Set[str]) -> Iterator[Block]:
    for line in section.text.splitlines():
        if line.startswith("### "):
            yield Block(Style.SUBHEADING, runs_of(line[4:], urls))
        elif line.startswith("## "):
            yield Block(Style.HEADING, runs_of(line[3:], urls))
        elif line.startswith("- "):
            yield Block(Style.BULLET, runs_of(line[2:], urls))
        elif line.strip():
            yield Block(Style.PARAGRAPH, runs_of(line, urls))


def _closing(record: AssessmentRecord, persona: Persona, urls: Set[str]) -> Iterator[Block]:
    """Question, epigraph (the one part of several lines), signature, firm."""
    signature = {f"**{persona.display_name}**", record.organisation}
    for part in record.closing:
        lines = part.splitlines()
        style = Style.EPIGRAPH if len(lines) > 1 else Style.PARAGRAPH
        if part in signature:
            style = Style.SIGNATURE
        for line in lines:
            if style is Style.EPIGRAPH:
                yield plain(style, line)  # a quotation has no markup of ours
            else:
                yield Block(style, runs_of(line, urls))


def _sources(record: AssessmentRecord, urls: Set[str]) -> Iterator[Block]:
    listed = _listed(record)
    if not listed:
        return
    yield plain(Style.HEADING, "Sources")
    for source in listed:
        yield Block(Style.BULLET, runs_of(source_line(source), urls))


def _listed(record: AssessmentRecord) -> list[Source]:
    """What people said, and what the text cites."""
    shown = "\n".join([*(section.text for section in record.sections), *record.opening])
    cited = {f"S{number}" for number in _CITED.findall(shown)}
    return [source for source in record.sources if source.is_claim or source.id in cited]


def _accounts(record: AssessmentRecord, urls: Set[str]) -> Iterator[Block]:
    yield from (Block(Style.SMALL, runs_of(line, urls)) for line in record.footer if line)
    if not any(SIMULATION in line for line in record.footer):
        model = f" Model: {record.model}." if record.model else ""
        yield plain(Style.SMALL, f"{SIMULATION}{model}")

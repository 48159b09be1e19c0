"""The evidence table of a turn: what its facts may cite, numbered S1 …, and quotable excerpts Q1 ….

Retrieval comes later; until then the asking person's own words and what they forwarded are the only
sources, and every one of them is marked as a claim.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from bot.evidence.items import SourceClass
from bot.turns import Question

__all__ = ["EvidenceTable", "Excerpt", "Source", "fold", "percentages", "table_of_claims"]

EXCERPT_WORDS = 25
"""Words: the longest stored excerpt that is printed (design, decision 2)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One row of the table."""

    id: str
    title: str
    publisher: str
    source_class: SourceClass
    text: str
    url: str | None = None
    published: str | None = None
    """ISO date, or ``None`` where unknown."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Words that may be quoted, with the source they stand in."""

    id: str
    source_id: str
    text: str


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """Sources and excerpts by id; append-only in the course of a turn."""

    sources: tuple[Source, ...]
    excerpts: tuple[Excerpt, ...] = ()

    @property
    def retrieved(self) -> tuple[Source, ...]:
        """The sources that are more than somebody's claim."""
        claims = (SourceClass.USER_CLAIM, SourceClass.FORWARDED)
        return tuple(source for source in self.sources if source.source_class not in claims)

    def source(self, source_id: str) -> Source | None:
        """The source with that id."""
        return next((source for source in self.sources if source.id == source_id), None)

    def excerpt(self, excerpt_id: str) -> Excerpt | None:
        """The excerpt with that id."""
        return next((excerpt for excerpt in self.excerpts if excerpt.id == excerpt_id), None)


_QUOTED = re.compile(r"[“\"«„]([^“”\"«»„]{4,400}?)[”\"»]")
_PERCENTAGE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:%|per\s?cent\b|percent\b|percentage points?\b|pp\b)", re.I)


def table_of_claims(question: Question) -> EvidenceTable:
    """The table of a question without retrieval: S1 is the question, S2 … what was forwarded."""
    sources = [Source("S1", "The question", "the person asking", SourceClass.USER_CLAIM, question.text)]
    for number, quoted in enumerate(question.quoted, start=2):
        author = quoted.author or "unknown author"
        sources.append(Source(f"S{number}", "Forwarded message", author, SourceClass.FORWARDED, quoted.text))
    excerpts: list[Excerpt] = []
    for source in sources:
        for match in _QUOTED.finditer(source.text):
            words = match[1].strip().rstrip(".,;:")
            if words and len(words.split()) <= EXCERPT_WORDS:
                excerpts.append(Excerpt(f"Q{len(excerpts) + 1}", source.id, words))
    return EvidenceTable(tuple(sources), tuple(excerpts))


def fold(text: str) -> str:
    """Text for comparing: NFKC, lower case, straight quotes and hyphens, single spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = text.translate(str.maketrans("“”„«»‘’‐‑–—", '"""""\'\'----'))
    return " ".join(text.split())


def percentages(text: str) -> frozenset[str]:
    """The percentages a text states, as folded numbers: "57 %", "57%" and "57 per cent" are one."""
    return frozenset(match[1].replace(",", ".") for match in _PERCENTAGE.finditer(text))

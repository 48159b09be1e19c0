"""The evidence table of a turn: what its facts may cite, numbered S1 …, and quotable excerpts Q1 ….

S1 is the asking person's own text, then comes what they forwarded, every one of them marked as a claim;
retrieved items follow in the order in which they arrive. The table only ever grows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.evidence.addresses import link_address, owner_domain
from bot.evidence.items import EvidenceItem, SourceClass
from bot.evidence.quarantine import quarantined
from bot.turns import Question

__all__ = [
    "CLAIMS",
    "EvidenceTable",
    "Excerpt",
    "Source",
    "fold",
    "one_line",
    "percentages",
    "table_of_claims",
]

EXCERPT_WORDS = 25
"""Words: the longest stored excerpt that is printed (design, decision 2)."""
EXCERPTS_A_SOURCE = 2
"""Quotations kept of one retrieved source: a text of many quotations must not fill the prompt."""
MOST_ITEMS = 40
"""Retrieved sources of one turn: three times what is asked for; more would be a search gone wrong."""
ITEM_CHARS = 2_400
"""Characters of one item's text, about 600 tokens: ranking cuts below it, this holds where it does not."""
TITLE_CHARS = 140
"""Characters of a title: a headline has about 70."""
PUBLISHER_CHARS = 60
"""Characters of a publisher's name."""

CLAIMS = frozenset({SourceClass.USER_CLAIM, SourceClass.FORWARDED})
"""What somebody says, and nobody has checked."""


@dataclass(frozen=True, slots=True)
class Source:
    """One row of the table."""

    id: str
    title: str
    publisher: str
    source_class: SourceClass
    text: str
    url: str | None = None
    """An address that may stand in a Markdown link as it is."""
    published: datetime | None = None
    """UTC; ``None`` where unknown."""
    retrieved: datetime | None = None
    """UTC; ``None`` for claims."""
    owner_group: str = ""
    """Sources of one group do not corroborate each other. Set for all retrieved ones."""
    reliability: str = "F"
    """Admiralty code A-F."""
    language: str = ""
    """BCP 47, or empty where unknown."""
    country: str = ""
    """ISO 3166-1 alpha-2 of the publisher, or empty."""
    quarantined: int = 0
    """Passages taken out because they read like instructions to a model."""

    @property
    def is_claim(self) -> bool:
        """Whether this is the word of the asking person or of somebody they forwarded."""
        return self.source_class in CLAIMS


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
        return tuple(source for source in self.sources if not source.is_claim)

    @property
    def urls(self) -> frozenset[str]:
        """Every address that may be a link."""
        return frozenset(source.url for source in self.sources if source.url)

    def source(self, source_id: str) -> Source | None:
        """The source with that id."""
        return next((source for source in self.sources if source.id == source_id), None)

    def excerpt(self, excerpt_id: str) -> Excerpt | None:
        """The excerpt with that id."""
        return next((excerpt for excerpt in self.excerpts if excerpt.id == excerpt_id), None)

    def with_items(self, items: Iterable[EvidenceItem]) -> EvidenceTable:
        """The table with the items it does not have yet at its end, by address."""
        sources, excerpts = list(self.sources), list(self.excerpts)
        known = set(self.urls)
        for item in items:
            if len(sources) - len(self._claims) >= MOST_ITEMS:
                break
            source = _source(f"S{len(sources) + 1}", item)
            if source is None or source.url in known:
                continue
            known.add(source.url or "")
            sources.append(source)
            if item.source_class not in _PARAPHRASED and _is_readable(source.text):
                excerpts += _excerpts(source, after=len(excerpts), most=EXCERPTS_A_SOURCE)
        return EvidenceTable(tuple(sources), tuple(excerpts)) if len(sources) > len(self.sources) else self

    @property
    def _claims(self) -> tuple[Source, ...]:
        return tuple(source for source in self.sources if source.is_claim)

    def to_json(self) -> dict[str, Any]:
        """JSON-able form."""

        def row(source: Source) -> dict[str, Any]:
            dates = {"published": _iso(source.published), "retrieved": _iso(source.retrieved)}
            return asdict(source) | {"source_class": source.source_class.value} | dates

        return {
            "sources": [row(source) for source in self.sources],
            "excerpts": [asdict(excerpt) for excerpt in self.excerpts],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EvidenceTable:
        """The inverse of ``to_json``."""

        def source(row: Mapping[str, Any]) -> Source:
            read = {"source_class": SourceClass(row["source_class"])} | {
                name: datetime.fromisoformat(row[name]) if row[name] else None
                for name in ("published", "retrieved")
            }
            return Source(**dict(row) | read)

        return cls(
            tuple(source(row) for row in data["sources"]),
            tuple(Excerpt(**row) for row in data["excerpts"]),
        )


def table_of_claims(question: Question) -> EvidenceTable:
    """The table before anything is retrieved: S1 is the question, S2 … what was forwarded. What reads like an
    instruction to a model is taken out of both.
    """
    sources = [_claim("S1", "The question", "the person asking", SourceClass.USER_CLAIM, question.text)]
    for number, quoted in enumerate(question.quoted, start=2):
        author = one_line(quoted.author, PUBLISHER_CHARS) or "unknown author"
        sources.append(_claim(f"S{number}", "Forwarded message", author, SourceClass.FORWARDED, quoted.text))
    excerpts: list[Excerpt] = []
    for source in sources:
        excerpts += _excerpts(source, after=len(excerpts))
    return EvidenceTable(tuple(sources), tuple(excerpts))


def _claim(source_id: str, title: str, author: str, source_class: SourceClass, text: str) -> Source:
    """A text of a person's. One of nothing but orders stays as it is, in its data block: it is what was
    asked.
    """
    innocent, taken = quarantined(text)
    if not taken or not innocent:
        innocent = text
    return Source(source_id, title, author, source_class, innocent, quarantined=taken)


_PARAPHRASED = frozenset({SourceClass.WEB, SourceClass.BASELINE})
"""Classes whose text is not the publisher's own words, so that nothing in it can be quoted."""
_QUOTED = re.compile(r"[“\"«„]([^“”\"«»„]{4,400}?)[”\"»]")
_NOT_QUOTABLE = re.compile(r"[@<>\[\]{}|`*_~\\]|://|\bwww\.|\w\.\w{2,}/")
"""Signs that no spoken sentence has: a quotation is printed letter for letter."""
_PERCENTAGE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:%|per\s?cent\b|percent\b|percentage points?\b|pp\b)", re.I)
_MARKUP = re.compile(r"[\[\]{}<>|`*_~\\^#]+")
_INVISIBLE = re.compile(r"[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def _source(source_id: str, item: EvidenceItem) -> Source | None:
    """The item as a row; ``None`` where nothing of it could be shown or cited."""
    url = link_address(item.url)
    publisher = one_line(item.publisher, PUBLISHER_CHARS) or owner_domain(item.url)
    if not item.text.strip() or not publisher:
        return None
    return Source(
        id=source_id,
        title=one_line(item.title, TITLE_CHARS) or "Untitled",
        publisher=publisher,
        source_class=item.source_class,
        text=item.text.strip()[:ITEM_CHARS],
        url=url,
        published=item.published_at,
        retrieved=item.retrieved_at,
        owner_group=item.owner_group or owner_domain(item.url) or publisher.casefold(),
        reliability=item.reliability if item.reliability in "ABCDEF" and item.reliability else "F",
        language=item.language,
        country=item.country,
        quarantined=item.quarantined,
    )


def _excerpts(source: Source, *, after: int, most: int | None = None) -> list[Excerpt]:
    """The quotations in a source's text, of at most ``EXCERPT_WORDS``."""
    found: list[str] = []
    for match in _QUOTED.finditer(source.text):
        words = match[1].strip().rstrip(".,;:")
        if words and len(words.split()) <= EXCERPT_WORDS and not _NOT_QUOTABLE.search(words):
            found.append(" ".join(words.split()))
    return [
        Excerpt(f"Q{number}", source.id, words)
        for number, words in enumerate(list(dict.fromkeys(found))[:most], after + 1)
    ]


def _is_readable(text: str) -> bool:
    """Whether a quotation from the text stands in an English answer without a translation."""
    letters = [char for char in text[:600] if char.isalpha()]
    return sum(char < "\u0250" for char in letters) > len(letters) / 2  # up to the end of extended Latin


def one_line(text: str, limit: int) -> str:
    """Outside text as a name: one line, without markup, control or invisible characters, cut at ``limit``."""
    plain = _MARKUP.sub(" ", _INVISIBLE.sub(" ", unicodedata.normalize("NFC", text)))
    plain = " ".join(plain.split())
    return plain if len(plain) <= limit else plain[: limit - 1].rstrip(" ,;:—–-") + "…"


def fold(text: str) -> str:
    """Text for comparing: NFKC, lower case, straight quotes and hyphens, single spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = text.translate(str.maketrans("“”„«»‘’‐‑–—", '"""""\'\'----'))
    return " ".join(text.split())


def percentages(text: str) -> frozenset[str]:
    """The percentages a text states, as folded numbers: "57 %", "57%" and "57 per cent" are one."""
    return frozenset(match[1].replace(",", ".") for match in _PERCENTAGE.finditer(text))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

"""Units in, visible parts out: the prefix-monotone renderer.

The rendering of a prefix of units is a prefix of the rendering of all of them, because each unit is
rendered from what came before it only. The renderer alone prints likelihoods, links, quotations and
glossary terms, from the references in the units.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from bot.assessment.dialect import Kind, Unit, split_sentences
from bot.assessment.events import Cut, Part
from bot.assessment.lexicon import Lexicon
from bot.assessment.wording import Reference, Tables
from personas.persona import Persona

__all__ = ["SectionRenderer", "heading_part", "line_part"]

_BEHIND_THE_STOP = re.compile(r"\.\s+(\{J\d+\})\.?\s*$")
_BEFORE_LIKELIHOOD = re.compile(r"(\S+)\s+(?=\{J\d+\})")
_LEADING_INTO_IT = frozenset(
    {
        *("is", "are", "was", "were", "be", "as", "it", "seems", "looks", "appears", "remains", "becomes"),
        *("now", "still", "also", "therefore", "thus", "and", "but", "or", "yet"),
    }
)
"""Words that a likelihood follows in a sentence; elsewhere it stands behind a dash."""
_GLUED = re.compile(r"(?<=[^\s(“*_])(?=\[S\d|\{[JQT]\d)")
_SOURCE_ID = re.compile(r"\[(S\d+)\]")
_SAME_CITATION = re.compile(r"(\[\d+(?:: [^\]]+)?\])(?:\s*\1)+")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def heading_part(text: str, *, section: str, section_bytes: int, first: bool = False) -> Part:
    """A section's heading."""
    separator = "" if first else "\n\n"
    return Part(f"{separator}## {text}", Cut.SECTION, section, section_bytes=section_bytes)


def line_part(
    text: str, *, section: str, cut: Cut = Cut.PARAGRAPH, first: bool = False, last: bool = False
) -> Part:
    """A line of its own that is printed as it stands: the frame around the sections."""
    return Part(text if first else f"\n\n{text}", cut, section, ends_section=last)


@dataclass(slots=True)
class SectionRenderer:
    """Renders the units of one section, in order."""

    section: str
    tables: Tables
    persona: Persona
    lexicon: Lexicon
    counts: Counter[str]
    factual: bool = False
    cited: Counter[str] = field(default_factory=Counter)
    """How often each source is cited, by id."""
    supported: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The retrieved sources that say what a claim says, by the claim's id: the text cites them together."""
    _previous: Kind | None = None
    _letters: int = 0
    _cited: set[str] = field(default_factory=set)
    _ours: bool = False
    _backed: bool = False
    """What is being printed cites a retrieved source with every claim."""

    def render(self, unit: Unit, *, ours: bool = False) -> Part:
        """The part a unit becomes; ``ours``: we wrote it, and it is no fact that needs a source."""
        kind = unit.kind
        self._ours = ours
        if kind is Kind.SENTENCE and self._previous not in (Kind.SENTENCE, Kind.PARAGRAPH):
            kind = Kind.PARAGRAPH  # the sentences before it were dropped
        if kind is Kind.HEADING:
            letter = LETTERS[self._letters % len(LETTERS)]
            self._letters += 1
            text, cut = f"\n\n### {letter}. {self._print(unit.text)}", Cut.PARAGRAPH
        elif kind is Kind.BULLET:
            line = self._print(unit.text)
            separator = "\n" if self._previous is Kind.BULLET else "\n\n"
            text, cut = f"{separator}- {line}", Cut.LINE
        elif kind is Kind.SENTENCE:
            text, cut = f" {self._print(unit.text)}", Cut.NONE
        else:
            text, cut = f"\n\n{self._print(unit.text)}", Cut.PARAGRAPH
        self._previous = kind
        return Part(text, cut, self.section)

    def _print(self, text: str) -> str:
        """Resolve the references."""
        if self.factual and not self._ours and not re.search(r"\[S\d+\]|\{Q\d+\}", text):
            # A fact cites a source or says that it has none (design, decision 10).
            self.counts["fact_without_source"] += 1
            text = f"{text} _(no source)_"
        self._backed = self._is_backed(text)
        text = _GLUED.sub(" ", text)
        if "{J" in text:
            text = _BEHIND_THE_STOP.sub(r" — \1.", text)
            text = _BEFORE_LIKELIHOOD.sub(_set_off, text)
        printed = Reference.sub(lambda match: self._reference(match[0].strip("[]{}")), text)
        printed = _SAME_CITATION.sub(r"\1", printed)
        printed = re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r" {2,}", " ", printed)).strip()
        return printed[:1].upper() + printed[1:] if text[:1] == "{" else printed

    def _reference(self, name: str) -> str:
        """What stands for a reference; nothing for an unknown one, which the wording rules let not pass."""
        first = name not in self._cited
        self._cited.add(name)
        if name[0] == "J":
            return self._likelihood(name, first=first)
        if name[0] == "S":
            return self._source(name, first=first)
        return self._quotation(name) if name[0] == "Q" else self._term(name, first=first)

    def _likelihood(self, name: str, *, first: bool) -> str:
        judgment = self.tables.judgments.get(name)
        if judgment is None:
            return ""
        phrase, clipped = self.lexicon.phrase(judgment.likelihood)
        self.counts["range_clipped"] += clipped and first
        return phrase

    def _quotation(self, name: str) -> str:
        excerpt = self.tables.evidence.excerpt(name)
        if excerpt is None:
            return ""
        first = excerpt.source_id not in self._cited
        self._cited.add(excerpt.source_id)
        return f"“{excerpt.text}” {self._source(excerpt.source_id, first=first)}"

    def _term(self, name: str, *, first: bool) -> str:
        term = self.persona.term(name)
        if term is None:
            return ""
        native = term.native if term.native != term.english else ""
        return f"{term.english} ({native})" if first and native else term.english

    def _source(self, source_id: str, *, first: bool) -> str:
        """A link at first use in the section, a plain number after; a claim says that it is one, until a
        source supports it.
        """
        source = self.tables.evidence.source(source_id)
        if source is None:
            return ""
        self.cited[source_id] += 1
        number = source_id.removeprefix("S")
        if source.is_claim:
            if self._backed:
                if first:
                    self._cited.discard(source_id)  # where it stands alone it is marked all the same
                return f"[{number}]"
            return f"[{number}: {source.source_class}]" if first or self.factual else f"[{number}]"
        return f"[{number}]({source.url})" if first and source.url else f"[{number}]"

    def _is_backed(self, text: str) -> bool:
        """Whether a retrieved source stands in every sentence that cites a claim; notes whom they support."""
        backed = True
        for sentence in split_sentences(text) if "[S" in text else ():
            known = [self.tables.evidence.source(name) for name in _SOURCE_ID.findall(sentence)]
            cited = [source for source in known if source is not None]
            claims = [source.id for source in cited if source.is_claim]
            others = {source.id for source in cited if not source.is_claim}
            for claim in claims:
                self.supported[claim] |= others
            backed = backed and not (claims and not others)
        return backed


def _set_off(match: re.Match[str]) -> str:
    word = match[1]
    leads = word.strip("*_").casefold() in _LEADING_INTO_IT or word[-1] in "—–-:(,;"
    return f"{word} " if leads else f"{word} — "

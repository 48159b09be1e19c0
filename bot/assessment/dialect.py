"""The Markdown dialect of section prose, and its incremental parser.

A section is a lead paragraph, lettered headings (``### A. Title``), bullets and paragraphs. The
parser takes text in any chunks and gives back complete units: a heading, a bullet, a sentence. What
comes out depends on the text alone, never on the chunking, and the units of a prefix are a prefix of
the units of the whole. It accepts any text without raising; what is not of the dialect is turned
into the nearest unit or left out and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Kind", "SectionParser", "Unit", "split_sentences"]

MAX_UNIT_CHARS = 1_500
"""Characters: longest unit waited for. A seed bullet has at most 60 words, about 400 characters; a
longer unit is a model that has lost its way, and is cut here so that memory and the screen stay bounded."""


class Kind(StrEnum):
    """What a unit is."""

    HEADING = "heading"
    BULLET = "bullet"
    SENTENCE = "sentence"
    """A sentence that goes on in the paragraph before it."""
    PARAGRAPH = "paragraph"
    """The first sentence of a paragraph."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One complete piece of a section, still in the model's words."""

    kind: Kind
    text: str


_FENCE = re.compile(r"^\s*(```|~~~)")
_ATX = re.compile(r"^\s{0,3}(#{1,6})\s*(.*?)\s*#*\s*$")
_LETTER = re.compile(r"^\(?([A-Z])[.):]\s+(?=\S)")
_BOLD_HEADING = re.compile(r"^\s*(?:\*\*|__)\(?[A-Z][.):]\s*(.+?)(?:\*\*|__):?\s*$")
_BULLET = re.compile(r"^\s*(?:[-*+•–—▪◦‣·]|\(?\d{1,2}[.)])\s+")
_RULE = re.compile(r"^\s*(?:[-*_=]\s*){3,}$")
_TABLE_RULE = re.compile(r"^\s*\|?[\s:|-]*-{2,}[\s:|-]*\|?\s*$")
_QUOTE = re.compile(r"^\s*(?:>\s?)+")
_PLAIN_START = re.compile(r"^\s*[^\W\d_]")
"""A line that begins with a letter is paragraph text or continues the unit before it."""
_NEW_START = re.compile(r"^\s*(?:#|[-*+•–—▪◦‣·]\s|\(?\d{1,2}[.)]\s|\||```|~~~)")
"""A line that begins like this ends the unit before it, whatever follows."""
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)\]*_]*(?=\s+\S)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|Nos|vs|cf|etc|e\.g|i\.e|approx|Art|Sec|Gen|Col|Sen|Rep|Gov|Prof|Jr|Sr|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|U\.S|U\.K|U\.N|E\.U|a\.m|p\.m|Co|Ltd|Inc|Corp)|\d)\.$"
)


class SectionParser:
    """Feed it text as it arrives; it gives back units as they complete.

    ``dropped`` counts, by reason, lines that are no part of the dialect.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self._buffer = ""
        """The current line, as far as it came and is not moved into ``_text``."""
        self._mid_line = False
        """The beginning of the current line is in ``_text`` already: it is plain paragraph text."""
        self._open: Kind | None = None
        self._text = ""
        """Text of the open bullet or paragraph that is not given out yet."""
        self._sentences = 0
        """Sentences of the open paragraph given out so far."""

    def feed(self, chunk: str) -> list[Unit]:
        """Take more text; return the units that are complete by now."""
        self._buffer += chunk
        units: list[Unit] = []
        while True:
            line, newline, rest = self._buffer.partition("\n")
            if self._mid_line:
                self._text += line
                self._buffer = rest
                self._mid_line = not newline
                self._give_out_sentences(units)
            elif newline:
                self._buffer = rest
                self._line(line, units)
            elif len(line) >= MAX_UNIT_CHARS:
                self.dropped["line_too_long"] += 1
                self._line(line[:MAX_UNIT_CHARS], units)
                self._buffer = line[MAX_UNIT_CHARS:]
            elif self._open is not Kind.BULLET and _PLAIN_START.match(line):
                # Paragraph text for certain: give out its sentences before the line ends.
                self._open_paragraph()
                self._text = f"{self._text.rstrip()} " if self._text else ""
                self._buffer = line.lstrip()
                self._mid_line = True
            else:
                if self._open and _NEW_START.match(line):
                    self._end(units)
                return units
            if not self._buffer:
                return units

    def close(self) -> list[Unit]:
        """The text is complete: return what is left."""
        units: list[Unit] = []
        if self._buffer:
            line, self._buffer = self._buffer, ""
            self._line(line, units)
        self._end(units)
        return units

    def _line(self, line: str, units: list[Unit]) -> None:
        """Take one whole line."""
        if line.lstrip().startswith(">"):
            line = _QUOTE.sub("", line)
        if not line.strip():
            self._end(units)
        elif dropped := _not_of_the_dialect(line):
            self._end(units)
            self.dropped[dropped] += 1
        elif match := _ATX.match(line):
            self._heading(match[2], len(match[1]), units)
        elif match := _BOLD_HEADING.match(line):
            self._heading(match[1], 3, units)
        elif line.lstrip().startswith("|"):
            self.dropped["table"] += 1
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            self._bullet(" — ".join(cell for cell in cells if cell), units)
        elif match := _BULLET.match(line):
            self._bullet(line[match.end() :], units)
        else:
            self._continue(line, units)

    def _continue(self, line: str, units: list[Unit]) -> None:
        """Plain text: it goes on with the open unit, or opens a paragraph."""
        if self._open is None:
            self._open_paragraph()
        self._text = f"{self._text} {line.strip()}".strip()
        if self._open is Kind.PARAGRAPH:
            self._give_out_sentences(units)
        elif len(self._text) >= MAX_UNIT_CHARS:
            self.dropped["line_too_long"] += 1
            self._end(units)

    def _heading(self, title: str, level: int, units: list[Unit]) -> None:
        self._end(units)
        title = title.strip().strip("*_").strip()
        lettered = _LETTER.match(title)
        if level < 3 and not lettered:
            self.dropped["extra_heading"] += 1  # section titles are ours, not the model's
            return
        title = title[lettered.end() :] if lettered else title
        if title:
            units.append(Unit(Kind.HEADING, title))

    def _bullet(self, text: str, units: list[Unit]) -> None:
        self._end(units)
        while match := _BULLET.match(text):
            text = text[match.end() :]  # "- 1. text": one mark is enough
        self._open, self._text = Kind.BULLET, text.strip()

    def _open_paragraph(self) -> None:
        if self._open is None:
            self._open, self._text, self._sentences = Kind.PARAGRAPH, "", 0

    def _give_out_sentences(self, units: list[Unit]) -> None:
        """Give out the complete sentences of the open paragraph: those that another one follows."""
        if not self._mid_line:
            self._text = self._text.strip()
        if len(self._text) < MAX_UNIT_CHARS and not _SENTENCE_END.search(self._text):
            return
        sentences = split_sentences(self._text)
        while len(sentences) > 1:
            self._sentence(sentences.pop(0), units)
        trailing = self._text[len(self._text.rstrip()) :] if self._mid_line else ""
        self._text = (sentences[0] + trailing) if sentences else ""
        if len(self._text) >= MAX_UNIT_CHARS:
            self.dropped["line_too_long"] += 1
            self._sentence(self._text[:MAX_UNIT_CHARS], units)
            self._text = self._text[MAX_UNIT_CHARS:]

    def _sentence(self, text: str, units: list[Unit]) -> None:
        units.append(Unit(Kind.SENTENCE if self._sentences else Kind.PARAGRAPH, text.strip()))
        self._sentences += 1

    def _end(self, units: list[Unit]) -> None:
        """Give out what is left of the open unit."""
        kind, text = self._open, self._text.strip()
        self._open, self._text = None, ""
        if not text:
            return
        if kind is Kind.BULLET:
            units.append(Unit(Kind.BULLET, text))
        else:
            for sentence in split_sentences(text):
                self._sentence(sentence, units)


def _not_of_the_dialect(line: str) -> str:
    """Name of what a line is that is left out, or an empty string."""
    if _FENCE.match(line):
        return "code_fence"
    return "rule" if _RULE.match(line) or _TABLE_RULE.match(line) else ""


def split_sentences(text: str) -> list[str]:
    """Sentences of a paragraph; an abbreviation or an initial does not end one."""
    sentences, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        if text[match.start()] == "." and _ABBREVIATION.search(text[start : match.start() + 1]):
            following = text[match.end() :].lstrip()
            # "… tariffs by the U.S. The deal …" does end: an abbreviation before a capitalised common opener.
            if not re.match(
                r"(?:The|This|That|It|In|But|And|For|Both|China|Beijing|Washington)\b", following
            ):
                continue
        sentences.append(text[start : match.end()].strip())
        start = match.end()
    if rest := text[start:].strip():
        sentences.append(rest)
    return sentences

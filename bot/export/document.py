"""A document as values: what the writers of Markdown, Word and PDF all read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = ["Block", "Document", "Run", "Style", "plain", "runs_of"]


class Style(StrEnum):
    """What a block is."""

    HEADING = "heading"
    SUBHEADING = "subheading"
    PARAGRAPH = "paragraph"
    BULLET = "bullet"
    WARNING = "warning"
    EPIGRAPH = "epigraph"
    SIGNATURE = "signature"
    SMALL = "small"
    """The accounts at the end: check line, notices, disclosure."""


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one look."""

    text: str
    bold: bool = False
    italic: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of one style."""

    style: Style
    runs: tuple[Run, ...]

    @property
    def text(self) -> str:
        """The words without their looks."""
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class Document:
    """One assessment, ready to be written down."""

    title: str
    author: str
    """``CN-01, China Agent``."""
    organisation: str
    language: str
    """BCP 47, of the persona: which shapes Chinese characters have."""
    byline: str
    """Who, what and when, in one line."""
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """Every word in it: what fonts must be able to show."""
        return "\n".join([self.title, self.author, self.organisation, self.byline, *self._texts()])

    def _texts(self) -> Iterator[str]:
        return (block.text for block in self.blocks)


_MARKED = re.compile(
    r"\*\*(?P<bold>.+?)\*\*|(?<!\w)_(?P<italic>[^_]+)_(?!\w)|\[(?P<label>[^\]]+)\]\((?P<url>https?://[^\s)]+)\)"
)

_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What XML does not allow, and nobody could read."""


def plain(style: Style, text: str) -> Block:
    """A block of text as it is."""
    return Block(style, (Run(_UNWRITABLE.sub("", text)),))


def runs_of(text: str, urls: Set[str], look: Run | None = None) -> tuple[Run, ...]:
    """The runs of a line of our own Markdown; of links those stay that lead to one of ``urls``."""
    look = look or Run("")
    text = _UNWRITABLE.sub("", text)
    runs: list[Run] = []
    end = 0
    for match in _MARKED.finditer(text):
        if match.start() > end:
            runs.append(replace(look, text=text[end : match.start()]))
        if match["bold"]:
            runs += runs_of(match["bold"], urls, replace(look, bold=True))
        elif match["italic"]:
            runs += runs_of(match["italic"], urls, replace(look, italic=True))
        else:
            url = match["url"] if match["url"] in urls else look.url
            # The brackets are the citation's own: a reader on paper needs them.
            runs.append(replace(look, text=f"[{match['label']}]", url=url))
        end = match.end()
    if end < len(text):
        runs.append(replace(look, text=text[end:]))
    return tuple(runs)

"""Takes out of fetched text what reads like an instruction to a model, and counts it.

A net, not a wall: the engine keeps fetched text inside data blocks and checks what the model writes. What is
taken out is a sentence or a line, never the article: news about such attacks stays readable.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bot.evidence.hidden_text import skeleton, visible

__all__ = ["quarantined"]

_PATTERNS = Path(__file__).with_name("instructions.toml")

_SENTENCES = re.compile(r"[^.!?…。！？।؟\n]*(?:[.!?…。！？।؟]+[\"'”’»」』)\]]*|\n|$)")
_LONGEST_SENTENCE = 600
"""Characters: patterns are tried on pieces of at most this, so that no text takes long to judge."""

_TAIL = 200
"""Characters of the line before that are judged together with a line it goes on in."""

_ENDS = frozenset(".!?…。！？।؟:;\"'”’")

_LINK = re.compile(r"\[([^\]\n]{0,200})\]\((?:[^()\s]|\([^()\s]*\)){0,500}[^()]{0,100}\)")
_SLACK_LINK = re.compile(r"<(?:https?|mailto):[^|>\s]{0,500}(?:\|([^>]{0,200}))?>")
_ADDRESS = re.compile(r"\bhttps?://[^\s<>\"'，。）」]+", re.IGNORECASE)
_OUR_REFERENCES = re.compile(r"\{[A-Z]\d+\}|\[S\d+\]")
"""What the engine's own dialect means by these, a source must not say."""


def quarantined(text: str) -> tuple[str, int]:
    """The text without what reads like an instruction, hidden characters and addresses; and how many passages
    were taken out. A passage is a run of sentences without an innocent one between them. White space is made
    plain, line breaks are kept.
    """
    cuts, sentences = _patterns()
    text, taken = visible(text)
    folded = skeleton(text)
    for pattern in _tried(cuts, folded):
        text, number = pattern.subn(" ", text)
        taken += number
    suspicions = _tried(sentences, folded)
    if suspicions:
        text, number = _without_instructions(text, suspicions)
        taken += number
    text = _LINK.sub(r"\1", text)
    text = _SLACK_LINK.sub(lambda match: match[1] or "", text)
    text = _OUR_REFERENCES.sub("", _ADDRESS.sub("", text))
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r" ?\n[ \n]*", "\n", text).strip(), taken


@dataclass(frozen=True, slots=True)
class _Pattern:
    when: tuple[str, ...]
    pattern: re.Pattern[str]


@cache
def _patterns() -> tuple[tuple[_Pattern, ...], tuple[_Pattern, ...]]:
    """What is cut out wherever it stands, and what makes a sentence an instruction."""
    data = tomllib.loads(_PATTERNS.read_text(encoding="utf-8"))

    def read(entry: dict[str, Any]) -> _Pattern:
        pattern = entry["pattern"]
        for name, words in data["words"].items():
            pattern = pattern.replace(f"%{name}%", words)
        return _Pattern(tuple(map(skeleton, entry["when"])), re.compile(pattern, re.IGNORECASE))

    return tuple(map(read, data["cut"])), tuple(map(read, data["sentence"]))


def _tried(patterns: tuple[_Pattern, ...], folded: str) -> list[re.Pattern[str]]:
    """The patterns that can match a text at all."""
    return [each.pattern for each in patterns if not each.when or any(word in folded for word in each.when)]


def _without_instructions(text: str, suspicions: list[re.Pattern[str]]) -> tuple[str, int]:
    """The text without the sentences that match, and the number of passages these made up."""

    def suspect(piece: str) -> bool:
        if not piece.strip():
            return False
        folded = skeleton(piece)
        return any(pattern.search(piece) or pattern.search(folded) for pattern in suspicions)

    def broken_in_two(before: str, piece: str) -> bool:
        """Whether something suspicious begins in one line and ends in the next."""
        return any(
            match.start() < len(one) < match.end()
            for one, other in ((before, piece), (skeleton(before), skeleton(piece)))
            for pattern in suspicions
            for match in pattern.finditer(f"{one} {other}")
        )

    kept: list[str] = []
    taken, in_passage = 0, False
    for piece in _pieces(text):
        found = suspect(piece)
        if kept and _goes_on(kept[-1]) and broken_in_two(kept[-1].rstrip()[-_TAIL:], piece):
            kept.pop()
            found = True
        if found:
            taken += not in_passage
            in_passage = True
            kept.append("\n" if piece.endswith("\n") else " ")
        else:
            in_passage = in_passage and not piece.strip()
            kept.append(piece)
    return "".join(kept), taken


def _goes_on(piece: str) -> bool:
    """Whether a line ends without an end of sentence."""
    return piece.endswith("\n") and piece.rstrip()[-1:] not in _ENDS


def _pieces(text: str) -> Iterator[str]:
    """Sentences with their ends, and the parts of very long ones; the whole of them is the text."""
    for match in _SENTENCES.finditer(text):
        for start in range(0, len(match[0]), _LONGEST_SENTENCE):
            yield match[0][start : start + _LONGEST_SENTENCE]

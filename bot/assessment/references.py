"""References in the dialect, such as ``[S1]`` and ``{J1}``: what they name, how they are spelled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.assessment.values import Judgment
from bot.evidence.table import EvidenceTable, percentages

__all__ = ["Reference", "Review", "Tables", "spell_references", "strip_references"]

Reference = re.compile(r"\[S\d+\]|\{[JQT]\d+\}")
"""A token of the dialect, in its one canonical spelling."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The ids a section may use, frozen when its call starts."""

    evidence: EvidenceTable
    judgments: Mapping[str, Judgment] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    """Glossary: term id to native text."""
    material: str = ""
    """Folded text of all sources: what numbers and quotations are held against."""
    language: str = ""
    """Code of the language that is written; empty: English."""
    percentages: frozenset[str] = field(init=False, repr=False)
    """The percentages that the material states."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "percentages", percentages(self.material))

    def knows(self, reference: str) -> bool:
        """Whether a canonical reference resolves."""
        name = reference.strip("[]{}")
        match name[0]:
            case "S":
                return self.evidence.source(name) is not None
            case "Q":
                return self.evidence.excerpt(name) is not None
            case "J":
                return name in self.judgments
            case _:
                return name in self.terms


@dataclass(frozen=True, slots=True)
class Review:
    """What a wording rule works with: the ids there are, and where it counts what it corrects."""

    tables: Tables
    counts: Counter[str]

    def corrected(self, rule: str, before: str, after: str) -> str:
        """``after``; counted under the rule's name where it differs from ``before``."""
        if after != before:
            self.counts[rule] += 1
        return after


_NAME = r"[SJQT]\s?\d{1,3}"
_GROUP = re.compile(
    rf"\[\s*({_NAME}(?:\s*[,;/&]\s*[SJQT]?\s?\d{{1,3}})*)\s*\](?:\([^()]*\))?"
    rf"|[{{(]+\s*({_NAME}(?:\s*[,;/&]\s*[SJQT]?\s?\d{{1,3}})*)\s*[}})]+"
)
_NAMES = re.compile(r"([SJQT]?)\s?(\d{1,3})")
_NUMBERED = re.compile(
    r"(?:(?<!\w)\[|【)\^?(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)(?:†[^\]】]*)?[\]】](?:\([^()]*\))?"
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_JUDGMENT = re.compile(r"\{J\d+\}")
_FURTHER_JUDGMENT = re.compile(r"(?:\s*(?:[,;/&+—–-]|\b(?:and|or|with)\b))?\s*\{J\d+\}")
_BRACKETS = "[{(【"


def spell_references(text: str, review: Review) -> str:
    """One spelling for references; unknown ids go, and so does a second likelihood in one sentence.

    A bare ``[1]`` would pass for a citation of ours: it is taken for ``[S1]`` where that exists.
    """
    if not any(bracket in text for bracket in _BRACKETS):
        return text
    tables, counts = review.tables, review.counts

    def spell(match: re.Match[str]) -> str:
        letter, spelled = "", []
        for name in _NAMES.finditer(match[1] or match[2]):
            letter = name[1] or letter
            reference = f"[S{int(name[2])}]" if letter == "S" else f"{{{letter}{int(name[2])}}}"
            if tables.knows(reference):
                spelled.append(reference)
            else:
                counts["unknown_id"] += 1
        return "".join(dict.fromkeys(spelled))

    def numbered(match: re.Match[str]) -> str:
        counts["own_citation"] += 1
        names = dict.fromkeys(f"[S{int(number)}]" for number in re.findall(r"\d+", match[1]))
        return "".join(name for name in names if tables.knows(name))

    text = _NUMBERED.sub(numbered, _GROUP.sub(spell, text))
    if text.count("{J") > 1:
        parts = _SENTENCE_END.split(text)
        text = " ".join(_one_likelihood(part, review) for part in parts)
    return text


def _one_likelihood(sentence: str, review: Review) -> str:
    first = _JUDGMENT.search(sentence)
    if first is None:
        return sentence
    rest = _FURTHER_JUDGMENT.sub("", sentence[first.end() :])
    return review.corrected("second_likelihood", sentence, sentence[: first.end()] + rest)


def strip_references(text: str, review: Review) -> str:
    """A heading without likelihoods, citations and quotations; terms may stay."""
    if "[" not in text and "{" not in text:
        return text
    return review.corrected(
        "reference_in_heading", text, re.sub(r"\s*(?:[—–-]\s*)?(?:\[S\d+\]|\{[JQ]\d+\})", "", text)
    )

"""Percentages in a model's own words: one stands in the material or goes, and a probability always goes."""

from __future__ import annotations

import re

from bot.assessment.references import Review
from bot.assessment.rewording import Replacement, indefinite_article, rewordings
from bot.evidence.table import percentages

__all__ = ["reword_percentages"]

HALF = 50
"""Percent: a share above it is "most of", others are "part of"."""

_NUMBER = r"\d+(?:[.,]\d+)?"
_PERCENT = r"(?:%|per\s?cent(?:age points?)?\b|percentage points?\b|pp\b)"
_ABOUT = (
    r"(?:(?:about|around|roughly|approximately|some|over|nearly|almost|more than|less than|fewer than|up to|"
    r"at least|at most|under|c\.|≈|~|an estimated) ?)?"
)
_AMOUNT = rf"{_ABOUT}{_NUMBER}(?:\s?{_PERCENT})?(?:\s?(?:[-–—]|to|or|and)\s?{_NUMBER})?\s?{_PERCENT}"
"""One percentage or a range of two."""
_CHANCE = r"(?:chance|probability|likelihood|odds|certainty|prospect|risk)"
_LEVEL = rf"(?:{_CHANCE}|confidence|likely|unlikely|probable|certain|sure|confident)"
_COUNT = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)"

_TENS = {
    "ten": 10,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
_UNITS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_SPELLED = re.compile(
    rf"\b({'|'.join(_TENS)})(?:[- ]({'|'.join(_UNITS)}))?(?=(?:[- ]| to \w+[- ]| or \w+[- ])per\s?cent)",
    re.IGNORECASE,
)


def _digits(match: re.Match[str]) -> str:
    return str(_TENS[match[1].lower()] + _UNITS.get((match[2] or "").lower(), 0))


def _chance(match: re.Match[str]) -> str:
    return indefinite_article(match[1], match[2]) + match[2]


def _share(match: re.Match[str]) -> str:
    found = re.search(_NUMBER, match[0])
    return "most of" if found and float(found[0].replace(",", ".")) > HALF else "part of"


_OWN_PROBABILITIES = rewordings(
    (
        (rf"\s*\((?:[^()]{{0,30}}\b)?(?:{_LEVEL}|p)\b[^()]{{0,20}}{_AMOUNT}[^()]{{0,20}}\)", ""),
        (rf"\s*\([^()]{{0,20}}{_AMOUNT}\s+{_LEVEL}[^()]{{0,20}}\)", ""),
        (r"\s*\(?\bp\s?[=≈~]\s?0?[.,]\d+\)?", ""),
        (rf",?\s*\b(?:with|at) (?:an? )?{_AMOUNT} (?:{_CHANCE}|confidence)\b,?", ""),
        (rf",?\s*\b(?:with|at) (?:an? )?(?:{_CHANCE}|confidence) of {_AMOUNT},?", ""),
        (rf"\b({_CHANCE}) (?:of|at|near|close to) {_AMOUNT}(?! of)", r"\1"),
        (rf"\b({_CHANCE}) (?:of|at) 0[.,]\d+", r"\1"),
        (rf"\b(an? )?{_AMOUNT} ({_CHANCE})\b", _chance),
        (rf"\b(an? )?0[.,]\d+ ({_CHANCE})\b", _chance),
        (rf"\b(an? )?{_COUNT}[- ](?:in|out of)[- ]{_COUNT} ({_CHANCE})\b", _chance),
        (rf"\b{_AMOUNT} ({_LEVEL})\b", r"\1"),
        (rf"\bodds of {_COUNT}(?: to |-to-|:|/| in ){_COUNT}\b", "odds"),
        (r"\b(?:fifty-fifty|50[/–:-]50)\b", "open"),
    )
)
_OTHER_PERCENTAGES = rewordings(
    (
        (rf"\s*\([^()]{{0,40}}{_AMOUNT}[^()]{{0,40}}\)", ""),
        (rf"\b(?:the )?{_AMOUNT} of\b", _share),
        (rf"\s*\bfrom {_AMOUNT} to {_AMOUNT}", ""),
        (rf"\s*\b(?:by|to|at|of|from|towards?|between) {_AMOUNT}", ""),
        (rf"\b(an? ){_AMOUNT}[- ](?=([a-z]\w*))", lambda match: indefinite_article(match[1], match[2])),
        (rf"\b((?:the|its|their|this|that) ){_AMOUNT} (?=[a-z])", r"\1"),
    )
)
_SIGNS = (
    " in ",
    "-in-",
    "out of",
    "odds",
    "fifty",
    "50/50",
    "50:50",
    "50-50",
    "50–50",
    "p =",
    "p=",
    "p≈",
    "p~",
)


def reword_percentages(text: str, review: Review) -> str | None:
    """The unit without percentages that nobody stated; ``None`` where it says nothing without them."""
    lowered = text.lower()
    if not ("%" in text or "per" in lowered or "0." in text or any(sign in lowered for sign in _SIGNS)):
        return text
    spelled = _SPELLED.sub(_digits, text)
    plain = spelled
    for pattern, replacement in _OWN_PROBABILITIES:
        plain = pattern.sub(replacement, plain)
    review.corrected("own_probability", spelled, plain)
    stated = review.tables.percentages
    if percentages(plain) <= stated:
        return plain
    review.counts["percentage"] += 1
    for pattern, replacement in _OTHER_PERCENTAGES:
        plain = pattern.sub(lambda match, new=replacement: _unless_stated(match, new, stated), plain)  # type: ignore[misc]
    return plain if percentages(plain) <= stated else None


def _unless_stated(match: re.Match[str], new: Replacement, stated: frozenset[str]) -> str:
    if percentages(match[0]) <= stated:
        return match[0]
    return match.expand(new) if isinstance(new, str) else new(match)

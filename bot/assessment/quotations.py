"""Quotations in a unit: quotation marks are ours, from stored excerpts only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.assessment.references import Review
from bot.evidence.table import fold

__all__ = ["QUOTATION_CHARS", "remove_quotations"]

QUOTATION_CHARS = 25
"""Characters: from here on quotation marks claim that somebody said so; shorter ones are scare quotes
(analysis standard, SO3)."""

_CLOSERS = {
    "“": "”",
    "„": "“”",
    "«": "»",
    "»": "«",
    "「": "」",
    "『": "』",
    "《": "》",
    "‟": "”",
    '"': '"',
    "″": "″",
}
_OPENERS = frozenset("“„«「『《‟")
_DOUBLE = frozenset('“”„«»「」『』《》‟"″')
_DOUBLE_MARKS = re.compile('[“”„«»「」『』《》‟"″]')
_SINGLE = re.compile(r"(?<![\w’'])[‘‚‛'‹](?=\S)([^‘‹]{1,400}?)(?<=[\w.,!?…])[’'›](?!\w)")
_SINGLE_MARKS = re.compile("[‘‚‛‹›]")


def remove_quotations(text: str, review: Review) -> str | None:
    """The unit without quotation marks; ``None`` where it quotes what nobody is known to have said.

    A long quotation that is a stored excerpt becomes its reference; one that stands in the material
    loses its marks, and so do scare quotes.
    """
    plain = text
    if not _DOUBLE.isdisjoint(text):
        for start, end in reversed(list(_quoted(text))):
            replacement = _replacement(text[start:end].strip("".join(_DOUBLE)), review)
            if replacement is None:
                review.counts["quotation"] += 1
                return None
            plain = plain[:start] + replacement + plain[end:]
        plain = _DOUBLE_MARKS.sub("", plain)
    if "‘" in plain or "'" in plain or "‹" in plain or "‚" in plain or "‛" in plain:
        for match in reversed(list(_SINGLE.finditer(plain))):
            replacement = _replacement(match[1], review)
            if replacement is None:
                review.counts["quotation"] += 1
                return None
            plain = plain[: match.start()] + replacement + plain[match.end() :]
        plain = _SINGLE_MARKS.sub("", plain)
    return review.corrected("quotation_marks", text, plain)


def _quoted(text: str) -> Iterator[tuple[int, int]]:
    """Outermost quotations, marks included. One that does not close runs to the end of the unit, one
    that does not open begins with it: its other half stands in another unit.
    """
    open_marks: list[str] = []
    start = 0
    for place, char in enumerate(text):
        if char not in _DOUBLE:
            continue
        if open_marks and char in _CLOSERS[open_marks[-1]]:
            open_marks.pop()
            if not open_marks:
                yield start, place + 1
        elif char in _OPENERS or (char in '"″' and not open_marks) or (char == "»" and _begins(text, place)):
            if not open_marks:
                start = place
            open_marks.append(char)
        elif not open_marks:
            yield 0, place + 1
    if open_marks:
        yield start, len(text)


def _begins(text: str, place: int) -> bool:
    return (place == 0 or text[place - 1].isspace()) and text[place + 1 : place + 2].isalnum()


def _replacement(quoted: str, review: Review) -> str | None:
    """What stands for a quotation, its marks taken off."""
    if len(quoted) < QUOTATION_CHARS:
        return quoted
    folded = fold(quoted).strip(" .,;:!?")
    for excerpt in review.tables.evidence.excerpts:
        if fold(excerpt.text).strip(" .,;:!?") == folded:
            return f"{{{excerpt.id}}}"
    return quoted if folded in review.tables.material else None

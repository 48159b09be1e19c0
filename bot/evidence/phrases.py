"""Finding known phrases in a question, whatever its script, the longest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from bot.evidence.segmentation import GRAM_LENGTH, Script, pieces, tokens, without_particle

__all__ = ["Match", "PhraseTable", "Unit", "units"]

_Value = TypeVar("_Value")


class Unit(NamedTuple):
    """The smallest thing a phrase is made of: a word, or a character of a script that has no spaces."""

    key: str
    """What is compared: a stem, or the character."""
    text: str
    """As it was written, in lower case."""
    script: Script
    piece: int
    """Units of one piece stand together without a space."""


class Match(NamedTuple, Generic[_Value]):
    """A phrase that was found: the units from ``start`` up to ``end``, and all it may mean."""

    start: int
    end: int
    values: tuple[_Value, ...]


def units(text: str) -> list[Unit]:
    """A text as units. Never raises."""
    found = []
    for number, piece in enumerate(pieces(text)):
        if piece.script in GRAM_LENGTH:
            written = without_particle(piece.text) if piece.script is Script.HANGUL else piece.text
            found += [Unit(character, character, piece.script, number) for character in written]
        else:
            found += [Unit(stem, piece.text, piece.script, number) for stem in tokens(piece.text)]
    return found


class PhraseTable(Generic[_Value]):
    """Phrases and what they stand for."""

    def __init__(self) -> None:
        self._by_first: dict[str, dict[tuple[str, ...], list[_Value]]] = {}

    def add(self, phrase: str, value: _Value) -> None:
        """Know a phrase; it may stand for several values. One without a letter or digit is ignored."""
        key = tuple(unit.key for unit in units(phrase))
        if key:
            values = self._by_first.setdefault(key[0], {}).setdefault(key, [])
            if value not in values:
                values.append(value)

    def matches(self, text: Sequence[Unit]) -> list[Match[_Value]]:
        """The phrases of a text in order, none overlapping another: at each place the longest wins."""
        found: list[Match[_Value]] = []
        at = 0
        keys = [unit.key for unit in text]
        while at < len(keys):
            candidates = self._by_first.get(keys[at], {})
            fitting = [key for key in candidates if tuple(keys[at : at + len(key)]) == key]
            if not fitting:
                at += 1
                continue
            longest = max(fitting, key=len)
            found.append(Match(at, at + len(longest), tuple(candidates[longest])))
            at += len(longest)
        return found

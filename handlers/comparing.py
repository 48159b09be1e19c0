"""Whom a comparison names, and what it asks: ``CN-01 US-01 <question>``, ``china, japan: <question>``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from personas.desk import Desk
from personas.persona import Persona
from personas.wording import CODE, folded, normalised

__all__ = ["MOST_COMPARED", "Comparison", "named_several", "parse_comparison"]

MOST_COMPARED = 6
"""Personas of one comparison: as many as one form may ask."""

_BETWEEN = re.compile(r"[\s,;&+/@]*(?:(?:and|with|vs\.?|versus)\b[\s,@]*)?")
_BEFORE_QUESTION = re.compile(r"[\s,;:.–—-]*")
_NAMES = re.compile(r"\s*(?:[,;&+/]|\b(?:and|with|vs\.?|versus)\b)\s*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who is compared, in the order named and each once, on what question."""

    personas: tuple[Persona, ...]
    question: str
    """May be empty."""

    @property
    def is_complete(self) -> bool:
        """Whether it can be asked: two at least, not too many, and a question."""
        return 2 <= len(self.personas) <= MOST_COMPARED and bool(self.question)


def parse_comparison(text: str, desk: Desk) -> Comparison:
    """Read the text behind ``compare``. Codes stand in a row; names need a colon behind the last one, because
    a country is also a word of the question. No text makes it raise.
    """
    text = normalised(text)
    personas, end = _coded(folded(text), desk)
    if not personas:
        before, colon, after = text.partition(":")
        named = [desk.address(name).persona for name in _NAMES.split(before)] if colon else []
        if named and None not in named:
            found = dict.fromkeys(persona for persona in named if persona is not None)
            return Comparison(tuple(found), after.strip())
    return Comparison(tuple(dict.fromkeys(personas)), text[end:].strip())


def named_several(text: str, desk: Desk) -> Comparison | None:
    """Two or more who are named by their codes at the beginning of a mention, or after the word "compare";
    ``None`` for a question to one.
    """
    asked = re.sub(r"^\s*compare\b[\s:,]*", "", text, flags=re.IGNORECASE)
    comparison = parse_comparison(asked, desk)
    by_code = len(_coded(folded(normalised(asked)), desk)[0]) > 1
    return comparison if len(comparison.personas) > 1 and (by_code or asked != text) else None


def _coded(words: str, desk: Desk) -> tuple[list[Persona], int]:
    """The codes at the beginning of folded text, and where the question starts."""
    personas: list[Persona] = []
    end = 0
    while (found := CODE.match(words, _skip(_BETWEEN, words, end))) is not None:
        persona = desk.by_code(f"{found[1]}-{found[2]}")
        if persona is None:
            break
        personas.append(persona)
        end = found.end()
    return personas, _skip(_BEFORE_QUESTION, words, end) if personas else 0


def _skip(pattern: re.Pattern[str], words: str, start: int) -> int:
    found = pattern.match(words, start)
    return found.end() if found else start

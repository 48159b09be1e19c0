"""The lists of words that checks look for: data with sources, in ``wordlists.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

__all__ = ["WordList", "all_lists", "wordlist"]

_FILE = Path(__file__).with_name("wordlists.toml")


@dataclass(frozen=True, slots=True)
class WordList:
    """One list."""

    name: str
    source: str
    """Where it comes from."""
    pattern: re.Pattern[str]
    """What is looked for, the longest phrase first: "unlikely" is not "likely"."""
    exceptions: re.Pattern[str] | None
    """Phrases in which a find is none."""
    keys: frozenset[str]
    """The longest word of each phrase. Most texts have none of them and need not be searched for phrases: an
    assessment is looked through two thousand times."""
    loose: re.Pattern[str] | None
    """What is looked for beside phrases."""

    def find(self, text: str) -> list[str]:
        """What the text has of the list, in its own spelling, in order."""
        text = text.replace("’", "'").replace("‑", "-").replace("\u00a0", " ")
        pattern = self.loose if self.keys.isdisjoint(_words(text)) else self.pattern
        if pattern is None:
            return []
        excused = [match.span() for match in self.exceptions.finditer(text)] if self.exceptions else []
        return [
            match[0].strip()
            for match in pattern.finditer(text)
            if not any(start <= match.start() and match.end() <= end for start, end in excused)
        ]


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    """The words of a text, in small letters."""
    return frozenset(re.findall(r"\w+", text.lower()))


@cache
def all_lists() -> dict[str, WordList]:
    """Every list, by name."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: _read(name, table) for name, table in data.items()}


def wordlist(name: str) -> WordList:
    """The list with that name."""
    return all_lists()[name]


def _read(name: str, table: dict[str, Any]) -> WordList:
    patterns, phrases = list(table.get("patterns", ())), list(table.get("phrases", ()))
    exceptions = [*table.get("except_patterns", ()), *_phrases(table.get("except", ()))]
    return WordList(
        name,
        table["source"],
        _any_of([*patterns, *_phrases(phrases)]),
        re.compile("|".join(exceptions), re.IGNORECASE) if exceptions else None,
        frozenset(max(re.findall(r"\w+", phrase.lower()), key=len) for phrase in phrases),
        _any_of(patterns) if patterns else None,
    )


def _any_of(alternatives: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each})" for each in alternatives), re.IGNORECASE)


def _phrases(phrases: list[str]) -> list[str]:
    """Regular expressions of whole words, the longest first."""
    return [
        rf"(?<!\w){re.escape(phrase.replace('’', chr(39)))}(?!\w)"
        for phrase in sorted(phrases, key=len, reverse=True)
    ]

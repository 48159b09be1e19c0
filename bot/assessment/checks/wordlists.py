"""The lists of words that checks look for: data with sources, in ``wordlists.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
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

    def find(self, text: str) -> list[str]:
        """What the text has of the list, in its own spelling, in order."""
        text = text.replace("’", "'").replace("‑", "-").replace("\u00a0", " ")
        excused = [match.span() for match in self.exceptions.finditer(text)] if self.exceptions else []
        return [
            match[0].strip()
            for match in self.pattern.finditer(text)
            if not any(start <= match.start() and match.end() <= end for start, end in excused)
        ]


@cache
def all_lists() -> dict[str, WordList]:
    """Every list, by name."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: _read(name, table) for name, table in data.items()}


def wordlist(name: str) -> WordList:
    """The list with that name."""
    return all_lists()[name]


def _read(name: str, table: dict[str, Any]) -> WordList:
    alternatives = [*table.get("patterns", ()), *_phrases(table.get("phrases", ()))]
    exceptions = [*table.get("except_patterns", ()), *_phrases(table.get("except", ()))]
    return WordList(
        name,
        table["source"],
        re.compile("|".join(f"(?:{alternative})" for alternative in alternatives), re.IGNORECASE),
        re.compile("|".join(exceptions), re.IGNORECASE) if exceptions else None,
    )


def _phrases(phrases: list[str] | tuple[str, ...]) -> list[str]:
    """Regular expressions of whole words, the longest first."""
    return [
        rf"(?<!\w){re.escape(phrase.replace('’', chr(39)))}(?!\w)"
        for phrase in sorted(phrases, key=len, reverse=True)
    ]

"""What the desk knows of languages: countries, topics, signs of change and function words, from tables."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from bot.evidence.segmentation import Script, pieces, tokens, without_particle

__all__ = ["Vocabulary", "read_vocabulary"]

UNSPACED: Final = ("zh", "ja", "th")
"""Languages whose function words are cut out of a text instead of standing alone."""

GENERAL: Final = "general"
"""The mark of a topic that is seldom what a question is about."""
STANDS_FOR: Final = "stands_for"
"""The mark of a topic that is a person, named in place of a country."""
MARKS: Final = (GENERAL, STANDS_FOR)

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names by id and language. Languages are BCP 47 without script and region."""

    countries: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By ISO 3166-1 code."""
    short_names: Mapping[str, Mapping[str, str]]
    """By ISO code: the one character that stands for a country in pairs such as 中美."""
    topics: Mapping[str, Mapping[str, tuple[str, ...]]]
    general: frozenset[str]
    """Topics that half of the news speaks of."""
    leaders: Mapping[str, str]
    """Topics that are people: the country they are named for."""
    developments: Mapping[str, tuple[str, ...]]
    """By language: how newsrooms say that something has changed since."""
    stopwords: frozenset[str]
    """Stems; Korean words as they are, without particles."""
    separators: tuple[str, ...]
    """Strings that a text without spaces is cut at, longest first."""


@cache
def read_vocabulary() -> Vocabulary:
    """The tables, read once."""
    countries = _table("countries")
    topics = _table("topics")
    words: dict[str, str] = _table("stopwords")
    return Vocabulary(
        countries={
            iso: {language: tuple(names) for language, names in entry.items() if language != "short"}
            for iso, entry in countries.items()
        },
        short_names={iso: entry["short"] for iso, entry in countries.items() if "short" in entry},
        topics={
            topic: {language: tuple(names) for language, names in entry.items() if language not in MARKS}
            for topic, entry in topics.items()
        },
        general=frozenset(topic for topic, entry in topics.items() if entry.get(GENERAL)),
        leaders={topic: entry[STANDS_FOR] for topic, entry in topics.items() if STANDS_FOR in entry},
        developments={language: tuple(words) for language, words in _table("developments").items()},
        stopwords=frozenset(
            word for language, text in words.items() if language not in UNSPACED for word in _words(text)
        ),
        separators=tuple(
            sorted(
                {_folded(string) for language in UNSPACED for string in words[language].split()},
                key=len,
                reverse=True,
            )
        ),
    )


def _words(text: str) -> Iterator[str]:
    for piece in pieces(text):
        if piece.script is Script.HANGUL:
            yield without_particle(piece.text)
        else:
            yield from tokens(piece.text)


def _folded(text: str) -> str:
    return "".join(piece.text for piece in pieces(text))


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / f"{name}.toml").read_text(encoding="utf-8"))

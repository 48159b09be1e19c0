"""When two headlines are the same story: a fingerprint that near-identical ones share."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["title_fingerprint"]

STEM_LETTERS = 5
"""Letters of a word that count: "raises" and "raised" are one, "US" and "UK" are two."""

FEWEST_WORDS = 4
FEWEST_LETTERS = 10
"""Shorter headlines ("Daily briefing", "Press conference", 新闻发布会) return every day with other news."""

_LITTLE = (
    "a an the of in on at to for from by with as and or is are was were be has have its his their says "
    "said say over after amid new live breaking update updated exclusive watch video"
)
_LITTLE_WORDS = frozenset(_LITTLE.split())
_PUBLISHER = re.compile(r"\s+[|\-–—·_:]+\s+[^|\-–—·]{2,40}$")
"""" - Reuters" behind a headline."""
_MARKED = re.compile(r"^\s*(?:\[[^\]]{1,20}\]|【[^】]{1,20}】|\([^)]{1,20}\))\s*")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_WORD = re.compile(r"\d+(?:[.,]\d+)*%?|[^\W\d_]+")
_WIDE = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def title_fingerprint(title: str) -> str | None:
    """The same for headlines that differ in letter case, punctuation, little words, endings of words or the
    publisher's name behind them. Numbers count whole. ``None`` where a headline says too little to tell.
    """
    text = unicodedata.normalize("NFKC", title).casefold().replace("’", "'")
    text = _DOTTED.sub(lambda match: match[0].replace(".", ""), _MARKED.sub("", text))
    words = _words(_PUBLISHER.sub("", text)) or _words(text)
    if not words:
        return None
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:24]


def _words(text: str) -> list[str]:
    found = _WORD.findall(text.replace("'s", "").replace("'", ""))
    if len(_WIDE.findall(text)) >= FEWEST_LETTERS:
        return found  # written without spaces: a run of characters has no endings to forgive
    words = [word for word in found if word not in _LITTLE_WORDS]
    if len(words) < FEWEST_WORDS or sum(map(len, words)) < FEWEST_LETTERS:
        return []
    return [word if word[0].isdigit() else word[:STEM_LETTERS] for word in words]

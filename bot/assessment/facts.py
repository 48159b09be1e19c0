"""Facts: a bullet of a factual section states something, and carries the source that it came from."""

from __future__ import annotations

import re
from collections import Counter

from bot.assessment.references import Tables
from bot.evidence.table import fold

__all__ = ["as_fact", "attribute"]

SHARE_OF_A_SOURCE = 0.7
"""Share of a bullet's content words that stand in a source, from which the bullet came from there."""
CONTENT_WORDS = 3
"""Content words below which nothing can be said of where a bullet came from."""
STEM_CHARS = 5
"""Letters compared of a word, so that "announced" is found in "announces"."""

_CITED = re.compile(r"\[S\d+\]|\{Q\d+\}")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_END = re.compile(r"\s*([.!…]?)\s*$")
_FUNCTION_WORDS = frozenset(
    {
        *(
            "the",
            "and",
            "that",
            "this",
            "these",
            "those",
            "with",
            "from",
            "for",
            "has",
            "have",
            "had",
            "will",
        ),
        *(
            "are",
            "was",
            "were",
            "been",
            "being",
            "its",
            "their",
            "which",
            "who",
            "what",
            "into",
            "than",
            "then",
        ),
        *("also", "not", "but", "both", "between", "under", "over", "after", "before", "between", "such"),
        *("would", "could", "may", "can", "said", "says", "according", "there", "about", "any", "all"),
    }
)
_SAME_NAMES = {
    "states": "us",
    "united": "us",
    "usa": "us",
    "american": "us",
    "america": "us",
    "chinese": "china",
}


def as_fact(text: str, tables: Tables, counts: Counter[str]) -> str | None:
    """A cleaned bullet as a fact: ``None`` where it asks instead of stating; with its source where it
    names none and its words are those of a source.
    """
    if text.rstrip("*_ )”").endswith("?") or _CITED.sub("", text).rstrip(" .").endswith("?"):
        counts["question_for_fact"] += 1
        return None
    attributed = attribute(text, tables)
    counts["source_attributed"] += attributed != text
    return attributed


def attribute(text: str, tables: Tables) -> str:
    """The text with the source that its words came from, in front of its full stop; unchanged where it
    cites one already or its words are mostly its own.
    """
    if _CITED.search(text):
        return text
    words = _content(text)
    if len(words) < CONTENT_WORDS:
        return text
    shares = [
        (len(words & _content(source.text)) / len(words), source.id) for source in tables.evidence.sources
    ]
    share, source_id = max(shares, key=lambda entry: entry[0], default=(0.0, ""))
    return _END.sub(rf" [{source_id}]\1", text, count=1) if share >= SHARE_OF_A_SOURCE else text


def _content(text: str) -> frozenset[str]:
    """Stems of the words that carry the meaning, and the numbers."""
    words = (_SAME_NAMES.get(word, word) for word in _TOKEN.findall(fold(text).replace("u.s.", "us")))
    return frozenset(
        word[:STEM_CHARS]
        for word in words
        if word not in _FUNCTION_WORDS and (len(word) > 2 or word == "us" or word.isdigit())
    )

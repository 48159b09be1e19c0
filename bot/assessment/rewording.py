"""Tables of rewordings: a pattern, and what stands for what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["Replacement", "Rewording", "indefinite_article", "keeping_case", "rewordings"]

Replacement = str | Callable[[re.Match[str]], str]
"""A template as in ``re.sub``, or a function of the match."""
Rewording = tuple[re.Pattern[str], Replacement]


def rewordings(table: Iterable[tuple[str, Replacement]]) -> tuple[Rewording, ...]:
    """Compile a table; case does not count."""
    return tuple((re.compile(pattern, re.IGNORECASE), replacement) for pattern, replacement in table)


def keeping_case(new: Replacement) -> Callable[[re.Match[str]], str]:
    """The replacement, with a capital where the replaced words began with one."""

    def replace(match: re.Match[str]) -> str:
        replaced = match.expand(new) if isinstance(new, str) else new(match)
        replaced = re.sub(r" {2,}", " ", replaced)
        return replaced[:1].upper() + replaced[1:] if match[0][:1].isupper() else replaced

    return replace


def indefinite_article(article: str | None, word: str) -> str:
    """The article ("a " or "an ") that fits the word, where there was one; else nothing."""
    if not article:
        return ""
    fitting = "an " if word[:1].lower() in "aeiou" else "a "
    return fitting.capitalize() if article[0].isupper() else fitting

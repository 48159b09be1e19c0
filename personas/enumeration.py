"""Several names in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["enumerated"]


def enumerated(names: Iterable[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``; empty without names."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last

"""A row of the benchmark's table and of ``build/bench.json``."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Row", "row_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured quantity. ``value`` is what counts (the median unless the name says otherwise);
    ``baseline`` is what it is compared with: a target, or the same quantity the ordinary way.
    """

    name: str
    value: float
    unit: str
    n: int
    """Measurements behind the row."""
    p50: float
    p95: float
    baseline: float | None = None


def row_of(name: str, unit: str, values: Sequence[float], *, baseline: float | None = None) -> Row:
    """Summarise measurements; ``p95`` of fewer than twenty is their maximum."""
    ordered = sorted(values)
    p50 = statistics.median(ordered)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Row(name, p50, unit, len(ordered), p50, p95, baseline)

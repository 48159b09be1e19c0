"""A row of the benchmark's table and of ``build/bench.json``."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Row", "row_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured quantity. ``value`` is what counts (the median unless the name says otherwise);
    ``baseline`` is the same quantity the ordinary way, ``target`` the most it may be (issue 2, Speed).
    """

    name: str
    value: float
    unit: str
    n: int
    """Measurements behind the row."""
    p50: float
    p95: float
    baseline: float | None = None
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met by the p95, not by a lucky median; None without a target."""
        return None if self.target is None else self.p95 <= self.target

    def as_json(self) -> dict[str, Any]:
        """The form in ``bench.json``: targets are for people, a comparison needs the numbers."""
        fields = asdict(self)
        del fields["target"]
        return fields


def row_of(
    name: str,
    unit: str,
    values: Sequence[float],
    *,
    baseline: float | None = None,
    target: float | None = None,
) -> Row:
    """Summarise measurements; ``p95`` of fewer than twenty is their maximum."""
    ordered = sorted(values)
    p50 = statistics.median(ordered)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Row(name, p50, unit, len(ordered), p50, p95, baseline, target)

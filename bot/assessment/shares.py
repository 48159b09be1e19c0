"""Percentages of an exhaustive set: whole numbers that sum to 100."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["LEAST_PROBABILITY", "to_hundred"]

LEAST_PROBABILITY = 2
"""Percent: no hypothesis of an exhaustive set has less (analysis standard, UN7)."""


def to_hundred(weights: Sequence[int]) -> list[int]:
    """The weights (none negative, 50 of them at most) as whole percentages that sum to 100, none below
    ``LEAST_PROBABILITY``. A greater weight never gets less than a smaller one; equal ones are a point apart
    at most.
    """
    shares = [LEAST_PROBABILITY] * len(weights)
    low: set[int] = set()
    while True:
        others = [place for place in range(len(weights)) if place not in low]
        room, total = 100 - LEAST_PROBABILITY * len(low), sum(weights[place] for place in others)
        exact = {place: room * weights[place] / total if total else room / len(others) for place in others}
        sinking = {place for place, share in exact.items() if share < LEAST_PROBABILITY}
        if not sinking:
            break
        low |= sinking
    for place in others:
        shares[place] = int(exact[place])
    # What rounding down left over goes to the largest remainders, of equal ones to the greater weight.
    order = sorted(others, key=lambda place: (int(exact[place]) - exact[place], -weights[place]))
    for place in order[: 100 - sum(shares)]:
        shares[place] += 1
    return shares

"""Checks of a whole section, made before it is shown, and what a repair is asked for.

A repair is asked for the failing part only: lettered parts that are missing, or bullets that a part
lacks. What comes back is put where it belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from bot.assessment.dialect import Kind, Unit
from bot.assessment.formats import SectionSpec

__all__ = ["Defect", "find_defect", "mend"]


@dataclass(frozen=True, slots=True)
class Defect:
    """What a section lacks."""

    id: str
    """Name it is counted under."""
    request: str
    """What the model is asked to write, and nothing else."""
    parts: tuple[int, ...] = ()
    """Numbers of the lettered parts that need bullets; empty: what comes is added at the end."""


def find_defect(spec: SectionSpec, units: Sequence[Unit]) -> Defect | None:
    """The section's most basic defect, or ``None``."""
    groups = _groups(units)
    missing = spec.subs[0] - len(groups)
    if missing > 0:
        return Defect(
            "parts_missing",
            f"Write only the {missing} lettered part(s) that are still missing, each with its ### heading "
            f"and {max(spec.bullets[0], 3)} bullets.",
        )
    if spec.subs[0]:
        short = tuple(n for n, bullets in enumerate(groups) if bullets < spec.bullets[0])
        if short:
            letters = ", ".join(ascii_uppercase[n] for n in short)
            return Defect(
                "bullets_missing",
                f"Write only {spec.bullets[0]} more bullets for each of these lettered parts, under its ### "
                f"heading: {letters} (the first ### heading is A).",
                short,
            )
    elif spec.bullets[0]:
        bullets = sum(unit.kind is Kind.BULLET for unit in units)
        if bullets < spec.bullets[0]:
            return Defect(
                "bullets_missing", f"Write only the {spec.bullets[0] - bullets} bullets still missing."
            )
    return None


def mend(units: Sequence[Unit], defect: Defect, written: Sequence[Unit]) -> list[Unit]:
    """The section with a repair's units in their place."""
    if not defect.parts:
        return [*units, *written]
    mended = list(units)
    by_part = _by_heading(written)
    # From the last part to the first, so that the places of earlier parts stay where they are.
    for place, part in sorted(enumerate(defect.parts), key=lambda pair: -pair[1]):
        bullets = by_part[place] if place < len(by_part) else []
        end = _end_of_part(mended, part)
        mended[end:end] = [unit for unit in bullets if unit.kind is Kind.BULLET]
    return mended


def _groups(units: Sequence[Unit]) -> list[int]:
    """Number of bullets of each lettered part."""
    groups: list[int] = []
    for unit in units:
        if unit.kind is Kind.HEADING:
            groups.append(0)
        elif unit.kind is Kind.BULLET and groups:
            groups[-1] += 1
    return groups


def _by_heading(units: Sequence[Unit]) -> list[list[Unit]]:
    groups: list[list[Unit]] = [[]]
    for unit in units:
        if unit.kind is Kind.HEADING:
            if groups[-1]:
                groups.append([])
        else:
            groups[-1].append(unit)
    return groups


def _end_of_part(units: Sequence[Unit], part: int) -> int:
    seen = -1
    for place, unit in enumerate(units):
        if unit.kind is Kind.HEADING:
            seen += 1
            if seen > part:
                return place
    return len(units)

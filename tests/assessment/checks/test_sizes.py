"""A section of the wrong length is told where it can be mended: at its lines (ST3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.assessment.checks.subject import Subject
from bot.assessment.checks.table import CHECKS, find_faults
from bot.assessment.dialect import Kind, Unit
from tests.support.records import china, seed_record


def faults(words: list[int]) -> list[tuple[int | None, str]]:
    """Line and repair of what ST3 finds in a section 4 (346 words) of bullets with so many words."""
    seed = seed_record()
    units = tuple(
        Unit(Kind.BULLET, " ".join(f"w{line}x{n}" for n in range(number)) + ".")
        for line, number in enumerate(words)
    )
    sections = tuple(replace(each, units=units) if each.key == "4" else each for each in seed.sections)
    sizes = next(check for check in CHECKS if check.id == "ST3")
    found = find_faults(sizes, Subject(replace(seed, sections=sections), china()))
    return [(fault.unit, fault.repair) for fault in found if "Section 4" in fault.problem]


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ([34] * 10, []),
        ([30] * 10 + [44] * 5, [10, 11, 12, 13]),
        ([30] * 5 + [4] * 6, [5, 6]),
    ],
    ids=["right", "too long", "too short"],
)
def test_the_fewest_lines_that_bring_it_back_are_named(words: list[int], lines: list[int]) -> None:
    """The longest ones, or the shortest."""
    found = faults(words)
    assert [line for line, _ in found][: len(lines)] == lines
    assert bool(found) is bool(lines)
    assert all("words" in repair for _, repair in found)


def test_too_few_lines_of_full_length_are_told_as_a_whole() -> None:
    """None of them could be longer: nothing that a line's repair mends, and no clean section either."""
    assert faults([45] * 4) == [(None, "")]

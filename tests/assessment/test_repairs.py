"""Repairs of a section before it is shown: only what is missing is asked for, and put in its place."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.assessment.dialect import Kind, Unit
from bot.assessment.formats import IN_DEPTH
from bot.assessment.section_checks import Defect, find_defect, mend
from bot.llm.port import ModelCall
from tests.assessment.doubles import Assessment, ScriptedModel, assess, seed_answer

SECTIONS = {spec.key: spec for spec in IN_DEPTH.sections}
NUMBERS = ("one", "two", "three", "four", "five", "six")


def part(title: str, bullets: int) -> str:
    lines = [
        f"- The {NUMBERS[n]} ministry of {title} reviews its licences in round {NUMBERS[n]}.\n"
        for n in range(bullets)
    ]
    return f"### A. {title}\n" + "".join(lines)


def units(*parts: tuple[str, int]) -> list[Unit]:
    listed = []
    for title, bullets in parts:
        listed.append(Unit(Kind.HEADING, title))
        listed += [Unit(Kind.BULLET, f"{title} {number}") for number in range(bullets)]
    return listed


def test_missing_parts_are_the_first_defect() -> None:
    """Before bullets that lack in a part that is there."""
    defect = find_defect(SECTIONS["3"], units(("One", 1), ("Two", 3)))
    assert defect is not None
    assert defect.id == "parts_missing"


def test_short_parts_are_named_in_the_request() -> None:
    """And only they."""
    defect = find_defect(SECTIONS["3"], units(("One", 3), ("Two", 1), ("Three", 2)))
    assert defect is not None
    assert defect.parts == (1,)
    assert "heading: B (the first" in defect.request


def test_a_whole_section_has_no_defect() -> None:
    """Nor one of plain bullets with enough of them."""
    assert find_defect(SECTIONS["3"], units(("One", 2), ("Two", 3), ("Three", 4))) is None
    assert find_defect(SECTIONS["1"], [Unit(Kind.BULLET, "a")] * 4) is None
    assert find_defect(SECTIONS["8"], []) is None


def test_bullets_are_put_at_the_end_of_their_parts() -> None:
    """Each group of the repair goes to its part; headings of the repair are not shown."""
    defect = Defect("bullets_missing", "", (0, 2))
    written = [
        *(Unit(Kind.HEADING, "One"), Unit(Kind.BULLET, "new one")),
        *(Unit(Kind.HEADING, "Three"), Unit(Kind.BULLET, "new three")),
    ]
    mended = mend(units(("One", 1), ("Two", 1), ("Three", 1)), defect, written)
    assert [unit.text for unit in mended] == [
        *("One", "One 0", "new one", "Two", "Two 0", "Three", "Three 0", "new three"),
    ]


async def answered(section: str, repair: Callable[[int], str]) -> tuple[Assessment, ScriptedModel]:
    """The seed's question, where section 3 is written like this and repaired like that."""
    asked = iter(range(100))

    def reply(call: ModelCall) -> str:
        if call.name == "section-3":
            return section
        return repair(next(asked)) if call.name == "section-3-repair" else seed_answer(call)

    model = ScriptedModel(reply)
    return await assess(model), model


async def test_a_repair_fills_the_part_that_lacks_bullets() -> None:
    """One more call, told what is there and what is missing."""
    section = part("Motives", 2) + part("Limits", 1) + part("Friction", 2)
    added = "### Limits\n- The customs office delays every licence for magnets.\n"
    assessment, model = await answered(section, lambda _: added)
    shown = assessment.section("3")
    assert model.names.count("section-3-repair") == 1
    instruction = next(call.instruction for call in model.calls if call.name == "section-3-repair")
    assert "heading: B (the first" in instruction
    drafted = re.search(r'<material kind="the section so far">\n(.+?)\n</material>', instruction, re.DOTALL)
    assert drafted is not None
    assert "### Limits\n- The one ministry of Limits reviews" in drafted[1]
    limits, friction = shown.index("### B. Limits"), shown.index("### C. Friction")
    assert limits < shown.index("The customs office delays") < friction
    assert assessment.report.counts["repair_bullets_missing"] == 1


async def test_a_section_is_repaired_twice_at_most() -> None:
    """Then it is shown as it is."""
    _, model = await answered(
        part("Motives", 2),
        lambda number: (
            f"### {NUMBERS[number]} side\n- The {NUMBERS[number]} office delays a licence of this kind.\n"
        ),
    )
    assert model.names.count("section-3-repair") == 2


async def test_a_repair_that_gives_nothing_is_not_tried_again() -> None:
    """What is there is shown."""
    assessment, model = await answered(
        part("Motives", 2), lambda _: "I’m sorry, but I can’t assist with that."
    )
    assert model.names.count("section-3-repair") == 1
    assert "### A. Motives" in assessment.section("3")


async def test_a_heading_with_nothing_under_it_is_not_shown() -> None:
    """It is dropped and counted."""
    section = part("Motives", 2) + "### B. Nothing here\n" + part("Limits", 2) + part("Friction", 2)
    assessment, _ = await answered(section, lambda _: "")
    assert "Nothing here" not in assessment.text
    assert assessment.report.counts["empty_part"] >= 1

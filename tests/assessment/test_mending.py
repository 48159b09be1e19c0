"""Lines that break a rule are written anew before the section is shown, and only they."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.checks.table import check_record
from bot.assessment.events import Finished
from bot.llm.port import ModelCall
from tests.assessment.doubles import (
    Assessment,
    ScriptedModel,
    assess,
    assignment,
    persona,
    seed_answer,
)
from tests.support.evidence_desk import ScriptedDesk
from tests.support.records import AS_OF, NEWS

CLICHE = "The dragon weighs ports, mines and rail lines for the ministries {J1}."
MENDED = "The framework weighs ports, mines and rail lines for the ministries {J1}."
FOREIGN = "Officials call this 新能源生产力 in speeches about ports and mines {J1}."


async def answered(fault: str, mend: str) -> tuple[Assessment, ScriptedModel]:
    """The seed's question, where section 4's first bullet has a fault and is mended like that."""

    def reply(call: ModelCall) -> str:
        if call.name == "section-4-lines":
            return f"- {mend}\n"
        text = seed_answer(call)
        if call.name != "section-4":
            return text
        lines = text.splitlines()
        first = next(place for place, line in enumerate(lines) if line.startswith("- "))
        return "\n".join([*lines[:first], f"- {fault}", *lines[first + 1 :]]) + "\n"

    model = ScriptedModel(reply)
    return await assess(model), model


async def test_a_failing_line_is_written_anew() -> None:
    """The request names the line and what is wrong with it; the reader never sees the first one."""
    assessment, model = await answered(CLICHE, MENDED)
    (asked,) = (call for call in model.calls if call.name == "section-4-lines")
    assert f'<material kind="line 1">\n{CLICHE}\n</material>' in asked.instruction, "it is data"
    assert "\n1. Write this without “The dragon”." in asked.instruction
    assert "The framework weighs ports" in assessment.section("4")
    assert "dragon" not in assessment.text


async def test_a_line_is_repaired_twice_at_most() -> None:
    """What stays wrong is told in the footer, by its rule."""
    assessment, model = await answered(CLICHE, CLICHE)
    assert 1 <= model.names.count("section-4-lines") <= 2
    last = assessment.events[-1]
    assert isinstance(last, Finished)
    assert "dragon" in assessment.text
    failed = {check.id for check in check_record(last.record, persona()).failed}
    assert "PE4" in failed
    assert any(each.startswith("Checks not passed: ") for each in last.report.notices)


async def test_a_line_of_the_gravest_kind_is_not_shown() -> None:
    """A term that is in no glossary and no source is taken out with its line where the model insists."""
    assessment, _ = await answered(FOREIGN, FOREIGN)
    assert "新能源生产力" not in assessment.text


async def mended(key: str, spoil: Callable[[int, str], str]) -> tuple[AssessmentRecord, str]:
    """The seed's question, where bullets of a section are spoilt (by number and text) and then written as
    they were: the record, and what the repair was asked for.
    """
    good: list[str] = []

    def reply(call: ModelCall) -> str:
        if call.name == f"section-{key}-lines":
            wanted = re.findall(r'<material kind="line \d+">\nSpoilt (\d+):', call.instruction)
            return "".join(f"{good[int(number)]}\n" for number in wanted)
        text = seed_answer(call)
        if call.name != f"section-{key}":
            return text
        lines = text.splitlines()
        good[:] = [line for line in lines if line.startswith("- ")]
        spoilt = iter([f"- Spoilt {n}: {spoil(n, line[2:])}" for n, line in enumerate(good)])
        return "\n".join(next(spoilt) if line.startswith("- ") else line for line in lines) + "\n"

    model = ScriptedModel(reply)
    desk = ScriptedDesk(NEWS, sources_total=9, stored_items=400)
    assessment = await assess(model, replace(assignment(), as_of=AS_OF), desk=desk)
    last = assessment.events[-1]
    assert isinstance(last, Finished)
    asked = [call.instruction for call in model.calls if call.name == f"section-{key}-lines"]
    return last.record, asked[0] if asked else ""


async def test_each_bullet_without_a_reference_is_asked_for_by_itself() -> None:
    """SO11: three of section 3's, and no other line; their text stands in blocks of data."""

    def bare(number: int, text: str) -> str:
        return re.sub(r"\s*(?:— )?(?:\{J\d\}|\[S\d\])", "", text) if number in (1, 4, 7) else text

    record, asked = await mended("3", bare)
    assert re.findall(r"Spoilt (\d+):", asked) == ["1", "4", "7"]
    assert asked.count("with the id of the source or judgment it rests on") == 3
    assert "SO11" not in failed(record)


async def test_of_a_section_that_is_too_long_the_longest_bullets_are_asked_for() -> None:
    """ST3: as many as bring it back into its bounds."""

    def padded(number: int, text: str) -> str:
        more = " ".join(f"ton{number}{letter}" for letter in "abcdefghijklmnop")
        return f"{text[:-1]}. It counts {more}." if number in (0, 2, 3, 5, 6, 8) else text

    record, asked = await mended("3", padded)
    wanted = re.findall(r'"line \d+">\nSpoilt (\d+):', asked)
    assert 0 < len(wanted) < 6
    assert set(wanted) <= {"0", "2", "3", "5", "6", "8"}
    assert len(re.findall(r"Write this in at most \d+ words", asked)) >= len(wanted)
    assert "ST3" not in failed(record)


async def test_a_line_that_says_the_same_as_another_is_shown_both() -> None:
    """ST6: the other one as data, too."""
    first: list[str] = []

    def twice(number: int, text: str) -> str:
        first.append(text)
        return f"{first[0][:-1]}, as the third province does in spring." if number == 5 else text

    _, asked = await mended("4", twice)
    assert '<material kind="line 1">\nSpoilt 5:' in asked
    assert '<material kind="a line beside line 1">\nSpoilt 0:' in asked
    assert "1. Make another point than the line beside it." in asked


def failed(record: AssessmentRecord) -> set[str]:
    """Ids of the checks that a finished answer fails."""
    return {check.id for check in check_record(record, persona()).failed}


async def test_every_line_with_the_same_fault_is_asked_for() -> None:
    """In one round: a word that stands in two lines is not left in the second."""
    record, asked = await mended("4", lambda number, text: f"The dragon: {text}" if number < 2 else text)
    assert re.findall(r'"line \d+">\nSpoilt (\d+):', asked) == ["0", "1"]
    assert "PE4" not in failed(record)

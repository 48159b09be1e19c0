"""Lines that break a rule are written anew before the section is shown, and only they."""

from __future__ import annotations

from bot.assessment.checks.table import check_record
from bot.assessment.events import Finished
from bot.llm.port import ModelCall
from tests.assessment.doubles import Assessment, ScriptedModel, assess, persona, seed_answer

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
    assert "1. " in asked.instruction
    assert "without “The dragon”" in asked.instruction
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

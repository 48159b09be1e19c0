"""An answer to a question that supposes something says so everywhere."""

from __future__ import annotations

import json

from bot.assessment.checks.table import check_record
from bot.assessment.events import Finished
from bot.assessment.premise import HYPOTHETICAL
from bot.llm.port import ModelCall
from tests.assessment.doubles import ScriptedModel, assess, persona, seed_answer


def supposing(call: ModelCall) -> str:
    """The seed's answers, to a premise that is only supposed."""
    text = seed_answer(call)
    return json.dumps(json.loads(text) | {"premise": "hypothetical"}) if call.name == "plan" else text


async def test_a_hypothetical_answer_says_so_on_the_card_and_in_every_section() -> None:
    """And so passes OP4; a model that calls it settled gives no such label."""
    assessment = await assess(ScriptedModel(supposing))
    assert HYPOTHETICAL in assessment.report.banners
    sections = {part.section for part in assessment.parts if part.section.isdigit()}
    assert sections == set("12345678")
    assert [key for key in sorted(sections) if "ypothetical:" not in assessment.section(key)] == []
    assert "- **Hypothetical:** what is supposed" in assessment.section("1")
    last = assessment.events[-1]
    assert isinstance(last, Finished)
    assert last.record.hypothetical
    assert "OP4" not in {check.id for check in check_record(last.record, persona()).failed}
    assert "Hypothetical" not in (await assess(ScriptedModel(seed_answer))).text

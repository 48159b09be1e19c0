"""Fields of plan, outlook and watch list that break a rule are asked for anew before they are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bot.llm.port import ModelCall, ModelRefusedError
from tests.assessment.doubles import Assessment, ScriptedModel, assess, seed_answer

Change = Callable[[dict[str, Any]], object]


async def answered(
    name: str, spoil: Change, mend: Callable[[ModelCall], str | Exception] = seed_answer
) -> tuple[Assessment, ScriptedModel]:
    """The seed's question, where the call of that name has a fault and is mended like that."""

    def reply(call: ModelCall) -> str | Exception:
        if call.name == f"{name}-fields":
            return mend(call)
        text = seed_answer(call)
        if call.name != name:
            return text
        data = json.loads(text)
        spoil(data)
        return json.dumps(data)

    model = ScriptedModel(reply)
    return await assess(model), model


@pytest.mark.parametrize(
    ("name", "fields", "spoil"),
    [
        ("plan", ["judgments"], lambda data: [each.update(view="analyst") for each in data["judgments"]]),
        ("plan", ["bottom_line"], lambda data: data.update(bottom_line="Beijing gains 77 months of relief.")),
        ("outlook", ["forecasts"], lambda data: data["forecasts"][0].update(base_rate="")),
        ("outlook", ["confidence"], lambda data: data["confidence"].update(rigour="")),
        ("watch", ["implications"], lambda data: data.update(implications=data["implications"][:1])),
        (
            "watch",
            ["items", "linchpin_item"],
            lambda data: [each.update(means="confirms") for each in data["items"]],
        ),
    ],
)
async def test_only_the_failing_fields_are_asked_for(name: str, fields: list[str], spoil: Change) -> None:
    """With a schema cut to them, told what is wrong; the rest stays, and the fault is gone."""
    assessment, model = await answered(name, spoil)
    (asked,) = (call for call in model.calls if call.name == f"{name}-fields")
    assert asked.schema is not None
    assert list(asked.schema.schema["properties"]) == fields
    assert "must be written anew" in asked.instruction
    sound = await assess(ScriptedModel(seed_answer))
    assert assessment.text == sound.text
    assert assessment.checkpoints[name] == sound.checkpoints[name]


async def test_a_sound_answer_costs_no_call() -> None:
    """Nothing is asked twice."""
    _, model = await answered("plan", lambda data: data)
    assert not [name for name in model.names if name.endswith("-fields")]


async def test_a_repair_that_is_no_better_is_dropped() -> None:
    """The same again is not taken, and the first answer stays."""
    assessment, model = await answered(
        "watch",
        lambda data: data.update(implications=data["implications"][:1]),
        lambda call: json.dumps({"implications": json.loads(seed_answer(call))["implications"][:1]}),
    )
    assert model.names.count("watch-fields") == 1
    assert assessment.text.count("Supply-chain lead") == 1
    assert "Treasurer" not in assessment.text


async def test_a_repair_that_fails_costs_nothing() -> None:
    """What was written is shown, and the footer tells what is wrong with it."""
    assessment, _ = await answered(
        "outlook",
        lambda data: data["forecasts"][0].update(base_rate=""),
        lambda _: ModelRefusedError("no"),
    )
    assert any("FQ2" in notice for notice in assessment.report.notices)


async def test_an_answer_that_is_taken_over_is_not_mended() -> None:
    """What came of it may be on screen already."""
    spoilt, _ = await answered("plan", lambda data: data)
    kept = dict(spoilt.checkpoints)
    kept["watch"] = {**kept["watch"], "implications": kept["watch"]["implications"][:1]}
    model = ScriptedModel(seed_answer)
    await assess(model, checkpoints=kept)
    assert model.names == []

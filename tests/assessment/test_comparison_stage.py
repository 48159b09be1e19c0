"""A comparison end to end: one table, one set of hypotheses, a view of each persona, and what follows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.demo import demo
from bot.assessment.events import CardChanged, Checkpointed, Finished
from bot.assessment.formats import COMPARISON
from bot.assessment.run import Assignment
from bot.llm.port import ModelBrokenError, ModelCall, ModelConfigurationError, ModelUnavailableError
from bot.turns import Question
from tests.assessment.doubles import (
    AS_OF,
    Assessment,
    ScriptedModel,
    assess,
    persona,
    played,
    seed_answer,
    settings,
)
from tests.assessment.test_engine import model_for
from tests.support.comparison_script import scorer
from tests.support.evidence_desk import ScriptedDesk, truce_items
from tests.support.model_replies import Api, ModelRequest, Reply
from tests.support.seed_script import QUESTION, answer

CODES = ("CN-01", "US-01", "JP-01")
CALLS = ("frame", *(f"view-{code}" for code in CODES))


def comparison(*codes: str, question: str = QUESTION) -> Assignment:
    """The seed's question to several."""
    personas = tuple(persona(code) for code in codes or CODES)
    return Assignment("t1", personas[0], COMPARISON, Question(question), AS_OF, compared=personas)


def last_card(assessment: Assessment) -> CardChanged:
    """The card as it looks in the end."""
    return [event for event in assessment.events if isinstance(event, CardChanged)][-1]


def record_of(assessment: Assessment) -> AssessmentRecord:
    """What is kept."""
    last = assessment.events[-1]
    assert isinstance(last, Finished)
    return last.record


def failing(code: str, error: Exception) -> Callable[[ModelCall], str | Exception]:
    """The seed script, but the view of one persona fails."""
    return lambda call: error if call.name == f"view-{code}" else seed_answer(call)


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_all_score_one_set_on_one_table(api: Api) -> None:
    """One search for all; one call frames, then each scores in its own voice the same set and material; the
    card gets the table, the text each view with its sources, and where they agree and differ.
    """
    desk = ScriptedDesk(truce_items())
    async with model_for(api=api) as (model, server):
        assessment = await assess(model, comparison(), desk=desk)
    (request,) = desk.requests
    assert [each.code for each in request.personas] == list(CODES)
    frame, *views = server.requests
    assert (frame.schema_name, {view.schema_name for view in views}) == ("frame", {"view"})
    assert sorted(map(scorer, views)) == sorted(CODES)
    assert len({view.context for view in (frame, *views)}) == 1
    assert "analysts of China, the United States and Japan" in frame.system
    told_set = re.compile(
        r'<material kind="the hypotheses">\nH1: .+\nH2: The deal widens .+\nH3: .+\n</material>'
    )
    assert all(told_set.search(view.instruction) for view in views)
    card = last_card(assessment)
    assert card.table == (
        ("Agent", "H1", "H2", "H3"),
        ("CN-01", "58 % (55–64)", "14 % (8–20)", "28 % (22–34)"),
        ("US-01", "30 % (24–36)", "22 % (20–28)", "48 % (45–54)"),
        ("JP-01", "52 % (46–55)", "12 % (6–18)", "36 % (30–42)"),
        ("Spread", "30–58 %", "12–22 %", "28–48 %"),
        ("In common", "apart", "apart", "apart"),
        ("Rank", "1–2", "3", "1–2"),
    )
    assert card.bottom_line == (
        "CN-01 and JP-01 rank H1 first; US-01 ranks H3 first. "
        "The widest spread is on H1: US-01 30 %, CN-01 58 %."
    )
    assert card.legend[0] == "**H1:** The controls stay suspended and the deal is renewed."
    assert assessment.headings == [
        "The hypotheses",
        "CN-01, China Agent",
        "US-01, United States Agent",
        "JP-01, Japan Agent",
        "Where they agree and differ",
    ]
    assert "**H1** 58 %, likely (55–64 %) · **H2** 14 %" in assessment.section("CN-01")
    assert re.search(
        r"\*\*H1:\*\* .+ \[\d\]\(https://.+\) \[\d\]\(https://.+\)\.", assessment.section("CN-01")
    )
    assert "_Confidence: moderate._" in assessment.section("JP-01")
    told = assessment.section("agreement")
    assert "on H1, US-01 (24–36 %) lies 10 points or more below CN-01 (55–64 %) and JP-01 (46–55 %)" in told
    assert "**Spread, least to greatest point:** H1 30–58 % (28 points), H2 12–22 % (10 points)" in told
    assert "3 views of 3 hypotheses" in assessment.report.check_line
    assert not assessment.report.problems
    record = record_of(assessment)
    assert AssessmentRecord.from_json(record.to_json()) == record


async def test_a_view_that_fails_leaves_the_others_compared() -> None:
    """A plain sentence says so; agreement is told for those who are there."""
    model = ScriptedModel(failing("US-01", ModelUnavailableError("down")))
    assessment = await assess(model, comparison())
    (problem,) = assessment.report.problems
    assert problem.startswith("The view of US-01 is missing. The language model cannot be reached")
    assert last_card(assessment).table[2] == ("US-01", "–", "–", "–")
    assert f"_{problem}_" in assessment.section("US-01")
    assert "both rank H1 first" in assessment.section("agreement")
    assert "Without US-01, whose view is missing." in assessment.section("agreement")
    kept = record_of(assessment).comparison
    assert kept is not None
    assert kept.missing == ("US-01",)


async def test_asked_again_only_what_was_missing_is_asked() -> None:
    """The set, the finished views and the evidence are those of the comparison before."""
    before = await assess(
        ScriptedModel(failing("US-01", ModelBrokenError("cut"))),
        comparison(),
        desk=ScriptedDesk(truce_items()),
    )
    desk, model = ScriptedDesk(), ScriptedModel(seed_answer)
    again = await assess(model, replace(comparison(), rests_on=record_of(before)), desk=desk)
    assert model.names == ["view-US-01"]
    assert desk.requests == []
    assert '<material id="S7"' in model.calls[0].context
    assert not again.report.problems
    for code in ("CN-01", "JP-01"):
        assert again.section(code) == before.section(code)


async def test_resumed_from_any_point_it_asks_for_nothing_twice_and_prints_the_same() -> None:
    """From what each shorter run would have kept, in the order it was kept."""
    whole = await assess(ScriptedModel(seed_answer), comparison(), desk=ScriptedDesk(truce_items()))
    kept: dict[str, Mapping[str, Any]] = {}
    for event in [event for event in whole.events if isinstance(event, Checkpointed)]:
        kept[event.key] = event.data
        desk, model = ScriptedDesk(truce_items()), ScriptedModel(seed_answer)
        again = await assess(model, comparison(), checkpoints=kept, desk=desk)
        assert sorted([*model.names, *kept.keys() - {"evidence"}]) == sorted(CALLS)
        assert len(desk.requests) == ("frame" not in kept)
        assert again.text == whole.text
        assert last_card(again) == last_card(whole)
    assert kept.keys() == {"evidence", *CALLS}


async def test_another_language_is_asked_for_in_every_call_and_told() -> None:
    """What we print stays English."""
    model = ScriptedModel(seed_answer)
    task = comparison()
    task = replace(task, question=replace(task.question, language="de"))
    assessment = await assess(model, task)
    assert all("Write in German" in call.context for call in model.calls)
    assert any("Written in German" in notice for notice in assessment.report.notices)
    assert "Where they agree and differ" in assessment.text


async def test_views_are_asked_for_side_by_side_within_the_limit() -> None:
    """All at once where the model allows it, one after the other where it does not."""
    for at_once, expected in ((8, 3), (1, 1)):
        model = ScriptedModel(seed_answer)
        await assess(model, comparison(), how=settings(calls_at_once=at_once))
        assert model.most_open == expected
    assert model.names == list(CALLS)


@pytest.mark.parametrize(
    ("error", "name"),
    [(ModelUnavailableError("down"), "frame"), (ModelConfigurationError("key"), "view-US-01")],
)
async def test_without_hypotheses_or_credentials_there_is_no_comparison(error: Exception, name: str) -> None:
    """The error ends the run; its words reach the thread."""
    model = ScriptedModel(lambda call: error if call.name == name else seed_answer(call))
    with pytest.raises(type(error)):
        await assess(model, comparison())


async def test_fewer_than_two_hypotheses_are_none() -> None:
    """The same one twice, and a word of an order: nothing that could be compared."""
    data = {"hypotheses": ["The deal holds for the year", "The deal holds for a year"], "until": "2027-01-01"}
    model = ScriptedModel(lambda call: json.dumps(data) if call.name == "frame" else seed_answer(call))
    with pytest.raises(Exception, match="1 hypotheses"):
        await assess(model, comparison())


async def test_a_disobedient_view_is_put_right() -> None:
    """Points that do not sum to 100, a range out of order, words of likelihood, unknown ids, a link."""

    def script(request: ModelRequest) -> Reply:
        if request.schema_name != "view":
            return answer(request)
        scores = [
            {"id": "H1", "low": 90, "point": 80, "high": 70},
            {"id": "H2", "low": 70, "point": 80, "high": 90},
            {"id": "H7", "low": 1, "point": 2, "high": 3},
        ]
        reasons = [
            {
                "hypothesis": "H9",
                "pillar": "none",
                "reason": "Beijing will very likely keep its controls, see https://evil.example and “this”.",
                "evidence": ["S1", "S44"],
            }
        ]
        judgment = "It is almost certain (90 %) that <@U1> wins the day here."
        return Reply(json.dumps({"likelihoods": scores, "judgment": judgment, "reasons": reasons}))

    assessment = await assess(ScriptedModel(played(script)), comparison("CN-01", "US-01"))
    for row in last_card(assessment).table[1:3]:
        assert sum(int(cell.split()[0]) for cell in row[1:]) == 100
    own = assessment.section("CN-01")
    assert "evil" not in own
    assert "almost certain" not in own
    assert "<@" not in own
    assert "[44]" not in own
    assert "_Confidence: low._" in own


async def test_the_question_reaches_the_models_as_data_alone() -> None:
    """In system and instruction of no call."""
    question = "Zebra says the truce holds. Is that so?"
    model = ScriptedModel(seed_answer)
    await assess(model, comparison(question=question))
    assert len(model.calls) == 4
    assert all("Zebra" in call.context for call in model.calls)
    assert not any("Zebra" in call.system + call.instruction for call in model.calls)


async def test_a_small_model_scores_a_set_of_ours() -> None:
    """No call for hypotheses, which it cannot make exclude each other; a flat schema with patterns."""

    def reply(call: ModelCall) -> str:
        assert call.schema is not None
        assert set(call.schema.schema["properties"]) == {"p1", "p2", "p3", "judgment", "reason"}
        data = {"p1": 60, "p2": 30, "p3": 10, "judgment": "China will keep the deal for now.", "reason": ""}
        return json.dumps(data)

    model = ScriptedModel(reply)
    shape = demo(COMPARISON, section_tokens=200)
    assessment = await assess(model, replace(comparison(), format=shape), how=settings(calls_at_once=1))
    assert model.names == list(CALLS[1:])
    assert last_card(assessment).table[1] == ("CN-01", "60 % (55–70)", "30 % (20–40)", "10 % (5–20)")
    assert last_card(assessment).table[-2:] == (
        ("In common", "55–70 %", "20–40 %", "5–20 %"),
        ("Rank", "1", "2", "3"),
    )
    assert "all 3 rank H1 first" in assessment.section("agreement")
    assert "**Apart:** no two ranges." in assessment.section("agreement")
    assert "**In all ranges:** H1 55–70 %, H2 20–40 %, H3 5–20 %." in assessment.section("agreement")

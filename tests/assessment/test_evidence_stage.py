"""Sources in an assessment: when they are waited for, how they are numbered, cited and reported."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from bot.assessment.engine import Engine
from bot.assessment.events import CardChanged, Finished, Part, SourcesAdded, StatusChanged
from bot.assessment.open_answers import OpenAnswers
from bot.evidence.items import EvidenceItem, Retrieved, SourceFailure
from bot.evidence.table import EvidenceTable
from bot.llm.port import ModelBrokenError, ModelCall
from tests.assessment.doubles import (
    Assessment,
    ScriptedModel,
    assess,
    assignment,
    played,
    request_of,
    settings,
)
from tests.support.citing_script import FACTS, SINCE, citing
from tests.support.evidence_desk import ScriptedDesk, item, truce_items
from tests.support.model_replies import ModelRequest, Reply, Script
from tests.support.seed_script import answer

SINCE_THEN = SINCE["since"]


async def answered(
    desk: ScriptedDesk | None, script: Script | None = None, **how: Any
) -> tuple[Assessment, ScriptedModel]:
    """A whole run with that desk."""
    model = ScriptedModel(played(script or citing()))
    return await assess(model, desk=desk, **how), model


async def test_a_source_is_a_link_at_first_use_and_a_number_after() -> None:
    """Per section; its address is one that was announced before the text that uses it."""
    assessment, _ = await answered(ScriptedDesk(truce_items()))
    facts = assessment.section("1")
    assert "by one year [2](https://mofcom.example/notice/81)." in facts
    assert "for the other metals [2]." in facts
    announced: set[str] = set()
    for event in assessment.events:
        if isinstance(event, SourcesAdded):
            announced |= event.urls
        elif isinstance(event, Part):
            assert set(re.findall(r"\]\((https?://[^)]+)\)", event.text)) <= announced


async def test_the_source_list_names_title_publisher_date_and_class() -> None:
    """Of what is cited; state media and undated sources are marked; what was only read is counted."""
    undated = replace(truce_items()[2], published_at=None)
    items = (*truce_items()[:2], undated, *truce_items()[3:])
    assessment, _ = await answered(ScriptedDesk(items))
    assert assessment.report.sources == (
        "[1] The question, the person asking (user’s claim)",
        (
            "[2](https://mofcom.example/notice/81) Suspension of export controls extended, "
            "Ministry of Commerce, 20 Nov 2026 (official)"
        ),
        "[3](https://paper2.example/truce) Report 2 on the truce, Xinhua, 20 Nov 2026 (**state media**)",
        "[4](https://paper3.example/truce) Report 3 on the truce, Newswire, **undated** (wire)",
    )
    assert any(
        notice == "Also read, not cited: 3 sources (Paper 4, Paper 5, Paper 6)."
        for notice in assessment.report.notices
    )
    assert assessment.report.links >= {"https://mofcom.example/notice/81"}


async def test_the_card_says_what_the_answer_rests_on() -> None:
    """First by what was retrieved, in the end by what is cited; one owner's two outlets are one group."""
    assessment, _ = await answered(ScriptedDesk(truce_items()))
    planned = assessment.card
    assert planned.evidence_line == (
        "6 sources · 5 independent · 17 % official · 17 % state media · newest 4 h"
    )
    assert assessment.report.check_line.startswith(
        "3 sources · 2 independent · 60 % official · 20 % state media · newest 4 h · "
    )
    assert any("Mostly official sources and state media: 80 %" in line for line in assessment.report.banners)


async def test_a_rich_store_is_not_waited_for() -> None:
    """What is there at once is enough: the plan begins though a search is still running."""
    desk = ScriptedDesk(truce_items(), [item(9)])
    assessment, model = await answered(desk)
    assert desk.retrievals[0].waited[0] == 1.5
    assert not any(
        "searching" in event.status for event in assessment.events if isinstance(event, StatusChanged)
    )
    assert "S8" not in model.calls[0].context


async def test_what_is_late_stands_behind_the_prefix_and_is_used_by_later_sections() -> None:
    """It gets the next number; the prefix of all calls is the same, byte for byte."""
    desk = ScriptedDesk(truce_items(), [item(9, "Late news of the ministry.")])

    def on_plan(request: ModelRequest) -> None:
        if request.schema_name == "plan":
            desk.release()

    assessment, model = await answered(desk, citing(later="[S8]", before=on_plan))
    assert len({(call.system, call.context) for call in model.calls}) == 1
    assert "Late news" not in model.calls[0].context
    second = next(call for call in model.calls if call.name == "section-2")
    assert second.instruction.startswith('Material that arrived after the above:\n\n<material id="S8"')
    assert "[8](https://paper9.example/truce)" in assessment.section("2")
    first = next(call for call in model.calls if call.name == "section-1")
    assert "Late news" not in first.instruction


async def test_an_empty_store_is_waited_for_while_the_reader_is_told() -> None:
    """Card and status say what is being searched; what is found then stands in the prefix."""
    desk = ScriptedDesk((), truce_items())
    asyncio.get_running_loop().call_later(0.05, desk.release)
    assessment, model = await answered(desk)
    before = assessment.events[: next(n for n, e in enumerate(assessment.events) if isinstance(e, Part))]
    cards = [event for event in before if isinstance(event, CardChanged)]
    assert [card.evidence_line for card in cards] == ["Searching: 14 sources of the China Agent …"]
    assert StatusChanged("is searching 14 sources of the China Agent …") in before
    assert all('id="S7"' in call.context for call in model.calls)
    assert "most up-to-date" in assessment.text.splitlines()[2]


async def test_the_wait_has_an_end() -> None:
    """A search that finds nothing costs the time that is set, and then the card says so."""
    desk = ScriptedDesk((), [item(1)])
    assessment, _ = await answered(desk, answer, how=replace(settings(), search_seconds=0.0))
    assert [seconds for seconds in desk.retrievals[0].waited if seconds] == [1.5]
    assert any("No source was retrieved" in line for line in assessment.report.banners)
    assert "up-to-date" not in assessment.text


async def test_few_sources_are_called_thin() -> None:
    """And the opening does not claim to be up to date."""
    assessment, _ = await answered(ScriptedDesk(truce_items()[:2]), citing(FACTS.replace("[S4]", "[S3]")))
    assert "Thin evidence: 2 sources of 1 independent group." in assessment.report.banners
    assert "up-to-date" not in assessment.text


async def test_failed_sources_are_named() -> None:
    """With their reasons, on the card."""
    failures = [SourceFailure("Global Times", "timed out"), SourceFailure("MIIT", "HTTP 404")]
    assessment, _ = await answered(ScriptedDesk(truce_items(), failures=failures))
    line = "2 of 14 sources could not be read: Global Times (timed out), MIIT (HTTP 404)."
    assert line in assessment.card.banners
    assert line in assessment.report.banners


async def test_a_desk_that_breaks_costs_the_sources_and_not_the_answer() -> None:
    """Against its contract it raises: the answer is written, and says that nothing was retrieved."""

    class Broken(ScriptedDesk):
        def begin(self, request: Any) -> Any:
            retrieval = super().begin(request)

            async def first(_seconds: float) -> Retrieved:
                raise OSError("the ranking process is gone")

            retrieval.first = first  # type: ignore[method-assign]
            return retrieval

    assessment, _ = await answered(Broken(truce_items()), answer)
    assert len(assessment.headings) == 8
    assert any("The search for sources (it failed)" in line for line in assessment.report.banners)


@pytest.mark.parametrize("name", ["", "plan"])
async def test_the_retrieval_is_closed_in_any_case(name: str) -> None:
    """Also where the run ends with an error."""

    def reply(call: ModelCall) -> str | Exception:
        return ModelBrokenError("cut") if call.name == name else played(citing())(call)

    desk = ScriptedDesk(truce_items())
    if name:
        with pytest.raises(ModelBrokenError):
            await assess(ScriptedModel(reply), desk=desk)
    else:
        await assess(ScriptedModel(reply), desk=desk)
    assert [retrieval.closed for retrieval in desk.retrievals] == [True]


async def test_a_run_taken_over_has_the_same_table() -> None:
    """No second search, the same numbers, the same text."""
    first, _ = await answered(ScriptedDesk(truce_items()))
    desk = ScriptedDesk(reversed(truce_items()))
    resumed, model = await answered(desk, checkpoints=first.checkpoints)
    assert desk.retrievals == []
    assert model.calls == []
    assert resumed.text == first.text
    assert resumed.report.sources == first.report.sources
    assert any(isinstance(event, SourcesAdded) for event in resumed.events)


async def test_a_run_taken_over_while_it_waited_for_sources_waits_again() -> None:
    """What it had is no table to go on with: it would be an answer without the sources that came."""
    answers, desk = OpenAnswers(), ScriptedDesk((), truce_items())
    engine = Engine(ScriptedModel(played(citing())), settings(), desk)
    async with aclosing(engine.run(assignment(), answers=answers)) as events:
        async for event in events:
            if isinstance(event, CardChanged) and event.evidence_line:
                break  # its process ends
    assert "evidence" not in answers.unsaved

    desk.release()
    resumed, _ = await answered(desk, checkpoints=answers.unsaved)

    assert "by one year [2](https://mofcom.example/notice/81)." in resumed.section("1")


async def test_a_run_taken_over_before_the_plan_searches_on_behind_what_it_has() -> None:
    """What has a number keeps it; what another search finds comes after, and the prefix stays."""
    first, before = await answered(ScriptedDesk(truce_items()[:5]))
    early = {"evidence": first.checkpoints["evidence"]}
    desk = ScriptedDesk(reversed(truce_items()))
    _, after = await answered(desk, checkpoints=early)
    assert before.calls[0].context == after.calls[0].context
    second = next(call for call in after.calls if call.name == "section-2")
    assert 'id="S7"' in second.instruction


async def test_an_old_premise_is_section_ones_first_bullet() -> None:
    """Date, age and what has happened since with its source, before any fact; the card says it too."""
    plan = SINCE | {"since_sources": ["S2", "S1", "S77"], "premise": "overtaken"}
    assessment, _ = await answered(ScriptedDesk(truce_items()), citing(plan=plan))
    bullets = [line for line in assessment.section("1").splitlines() if line.startswith("- ")]
    assert bullets[0] == (
        "- **Date check:** The event in question is of 30 October 2025, 13 months ago, and its premise has "
        f"been overtaken by later events. Since then: {SINCE_THEN} [2](https://mofcom.example/notice/81)."
    )
    assert any(
        f"Since then: {SINCE_THEN} (Ministry of Commerce)." in line for line in assessment.card.banners
    )


@pytest.mark.parametrize(
    ("event_date", "premise", "said"),
    [
        ("2026-11-19", "holds", False),
        ("2026-11-06", "holds", False),
        ("2026-11-05", "holds", True),
        ("2026-11-19", "overtaken", True),
        ("", "overtaken", True),
        ("", "unclear", False),
        ("2027-01-01", "holds", False),
    ],
)
async def test_a_recent_premise_that_holds_is_not_mentioned(
    event_date: str, premise: str, *, said: bool
) -> None:
    """Older than 14 days, or overtaken, is; a date in the future is nobody's event."""
    plan = {"event_date": event_date, "premise": premise}
    assessment, _ = await answered(ScriptedDesk(truce_items()), citing(plan=plan))
    assert ("**Date check:**" in assessment.section("1")) is said


async def test_a_source_that_contradicts_the_question_is_named_in_section_one() -> None:
    """By its publisher, with its link; a claim cannot contradict a claim."""
    contradictions = [
        {"source": "[S4]", "says": "The tariff linked to fentanyl stays as it is"},
        {"source": "S1", "says": "Something else entirely is so"},
    ]
    facts = FACTS.replace("[S4]", "[S3]")
    assessment, _ = await answered(
        ScriptedDesk(truce_items()), citing(facts, plan={"contradictions": contradictions})
    )
    facts = assessment.section("1")
    assert facts.count("**Contradicts the question:**") == 1
    assert (
        "- **Contradicts the question:** Newswire says: The tariff linked to fentanyl stays as it is "
        "[4](https://paper3.example/truce)."
    ) in facts


async def test_a_plan_that_begins_otherwise_does_not_hold_the_facts_back() -> None:
    """The date check then closes the section."""

    def script(request: ModelRequest) -> Reply:
        reply = citing()(request)
        if request.schema_name == "plan":
            data = json.loads(reply.text)
            return Reply(json.dumps({"bottom_line": data.pop("bottom_line")} | data))
        return reply

    assessment, _ = await answered(ScriptedDesk(truce_items()), script)
    bullets = [line for line in assessment.section("1").splitlines() if line.startswith("- ")]
    assert "**Date check:**" in bullets[-1]
    resumed, _ = await answered(ScriptedDesk(), script, checkpoints=assessment.checkpoints)
    assert resumed.text == assessment.text


async def test_the_first_fact_does_not_wait_for_the_rest_of_the_plan() -> None:
    """The plan's head is enough: section 1 is on screen while the plan is still being written."""
    seen_facts = asyncio.Event()

    class Slow(ScriptedModel):
        async def stream(self, call: ModelCall) -> Any:
            async with aclosing(super().stream(call)) as items:
                written = ""
                async for piece in items:
                    written += piece if isinstance(piece, str) else ""
                    if call.name == "plan" and '"judgments"' in written:
                        await seen_facts.wait()
                    yield piece

    engine = Engine(Slow(played(citing())), settings(), ScriptedDesk(truce_items()))
    async with asyncio.timeout(10), aclosing(engine.run(assignment())) as events:
        async for event in events:
            if isinstance(event, Part) and "The tariff linked to fentanyl" in event.text:
                seen_facts.set()
    assert seen_facts.is_set()


async def test_high_confidence_needs_two_owners() -> None:
    """One of them not of the persona's own state: otherwise it is moderate at most (SO7)."""
    judgment = {"statement": "Beijing keeps the suspension until the next review", "confidence": "high"}
    plan = {"judgments": [judgment | {"low": 60, "point": 70, "high": 75}]}
    state, _ = await answered(ScriptedDesk(truce_items()[:2]), citing(plan=plan))
    assert "_Confidence: high._" not in state.text
    several, _ = await answered(ScriptedDesk(truce_items()), citing(plan=plan))
    assert "_Confidence: high._" in several.section("6")


async def test_a_brief_says_what_became_of_its_premise() -> None:
    """It has no facts section: the date check stands under the bottom line."""
    assessment, _ = await answered(
        ScriptedDesk(truce_items()),
        citing(plan=SINCE),
        task=assignment("brief"),
    )
    assert f"Since then: {SINCE_THEN} [2](https://mofcom.example/notice/81)." in assessment.section(
        "bottom-line"
    )


async def test_without_a_desk_nothing_is_searched_and_the_card_says_so() -> None:
    """As before."""
    assessment, model = await answered(None, answer)
    assert "evidence" not in assessment.checkpoints
    assert "No source was retrieved" in model.calls[0].context
    assert any("No source was retrieved" in line for line in assessment.card.banners)


def test_the_table_survives_its_checkpoint() -> None:
    """Dates, classes and quotations included."""
    items: tuple[EvidenceItem, ...] = (*truce_items(), item(9, "He called it “a pause of one year”."))
    table = EvidenceTable(()).with_items(items)
    assert EvidenceTable.from_json(json.loads(json.dumps(table.to_json()))) == table
    assert [excerpt.text for excerpt in table.excerpts] == ["a pause of one year"]


async def test_what_speaks_against_the_leading_hypothesis_is_looked_for() -> None:
    """Once, by its rivals, when the plan names them; later calls are told what was found, the record how."""
    desk = ScriptedDesk(
        truce_items(),
        contrary=[item(9, "Beijing drafts an embargo."), truce_items()[3]],
        contrary_queries=["embargo"],
    )
    assessment, model = await answered(desk, citing(later="[S8]"))
    plan = json.loads(answer(request_of(model.calls[model.names.index("plan")])).text)
    (rivals,) = desk.retrievals[0].rivals
    assert rivals == "; ".join(plan["hypotheses"][1:])
    second = next(call for call in model.calls if call.name == "section-2")
    assert "against the first hypothesis: [S8], [S5]." in second.instruction
    assert "[8](https://paper9.example/truce)" in assessment.section("2")
    assert (
        "against the first" not in next(call for call in model.calls if call.name == "section-1").instruction
    )
    last = assessment.events[-1]
    assert isinstance(last, Finished)
    report = last.record.retrieval
    assert (report.contrary_queries, report.contrary_sources) == (("embargo",), ("S8", "S5"))
    assert "embargo" in report.queries


@pytest.mark.parametrize(("queries", "repaired"), [(["embargo"], False), ([], True)])
async def test_a_judgment_without_contrary_evidence_needs_that_search(
    queries: list[str], repaired: bool
) -> None:
    """LO4: where nothing was searched against it, the model is asked what speaks against its judgments."""

    def unopposed(request: ModelRequest) -> Reply:
        reply = answer(request)
        if request.schema_name == "plan":
            data = json.loads(reply.text)
            for judgment in data["judgments"]:
                judgment["evidence"] = [name for name in judgment["evidence"] if not name.startswith("-")]
            return Reply(json.dumps(data))
        return reply

    _, model = await answered(ScriptedDesk(truce_items(), contrary_queries=queries), unopposed)
    assert ("plan-fields" in model.names) is repaired

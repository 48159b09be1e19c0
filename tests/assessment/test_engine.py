"""The engine end to end: the seed's question, answered by a scripted model server over real HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest

from bot.assessment.engine import Engine
from bot.assessment.events import CardChanged, Checkpointed, Finished, Part, StatusChanged
from bot.assessment.printing import day
from bot.llm.openai_model import ModelEndpoint, OpenAIModel, RoleSettings
from bot.llm.port import ModelBrokenError, ModelCall, ModelConfigurationError, ModelRefusedError, Role
from tests.assessment.doubles import (
    AS_OF,
    Assessment,
    ScriptedModel,
    assess,
    assignment,
    persona,
    seed_answer,
    settings,
)
from tests.assessment.recogniser import forbidden
from tests.assessment.test_disobedience import KERNELS
from tests.support.model_replies import Api, ModelRequest, Reply, Script
from tests.support.model_server import ModelServer, serve_model
from tests.support.seed_script import QUESTION, answer

EPIGRAPH = (
    "“不畏浮云遮望眼，自缘身在最高层。”\n"
    "“I fear no drifting clouds that veil the view, for I stand upon the topmost storey.”\n"
    "— Wang Anshi (王安石), On Climbing Feilai Peak (登飞来峰), 1050"
)
STOPPED_SECONDS = 0.5
"""Half of what issue 2 allows: a stop ends the model calls within one second."""


@asynccontextmanager
async def model_for(
    script: Script = answer, api: Api = "responses", *, pace: float = 0.0
) -> AsyncIterator[tuple[OpenAIModel, ModelServer]]:
    """A model of a scripted server."""
    roles = {Role.PLAN: RoleSettings("planner"), Role.SECTION: RoleSettings("writer")}
    async with serve_model(script, tokens_per_second=pace) as server:
        model = OpenAIModel(ModelEndpoint(roles=roles, key=server.key, url=server.url, api=api))
        try:
            yield model, server
        finally:
            await model.aclose()


@pytest.fixture
async def seed() -> Assessment:
    """The seed's question, answered."""
    async with model_for() as (model, _):
        return await assess(model)


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_the_seed_question_gets_the_whole_form(api: Api) -> None:
    """Eight headings by kernel, opening line, closing question, epigraph, signature and firm line."""
    async with model_for(api=api) as (model, _):
        assessment = await assess(model)
    text = assessment.text
    assert text.startswith(
        "**CN-01, China Agent:**\n\n"
        "Here is my in-depth assessment of “China, U.S. Strike Rare Earths Truce” — with a focus on the why, "
        "the how and what next, from the perspective of China’s strategic calculus.\n\n"
        "## 1. "
    )
    assert all(re.fullmatch(*pair) for pair in zip(KERNELS, assessment.headings, strict=True))
    closing = text.splitlines()[-9]
    assert re.fullmatch(r"In the coming year, the question will be: Does China .+ — or does it .+\?", closing)
    assert text.endswith(f"\n\n{EPIGRAPH}\n\n**CN-01, China Agent**\n\nThree Corporate")
    assert not assessment.report.problems


async def test_nothing_forbidden_stands_in_the_document(seed: Assessment) -> None:
    """The independent recogniser finds no likelihood word, address, foreign script or quotation."""
    natives = [term.native for term in persona().glossary]
    own_words = [EPIGRAPH, *natives, *QUESTION.splitlines()]
    assert forbidden(seed.text, material=QUESTION, own_words=own_words) == []


async def test_what_the_data_calls_hold_is_printed_by_us(seed: Assessment) -> None:
    """Assumptions close section 4, hypotheses 5, judgments 6; watch items are 7; implications stand in 8."""
    assert "Key assumptions\n\n- **A1 (linchpin):** Allied refining capacity" in seed.section("4")
    assert "- **58 %** — **H1:** " in seed.section("5")
    until = day(AS_OF.date() + timedelta(days=350))  # as the script has it
    assert f"likely (60–79 %), until {until}. _Confidence: moderate._" in seed.section("6")
    assert seed.section("7").count("\n- **W") == 5
    verdict = seed.section("8")
    assert verdict.index("In summary:") < verdict.index("Implications for the client")
    assert not verdict.splitlines()[-1].startswith(("-", "#")), "the last paragraph closes the section"


async def test_without_sources_the_card_says_so(seed: Assessment) -> None:
    """Nothing was retrieved, and the answer is not up to date; the opening makes no other claim."""
    assert any("No source was retrieved" in banner for banner in seed.card.banners)
    assert "up-to-date" not in seed.text
    assert seed.report.sources == ("[1] The question, the person asking (user’s claim)",)
    notices = [notice for notice in seed.report.notices if not notice.startswith("Checks not passed: ")]
    assert all("up to date" in notice or "AI" in notice for notice in notices)


async def test_the_document_is_the_parts_in_order(seed: Assessment) -> None:
    """Opening, sections 1 to 8, closing; each ends once, and Finished is last."""
    keys = list(dict.fromkeys(part.section for part in seed.parts))
    assert keys == ["opening", *"12345678", "closing"]
    assert [part.section for part in seed.parts if part.ends_section] == keys
    assert isinstance(seed.events[-1], Finished)
    assert sum(isinstance(event, Finished) for event in seed.events) == 1
    statuses = [event.status for event in seed.events if isinstance(event, StatusChanged)]
    assert statuses[1:] == [f"is writing section {number} of 8 …" for number in range(1, 9)]
    card = next(place for place, event in enumerate(seed.events) if isinstance(event, CardChanged))
    second = next(
        place for place, event in enumerate(seed.events) if isinstance(event, Part) and event.section == "2"
    )
    assert card < second, "the bottom line is there before the sections that follow from the plan"


async def test_a_section_is_checkpointed_before_it_counts_as_done(seed: Assessment) -> None:
    """Plan and its head, outlook, watch list and every written section."""
    written = {f"section-{key}" for key in "1234568"}
    assert set(seed.checkpoints) == {"premise", "plan", "outlook", "watch", *written}
    for key in "1234568":
        assert seed.checkpoints[f"section-{key}"]["complete"] is True


async def test_a_brief_is_short() -> None:
    """Bottom line, three judgments, three watch items, at most 450 words."""
    async with model_for() as (model, _):
        brief = await assess(model, assignment("brief"))
    assert [heading.casefold() for heading in brief.headings] == [
        "bottom line",
        "key judgments",
        "what to watch",
    ]
    assert len(brief.text.split()) <= 450
    assert len(re.findall(r"^- \*\*J\d:", brief.text, re.MULTILINE)) == 3
    assert len(re.findall(r"^- \*\*W\d:", brief.text, re.MULTILINE)) == 3


async def test_all_calls_of_a_turn_share_one_prefix() -> None:
    """Byte for byte, so that the provider's cache serves it; the date is in it."""
    async with model_for() as (model, server):
        await assess(model)
    assert len({(request.system, request.context) for request in server.requests}) == 1
    assert "20 November 2026, 09:30 UTC" in server.requests[0].context
    assert {request.cache_key for request in server.requests} == {"t1"}


async def test_a_stop_ends_all_model_streams() -> None:
    """Closing the generator in the middle leaves no request open."""
    async with model_for(pace=40.0) as (model, server):
        engine = Engine(model, settings())
        async with aclosing(engine.run(assignment())) as events:
            async for event in events:
                if isinstance(event, Part) and event.section == "1":
                    break
            assert server.open_streams > 0
        await asyncio.sleep(STOPPED_SECONDS)
        assert server.open_streams == 0


async def test_calls_go_one_by_one_in_display_order() -> None:
    """With one call at a time, the plan first, then each section, data calls just before they are due."""
    model = ScriptedModel(seed_answer)
    await assess(model, how=settings(calls_at_once=1))
    assert model.most_open == 1
    names = [name for name in model.names if not name.endswith("-repair")]
    assert names == [
        *("plan", "section-1", "section-2", "section-3", "section-4", "outlook", "section-5", "section-6"),
        *("watch", "section-8"),
    ]


async def test_sections_are_written_side_by_side() -> None:
    """As many at once as the setting allows."""
    model = ScriptedModel(seed_answer)
    await assess(model, how=settings(calls_at_once=8))
    assert model.most_open == 8


def failing(name: str, error: Exception) -> ScriptedModel:
    """A model that fails in one call, every time."""

    def reply(call: ModelCall) -> str | Exception:
        return error if call.name == name else seed_answer(call)

    return ScriptedModel(reply)


async def test_a_failing_section_stays_alone() -> None:
    """Its heading stands, the reader is told, everything else is there."""
    model = failing("section-3", ModelBrokenError("cut"))
    assessment = await assess(model)
    assert len(assessment.headings) == 8
    assert "_Section 3 could not be written." in assessment.section("3")
    assert len(assessment.report.problems) == 1
    assert model.names.count("section-3") == 2, "one retry"


@pytest.mark.parametrize("name", ["outlook", "watch"])
async def test_a_failing_data_call_leaves_its_blocks_out(name: str) -> None:
    """Nothing is made up in their place."""
    assessment = await assess(failing(name, ModelRefusedError("no")))
    assert len(assessment.headings) == 8
    assert any(name in problem for problem in assessment.report.problems)
    printed = "**H1:**" if name == "outlook" else "**W1:**"
    assert printed not in assessment.text
    assert assessment.text.endswith("Three Corporate")


@pytest.mark.parametrize("name", ["section-3", "outlook", "watch"])
async def test_what_failed_for_good_stays_so_for_another_run(name: str) -> None:
    """Whoever takes the turn over renders the same text: what is on screen after the gap does not move."""
    failed = await assess(failing(name, ModelRefusedError("no")))
    model = ScriptedModel(seed_answer)
    resumed = await assess(model, checkpoints=failed.checkpoints)
    assert resumed.text == failed.text
    assert resumed.report.problems == failed.report.problems != ()
    assert model.calls == []


@pytest.mark.parametrize("error", [ModelRefusedError("no"), ModelBrokenError("cut")])
async def test_without_a_plan_there_is_no_assessment(error: Exception) -> None:
    """The error is raised as it is, for the person to read."""
    with pytest.raises(type(error)):
        await assess(failing("plan", error))


@pytest.mark.parametrize("name", ["plan", "section-4", "outlook", "watch"])
async def test_a_configuration_error_ends_the_run(name: str) -> None:
    """Only the operator can help, and no section is retried."""
    model = failing(name, ModelConfigurationError("key"))
    with pytest.raises(ModelConfigurationError):
        await assess(model)
    assert model.names.count(name) == 1


async def test_a_broken_stream_is_made_good_by_a_retry() -> None:
    """The first attempt of a section breaks off over real HTTP, the second one is shown."""

    def script(request: ModelRequest) -> Reply:
        if "Section 4:" in request.instruction and request.attempt == 1:
            return Reply(status=503)
        return answer(request)

    async with model_for(script) as (model, _):
        assessment = await assess(model)
    assert not assessment.report.problems


async def test_a_run_resumed_from_checkpoints_renders_the_same_without_a_call(seed: Assessment) -> None:
    """Finished work is not paid for twice."""
    model = ScriptedModel(seed_answer)
    resumed = await assess(model, checkpoints=seed.checkpoints)
    assert resumed.text == seed.text
    assert model.calls == []


async def test_a_torn_section_goes_on_after_what_was_shown(seed: Assessment) -> None:
    """What readers have seen stays, and the model is told what that is."""
    units = seed.checkpoints["section-2"]["units"]
    torn = {**seed.checkpoints, "section-2": {"units": units[:5], "complete": False}}

    def reply(call: ModelCall) -> str:
        return "- A bullet that the ministry of the resumed run writes about licences.\n"

    model = ScriptedModel(reply)
    resumed = await assess(model, checkpoints=torn)
    shown = resumed.section("2")
    assert model.names == ["section-2"]
    assert str(units[4][1])[:60] in model.calls[0].instruction
    assert seed.section("2").startswith(shown[: shown.index("\n- A bullet that the ministry")])
    assert "of the resumed run" in shown


@pytest.mark.parametrize("rest", ["", "1].**", "## 2."])
async def test_a_section_torn_after_its_last_line_is_complete(seed: Assessment, rest: str) -> None:
    """The model has nothing to add, or only how its last line ended, which is no failure."""
    torn = {**seed.checkpoints, "section-2": {**seed.checkpoints["section-2"], "complete": False}}
    resumed = await assess(ScriptedModel(lambda _: rest), checkpoints=torn)
    assert resumed.text == seed.text
    assert not resumed.report.problems


async def test_checkpoints_come_before_the_text_they_cover() -> None:
    """A crash after a part was yielded never loses the units it was rendered from."""
    model = ScriptedModel(seed_answer)
    seen: dict[str, list[str]] = {}
    assessment = await assess(model)
    for event in assessment.events:
        if isinstance(event, Checkpointed) and event.key.startswith("section-"):
            seen[event.key] = [text for _, text in event.data["units"]]
        elif isinstance(event, Part) and event.section == "2" and event.text.startswith("\n- "):
            words = re.findall(r"\w+", event.text)[:5]
            assert any(re.findall(r"\w+", text)[:5] == words for text in seen.get("section-2", []))

"""Runs that end in the middle, at a provider that writes on: the next one reads on, nothing is paid twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.assessment import open_answers
from bot.assessment.engine import Engine
from bot.assessment.events import Checkpointed, Event, Part
from bot.assessment.open_answers import OPEN_ANSWERS, OpenAnswer, OpenAnswers
from bot.llm import background
from bot.llm.endpoint import ModelEndpoint, RoleSettings, endpoint_id
from bot.llm.openai_model import OpenAIModel
from bot.llm.port import ResumePoint, Role
from tests.assessment.doubles import ScriptedModel, assess, assignment, seed_answer, settings
from tests.support.background_server import BackgroundServer, serve_background
from tests.support.model_replies import ModelRequest, Reply
from tests.support.seed_script import answer
from tests.support.valkey import eventually

CALLS = 10
"""Model calls of an in-depth answer: plan, outlook, watch, seven sections."""
SLOW, FAST = 200.0, 5000.0
"""Words a second: time to die in the middle, and none to lose afterwards."""

Checkpoints = dict[str, Mapping[str, Any]]
Test = Callable[[Event], bool]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points in quick succession."""
    monkeypatch.setattr(background, "POINT_SECONDS", 0.02)
    monkeypatch.setattr(background, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(open_answers, "NOTE_SECONDS", 0.02)


@pytest.fixture
async def server() -> AsyncIterator[BackgroundServer]:
    async with serve_background(words_per_second=SLOW, script=answer) as running:
        yield running


@asynccontextmanager
async def model_at(url: str, *, in_background: bool = True) -> AsyncIterator[OpenAIModel]:
    roles = {role: RoleSettings("writer") for role in Role}
    model = OpenAIModel(ModelEndpoint(roles=roles, key="test-key", url=url, background=in_background))
    try:
        yield model
    finally:
        await model.aclose()


def shows(section: str, *, words: int = 0) -> Test:
    """True at the first text of that section that has a sentence in it."""
    return lambda event: isinstance(event, Part) and event.section == section and len(event.text) > 60 + words


async def run_until(
    model: OpenAIModel, over: Test, answers: OpenAnswers | None = None, checkpoints: Checkpoints | None = None
) -> tuple[str, Checkpoints]:
    """A run that ends early: what was shown, and what was checkpointed before."""
    shown, kept = "", dict(checkpoints or {})
    answers = answers or OpenAnswers(kept)
    events = Engine(model, settings()).run(assignment(), kept, answers)
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Checkpointed):
                kept[event.key] = event.data
            elif isinstance(event, Part):
                shown += event.text
            if over(event):
                break
    return shown, {**kept, **answers.unsaved}


async def finish(model: OpenAIModel, kept: Checkpoints) -> str:
    """The whole document of the run that takes over."""
    shown, _ = await run_until(model, lambda _: False, checkpoints=kept)
    return shown


async def whole_document() -> str:
    return (await assess(ScriptedModel(seed_answer))).text


def at_the_plan(event: Event) -> bool:
    """Both calls of the beginning have an answer with a name."""
    return isinstance(event, Checkpointed) and {"plan", "section-1"} <= event.data.keys()


@pytest.mark.parametrize("over", [at_the_plan, shows("1"), shows("2")])
async def test_a_run_that_is_taken_over_reads_on(server: BackgroundServer, over: Test) -> None:
    """Whatever was being written: each call is made once, the text is what one run would have given."""
    async with model_at(server.url) as first:
        shown, kept = await run_until(first, over)
    unfinished = [id_ for id_, answer in server.answers.items() if answer.status == "in_progress"]
    assert unfinished
    server.words_per_second = FAST
    async with model_at(server.url) as second:
        text = await finish(second, kept)
    assert text.startswith(shown)
    assert text == await whole_document()
    assert server.count("POST /responses") == CALLS
    resumed = [line.split()[1] for line in server.log if line.startswith("GET")]
    assert set(unfinished) <= set(resumed)
    assert all("starting_after=" in line for line in server.log if line.startswith("GET"))


async def test_a_turn_may_die_again_and_again(server: BackgroundServer) -> None:
    """Each run goes on where the one before was."""
    kept: Checkpoints = {}
    for section in ("1", "2", "3"):
        async with model_at(server.url) as model:
            _, kept = await run_until(model, shows(section), checkpoints=kept)
    server.words_per_second = FAST
    async with model_at(server.url) as model:
        assert await finish(model, kept) == await whole_document()
    assert server.count("POST /responses") == CALLS


async def test_an_answer_too_old_to_be_streamed_is_waited_for(server: BackgroundServer) -> None:
    """400, so the whole is asked for until it is complete."""
    async with model_at(server.url) as first:
        _, kept = await run_until(first, shows("2"))
    server.words_per_second, server.too_old = FAST, True
    async with model_at(server.url) as second:
        assert await finish(second, kept) == await whole_document()
    assert server.count("POST /responses") == CALLS


async def test_a_forgotten_answer_is_asked_for_anew(server: BackgroundServer) -> None:
    """404: only the calls that were being read are repeated; what is on screen stays."""
    server.script = continuing
    async with model_at(server.url) as first:
        shown, kept = await run_until(first, shows("2", words=60))
    lost = len(OpenAnswers(kept).points)
    asked = server.count("POST /responses")
    server.answers.clear()
    server.words_per_second = FAST
    async with model_at(server.url) as second:
        text = await finish(second, kept)
    assert text.startswith(shown)
    assert [f"## {number}. " in text for number in range(1, 9)] == [True] * 8
    assert asked < server.count("POST /responses") <= CALLS + lost


async def test_text_that_does_not_come_out_again_is_continued(server: BackgroundServer) -> None:
    """What is on screen counts, not what the answer says of it: the rest is asked for, the answer ended."""
    server.script = continuing
    async with model_at(server.url) as first:
        _, kept = await run_until(first, shows("2"))
    units = kept["section-2"]["units"]
    kept["section-2"] = {"units": [["bullet", "Another version wrote this."], *units], "complete": False}
    point = OpenAnswers(kept).take_up("section-2")
    assert point is not None
    async with model_at(server.url) as second:
        server.words_per_second = FAST
        text = await finish(second, kept)
    assert "Another version wrote this." in text
    assert server.count(f"POST {point.point.response_id} cancel") <= 1  # it may be complete by then
    assert server.count("POST /responses") == CALLS + 1


async def test_a_stopped_turn_costs_no_more(server: BackgroundServer) -> None:
    """Every answer that is being written is ended at the provider."""
    answers = OpenAnswers()
    async with model_at(server.url) as model:
        await run_until(model, shows("1"), answers)
        await Engine(model, settings()).cancel(answers)
    await server.complete()
    assert not [kept for kept in server.answers.values() if kept.status == "in_progress"]
    unfinished = [id_ for id_, kept in server.answers.items() if kept.status == "cancelled"]
    assert len(unfinished) >= 2
    assert all(server.count(f"POST {id_} cancel") == 1 for id_ in unfinished)


async def test_an_answer_without_a_name_yet_is_ended_too(server: BackgroundServer) -> None:
    """The request is on its way when the run is stopped: nobody could resume what comes of it."""
    server.named_after_seconds = 0.3
    answers = OpenAnswers()
    async with model_at(server.url) as model:
        events = Engine(model, settings()).run(assignment(), {}, answers)
        async with aclosing(events):
            await anext(events)
            await eventually(lambda: server.count("POST /responses") == 2)
        await Engine(model, settings()).cancel(answers)
    await server.complete()
    assert answers.points == []
    assert {kept.status for kept in server.answers.values()} == {"cancelled"}
    assert len(server.answers) == 2


async def test_an_endless_answer_is_ended_at_the_provider(server: BackgroundServer) -> None:
    """A section that is cut off by us must not be written on."""
    server.script, server.words_per_second = endless, FAST
    async with model_at(server.url) as model:
        await finish(model, {})
    ended = [kept.status for kept in server.answers.values() if "Section 3:" in str(kept.body["input"])]
    assert "cancelled" in ended


async def test_without_background_nothing_is_kept_of_running_answers(server: BackgroundServer) -> None:
    """And leaving ends them."""
    async with model_at(server.url, in_background=False) as model:
        _, kept = await run_until(model, shows("1"))
    assert OPEN_ANSWERS not in kept
    assert not any(kept.body.get("background") for kept in server.answers.values())


async def test_a_run_for_nobody_to_take_over_is_in_the_foreground(server: BackgroundServer) -> None:
    """``ask`` in a terminal keeps no checkpoints: with the terminal the answer ends."""
    server.words_per_second = FAST
    async with model_at(server.url) as model:
        events = Engine(model, settings()).run(assignment())
        async with aclosing(events):
            async for event in events:
                if shows("1")(event):
                    break
    assert not any(kept.body.get("background") for kept in server.answers.values())


async def test_answers_are_checkpointed_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight streams side by side are one write; a new answer is kept at once."""
    monkeypatch.setattr(open_answers, "NOTE_SECONDS", 60.0)
    answers = OpenAnswers()
    point = ResumePoint("account", "resp_1", 1, 5)
    assert answers.note("plan", OpenAnswer(point, "text "))
    assert not answers.note("plan", OpenAnswer(replace(point, sequence_number=2), "text more"))
    assert answers.note("section-1", OpenAnswer(replace(point, response_id="resp_2"), "", 3))
    again = OpenAnswers({OPEN_ANSWERS: answers.to_json()})
    taken = again.take_up("plan")
    assert taken == OpenAnswer(replace(point, sequence_number=2), "text more")
    assert again.take_up("plan") is None
    assert len(again.points) == 2
    answers.close("plan")
    assert list(answers.to_json()) == ["section-1"]


async def test_an_answer_of_another_account_is_not_asked_for(server: BackgroundServer) -> None:
    """The key changed between the two runs: its answers are out of reach."""
    server.script = continuing
    async with model_at(server.url) as first:
        _, kept = await run_until(first, shows("1"))
        account = endpoint_id(first._endpoint)
    foreign = str(kept[OPEN_ANSWERS]).replace(account, "another")
    assert foreign != str(kept[OPEN_ANSWERS])
    kept[OPEN_ANSWERS] = {
        name: {**data, "point": {**data["point"], "account": "another"}}
        for name, data in kept[OPEN_ANSWERS].items()
    }
    server.words_per_second = FAST
    async with model_at(server.url) as second:
        text = await finish(second, kept)
    assert server.count("GET") == 0
    assert [f"## {number}. " in text for number in range(1, 9)] == [True] * 8


def continuing(request: ModelRequest) -> Reply:
    """The seed's answers; asked to continue, a fresh bullet each time."""
    if "already" in request.instruction and "Section" in request.instruction:
        return Reply("- A further consequence for the suppliers of magnets follows within the same year.\n")
    return answer(request)


def endless(request: ModelRequest) -> Reply:
    """Section 3 never ends."""
    if "Section 3:" in request.instruction:
        line = "- Point {n} adds a different thought about the supply of magnets number {n} this year.\n"
        return Reply("### A. Endless\n" + "".join(line.format(n=number) for number in range(400)))
    return answer(request)

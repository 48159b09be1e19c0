"""Background answers against a provider that keeps them: nothing is lost, repeated or paid for twice."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.llm import background
from bot.llm.breaker import BreakerSettings
from bot.llm.endpoint import ModelEndpoint, ModelTimeouts, RoleSettings, endpoint_id
from bot.llm.failover import FailoverModel
from bot.llm.openai_model import OpenAIModel
from bot.llm.port import (
    Finished,
    FinishReason,
    Model,
    ModelCall,
    ModelError,
    ModelForgottenError,
    ModelUnavailableError,
    ResumePoint,
    Role,
)
from bot.retrying import instant_retries
from tests.support.background_server import BackgroundServer, answer_text, serve_background
from tests.support.model_replies import Reply
from tests.support.model_server import serve_model
from tests.support.valkey import eventually

ROOT = Path(__file__).parents[2]
READER = Path(__file__).parent / "reading_process.py"
TIMEOUTS = ModelTimeouts(connect_seconds=1.0, first_token_seconds=1.0, stall_seconds=0.3)
CALL = ModelCall("t1", "section-1", Role.SECTION, "system", "context", "write section 1", 1000)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points and looks in quick succession."""
    monkeypatch.setattr(background, "POINT_SECONDS", 0.0)
    monkeypatch.setattr(background, "POLL_SECONDS", 0.02)


@pytest.fixture
async def server() -> AsyncIterator[BackgroundServer]:
    async with serve_background() as running:
        yield running


@asynccontextmanager
async def model_at(url: str, **changes: Any) -> AsyncIterator[OpenAIModel]:
    roles = {role: RoleSettings("writer") for role in Role}
    fields: dict[str, Any] = {"roles": roles, "key": "test-key", "url": url, "timeouts": TIMEOUTS}
    model = OpenAIModel(ModelEndpoint(**{**fields, "background": True, **changes}))
    try:
        yield model
    finally:
        await model.aclose()


async def read(model: Model, call: ModelCall = CALL) -> tuple[str, list[ResumePoint], Finished]:
    """A whole answer: text, points, end. Each point counts the text before it."""
    text = ""
    before = call.resume.characters if call.resume else 0
    points: list[ResumePoint] = []
    async for item in model.resumable(call):
        if isinstance(item, Finished):
            return text, points, item
        if isinstance(item, ResumePoint):
            assert item.characters == len(text) + before
            points.append(item)
        else:
            text += item
    raise AssertionError("no end")


async def read_until(model: Model, words: int) -> tuple[str, ResumePoint]:
    """Read so many words, then leave; what a checkpoint would hold."""
    text, kept, point = "", "", None
    async with aclosing(model.resumable(CALL)) as items:
        async for item in items:
            if isinstance(item, ResumePoint):
                kept, point = text, item
                if kept.count(" ") >= words:
                    break
            elif not isinstance(item, Finished):
                text += item
    assert point is not None
    return kept, point


async def test_an_answer_tells_where_it_can_be_resumed(server: BackgroundServer) -> None:
    """An id before the first word, then the way so far; the end is as ever."""
    async with model_at(server.url) as model:
        text, points, end = await read(model)
    assert text == answer_text(1)
    assert (end.reason, end.model, end.usage.output_tokens) == (FinishReason.STOP, "writer", 40)
    assert (points[0].response_id, points[0].characters) == ("resp_1", 0)
    numbers = [point.sequence_number for point in points]
    assert numbers == sorted(set(numbers))
    body = server.answers["resp_1"].body
    assert (body["background"], body["store"], body["stream"]) == (True, True, True)


async def test_points_come_at_most_once_a_second(
    server: BackgroundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a write to the store; the first comes at once."""
    monkeypatch.setattr(background, "POINT_SECONDS", 1.0)
    async with model_at(server.url) as model:
        _, points, _ = await read(model)
    assert len(points) == 1


async def test_another_reader_goes_on_where_the_first_one_was(server: BackgroundServer) -> None:
    """Leaving does not end the answer; the rest is read, without a second request for it."""
    async with model_at(server.url) as one, model_at(server.url) as other:
        kept, point = await read_until(one, 5)
        await asyncio.sleep(0.1)
        rest, _, end = await read(other, replace(CALL, resume=point))
    assert kept + rest == answer_text(1)
    assert end.reason is FinishReason.STOP
    assert server.count("POST") == 1
    assert f"starting_after={point.sequence_number}" in server.log[1]
    assert "stream=true" in server.log[1]


async def test_a_reader_without_text_has_all_of_it_again(server: BackgroundServer) -> None:
    """Only the id was kept: the same text comes once more, unpaid."""
    async with model_at(server.url) as model:
        _, point = await read_until(model, 5)
        text, _, _ = await read(model, replace(CALL, resume=point.beginning()))
    assert text == answer_text(1)
    assert server.count("POST") == 1


async def test_a_complete_answer_can_be_resumed_at_its_end(server: BackgroundServer) -> None:
    """A process that died between the last word and its checkpoint: only the end comes again."""
    async with model_at(server.url) as model:
        _, points, _ = await read(model)
        text, _, end = await read(model, replace(CALL, resume=points[-1]))
    assert (text, end.reason) == ("", FinishReason.STOP)
    assert (server.count("POST"), server.count("GET")) == (1, 1)


async def test_a_killed_process_is_taken_over(server: BackgroundServer, tmp_path: Path) -> None:
    """Kill -9 in the middle; another process splices the text without gap or repetition."""
    server.words_per_second = 30
    file = tmp_path / "checkpoint.json"
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, str(READER), server.url, str(file)), env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        await eventually(lambda: file.exists() and json.loads(file.read_text())["text"].count(" ") >= 8)
    finally:
        reader.kill()
        await reader.wait()
    kept = json.loads(file.read_text())
    assert len(kept["text"]) < len(answer_text(1))
    async with model_at(server.url) as model:
        rest, _, _ = await read(model, replace(CALL, resume=ResumePoint(**kept["point"])))
    assert kept["text"] + rest == answer_text(1)
    assert server.count("POST") == 1


@pytest.mark.parametrize("cuts", [[1], [5], [10, 1, 10], [2, 2, 2, 2, 2]])
async def test_cut_connections_are_joined_again(server: BackgroundServer, cuts: list[int]) -> None:
    """Within the same call: the reader notices nothing."""
    server.cut_after = list(cuts)
    async with model_at(server.url) as model:
        text, _, _ = await read(model)
    assert text == answer_text(1)
    assert server.count("POST") == 1
    assert server.count("GET") == len(cuts)


async def test_a_stalled_connection_is_joined_again(server: BackgroundServer) -> None:
    """After the stall time."""
    server.stall_after = [6]
    async with model_at(server.url) as model:
        text, _, _ = await read(model)
    assert text == answer_text(1)
    assert server.count("POST") == 1


async def test_a_server_that_ignores_the_cursor_repeats_nothing(server: BackgroundServer) -> None:
    """Events the reader has are left out."""
    server.cut_after, server.ignores_cursor = [12], True
    async with model_at(server.url) as model:
        assert (await read(model))[0] == answer_text(1)


async def test_a_failing_get_is_repeated(server: BackgroundServer) -> None:
    """A provider's blip while joining costs attempts, not the answer."""
    server.cut_after, server.refused_gets = [6], [500, 503]
    with instant_retries():
        async with model_at(server.url) as model:
            assert (await read(model))[0] == answer_text(1)
    assert server.count("POST") == 1


async def test_an_answer_too_old_to_be_streamed_is_looked_at(server: BackgroundServer) -> None:
    """400, then the whole once it is complete: the reader gets what it lacks."""
    async with model_at(server.url) as model:
        kept, point = await read_until(model, 5)
        server.too_old = True
        rest, _, end = await read(model, replace(CALL, resume=point))
    assert kept + rest == answer_text(1)
    assert (end.reason, end.usage.output_tokens) == (FinishReason.STOP, 40)
    assert server.count("POST") == 1
    assert server.count("GET resp_1") > 2


async def test_a_forgotten_answer_is_not_replaced(server: BackgroundServer) -> None:
    """Another answer would not go with what the reader has: the caller is told to ask anew."""
    async with model_at(server.url) as model:
        _, point = await read_until(model, 5)
        server.answers.clear()
        for lost in (point, point.beginning()):
            with pytest.raises(ModelForgottenError) as caught:
                await read(model, replace(CALL, resume=lost))
            assert caught.value.retryable
    assert server.count("POST") == 1


async def test_an_answer_forgotten_before_its_first_word_is_asked_for_anew(server: BackgroundServer) -> None:
    """Nobody has any of it: the same call goes on with a new one."""
    server.cut_after, server.refused_gets = [1], [404]
    async with model_at(server.url) as model:
        text, points, _ = await read(model)
    assert text == answer_text(2)
    assert points[-1].response_id == "resp_2"


async def test_a_cancelled_answer_costs_no_more(server: BackgroundServer) -> None:
    """The writing stops at the provider; a cancellation never raises."""
    async with model_at(server.url) as model:
        _, point = await read_until(model, 5)
        await model.cancel(point)
        await server.complete()
        assert len(server.answers["resp_1"].text) < len(answer_text(1))
        await model.cancel(replace(point, response_id="resp_9"))
        await model.cancel(replace(point, account="another"))
        assert server.count("POST resp_") == 2
        server.too_old = True
        with pytest.raises(ModelForgottenError):
            await read(model, replace(CALL, resume=point))


async def test_an_answer_that_failed_is_an_error(server: BackgroundServer) -> None:
    """The provider's own failure is not joined again, streamed or looked at."""
    server.ends_as = "failed"
    async with model_at(server.url) as model:
        with pytest.raises(ModelUnavailableError):
            await read(model)
        assert server.log == ["POST /responses in background"]
        server.too_old = True
        point = ResumePoint(_account(server), "resp_1", 0, 0)
        with pytest.raises(ModelUnavailableError):
            await read(model, replace(CALL, resume=point))


async def test_an_answer_that_does_not_begin_is_given_up(server: BackgroundServer) -> None:
    """No text in time: the caller will ask anew, so this one is cancelled."""
    server.words_per_second = 0.5
    async with model_at(server.url) as model:
        started = time.monotonic()
        with pytest.raises(ModelUnavailableError):
            await read(model)
        assert time.monotonic() - started < TIMEOUTS.first_token_seconds + 0.5
    assert server.log[-1] == "POST resp_1 cancel"


async def test_a_connection_that_is_cut_again_and_again_is_given_up(server: BackgroundServer) -> None:
    """Without news for three connections in a row."""
    server.cut_after = [5, 0, 0, 0, 0, 0]
    async with model_at(server.url) as model:
        with pytest.raises(ModelError) as caught:
            await read(model)
    assert caught.value.retryable
    assert server.count("GET") == background.BREAKS
    assert server.log[-1] == "POST resp_1 cancel"


async def test_a_provider_that_ignores_background_gives_no_points(server: BackgroundServer) -> None:
    """Its answers are read as ever, and cannot be resumed."""
    server.foreground_only = True
    async with model_at(server.url) as model:
        text, points, _ = await read(model)
    assert (text, points) == (answer_text(1), [])


async def test_a_provider_that_does_not_know_background(server: BackgroundServer) -> None:
    """A 400 that names the field: from then on without it, and nothing is stored."""
    server.unknown_field = True
    async with model_at(server.url) as model:
        for number in (1, 2):
            text, points, _ = await read(model)
            assert (text, points) == (answer_text(number), [])
    assert server.log == ["POST /responses in background", "POST /responses", "POST /responses"]
    assert [kept.body["store"] for kept in server.answers.values()] == [False, False]


async def test_plain_streams_stay_in_the_foreground(server: BackgroundServer) -> None:
    """Whoever cannot resume ends the answer by leaving, and stores nothing."""
    async with model_at(server.url) as model:
        async with aclosing(model.stream(CALL)) as items:
            await anext(items)
        assert server.answers["resp_1"].body["store"] is False
        assert "background" not in server.answers["resp_1"].body


async def test_without_the_setting_resumable_is_a_plain_stream(server: BackgroundServer) -> None:
    """And what was kept before the setting changed is forgotten."""
    async with model_at(server.url, background=False) as model:
        text, points, _ = await read(model)
        assert (text, points) == (answer_text(1), [])
        with pytest.raises(ModelForgottenError):
            await read(model, replace(CALL, resume=ResumePoint(_account(server), "resp_1", 5, 0)))


def _account(server: BackgroundServer) -> str:
    return endpoint_id(ModelEndpoint(roles={}, key="test-key", url=server.url))


async def test_an_answer_is_resumed_at_the_endpoint_that_keeps_it(server: BackgroundServer) -> None:
    """Behind a failover the fallback may keep it."""
    async with (
        serve_model(lambda _: Reply(status=500)) as down,
        model_at(down.url) as primary,
        model_at(server.url) as fallback,
    ):
        model = FailoverModel(primary, fallback)
        kept, point = await read_until(model, 5)
        asked = len(down.requests)
        rest, _, _ = await read(model, replace(CALL, resume=point))
        assert kept + rest == answer_text(1)
        assert len(down.requests) == asked
        assert model.holds(point)
        await model.cancel(point)
        assert server.log[-1] == "POST resp_1 cancel"


async def test_an_answer_whose_endpoint_is_down_is_asked_for_anew_elsewhere(server: BackgroundServer) -> None:
    """By the caller, who knows what the reader has; also where nobody knows the endpoint any more."""
    async with (
        model_at(server.url) as primary,
        serve_model(lambda _: Reply("help")) as second,
        model_at(second.url) as fallback,
    ):
        model = FailoverModel(primary, fallback, BreakerSettings(failures=1))
        _, point = await read_until(model, 5)
        server.refused_gets = [500] * 20
        with instant_retries(), pytest.raises(ModelForgottenError):
            await read(model, replace(CALL, resume=point))
        assert (await read(model))[0] == "help"
        with pytest.raises(ModelForgottenError):
            await read(model, replace(CALL, resume=replace(point, account="nobody")))

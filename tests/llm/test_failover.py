"""Two scripted servers over real HTTP: the second answers what the first does not."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from bot.llm import failover
from bot.llm.breaker import BreakerSettings
from bot.llm.endpoint import ModelEndpoint, ModelTimeouts, RoleSettings
from bot.llm.failover import FailoverModel
from bot.llm.openai_model import OpenAIModel
from bot.llm.port import (
    Finished,
    ModelBrokenError,
    ModelCall,
    ModelConfigurationError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTooLongError,
    ModelUnavailableError,
    Role,
)
from tests.support.model_replies import Api, Ending, Reply, Script, in_turn
from tests.support.model_server import ModelServer, serve_model
from tests.support.valkey import eventually

PAUSE_SECONDS = 0.4
BREAKER = BreakerSettings(failures=3, window_seconds=10, pause_seconds=PAUSE_SECONDS)
TIMEOUTS = ModelTimeouts(connect_seconds=1.0, first_token_seconds=0.8, stall_seconds=0.4)
PATIENT = ModelTimeouts(connect_seconds=5.0, first_token_seconds=40.0, stall_seconds=40.0)
"""For what does not test time-outs: none of them runs out on a busy machine."""
AT_ONCE_SECONDS = 1.5
"""Milliseconds on an idle machine; the rest is for a busy one."""

SECRET = "what a person asked"
WELL = Reply("well " * 20)
HELP = Reply("help " * 20)


def well(_: object) -> Reply:
    return WELL


def helping(_: object) -> Reply:
    return HELP


@dataclass(frozen=True, slots=True)
class Pair:
    """Both servers and the model in front of them."""

    primary: ModelServer
    fallback: ModelServer
    model: FailoverModel


def endpoint_at(
    url: str, name: str, key: str = "test-key", api: Api = "responses", timeouts: ModelTimeouts = TIMEOUTS
) -> OpenAIModel:
    roles = {Role.PLAN: RoleSettings(f"{name}-plan"), Role.SECTION: RoleSettings(name)}
    return OpenAIModel(ModelEndpoint(roles=roles, key=key, url=url, api=api, timeouts=timeouts))


@asynccontextmanager
async def pair(
    primary: Script, fallback: Script = helping, *, keys: tuple[str, str] = ("test-key", "test-key")
) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(serve_model(primary))
        second = await stack.enter_async_context(serve_model(fallback))
        model = FailoverModel(
            endpoint_at(first.url, "big", keys[0]), endpoint_at(second.url, "small", keys[1]), BREAKER
        )
        stack.push_async_callback(model.aclose)
        yield Pair(first, second, model)


def call_of(name: str = "section-1", *, turn: str = "t1", role: Role = Role.SECTION) -> ModelCall:
    return ModelCall(turn, name, role, "system", SECRET, f"write {name}", 1000)


async def read(model: FailoverModel, call: ModelCall | None = None) -> tuple[str, str]:
    """A whole stream: its text and who wrote it."""
    text, writer = "", ""
    async for item in model.stream(call or call_of()):
        if isinstance(item, Finished):
            writer = item.model
        else:
            text += item
    return text, writer


async def failing(model: FailoverModel, call: ModelCall | None = None) -> tuple[str, ModelError]:
    """A stream that fails: the text before and the error."""
    text = ""

    async def consume() -> None:
        nonlocal text
        async for item in model.stream(call or call_of()):
            assert isinstance(item, str)
            text += item

    with pytest.raises(ModelError) as caught:
        await consume()
    return text, caught.value


async def test_a_healthy_primary_answers_alone() -> None:
    """The fallback is not asked, and the answer names the model of the role."""
    async with pair(well) as both:
        assert await read(both.model) == (WELL.text, "big")
        assert await read(both.model, call_of("plan", role=Role.PLAN)) == (WELL.text, "big-plan")
        assert both.fallback.requests == []
        assert both.model.name == "big"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=429),
        Reply(status=429, headers={"Retry-After": "30"}),
        Reply(status=500),
        Reply(status=503, headers={"Retry-After": "30"}),
        Reply("", ending=Ending.DISCONNECT),
        Reply("", ending=Ending.TRUNCATE),
        Reply("", ending=Ending.MALFORMED),
        Reply("", ending=Ending.FAILED, code="server_error"),
        Reply(status=401, code="invalid_api_key"),
        Reply(status=429, code="insufficient_quota"),
        Reply(status=404, code="model_not_found"),
    ],
    ids=lambda reply: f"{reply.status}-{reply.code or reply.ending.value}-{len(reply.headers)}",
)
async def test_a_failure_before_any_text_is_answered_by_the_fallback_at_once(reply: Reply) -> None:
    """In the same stream, without a retry's wait, and told with ids only."""
    async with pair(lambda _: reply) as both:
        with capture_logs() as logs:
            started = time.monotonic()
            assert await read(both.model) == (HELP.text, "small")
            assert time.monotonic() - started < AT_ONCE_SECONDS
    (moved,) = [entry for entry in logs if entry["event"] == "model.failed_over"]
    assert (moved["turn"], moved["call"]) == ("t1", "section-1")
    assert (moved["endpoint"], moved["to"], moved["model"]) == ("primary", "fallback", "small")
    assert SECRET not in str(logs)


async def test_a_primary_that_is_down() -> None:
    """Nobody listens there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    async with serve_model(helping) as server:
        model = FailoverModel(endpoint_at(gone, "big"), endpoint_at(server.url, "small"), BREAKER)
        started = time.monotonic()
        assert await read(model) == (HELP.text, "small")
        assert time.monotonic() - started < AT_ONCE_SECONDS
        await model.aclose()


async def test_the_two_may_speak_different_apis() -> None:
    """OpenAI's Responses API first, a compatible server's Chat Completions behind it."""
    async with serve_model(lambda _: Reply(status=500)) as first, serve_model(helping) as second:
        model = FailoverModel(
            endpoint_at(first.url, "big"), endpoint_at(second.url, "small", api="chat"), BREAKER
        )
        assert await read(model) == (HELP.text, "small")
        assert [asked.api for asked in first.requests + second.requests] == ["responses", "chat"]
        await model.aclose()


async def test_a_primary_that_says_nothing() -> None:
    """After its first-token time-out, and for the first calls only."""
    async with pair(lambda _: Reply("late", first_token_seconds=30)) as both:
        started = time.monotonic()
        answers = await asyncio.gather(*(read(both.model, call_of(f"section-{n}")) for n in range(3)))
        assert answers == [(HELP.text, "small")] * 3
        assert time.monotonic() - started < TIMEOUTS.first_token_seconds + AT_ONCE_SECONDS
        started = time.monotonic()
        assert await read(both.model) == (HELP.text, "small")
        assert time.monotonic() - started < AT_ONCE_SECONDS


@pytest.mark.parametrize("ending", [Ending.DISCONNECT, Ending.TRUNCATE, Ending.STALL, Ending.ERROR_EVENT])
async def test_a_call_that_broke_off_after_text_is_continued_elsewhere(ending: Ending) -> None:
    """The reader has seen text, so it raises; the same call's next attempt goes to the fallback, other calls
    do not.
    """
    torn = Reply("word" * 10, ending=ending, after_tokens=5, tokens_per_second=100)

    def script(request: object) -> Reply:
        return torn if "section-1" in str(request) else WELL

    async with pair(script) as both:
        text, error = await failing(both.model)
        assert text.startswith("word")
        assert error.retryable
        assert await read(both.model, call_of("section-2")) == (WELL.text, "big")
        assert await read(both.model) == (HELP.text, "small")
        # It is over: another call of that name begins at the primary again.
        assert (await failing(both.model))[0].startswith("word")
        assert len(both.primary.requests) == 3


async def test_a_quota_that_ends_in_the_middle_is_no_end_of_the_answer() -> None:
    """A configuration error after text is retryable while there is another endpoint."""
    torn = Reply("word" * 10, ending=Ending.ERROR_EVENT, after_tokens=5, code="insufficient_quota")
    async with pair(lambda _: torn) as both:
        _, error = await failing(both.model)
        assert type(error) is ModelBrokenError
        assert await read(both.model) == (HELP.text, "small")


async def test_a_fallback_that_breaks_off_leads_back_to_the_primary() -> None:
    """The memory of broken calls works both ways."""
    torn = Reply("word" * 10, ending=Ending.TRUNCATE, after_tokens=5)
    async with pair(in_turn(Reply(status=500), WELL), lambda _: torn) as both:
        assert (await failing(both.model))[0] == "word" * 5
        assert await read(both.model) == (WELL.text, "big")


async def test_the_memory_of_broken_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten."""
    monkeypatch.setattr(failover, "BROKEN_CALLS", 2)
    torn = Reply("word" * 10, ending=Ending.TRUNCATE, after_tokens=5)
    async with pair(in_turn(torn, WELL)) as both:
        for turn in ("t1", "t2", "t3"):
            await failing(both.model, call_of(turn, turn=turn))
        assert len(both.model._broken) == 2
        assert ("t1", "t1") not in both.model._broken


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(refusal="I cannot help"), ModelRefusedError),
        (Reply(status=400, code="content_filter"), ModelRefusedError),
        (Reply(status=400, code="context_length_exceeded"), ModelTooLongError),
    ],
)
async def test_a_refusal_is_an_answer(reply: Reply, kind: type[ModelError]) -> None:
    """What one provider refuses is not carried to another, and is no sign of an outage."""
    async with pair(lambda _: reply) as both:
        for _ in range(BREAKER.failures + 1):
            assert type((await failing(both.model))[1]) is kind
        assert both.fallback.requests == []
        assert len(both.primary.requests) == BREAKER.failures + 1


async def test_a_wrong_key_is_told_once_to_the_operator() -> None:
    """Readers notice nothing; the log has one error, however many calls there are."""
    async with pair(well, keys=("wrong-key-1", "test-key")) as both:
        with capture_logs() as logs:
            for number in range(5):
                assert await read(both.model, call_of(f"section-{number}")) == (HELP.text, "small")
    errors = [entry for entry in logs if entry["log_level"] == "error"]
    assert [(entry["event"], entry["endpoint"], entry["model"]) for entry in errors] == [
        ("model.misconfigured", "primary", "big")
    ]
    assert "wrong-key-1" not in str(logs)


async def test_the_breaker_spares_a_dead_primary() -> None:
    """After three failures it is not asked; after the pause one call tries, and its success lets all in."""
    healthy = False

    def script(_: object) -> Reply:
        return WELL if healthy else Reply(status=500)

    async with pair(script) as both:
        with capture_logs() as logs:
            for number in range(8):
                assert (await read(both.model, call_of(f"section-{number}")))[1] == "small"
            assert len(both.primary.requests) == BREAKER.failures
            await asyncio.sleep(PAUSE_SECONDS)
            assert (await read(both.model))[1] == "small"
            assert len(both.primary.requests) == BREAKER.failures + 1
            healthy = True
            await asyncio.sleep(2 * PAUSE_SECONDS)
            assert (await read(both.model))[1] == "big"
            assert (await read(both.model))[1] == "big"
    events = [entry["event"] for entry in logs if entry["event"].startswith("breaker.")]
    assert events == [
        *("breaker.opened", "breaker.tried", "breaker.opened", "breaker.tried", "breaker.closed"),
    ]


async def test_the_trial_is_a_single_call() -> None:
    """While it runs, everybody else stays with the fallback."""
    script = in_turn(
        Reply(status=500), Reply(status=500), Reply(status=500), Reply("slow" * 3, tokens_per_second=10)
    )
    async with pair(script, lambda _: HELP) as both:
        for _ in range(3):
            await read(both.model)
        await asyncio.sleep(PAUSE_SECONDS)
        answers = await asyncio.gather(*(read(both.model) for _ in range(10)))
        assert sorted(writer for _, writer in answers) == ["big"] + ["small"] * 9


@pytest.mark.parametrize(
    ("first", "second", "kind", "asked"),
    [
        (Reply(status=500), Reply(status=500), ModelUnavailableError, None),
        (Reply(status=500), Reply(status=401), ModelUnavailableError, None),
        (Reply(status=401), Reply(status=500), ModelUnavailableError, None),
        (Reply(status=401), Reply(status=401), ModelConfigurationError, None),
        (
            Reply(status=429, headers={"Retry-After": "20"}),
            Reply(status=429, headers={"Retry-After": "3"}),
            ModelRateLimitedError,
            3.0,
        ),
        (Reply(status=500), Reply(status=429, headers={"Retry-After": "20"}), ModelUnavailableError, None),
        (Reply(status=500), Reply(status=400, code="context_length_exceeded"), ModelUnavailableError, None),
        (Reply(status=500), Reply(refusal="No."), ModelRefusedError, None),
    ],
)
async def test_both_fail(first: Reply, second: Reply, kind: type[ModelError], asked: float | None) -> None:
    """The error raised is the one that gives most hope; each endpoint was asked once."""
    async with pair(lambda _: first, lambda _: second) as both:
        text, error = await failing(both.model)
        assert (len(both.primary.requests), len(both.fallback.requests)) == (1, 1)
    assert (text, type(error)) == ("", kind)
    assert SECRET not in str(error)
    if isinstance(error, ModelRateLimitedError):
        assert error.retry_after_seconds == asked


async def test_with_both_breakers_open_every_call_still_has_one_try() -> None:
    """A breaker sends calls elsewhere, and there is no elsewhere: the first to recover is found at once."""
    healthy = False

    def script(_: object) -> Reply:
        return HELP if healthy else Reply(status=500)

    async with pair(lambda _: Reply(status=500), script) as both:
        for _ in range(3):
            await failing(both.model)
        asked = len(both.primary.requests) + len(both.fallback.requests)
        for _ in range(4):
            await failing(both.model)
        assert len(both.primary.requests) + len(both.fallback.requests) == asked + 4
        healthy = True
        writers = []
        for _ in range(3):
            try:
                writers.append((await read(both.model))[1])
            except ModelError:
                writers.append("")
        assert "small" in writers
        assert (await read(both.model))[1] == "small"


async def test_twenty_calls_when_the_primary_dies() -> None:
    """Those with text raise and are continued by the fallback, those without move at once; the breaker opens
    once.
    """
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(serve_model(helping))
        first = ModelServer(lambda request: Reply("word" * 500, first_token_seconds=_first_token(request)))
        await first.start()
        first.tokens_per_second = 50
        stack.push_async_callback(first.aclose)
        model = FailoverModel(
            endpoint_at(first.url, "big", timeouts=PATIENT),
            endpoint_at(second.url, "small", timeouts=PATIENT),
            BREAKER,
        )
        stack.push_async_callback(model.aclose)
        begun: set[int] = set()
        retries = 0

        async def whole(number: int) -> str:
            nonlocal retries
            while True:
                try:
                    async for item in model.stream(call_of(f"section-{number}")):
                        if isinstance(item, Finished):
                            return item.model
                        begun.add(number)
                except ModelBrokenError:
                    retries += 1

        with capture_logs() as logs:
            calls = [asyncio.create_task(whole(number)) for number in range(20)]
            await eventually(lambda: len(begun) == 10 and first.open_streams == 20)
            died = time.monotonic()
            await first.aclose()
            assert await asyncio.gather(*calls) == ["small"] * 20
            # Half of the calls would wait thirty seconds for their first token.
            assert time.monotonic() - died < 10 * AT_ONCE_SECONDS
    assert retries == 10
    assert [entry["event"] for entry in logs if entry["event"] == "breaker.opened"] == ["breaker.opened"]
    assert len([entry for entry in logs if entry["event"] == "model.failed_over"]) == 20


def _first_token(request: object) -> float:
    """Every second call has no text yet when the server dies."""
    number = int(str(getattr(request, "instruction", "0")).rsplit("-", 1)[-1])
    return 0.05 if number % 2 else 30.0


async def test_leaving_a_stream_ends_its_request_and_counts_for_nothing() -> None:
    """A stopped answer is no failure; nothing is left open."""
    async with pair(lambda _: Reply("word" * 500, tokens_per_second=50)) as both:
        for _ in range(BREAKER.failures + 1):
            async with aclosing(both.model.stream(call_of())) as stream:
                assert await anext(stream)
        await eventually(lambda: both.primary.open_streams == 0)
        assert len(both.primary.disconnects) == BREAKER.failures + 1
        assert both.fallback.requests == []

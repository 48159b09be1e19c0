"""Every way a model server can fail, on both APIs, ends in an error of ours."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.llm.openai_model import ModelEndpoint, ModelTimeouts, OpenAIModel, RoleSettings
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
from tests.support.model_server import serve_model

APIS: tuple[Api, ...] = ("responses", "chat")
SECRET = "what a person asked"
PATIENT = ModelTimeouts(connect_seconds=5.0, first_token_seconds=20.0, stall_seconds=20.0)
BRIEF = ModelTimeouts(connect_seconds=1.0, first_token_seconds=0.5, stall_seconds=0.3)

pytestmark = pytest.mark.parametrize("api", APIS)


def model_at(url: str, api: Api, *, key: str = "test-key", timeouts: ModelTimeouts = PATIENT) -> OpenAIModel:
    roles = {role: RoleSettings("scripted") for role in Role}
    return OpenAIModel(ModelEndpoint(roles=roles, key=key, url=url, api=api, timeouts=timeouts))


@asynccontextmanager
async def model_for(
    script: Script, api: Api, *, key: str = "test-key", timeouts: ModelTimeouts = PATIENT
) -> AsyncIterator[OpenAIModel]:
    async with serve_model(script) as server:
        model = model_at(server.url, api, key=key, timeouts=timeouts)
        try:
            yield model
        finally:
            await model.aclose()


async def failing(model: OpenAIModel) -> tuple[str, ModelError]:
    """Read until the error; the text before it and the error."""
    call = ModelCall("t1", "section-1", Role.SECTION, "system", SECRET, "instruction", 1000)
    arrived: list[str] = []

    async def read() -> None:
        async for item in model.stream(call):
            assert not isinstance(item, Finished)
            arrived.append(item)

    with pytest.raises(ModelError) as caught:
        await read()
    assert SECRET not in str(caught.value)
    assert caught.value.user_message.endswith((".", "`."))
    return "".join(arrived), caught.value


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(status=400, code="invalid_request"), ModelConfigurationError),
        (Reply(status=400, code="context_length_exceeded"), ModelTooLongError),
        (
            Reply(
                status=400, message="request (3031 tokens) exceeds the available context size (2048 tokens)"
            ),
            ModelTooLongError,
        ),
        (Reply(status=400, code="content_filter"), ModelRefusedError),
        (Reply(status=400, code="invalid_prompt"), ModelRefusedError),
        (Reply(status=401, code="invalid_api_key"), ModelConfigurationError),
        (Reply(status=403), ModelConfigurationError),
        (Reply(status=404, code="model_not_found"), ModelConfigurationError),
        (Reply(status=408), ModelUnavailableError),
        (Reply(status=409), ModelUnavailableError),
        (Reply(status=413), ModelTooLongError),
        (Reply(status=422), ModelConfigurationError),
        (Reply(status=429, code="rate_limit_exceeded"), ModelRateLimitedError),
        (Reply(status=429, code="insufficient_quota"), ModelConfigurationError),
        (Reply(status=500), ModelUnavailableError),
        (Reply(status=502), ModelUnavailableError),
        (Reply(status=503), ModelUnavailableError),
        (Reply(status=503, headers={"Retry-After": "3"}), ModelRateLimitedError),
    ],
    ids=lambda value: (
        f"{value.status}-{value.code or len(value.headers)}" if isinstance(value, Reply) else ""
    ),
)
async def test_statuses(api: Api, reply: Reply, kind: type[ModelError]) -> None:
    """Each status, with the code where it matters, and without the server's own words."""
    async with model_for(lambda _: replaced(reply), api) as model:
        _, error = await failing(model)
    assert type(error) is kind
    assert str(reply.status) in str(error)
    assert "req_failed" in str(error)


def replaced(reply: Reply) -> Reply:
    """The same reply with the person's words in the server's message."""
    return Reply(
        status=reply.status,
        code=reply.code,
        headers=reply.headers,
        message=f"{reply.message}: {SECRET}",
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_retry_after(api: Api, headers: dict[str, str], seconds: float | None) -> None:
    """A rate limit carries the server's own time, in whichever form."""
    async with model_for(lambda _: Reply(status=429, headers=headers), api) as model:
        _, error = await failing(model)
    assert isinstance(error, ModelRateLimitedError)
    assert error.retry_after_seconds == seconds


async def test_one_attempt_only(api: Api) -> None:
    """Nothing here tries again: 429, 429, then text, needs three calls."""
    script = in_turn(Reply(status=429), Reply(status=429), Reply("ok"))
    async with serve_model(script) as server:
        model = model_at(server.url, api)
        for attempt in (1, 2):
            await failing(model)
            assert len(server.requests) == attempt
        call = ModelCall("t1", "section-1", Role.SECTION, "system", SECRET, "instruction", 1000)
        items = [item async for item in model.stream(call)]
        assert items[0] == "ok"
        await model.aclose()


@pytest.mark.parametrize("tokens", [0, 3])
@pytest.mark.parametrize("ending", [Ending.TRUNCATE, Ending.DISCONNECT, Ending.MALFORMED])
async def test_streams_that_break(api: Api, ending: Ending, tokens: int) -> None:
    """A cut connection, a missing terminal event and a malformed event are a broken stream, with or
    without text before it.
    """
    script: Script = lambda _: Reply("word" * 10, ending=ending, after_tokens=tokens)  # noqa: E731
    async with model_for(script, api) as model:
        text, error = await failing(model)
    assert type(error) is ModelBrokenError
    # A reset may overtake the last bytes, as on any network.
    assert "word" * tokens == text or ending is Ending.DISCONNECT


@pytest.mark.parametrize("ending", [Ending.ERROR_EVENT, Ending.FAILED])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rate_limit_exceeded", ModelRateLimitedError),
        ("server_error", ModelUnavailableError),
        ("context_length_exceeded", ModelTooLongError),
        ("invalid_api_key", ModelConfigurationError),
        ("insufficient_quota", ModelConfigurationError),
        ("content_filter", ModelRefusedError),
        ("bio_policy", ModelRefusedError),
        ("503", ModelUnavailableError),
        ("never heard of", ModelBrokenError),
    ],
)
async def test_errors_inside_a_stream(api: Api, ending: Ending, code: str, kind: type[ModelError]) -> None:
    """Error events and failed responses are mapped by their code."""
    script: Script = lambda _: Reply(  # noqa: E731
        "word" * 10, ending=ending, after_tokens=2, code=code, message=SECRET
    )
    async with model_for(script, api) as model:
        text, error = await failing(model)
    assert (text, type(error)) == ("wordword", kind)


@pytest.mark.parametrize("reply", [Reply(refusal="I cannot help"), Reply("", ending=Ending.FILTERED)])
async def test_refusals_before_any_text(api: Api, reply: Reply) -> None:
    """A refusal, or a filter that leaves nothing, is an error that is not worth repeating."""
    async with model_for(lambda _: reply, api) as model:
        _, error = await failing(model)
    assert type(error) is ModelRefusedError
    assert not error.retryable


@pytest.mark.parametrize(
    "reply",
    [
        Reply("late", headers_after_seconds=5.0),
        Reply("late", first_token_seconds=5.0),
        Reply("late", first_token_seconds=5.0, keep_alive_seconds=0.05),
    ],
    ids=["no-headers", "no-token", "comments-only"],
)
async def test_no_first_token_in_time(api: Api, reply: Reply) -> None:
    """Neither headers, nor opening events, nor comments count as the first token."""
    async with model_for(lambda _: reply, api, timeouts=BRIEF) as model:
        started = time.monotonic()
        _, error = await failing(model)
    assert type(error) is ModelUnavailableError
    assert BRIEF.first_token_seconds * 0.9 < time.monotonic() - started < 3.0


async def test_a_stall_after_text(api: Api) -> None:
    """Silence after the first text breaks the stream after the stall time."""
    script: Script = lambda _: Reply("word" * 10, ending=Ending.STALL)  # noqa: E731
    timeouts = replace(PATIENT, stall_seconds=BRIEF.stall_seconds)
    async with model_for(script, api, timeouts=timeouts) as model:
        started = time.monotonic()
        text, error = await failing(model)
    assert (text, type(error)) == ("word" * 10, ModelBrokenError)
    assert BRIEF.stall_seconds * 0.9 < time.monotonic() - started < 3.0


async def test_nobody_listens(api: Api) -> None:
    """A refused connection is an unavailable model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    model = model_at(url, api)
    _, error = await failing(model)
    await model.aclose()
    assert type(error) is ModelUnavailableError


async def test_nobody_accepts(api: Api) -> None:
    """A host that does not answer at all costs the connect time, not the system's minutes."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        timeouts = replace(PATIENT, connect_seconds=BRIEF.connect_seconds)
        model = model_at(f"http://127.0.0.1:{full.getsockname()[1]}/v1", api, timeouts=timeouts)
        started = time.monotonic()
        _, error = await failing(model)
        await model.aclose()
        for filler in fillers:
            filler.close()
    assert type(error) is ModelUnavailableError
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/v1", "nonsense", "http://127.0.0.1:99999/v1"])
async def test_addresses_that_lead_nowhere(api: Api, url: str) -> None:
    """A wrong address is an error of ours, whatever the transport makes of it."""
    model = model_at(url, api)
    _, error = await failing(model)
    await model.aclose()
    assert type(error) in {ModelUnavailableError, ModelConfigurationError}


async def test_a_wrong_key(api: Api) -> None:
    """A key the server refuses is for the operator; the key is not repeated."""
    async with model_for(lambda _: Reply("ok"), api, key="wrong-key-1") as model:
        _, error = await failing(model)
    assert type(error) is ModelConfigurationError
    assert "wrong-key-1" not in str(error)


async def test_a_page_in_place_of_a_stream(api: Api) -> None:
    """A proxy's page is no answer; the operator reads what came instead."""
    headers = {"Content-Type": "text/html"}
    script: Script = lambda _: Reply("hello", ending=Ending.TRUNCATE, headers=headers)  # noqa: E731
    async with model_for(script, api) as model:
        _, error = await failing(model)
    assert type(error) is ModelBrokenError
    assert "text/html" in str(error)


async def test_closing_the_client_ends_its_streams(api: Api) -> None:
    """A stream whose client is closed under it ends with an error of ours."""
    script: Script = lambda _: Reply("word" * 500, tokens_per_second=60)  # noqa: E731
    async with serve_model(script) as server:
        model = model_at(server.url, api)
        call = ModelCall("t1", "section-1", Role.SECTION, "system", SECRET, "instruction", 1000)
        stream = model.stream(call)
        assert await anext(stream)
        await model.aclose()
        with pytest.raises(ModelError):
            async for _ in stream:
                pass

"""The model client against a scripted server over real HTTP: what is asked, what comes back, how
streams end and how they are stopped.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from bot.llm import reading
from bot.llm.openai_model import ModelEndpoint, ModelTimeouts, OpenAIModel, RoleSettings
from bot.llm.port import Finished, FinishReason, JsonSchema, ModelCall, Role, Usage
from tests.support.model_replies import Api, Ending, ModelRequest, Reply, Script
from tests.support.model_server import ModelServer, echo, serve_model

APIS: tuple[Api, ...] = ("responses", "chat")
TEXT = "Peking und 北京: „zitiert“ — 🇨🇳 naïve.\n\n" * 6
AT_ONCE_SECONDS = 0.2
"""An idle machine needs 2 ms; our promise is 100 ms; the rest is for a busy one."""

SCHEMA = JsonSchema(
    "plan", {"type": "object", "properties": {"bottom_line": {"type": "string"}}, "required": ["bottom_line"]}
)

pytestmark = pytest.mark.parametrize("api", APIS)


def endpoint_of(server: ModelServer, api: Api, **changes: Any) -> ModelEndpoint:
    roles = {Role.PLAN: RoleSettings("planner", effort="low"), Role.SECTION: RoleSettings("writer")}
    return ModelEndpoint(**{"roles": roles, "key": server.key, "url": server.url, "api": api, **changes})


def call_of(**changes: Any) -> ModelCall:
    fields = {
        "turn_id": "t1",
        "name": "section-1",
        "role": Role.SECTION,
        "system": "You are an analyst.",
        "context": "The question.",
        "instruction": "Write section 1.",
        "max_output_tokens": 10_000,
    }
    return ModelCall(**{**fields, **changes})


@asynccontextmanager
async def model_for(
    script: Script, api: Api, *, pace: float = 0.0, **changes: Any
) -> AsyncIterator[tuple[OpenAIModel, ModelServer]]:
    async with serve_model(script, tokens_per_second=pace) as server:
        model = OpenAIModel(endpoint_of(server, api, **changes))
        try:
            yield model, server
        finally:
            await model.aclose()


async def read(model: OpenAIModel, call: ModelCall | None = None) -> tuple[str, Finished]:
    """Read a whole stream; its text and its end."""
    parts, end = [], None
    async for item in model.stream(call or call_of()):
        assert end is None, "nothing follows Finished"
        if isinstance(item, Finished):
            end = item
        else:
            assert item, "no empty text"
            parts.append(item)
    assert end is not None
    return "".join(parts), end


async def test_text_and_end(api: Api) -> None:
    """The text arrives whole, then the reason and the usage."""
    async with model_for(lambda _: Reply(TEXT, cached_tokens=5), api) as (model, _):
        text, end = await read(model)
    asked = len("You are an analyst.The question.Write section 1.") // 4
    assert text == TEXT
    assert end == Finished(FinishReason.STOP, Usage(asked, 5, -(-len(TEXT) // 4)), model="writer")


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize("size", [1, 7])
async def test_text_survives_any_packets(api: Api, size: int, crlf: bool) -> None:
    """Characters and events cut by the network come out whole."""
    async with model_for(lambda _: Reply("北京🇨🇳é" * 3, split_bytes=size, crlf=crlf), api) as (model, _):
        text, _ = await read(model)
    assert text == "北京🇨🇳é" * 3


async def test_the_request_is_ours(api: Api) -> None:
    """System, context and instruction in this order, the limit, the cache key, nothing stored."""
    async with model_for(echo, api, extra={"temperature": 0.3, "min_p": 0.05}) as (model, server):
        await read(model)
        (asked,) = server.requests
    assert (asked.system, asked.context, asked.instruction) == (
        "You are an analyst.",
        "The question.",
        "Write section 1.",
    )
    assert (asked.model, asked.max_tokens, asked.cache_key) == ("writer", 10_000, "t1")
    assert asked.schema is None
    assert asked.body["store"] is False
    assert asked.body["temperature"] == 0.3
    assert asked.body["min_p"] == 0.05
    assert "reasoning" not in asked.body
    assert "reasoning_effort" not in asked.body
    if api == "responses":
        assert asked.body["stream_options"] == {"include_obfuscation": False}
        assert asked.body["truncation"] == "disabled"
    else:
        assert asked.body["stream_options"] == {"include_usage": True}


async def test_the_role_chooses_model_effort_and_tokens(api: Api) -> None:
    """A plan call takes the plan's model, effort, thinking allowance and ceiling."""
    roles = {
        Role.PLAN: RoleSettings("planner", "low", reasoning_tokens=500, max_output_tokens=900),
        Role.SECTION: RoleSettings("writer"),
    }
    async with model_for(echo, api, roles=roles) as (model, server):
        await read(model, call_of(role=Role.PLAN, max_output_tokens=300))
        await read(model, call_of(role=Role.PLAN, max_output_tokens=600))
        first, second = server.requests
        assert model.name == "writer"
    assert (first.model, first.max_tokens, second.max_tokens) == ("planner", 800, 900)
    effort = first.body["reasoning"]["effort"] if api == "responses" else first.body["reasoning_effort"]
    assert effort == "low"


async def test_a_schema_is_asked_for_strictly(api: Api) -> None:
    """The server is told name, schema and strictness, and JSON comes back."""
    async with model_for(echo, api) as (model, server):
        text, _ = await read(model, call_of(schema=SCHEMA))
        (asked,) = server.requests
    assert text == '{"bottom_line":"junk"}'
    assert (asked.schema_name, asked.schema) == (SCHEMA.name, SCHEMA.schema)
    wanted = asked.body["text"]["format"] if api == "responses" else asked.body["response_format"]
    assert wanted["type"] == "json_schema"
    assert (wanted if api == "responses" else wanted["json_schema"])["strict"] is True


async def test_an_opening_is_given_where_the_server_continues_it(api: Api) -> None:
    """Prefill goes to chat servers that support it, and nowhere else."""
    async with model_for(echo, api, prefill=True, chat_limit_field="max_tokens") as (model, server):
        await read(model, call_of(opening="The fact is"))
        (asked,) = server.requests
    assert asked.opening == ("The fact is" if api == "chat" else "")
    assert asked.instruction == "Write section 1."
    assert ("max_tokens" in asked.body) == (api == "chat")


async def test_no_prefill_unless_supported(api: Api) -> None:
    """Without the setting the opening is left out."""
    async with model_for(echo, api) as (model, server):
        await read(model, call_of(opening="The fact is"))
        assert server.requests[0].opening == ""


async def test_fields_a_server_does_not_know_are_left_out_from_then_on(api: Api) -> None:
    """A 400 that names an optional field costs one more request, once."""

    def strict(request: ModelRequest) -> Reply:
        for name in ("prompt_cache_key", "stream_options"):
            if name in request.body:
                return Reply(status=400, code="unknown_parameter", message=f"Unknown parameter: '{name}'.")
        return Reply("fine")

    async with model_for(strict, api) as (model, server):
        assert (await read(model))[0] == "fine"
        assert len(server.requests) == 3
        assert (await read(model))[0] == "fine"
        assert len(server.requests) == 4
        assert server.requests[-1].body["store"] is False


@pytest.mark.parametrize("ending", [Ending.LENGTH, Ending.FILTERED])
async def test_reasons_other_than_stop(api: Api, ending: Ending) -> None:
    """Length and filter are ends, not errors, once there is text."""
    async with model_for(lambda _: Reply("some text", ending=ending), api) as (model, _):
        text, end = await read(model)
    assert (text, end.reason.value) == ("some text", ending.value)


async def test_the_token_limit_is_reported_even_where_the_server_calls_it_complete(api: Api) -> None:
    """llama.cpp's Responses API says ``completed`` at the limit: the usage tells."""
    script = lambda _: Reply("word" * 10, ending=Ending.LENGTH_CALLED_COMPLETED)  # noqa: E731
    async with model_for(script, api) as (model, _):
        text, end = await read(model, call_of(max_output_tokens=10))
    assert (text, end.reason) == ("word" * 10, FinishReason.LENGTH)


async def test_a_refusal_after_text_is_a_filtered_end(api: Api) -> None:
    """What was delivered stays; the reason says why there is no more."""
    async with model_for(lambda _: Reply("some text", refusal="I must stop"), api) as (model, _):
        text, end = await read(model)
    assert (text, end.reason) == ("some text", FinishReason.FILTERED)


async def test_an_empty_answer_is_an_end(api: Api) -> None:
    """A model may say nothing; what that means is the engine's business."""
    async with model_for(lambda _: Reply(""), api) as (model, _):
        text, end = await read(model)
    assert (text, end.reason) == ("", FinishReason.STOP)


async def test_comments_keep_a_running_stream_alive(api: Api) -> None:
    """A slow first token behind keep-alive comments is no stall."""
    script = lambda _: Reply("late", first_token_seconds=0.4, keep_alive_seconds=0.05)  # noqa: E731
    timeouts = ModelTimeouts(first_token_seconds=2.0, stall_seconds=0.1)
    async with model_for(script, api, timeouts=timeouts) as (model, _):
        assert (await read(model))[0] == "late"


async def test_closing_the_stream_ends_the_request_at_once(api: Api) -> None:
    """The server sees the client go at once, in the middle of the text."""
    async with model_for(lambda _: Reply("word" * 1000), api, pace=60) as (model, server):
        async with aclosing(model.stream(call_of())) as stream:
            for _ in range(3):
                await anext(stream)
        closed = time.monotonic()
        await until(lambda: server.disconnects)
        assert server.disconnects[0].at - closed < AT_ONCE_SECONDS


@pytest.mark.parametrize("after_texts", [0, 1, 3])
async def test_cancelling_the_reader_ends_the_request_at_once(api: Api, after_texts: int) -> None:
    """A cancelled task lets go of its request, before the first token as well as while reads rest."""
    seen: list[str | Finished] = []

    async def consume(model: OpenAIModel) -> None:
        async with aclosing(model.stream(call_of())) as stream:
            async for item in stream:
                seen.append(item)  # noqa: PERF401 (looked at while it grows)

    first = 30.0 if after_texts == 0 else 0.0
    script = lambda _: Reply("word" * 1000, first_token_seconds=first)  # noqa: E731
    async with model_for(script, api, pace=60) as (model, server):
        task = asyncio.create_task(consume(model))
        await until(lambda: server.requests and len(seen) >= after_texts)
        cancelled = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: server.disconnects)
        assert server.disconnects[0].at - cancelled < AT_ONCE_SECONDS


async def test_connections_are_used_again(api: Api) -> None:
    """A finished stream leaves its connection to the next call."""
    async with model_for(lambda _: Reply("text"), api) as (model, server):
        for _ in range(5):
            await read(model)
        assert server.connections == 1


async def test_fifty_streams_at_once(api: Api) -> None:
    """Fifty streams run side by side, each with its own text."""

    def script(request: ModelRequest) -> Reply:
        return Reply(f"{request.instruction} " + "word" * 60)

    async with model_for(script, api, pace=120) as (model, server):
        started = time.monotonic()
        calls = [call_of(instruction=f"number {index}") for index in range(50)]
        answers = await asyncio.gather(*(read(model, call) for call in calls))
        seconds = time.monotonic() - started
        assert server.most_open_streams == 50
    for index, (text, end) in enumerate(answers):
        assert text == f"number {index} " + "word" * 60
        assert end.reason is FinishReason.STOP
    # One alone takes 0.5 s; the fifty must not queue for connections.
    assert seconds < 10


async def test_reads_rest_between_tokens(api: Api) -> None:
    """Text comes in groups of a read interval, yet the first of it without waiting for one to fill."""
    async with model_for(lambda _: Reply("word" * 60), api, pace=100) as (model, _):
        now = asyncio.get_running_loop().time
        times = [(now(), item) async for item in model.stream(call_of()) if isinstance(item, str)]
    assert len(times[0][1]) < len("word" * 60) / 4
    seconds = times[-1][0] - times[0][0]
    assert len(times) <= seconds / reading.READ_INTERVAL_SECONDS + 3


async def test_the_socket_below_a_response_is_found(api: Api) -> None:
    """The way to it is not public: this fails when the SDK moves it, and reads get dearer."""
    async with model_for(echo, api) as (model, _):
        manager = model._request(call_of())
        async with manager as response:
            assert reading.transport_of(response) is not None


async def test_names_of_models(api: Api) -> None:
    """The list of models is there for ``doctor``."""
    async with model_for(echo, api) as (model, _):
        assert await model.models() == ["scripted"]


async def test_nothing_is_left_behind(api: Api) -> None:
    """After closing there is no open stream, task or unclosed session; a closed model opens again."""
    async with model_for(lambda _: Reply("text"), api) as (model, server):
        await read(model)
        await model.aclose()
        await read(model)
        await model.aclose()
        await until(lambda: server.open_streams == 0)
        assert len([task for task in asyncio.all_tasks() if "stream" in repr(task.get_coro())]) == 0
    gc.collect()


async def until(condition: Any, seconds: float = 3.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.002)

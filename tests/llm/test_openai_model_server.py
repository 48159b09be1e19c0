"""The scripted model server itself: what other tests and the benchmark rely on."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import aiohttp
import openai
import orjson
import pytest

from tests.support.model_replies import Api, Ending, ModelRequest, Reply, in_turn, junk_for
from tests.support.model_server import ModelServer, model_server_process, serve_model

ASKED = {"model": "m", "input": "hello"}


def paced(request: ModelRequest) -> Reply:
    """Forty tokens: a script for the server in a process of its own."""
    return Reply("word" * 40)


async def sdk_text(server: ModelServer, api: Api) -> str:
    """Read a stream as the vendor's own client does: it must accept our events."""
    client = openai.AsyncOpenAI(api_key=server.key, base_url=server.url, max_retries=0)
    text = ""
    if api == "responses":
        async for event in await client.responses.create(model="m", input="hello", stream=True):
            text += event.delta if event.type == "response.output_text.delta" else ""
    else:
        async for chunk in await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}], stream=True
        ):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    await client.close()
    return text


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_the_vendors_client_reads_our_streams(api: Api) -> None:
    """The SDK's event objects are built from our events without complaint."""
    async with serve_model(lambda _: Reply("some text of ours")) as server:
        assert await sdk_text(server, api) == "some text of ours"


async def test_answers_that_are_not_streamed() -> None:
    """Both APIs also answer whole."""
    async with serve_model(lambda _: Reply("whole")) as server:
        client = openai.AsyncOpenAI(api_key=server.key, base_url=server.url, max_retries=0)
        response = await client.responses.create(model="m", input="hello")
        completion = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}]
        )
        await client.close()
    assert response.output_text == "whole"
    assert completion.choices[0].message.content == "whole"


async def test_attempts_of_the_same_request_are_counted() -> None:
    """A script can fail twice and then answer; another request starts anew."""
    script = in_turn(Reply(status=429), Reply(status=503), Reply("ok"))
    async with serve_model(script) as server, session(server) as client:
        statuses = [(await post(client, server, ASKED))[0] for _ in range(4)]
        other = (await post(client, server, {**ASKED, "input": "other"}))[0]
    assert (statuses, other) == ([429, 503, 200, 200], 429)


async def test_a_wrong_key_is_refused() -> None:
    """401 with OpenAI's code, before any script is asked."""
    async with serve_model() as server, aiohttp.ClientSession() as client:
        status, answer = await post(client, server, ASKED)
        assert server.requests == []
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


async def test_the_token_limit_ends_the_text() -> None:
    """More text than the request allows is cut, and the reason says so."""
    async with serve_model(lambda _: Reply("word" * 10)) as server, session(server) as client:
        _, answer = await post(client, server, {**ASKED, "max_output_tokens": 4})
    assert answer["status"] == "incomplete"
    assert answer["usage"]["output_tokens"] == 4


async def test_the_pace_is_kept_for_many_streams() -> None:
    """Forty streams side by side each take the time their tokens take."""
    script = lambda _: Reply("word" * 31)  # noqa: E731
    async with serve_model(script, tokens_per_second=60, first_token_seconds=0.1) as server:
        async with session(server) as client:

            async def one(number: int) -> float:
                started = time.monotonic()
                body = {**ASKED, "input": str(number), "stream": True}
                async with client.post(f"{server.url}/responses", json=body) as response:
                    await response.read()
                return time.monotonic() - started

            seconds = await asyncio.gather(*(one(number) for number in range(40)))
        assert server.most_open_streams == 40
    assert min(seconds) >= 0.59
    assert statistics.median(seconds) < 1.5


async def test_a_server_in_a_process_of_its_own() -> None:
    """It runs a script by its import path and tells its CPU, its requests and its streams."""
    script = "tests.llm.test_openai_model_server:paced"
    async with (
        model_server_process(script, key="k", tokens_per_second=0, first_token_seconds=0) as url,
        aiohttp.ClientSession(headers={"Authorization": "Bearer k"}) as client,
    ):
        async with client.post(f"{url}/responses", json=ASKED) as response:
            answer = await response.json()
        root = url.removesuffix("/v1")
        async with client.get(f"{root}/stats") as response:
            stats = await response.json()
        async with client.get(f"{root}/requests") as response:
            (asked,) = await response.json()
        async with client.post(f"{root}/reset") as response:
            assert response.status == 200
        async with client.get(f"{root}/requests") as response:
            assert await response.json() == []
    assert answer["output"][0]["content"][0]["text"] == "word" * 40
    assert stats["cpu_seconds"] > 0
    assert (stats["requests"], stats["open_streams"]) == (1, 0)
    assert asked["instruction"] == "hello"


async def test_after_tokens_places_the_fault() -> None:
    """A fault comes after the number of tokens the script names."""
    script = lambda _: Reply("word" * 10, ending=Ending.TRUNCATE, after_tokens=3)  # noqa: E731
    async with serve_model(script) as server:
        assert await sdk_text(server, "responses") == "word" * 3


def test_junk_follows_its_schema() -> None:
    """Every kind of field gets a value of its kind."""
    schema = {
        "type": "object",
        "properties": {
            "word": {"type": "string", "maxLength": 3},
            "kind": {"enum": ["a", "b"]},
            "count": {"type": "integer", "minimum": 2},
            "list": {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
            "maybe": {"type": ["null", "string"]},
            "one": {"anyOf": [{"const": "x"}, {"type": "null"}]},
        },
    }
    assert junk_for(schema) == {
        "word": "jun",
        "kind": "a",
        "count": 2,
        "list": [False, False],
        "maybe": None,
        "one": "x",
    }


def session(server: ModelServer) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.key}"})


async def post(
    client: aiohttp.ClientSession, server: ModelServer, body: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    async with client.post(f"{server.url}/responses", json=body) as response:
        return response.status, orjson.loads(await response.read())

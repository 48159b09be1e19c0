"""CPU a streamed token costs the reading process, three ways in one run: the SDK's event objects, the
bare stream over aiohttp, and our client. The scripted server is a process of its own.

    python -m tests.benchmarks.cpu_per_token
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp
import openai
import orjson

from bot.llm.openai_model import ModelEndpoint, OpenAIModel, RoleSettings
from bot.llm.port import ModelCall, Role
from tests.benchmarks.rows import Row, row_of
from tests.support.model_replies import CHARACTERS_PER_TOKEN, ModelRequest, Reply
from tests.support.model_server import model_server_process

__all__ = ["KEY", "SCRIPT", "TOKENS", "TOKENS_PER_SECOND", "main", "measure", "steady_text"]

STREAMS = 8
"""Calls of one turn that run at once (design.md, 5)."""

TOKENS_PER_SECOND = 60
"""Issue 2, Speed."""

TOKENS = 240
"""Of one stream: four seconds."""

ROUNDS = 3
"""Of each way, taken in turn, so that a busy moment of the machine hits all alike."""

TARGET_RATIO = 0.4
"""Issue 2, Speed: the whole process, to what the SDK's event objects cost."""

KEY = "test-key"
SCRIPT = "tests.benchmarks.cpu_per_token:steady_text"


def steady_text(request: ModelRequest) -> Reply:
    """Answer everything with the same number of tokens; a warm-up with one."""
    return Reply("word" * (1 if request.instruction == "warm up" else TOKENS))


async def measure() -> list[Row]:
    """Measure all ways; µs of this process's CPU a token, and our share of the SDK's."""
    async with model_server_process(
        SCRIPT, key=KEY, tokens_per_second=TOKENS_PER_SECOND, first_token_seconds=0.5
    ) as url:
        sdk = openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0)
        roles = {role: RoleSettings("scripted") for role in Role}
        ours = OpenAIModel(ModelEndpoint(roles=roles, key=KEY, url=url))
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
            ways: dict[str, Callable[[str], Awaitable[int]]] = {
                "sdk event objects": lambda words: _read_sdk(sdk, words),
                "bare aiohttp and orjson": lambda words: _read_bare(session, url, words),
                "our client": lambda words: _read_ours(ours, words),
            }
            costs = await _costs(ways)
        await sdk.close()
        await ours.aclose()
    baseline = row_of("", "", costs["sdk event objects"]).p50
    rows = [row_of(f"cpu a token, {way}", "µs", values, baseline=baseline) for way, values in costs.items()]
    ratios = [
        our / theirs for our, theirs in zip(costs["our client"], costs["sdk event objects"], strict=True)
    ]
    return [*rows, row_of("cpu a token, our client to sdk", "ratio", ratios, target=TARGET_RATIO)]


async def _costs(ways: dict[str, Callable[[str], Awaitable[int]]]) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {way: [] for way in ways}
    for read in ways.values():
        await asyncio.gather(*(read("warm up") for _ in range(STREAMS)))
    for _ in range(ROUNDS):
        for way, read in ways.items():
            before = time.process_time()
            tokens = await asyncio.gather(*(read("write") for _ in range(STREAMS)))
            spent = time.process_time() - before
            if sum(tokens) != STREAMS * TOKENS:
                raise RuntimeError(f"{way}: {sum(tokens)} tokens arrived of {STREAMS * TOKENS}")
            costs[way].append(spent / sum(tokens) * 1e6)
    return costs


async def _read_sdk(client: openai.AsyncOpenAI, words: str) -> int:
    tokens = 0
    async for event in await client.responses.create(model="scripted", input=words, stream=True):
        tokens += event.type == "response.output_text.delta"
    return tokens


async def _read_bare(session: aiohttp.ClientSession, url: str, words: str) -> int:
    tokens, rest = 0, b""
    body = {"model": "scripted", "input": words, "stream": True}
    async with session.post(f"{url}/responses", json=body) as response:
        async for chunk in response.content.iter_any():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                data = orjson.loads(event.partition(b"\ndata: ")[2])
                tokens += data["type"] == "response.output_text.delta"
    return tokens


async def _read_ours(model: OpenAIModel, words: str) -> int:
    call = ModelCall("t1", "section-1", Role.SECTION, "", "", words, 10 * TOKENS)
    characters = 0
    async for item in model.stream(call):
        characters += len(item) if isinstance(item, str) else 0
    return characters // CHARACTERS_PER_TOKEN


def main() -> None:
    """Print the rows."""
    for row in asyncio.run(measure()):
        print(
            f"{row.name:35} {row.p50:8.2f} {row.unit:6} p95 {row.p95:8.2f}  baseline {row.baseline or 0:.2f}"
        )


if __name__ == "__main__":
    main()

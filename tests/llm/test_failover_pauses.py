"""A provider's 429 pauses everybody with the same key, over real HTTP and a real Valkey."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot.llm.endpoint import ModelEndpoint, RoleSettings, endpoint_id
from bot.llm.failover import FailoverModel
from bot.llm.openai_model import OpenAIModel
from bot.llm.pacing import PacedModel, PacedSearch, PaceSettings
from bot.llm.port import (
    Finished,
    ModelCall,
    ModelPausedError,
    ModelRateLimitedError,
    Role,
)
from bot.store.connection import open_redis
from bot.store.model_governor import ANSWER_SECONDS, SharedPause
from tests.support.model_replies import ModelRequest, Reply
from tests.support.model_server import ModelServer, serve_model
from tests.support.valkey import (
    RealValkey,
    doomed_valkey,
    eventually,
    keys_without_ttl,
    namespace,
    redis,
    set_clock,
    valkey,
)

__all__ = ["doomed_valkey", "namespace", "redis", "valkey"]

ROOT = Path(__file__).parents[2]
REPLICA = Path(__file__).parent / "pausing_process.py"
PATIENT = PaceSettings(longest_wait_seconds=10)
PATIENT_SECONDS = 10.0
"""For Redis' answer where its absence is not what is tested: a busy machine may take more than 0.25 s."""


@dataclass
class Limited:
    """A script that answers the first calls with 429s, and the times of all."""

    refusals: int
    headers: dict[str, str]
    times: list[float] = field(default_factory=list)

    def __call__(self, _: ModelRequest) -> Reply:
        """Refuse or answer."""
        self.times.append(time.monotonic())
        if len(self.times) <= self.refusals:
            return Reply(status=429, headers=self.headers)
        return Reply("fine")


def endpoint_at(server: ModelServer, key: str = "test-key") -> ModelEndpoint:
    return ModelEndpoint(roles={role: RoleSettings("scripted") for role in Role}, key=key, url=server.url)


@asynccontextmanager
async def replica(
    server: ModelServer,
    redis: Redis,
    prefix: str,
    settings: PaceSettings = PATIENT,
    *,
    answer_seconds: float = PATIENT_SECONDS,
) -> AsyncIterator[PacedModel]:
    """A model and a pause of its own, as in a process of its own."""
    endpoint = endpoint_at(server)
    pause = SharedPause(
        redis, endpoint_id(endpoint), prefix=prefix, fresh_seconds=0.05, answer_seconds=answer_seconds
    )
    model = PacedModel(OpenAIModel(endpoint), pause, settings)
    try:
        yield model
    finally:
        await model.aclose()


def call_of(name: str = "section-1") -> ModelCall:
    return ModelCall("t1", name, Role.SECTION, "system", "context", f"write {name}", 1000)


async def read(model: PacedModel | FailoverModel, name: str = "section-1") -> str:
    return "".join([item async for item in model.stream(call_of(name)) if not isinstance(item, Finished)])


async def test_one_replicas_429_is_waited_for_by_all(redis: Redis, namespace: str) -> None:
    """Nobody calls before the provider's time is over, and then not all in the same moment."""
    script = Limited(1, {"Retry-After": "1"})
    async with (
        serve_model(script) as server,
        replica(server, redis, namespace) as one,
        replica(server, redis, namespace) as other,
    ):
        with pytest.raises(ModelRateLimitedError) as caught:
            await read(one)
        assert caught.value.retry_after_seconds == 1.0
        assert await keys_without_ttl(redis, f"{namespace}:*") == []
        answers = await asyncio.gather(
            *(read(model, f"section-{n}") for n in range(10) for model in (one, other))
        )
    assert answers == ["fine"] * 20
    refused, *later = script.times
    assert min(later) - refused > 0.95
    assert max(later) - min(later) > 0.03


async def test_a_pause_does_not_last_an_hour_when_the_servers_clock_is_set_back(
    redis: Redis, namespace: str
) -> None:
    """Nobody knows how much of it is left: the provider will say."""
    one, other = (SharedPause(redis, "account", prefix=namespace, fresh_seconds=0.0) for _ in range(2))
    await one.note(20.0)
    assert 0.0 < await other.remaining() <= 20.0
    await set_clock(redis, -3600)

    later = SharedPause(redis, "account", prefix=namespace, fresh_seconds=0.0)

    assert await later.remaining() == 0.0


async def test_the_web_search_takes_part_in_the_pause(redis: Redis, namespace: str) -> None:
    """Its 429 holds the model's calls, of another replica too, and theirs hold it."""
    limited = Limited(1, {"retry-after": "1"})
    async with (
        serve_model(limited) as server,
        replica(server, redis, namespace) as model,
        replica(server, redis, namespace) as other,
    ):
        endpoint = endpoint_at(server)
        pause = SharedPause(
            redis, endpoint_id(endpoint), prefix=namespace, fresh_seconds=0.0, answer_seconds=PATIENT_SECONDS
        )
        searcher = OpenAIModel(endpoint)
        search = PacedSearch(searcher, pause, PATIENT)
        with pytest.raises(ModelRateLimitedError):
            await anext(search.search(call_of("web-search")))
        assert await read(other) == "fine"
        assert limited.times[1] - limited.times[0] >= 0.95
        hasty = PacedSearch(searcher, pause, PaceSettings(longest_wait_seconds=0.0))
        limited.refusals = len(limited.times) + 1
        with pytest.raises(ModelRateLimitedError):
            await read(model)
        with pytest.raises(ModelPausedError):
            await anext(hasty.search(call_of("web-search")))
        assert len(limited.times) == 3, "it was not asked while the account is paused"
        await searcher.aclose()


async def test_two_processes_share_the_pause(valkey: RealValkey, namespace: str) -> None:
    """The second process never calls into the first one's pause."""
    script = Limited(1, {"retry-after-ms": "1500"})
    async with serve_model(script) as server:
        replicas = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, str(REPLICA), valkey.url, namespace, server.url, "3"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for _ in range(2)
        ]
        try:
            for process in replicas:
                assert process.stdout is not None
                assert await process.stdout.readline() == b"ready\n"
            first = asyncio.create_task(replicas[0].communicate(b"go\n"))
            await eventually(lambda: bool(script.times))
            await asyncio.sleep(0.1)  # the 429 has to travel: there, and on to Valkey
            second = asyncio.create_task(replicas[1].communicate(b"go\n"))
            outcomes = [
                json.loads(output.splitlines()[-1])  # after the log
                for output, _ in await asyncio.gather(first, second)
            ]
        finally:
            for process in replicas:
                if process.returncode is None:
                    process.kill()
                await process.wait()
    assert outcomes == [["ModelRateLimitedError", "ok", "ok"], ["ok", "ok", "ok"]]
    refused, *later = script.times
    assert min(later) - refused > 1.4


async def test_the_normal_path_asks_redis_once_for_many_calls(redis: Redis, namespace: str) -> None:
    """Fifty calls at once make one read; while that is fresh another fifty make none."""
    async with serve_model(lambda _: Reply("fine")) as server:
        endpoint = endpoint_at(server)
        # Fresh for longer than a busy machine takes for fifty calls.
        pause = SharedPause(
            redis, endpoint_id(endpoint), prefix=namespace, fresh_seconds=30, answer_seconds=PATIENT_SECONDS
        )
        model = PacedModel(OpenAIModel(endpoint), pause)
        reads = await _reads(redis)
        await asyncio.gather(*(read(model, f"section-{n}") for n in range(50)))
        await asyncio.gather(*(pause.remaining() for _ in range(50)))
        read_afterwards = await _reads(redis)
        await model.aclose()
        assert read_afterwards - reads == 1


async def _reads(redis: Redis) -> int:
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_pttl", {"calls": 0})["calls"])


async def test_a_429_without_a_time_takes_the_default(redis: Redis, namespace: str) -> None:
    """The default is named in the settings; a second 429 begins it anew."""
    script = Limited(1, {})
    settings = PaceSettings(default_pause_seconds=0.4, longest_wait_seconds=10)
    async with serve_model(script) as server, replica(server, redis, namespace, settings) as model:
        with pytest.raises(ModelRateLimitedError):
            await read(model)
        assert await read(model) == "fine"
    assert 0.38 < script.times[1] - script.times[0] < 2


async def test_a_long_time_is_cut_and_not_waited_for(redis: Redis, namespace: str) -> None:
    """A call raises instead of waiting for minutes, with the time that is left, and asks nobody."""
    script = Limited(1, {"Retry-After": "86400"})
    settings = PaceSettings(longest_pause_seconds=60, longest_wait_seconds=1)
    async with serve_model(script) as server, replica(server, redis, namespace, settings) as model:
        with pytest.raises(ModelRateLimitedError):
            await read(model)
        with pytest.raises(ModelPausedError) as caught:
            await read(model)
        assert len(script.times) == 1
    assert caught.value.retry_after_seconds is not None
    assert 50 < caught.value.retry_after_seconds <= 60


async def test_a_pause_is_never_shortened(redis: Redis, namespace: str) -> None:
    """A later, shorter request to wait leaves the longer one in place, also for others."""

    def pause(account: str = "a") -> SharedPause:
        return SharedPause(redis, account, prefix=namespace, answer_seconds=PATIENT_SECONDS)

    one, other = pause(), pause()
    await one.note(30)
    await one.note(1)
    await other.note(2)
    assert 10 < await pause().remaining() <= 30
    assert await pause("b").remaining() == 0


async def test_a_paused_primary_is_passed_over(redis: Redis, namespace: str) -> None:
    """With a fallback nobody waits, and the pause does not count as a failure of the primary."""
    script = Limited(1, {"Retry-After": "30"})
    impatient = PaceSettings(longest_wait_seconds=0)
    async with (
        serve_model(script) as first,
        serve_model(lambda _: Reply("help")) as second,
        replica(first, redis, namespace, impatient) as primary,
        replica(second, redis, namespace, impatient) as fallback,
    ):
        model = FailoverModel(primary, fallback)
        with capture_logs() as logs:
            assert [await read(model) for _ in range(6)] == ["help"] * 6
        assert len(script.times) == 1
    assert "breaker.opened" not in [entry["event"] for entry in logs]


async def test_without_redis_calls_go_on(doomed_valkey: RealValkey, namespace: str) -> None:
    """The store's outage costs a call a quarter of a second a second, and is told once; a process still keeps
    its own pauses.
    """
    script = Limited(0, {"retry-after-ms": "300"})
    redis = open_redis(doomed_valkey.url)
    async with (
        serve_model(script) as server,
        replica(server, redis, namespace, answer_seconds=ANSWER_SECONDS) as model,
    ):
        assert await read(model) == "fine"
        doomed_valkey.kill()
        with capture_logs() as logs:
            started = time.monotonic()
            assert [await read(model, f"section-{n}") for n in range(3)] == ["fine"] * 3
            assert time.monotonic() - started < 2
            script.refusals = len(script.times) + 1
            with pytest.raises(ModelRateLimitedError):
                await read(model)
            assert await read(model) == "fine"
            assert script.times[-1] - script.times[-2] > 0.28
    await redis.aclose()
    assert len([entry for entry in logs if entry["event"] == "model_pause.unshared"]) == 1


def test_an_account_has_a_name_that_hides_its_key() -> None:
    """The same for the same address and key, different for others."""
    roles = {role: RoleSettings("scripted") for role in Role}
    one = ModelEndpoint(roles=roles, key="key-1", url="http://127.0.0.1/v1")
    same = ModelEndpoint(roles={}, key="key-1", url="http://127.0.0.1/v1", api="chat")
    others = [
        ModelEndpoint(roles=roles, key="key-2", url="http://127.0.0.1/v1"),
        ModelEndpoint(roles=roles, key="key-1"),
    ]
    assert endpoint_id(one) == endpoint_id(same)
    assert len({endpoint_id(each) for each in [one, *others]}) == 3
    assert "key-1" not in endpoint_id(one)

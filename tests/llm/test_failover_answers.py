"""Whole assessments by the real engine while model servers die under it: finished text stays, and nothing is
missing or repeated.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from bot.assessment.engine import Assignment, Engine, EngineSettings
from bot.assessment.events import Finished, Part
from bot.assessment.formats import FORMATS
from bot.assessment.lexicon import LEXICONS
from bot.llm.breaker import BreakerSettings
from bot.llm.endpoint import ModelEndpoint, ModelTimeouts, RoleSettings
from bot.llm.failover import FailoverModel
from bot.llm.openai_model import OpenAIModel
from bot.llm.port import Model, ModelUnavailableError, Role
from bot.retrying import RetryPolicy
from bot.turns import Question
from personas.desk import Desk
from personas.loader import load_personas
from tests.support.model_replies import ModelRequest, Reply, Script
from tests.support.model_server import ModelServer, serve_model
from tests.support.seed_script import QUESTION, answer

HEADINGS = tuple(f"{number}. " for number in range(1, 9))
RETRIES = RetryPolicy(attempts=3, seconds=45)


@dataclass(slots=True)
class Reader:
    """What comes out of a run."""

    parts: list[Part] = field(default_factory=list)
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The document so far."""
        return "".join(part.text for part in self.parts)

    @property
    def sections(self) -> list[str]:
        """Keys of the sections that are complete."""
        return [part.section for part in self.parts if part.ends_section]


def engine_of(model: Model) -> Engine:
    return Engine(model, EngineSettings("The Firm", LEXICONS["icd203"], 8, RETRIES))


def assignment_of(turn: str) -> Assignment:
    persona = Desk(load_personas()).by_code("CN-01")
    assert persona is not None
    return Assignment(turn, persona, FORMATS["in-depth"], Question(QUESTION), datetime.now(UTC))


async def follow(model: Model, reader: Reader, turn: str = "t1") -> None:
    async for event in engine_of(model).run(assignment_of(turn)):
        if isinstance(event, Part):
            reader.parts.append(event)
        elif isinstance(event, Finished):
            reader.problems = event.report.problems


def endpoint_at(server: ModelServer, name: str) -> OpenAIModel:
    roles = {role: RoleSettings(name) for role in Role}
    timeouts = ModelTimeouts(connect_seconds=1.0, first_token_seconds=5.0, stall_seconds=0.5)
    return OpenAIModel(ModelEndpoint(roles=roles, key=server.key, url=server.url, timeouts=timeouts))


@asynccontextmanager
async def two(
    primary: ModelServer, fallback: Script = answer
) -> AsyncIterator[tuple[FailoverModel, ModelServer]]:
    await primary.start()
    async with serve_model(fallback) as second:
        model = FailoverModel(
            endpoint_at(primary, "big"), endpoint_at(second, "small"), BreakerSettings(pause_seconds=0.5)
        )
        try:
            yield model, second
        finally:
            await model.aclose()
            await primary.aclose()


def lines_of(text: str) -> list[str]:
    """Lines long enough to be a sentence of the model's."""
    return [line for line in text.splitlines() if len(line) > 60]


def slowly(request: ModelRequest) -> Reply:
    """The seed's answer; the sections at a pace that leaves time to die, the first one ahead."""
    reply = answer(request)
    if request.schema is not None:
        return reply
    return replace(reply, tokens_per_second=2000 if "Section 1:" in request.instruction else 150)


def obediently(request: ModelRequest) -> Reply:
    """The seed's answer; of a section that the reader has a part of, the rest only."""
    reply = answer(request)
    _, asked, shown = request.instruction.partition("repeat nothing.\n")
    if not asked:
        return reply
    lines = []
    for line in reply.text.splitlines():
        sentences = re.split(r"(?<=\.) ", line)
        fresh = [each for each in sentences if each.strip("#- *")[:40] not in shown]
        lines.append(" ".join(fresh) if any(fresh) else "")
    return Reply("\n".join(lines))


async def test_the_primary_dies_in_the_middle_of_an_answer() -> None:
    """All eight sections are there, none twice, and what was shown before stays as it was."""
    primary = ModelServer(slowly)
    async with two(primary, obediently) as (model, second):
        reader = Reader()
        with capture_logs() as logs:
            run = asyncio.create_task(follow(model, reader))
            while "1" not in reader.sections or sum(part.section == "2" for part in reader.parts) < 4:
                await asyncio.sleep(0.005)
                assert not run.done()
            shown, died = reader.text, time.monotonic()
            await primary.aclose()
            await run
            seconds = time.monotonic() - died
        assert reader.text.startswith(shown)
        assert reader.problems == ()
        headings = [heading for heading in HEADINGS if f"\n## {heading}" in reader.text]
        assert headings == list(HEADINGS)
        lines = lines_of(reader.text)
        assert len(lines) == len(set(lines))
        assert 0 < len(second.requests) <= 12
    assert len([entry for entry in logs if entry["event"] == "breaker.opened"]) == 1
    # One attempt each, after the shortest wait; the second server writes at once.
    assert seconds < 5


async def test_each_server_in_turn_dies_and_comes_back() -> None:
    """The primary refuses everything at first, then the fallback does: calls find the one that works."""
    ill = {"primary": True, "fallback": False}

    def script(name: str) -> Script:
        return lambda request: Reply(status=503) if ill[name] else answer(request)

    async with two(ModelServer(script("primary")), script("fallback")) as (model, second):
        first = Reader()
        await follow(model, first)
        assert first.problems == ()
        asked = len(second.requests)
        assert asked > 8
        await asyncio.sleep(0.6)
        ill.update(primary=False, fallback=True)
        again = Reader()
        await follow(model, again, "t2")
        assert again.problems == ()
        assert len(again.sections) == len(first.sections)


async def test_both_servers_down_is_said_clearly() -> None:
    """Nothing to show: the error says that the model cannot be reached."""
    async with two(ModelServer(lambda _: Reply(status=503)), lambda _: Reply(status=503)) as (model, _):
        with pytest.raises(ModelUnavailableError) as caught:
            await follow(model, Reader())
    assert "cannot be reached" in caught.value.user_message

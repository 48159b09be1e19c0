"""Without any key: the smallest local model answers a mention, and every answer says what it is."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import DEMO_LABEL, DemoModel
from bot.commands import DEMO_SAMPLING
from bot.llm.local_server import LocalServer, Threads
from bot.llm.progress import SilentProgress
from bot.llm.weights import WeightsError, resolve
from tests.scenarios.test_comparisons import table_of
from tests.scenarios.test_slash_command import question, run, workspace
from tests.support.desk import bare, open_desk, words_of
from tests.support.valkey import RealValkey

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(240)]

MODEL = "smollm2-135m"
"""98 MB. Its text is not fit to be seen; that it can be told apart from an assessment is the point here."""
ANSWER_SECONDS = 120.0
SECTION_TOKENS = 48
"""A third of what the sandbox allows a section: enough to see that each is written."""


def cache() -> Path:
    """Where weights outlive a test run."""
    chosen = os.environ.get("LOCAL_MODEL_CACHE")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"country-agents-weights-{os.getuid()}"


@pytest.fixture
async def model() -> AsyncIterator[DemoModel]:
    """The engine with the smallest weights, fetched once."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the local model's engine is not installed for this machine")
    try:
        weights = await asyncio.to_thread(resolve, MODEL, cache(), SilentProgress())
    except WeightsError as error:
        pytest.skip(str(error))
    server = await LocalServer.start(weights, threads=Threads.for_this_machine())
    try:
        yield DemoModel(server.url, server.key, MODEL, dict(DEMO_SAMPLING), SECTION_TOKENS)
    finally:
        await server.aclose()


async def test_the_demo_model_answers_and_says_that_it_is_no_assessment(
    valkey: RealValkey, model: DemoModel
) -> None:
    """Card and footer carry the label, all eight sections are there, and what is shown is what was made."""
    async with open_desk(valkey, local=model) as desk:
        ts = await desk.ask()
        await desk.answered(ts, seconds=ANSWER_SECONDS)
        assert DEMO_LABEL in words_of(desk.of_kind(ts, "card")[0])
        assert DEMO_LABEL in words_of(desk.of_kind(ts, "footer")[0])
        text = desk.text(ts)
        assert re.findall(r"^## (\d)\. ", text, re.MULTILINE) == list("12345678")
        assert "**CN-01, China Agent**" in text[-300:]
        assert bare(text) == bare(await desk.stored_document(desk.turn_id(ts)))
        assert desk.sandbox.workspace.pings == []
        assert desk.model.requests == []


async def test_the_demo_model_compares_two(valkey: RealValkey, model: DemoModel) -> None:
    """Its scores keep to the schema, of a set that is ours, and its label is there."""
    async with open_desk(valkey, local=model, workspace=workspace()) as desk:
        await run(desk, "compare CN-01 US-01 Does the rare earths deal between China and the U.S. hold?")
        asked = await question(desk)
        await desk.answered(asked.ts, seconds=ANSWER_SECONDS)
        card = desk.of_kind(asked.ts, "card")[0]
        assert DEMO_LABEL in words_of(card)
        rows = table_of(card)
        assert [row[0] for row in rows[:3]] == ["Agent", "CN-01", "US-01"]
        scored = [
            row for row in rows[1:3] if "–" not in row
        ]  # the smallest model does not always find an end
        assert scored
        for row in scored:
            assert sum(int(cell.split()[0]) for cell in row[1:]) == 100
        text = desk.text(asked.ts)
        assert "The present course holds" in text

"""The commands as a person runs them: processes of their own, with settings from the environment."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.__main__ import main
from bot.settings import Settings
from tests.support.desk import ROOT, environment_of, open_desk
from tests.support.model_replies import Reply
from tests.support.model_server import ModelServer, serve_model
from tests.support.seed_script import QUESTION, answer
from tests.support.valkey import RealValkey


@dataclass(frozen=True)
class Ended:
    """A process that ended."""

    code: int
    out: str
    err: str


async def country_agents(*arguments: str, settings: Settings) -> Ended:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        cwd=ROOT,
        env=environment_of(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    """The scripted model server."""
    async with serve_model(answer) as server:
        yield server


def settings_of(model: ModelServer, data_dir: Path, **more: Any) -> Settings:
    """A model, and nothing else."""
    given = {"model_url": model.url, "model_key": model.key, "model": "scripted", "data_dir": data_dir}
    return Settings.load(**given | {"model_retry_seconds": 1} | more)


async def test_ask_prints_the_assessment(model: ModelServer, tmp_path: Path) -> None:
    """The document on stdout and nothing else there, what concerns it on stderr, exit code 0."""
    ended = await country_agents("ask", "CN-01", QUESTION, settings=settings_of(model, tmp_path))
    assert ended.code == 0, ended.err
    assert re.findall(r"^## (\d)\. ", ended.out, re.MULTILINE) == list("12345678")
    assert ended.out.startswith("**CN-01, China Agent:**")
    assert ended.out.endswith("Three Corporate\n")
    assert "judgments" in ended.err
    assert "Traceback" not in ended.err


async def test_ask_prints_while_the_model_writes(model: ModelServer, tmp_path: Path) -> None:
    """The first section is there long before the last."""
    model.tokens_per_second = 500
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "ask", "china", QUESTION),
        cwd=ROOT,
        env=environment_of(settings_of(model, tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while not (await process.stdout.readline()).startswith(b"## 1."):
            pass
        assert model.open_streams > 0
        process.terminate()
        await process.stdout.read()
        await process.wait()


async def test_ask_gives_the_brief_format(model: ModelServer, tmp_path: Path) -> None:
    """``--brief``."""
    ended = await country_agents("ask", "JP-01", QUESTION, "--brief", settings=settings_of(model, tmp_path))
    assert ended.code == 0, ended.err
    assert "## 8." not in ended.out
    assert 50 < len(ended.out.split()) <= 450


async def test_ask_says_what_is_wrong_with_the_model(model: ModelServer, tmp_path: Path) -> None:
    """A refused key: a sentence for people, no traceback, no key."""
    model.script = lambda _: Reply(status=401, code="invalid_api_key")
    ended = await country_agents("ask", "CN-01", QUESTION, settings=settings_of(model, tmp_path))
    assert ended.code == 1
    assert "country-agents doctor" in ended.err
    assert "Traceback" not in ended.err
    assert model.key not in ended.err


def test_ask_names_the_desk_when_nobody_goes_by_that_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and a sentence; the model's address leads nowhere, and is not tried."""
    monkeypatch.setenv("COUNTRY_AGENTS_MODEL_URL", "http://127.0.0.1:9/v1")
    assert main(["ask", "ZZ-09", QUESTION]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Ask one of: CN-01" in said.err


def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable, and what it takes."""
    monkeypatch.setenv("COUNTRY_AGENTS_HTTP_PORT", "many")
    assert main(["serve"]) == 1
    assert "COUNTRY_AGENTS_HTTP_PORT must be a whole number" in capsys.readouterr().err


def test_serve_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a token nothing starts."""
    assert main(["serve"]) == 1
    assert "COUNTRY_AGENTS_SLACK_BOT_TOKEN" in capsys.readouterr().err


async def test_doctor_is_content_with_a_working_desk(valkey: RealValkey, tmp_path: Path) -> None:
    """Slack, Redis and model answer: exit code 0 and no complaint."""
    async with open_desk(valkey, running=False, data_dir=tmp_path) as desk:
        ended = await country_agents("doctor", settings=desk.settings)
        assert ended.code == 0, ended.out
        assert "Traceback" not in ended.out + ended.err


async def test_doctor_names_what_is_wrong(valkey: RealValkey, tmp_path: Path) -> None:
    """A revoked token and a wrong key: exit code 1, both named, neither printed."""
    async with open_desk(valkey, running=False, data_dir=tmp_path) as desk:
        settings = desk.settings.model_copy(update={"model_key": SecretStr("sk-wrong")})
        desk.sandbox.workspace.revoked_tokens.add(desk.sandbox.workspace.app().bot_token)
        ended = await country_agents("doctor", settings=settings)
        assert ended.code == 1
        said = ended.out + ended.err
        assert "COUNTRY_AGENTS_SLACK_BOT_TOKEN" in said
        assert "COUNTRY_AGENTS_MODEL_KEY" in said
        assert "sk-wrong" not in said
        assert desk.sandbox.workspace.app().bot_token not in said

"""The sandbox command as a newcomer runs it: one process, an embedded store, a page, an answer."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.demo_workspace import demo_workspace
from bot.manifests import desk_manifest, persona_manifest
from bot.scopes import AGENT_SCOPE, OPTIONAL_SCOPES, REQUIRED_SCOPES
from bot.settings import Settings
from tests.support.desk import PERSONAS, ROOT, environment_of
from tests.support.model_server import ModelServer, serve_model
from tests.support.seed_script import QUESTION, answer

ANSWER_SECONDS = 30.0
END_SECONDS = 10.0


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    """The scripted model server."""
    async with serve_model(answer) as server:
        yield server


async def sandbox_process(
    model: ModelServer, data_dir: Path, *arguments: str
) -> tuple[asyncio.subprocess.Process, str]:
    """``country-agents sandbox``, ready; what it said until then."""
    settings = Settings.load(
        model_url=model.url, model_key=model.key, model="scripted", data_dir=data_dir, log_level="ERROR"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "sandbox", *arguments),
        cwd=ROOT,
        env=environment_of(settings),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(ANSWER_SECONDS):
        while "Ctrl-C" not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
    return process, said


async def end(process: asyncio.subprocess.Process) -> int:
    """Ctrl-C, and the exit code."""
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(END_SECONDS):
        await process.communicate()
    assert process.returncode is not None
    return process.returncode


async def test_the_sandbox_answers_on_a_machine_with_nothing_else(model: ModelServer, tmp_path: Path) -> None:
    """No Slack, no Redis: the page's address is printed, a mention is answered, Ctrl-C ends it all."""
    process, said = await sandbox_process(model, tmp_path, "--port", "0")
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert found is not None, said
        assert "embedded Valkey" in said
        assert "scripted" in said
        page = found[0]
        async with aiohttp.ClientSession() as session:
            asked = {"user": "U0DANA", "channel": "C0DESK", "text": f"@CN-01 {QUESTION}"}
            async with session.post(f"{page}page/message", json=asked) as response:
                ts = (await response.json())["ts"]
            deadline = time.monotonic() + ANSWER_SECONDS
            thread = ""
            while "not an official position" not in thread:
                assert time.monotonic() < deadline, thread
                await asyncio.sleep(0.1)
                where = {"user": "U0DANA", "channel": "C0DESK", "ts": ts}
                async with session.get(f"{page}page/replies", params=where) as response:
                    thread = await response.text()
        assert "## 8." in thread
        assert "Wang Anshi" in thread
        assert list(tmp_path.rglob("*.aof"))  # noqa: ASYNC240
    finally:
        assert await end(process) == 0


async def test_a_taken_port_is_no_obstacle(model: ModelServer, tmp_path: Path) -> None:
    """Another free port is used, and printed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process, said = await sandbox_process(model, tmp_path, "--port", str(port))
        assert re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert f":{port}/" not in said
        assert await end(process) == 0


def test_the_demo_workspace_grants_what_we_ask_for_and_no_more() -> None:
    """What works in the sandbox works with the manifests' scopes."""
    config = demo_workspace(PERSONAS, {})
    assert set(config.apps[0].scopes) == {*REQUIRED_SCOPES, *OPTIONAL_SCOPES}
    declared = desk_manifest()["features"]
    (shortcut,) = config.apps[0].shortcuts
    assert [(each.command, each.should_escape) for each in config.apps[0].commands] == [
        (each["command"], each["should_escape"]) for each in declared["slash_commands"]
    ]
    assert shortcut.callback_id == declared["shortcuts"][0]["callback_id"]
    assert [shortcut.label for shortcut in config.mentions] == [persona.code for persona in PERSONAS.personas]


def test_personas_may_be_apps_of_their_own_in_the_sandbox() -> None:
    """With the scopes of their manifest and no command; members of the desk's channels; named once."""
    config = demo_workspace(PERSONAS, {}, codes=("US-01",), agents=True)
    persona = PERSONAS.by_code("US-01")
    assert persona is not None
    _, own = config.apps
    assert set(own.scopes) == {*persona_manifest(persona)["oauth_config"]["scopes"]["bot"], AGENT_SCOPE}
    assert (own.bot_user_name, own.commands, own.shortcuts) == ("us-01", (), ())
    assert all(app.agent for app in config.apps)
    for channel in config.channels:
        assert ("U0AGENTS" in channel.members) == (own.bot_user_id in channel.members)
    assert "US-01" not in [shortcut.label for shortcut in config.mentions]

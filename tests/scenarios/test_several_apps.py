"""One process, several Slack apps: the desk, and personas that are bot users of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.app import application
from bot.commands import demo_workspace
from bot.sandbox import AppConfig, WorkspaceConfig
from bot.sandbox.webhooks import signature
from bot.settings import Settings
from tests.support.desk import CHANNEL, FAST, PERSONAS, OpenDesk, free_port, kind_of, open_desk, words_of
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

DESK = demo_workspace(PERSONAS, {}).apps[0]
CODES = ("CN-01", "US-01")
ASKED = f"brief {QUESTION}"


def persona_app(code: str) -> AppConfig:
    """A persona's own app, with the scopes of its manifest: no command."""
    key = code[:2]
    return replace(
        DESK,
        app_id=f"A0{key}",
        name=code,
        bot_user_id=f"U0{key}",
        bot_user_name=code.lower(),
        bot_id=f"B0{key}",
        bot_token=f"xoxb-{code}",
        app_token=f"xapp-{code}",
        signing_secret=f"secret-of-{code}",
        scopes=tuple(scope for scope in DESK.scopes if scope not in {"commands", "channels:join"}),
        commands=(),
        shortcuts=(),
    )


def workspace(transports: Mapping[str, str]) -> WorkspaceConfig:
    """Three apps in one workspace, members of the same channels."""
    config = demo_workspace(PERSONAS, {})
    apps = (DESK, *(persona_app(code) for code in CODES))
    apps = tuple(replace(app, socket_mode=transports[app.name] == "socket") for app in apps)
    bots = {app.bot_user_id for app in apps}
    channels = tuple(
        replace(channel, members=tuple({*channel.members, *bots})) if channel.id == CHANNEL else channel
        for channel in config.channels
    )
    return replace(config, apps=apps, channels=channels, rate_limits=False)


def listed(folder: Path, apps: tuple[AppConfig, ...], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of the apps: tokens by name of a variable, secrets by name of a file."""
    lines = []
    for number, app in enumerate(apps):
        serves = "desk" if app is apps[0] else app.name
        monkeypatch.setenv(f"BOT_{number}", app.bot_token)
        (folder / f"secret-{number}").write_text(f"{app.signing_secret}\n")
        lines += [
            "[[apps]]",
            f'serves = "{serves}"',
            f'id = "{app.app_id}"',
            f'bot_token = {{ env = "BOT_{number}" }}',
        ]
        if app.socket_mode:
            monkeypatch.setenv(f"APP_{number}", app.app_token)
            lines.append(f'app_token = {{ env = "APP_{number}" }}')
        lines.append(f'signing_secret = {{ file = "secret-{number}" }}')
    path = folder / "apps.toml"
    path.write_text("\n".join(lines))
    return path


@asynccontextmanager
async def three(
    valkey: RealValkey, folder: Path, monkeypatch: pytest.MonkeyPatch, transports: Mapping[str, str]
) -> AsyncIterator[OpenDesk]:
    """The three at work in one process."""
    config = workspace(transports)
    async with open_desk(valkey, workspace=config, running=False) as alone:
        given = alone.settings.model_dump(exclude_unset=True) | {
            "slack_bot_token": None,
            "slack_app_token": None,
            "apps_file": listed(folder, config.apps, monkeypatch),
            "http_host": "127.0.0.1",
            "http_port": free_port(),
        }
        desk = replace(alone, settings=Settings.load(**given))
        stop = asyncio.Event()
        async with application(desk.settings, pace=FAST, evidence=desk.evidence) as running:
            ready = asyncio.Event()
            task = asyncio.create_task(running.run(stop, ready.set))
            try:
                await ready.wait()
                for app in config.apps:
                    if not app.socket_mode:
                        url = f"http://127.0.0.1:{desk.settings.http_port}/slack/events"
                        await desk.sandbox.verify_request_url(app.app_id, url)
                yield desk
            finally:
                stop.set()
                await task


ALL = {
    "socket": dict.fromkeys((DESK.name, *CODES), "socket"),
    "http": dict.fromkeys((DESK.name, *CODES), "http"),
    "mixed": {DESK.name: "socket", "CN-01": "http", "US-01": "http"},
}


@pytest.mark.parametrize("transports", ALL.values(), ids=ALL)
async def test_each_answers_in_its_own_name(
    valkey: RealValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transports: Mapping[str, str]
) -> None:
    """A mention of a persona's own bot needs no code; the desk and its command work beside it."""
    async with three(valkey, tmp_path, monkeypatch, transports) as desk:
        china = await desk.ask(ASKED, bot="U0CN")
        america = await desk.ask(ASKED, bot="U0US")
        japan = await desk.ask(f"JP-01 {ASKED}")
        for ts, app_id in ((china, "A0CN"), (america, "A0US"), (japan, DESK.app_id)):
            messages = await desk.answered(ts)
            assert {message.app_id for message in messages} == {app_id}
        await desk.sandbox.command("dana", CHANNEL, "/assess", "brief IN What now?")
        messages = desk.sandbox.workspace.channel(CHANNEL).messages
        question = await desk.until(
            lambda: next((item for item in messages.values() if kind_of(item) == "question"), None)
        )
        await desk.answered(question.ts)
        direct = desk.sandbox.workspace.direct_message("U0DANA", "U0CN").id
        alone = await desk.sandbox.post_as_user("dana", direct, ASKED)
        desk.asked[alone] = direct
        assert {message.app_id for message in await desk.answered(alone)} == {"A0CN"}
        assert "China Agent" in words_of(desk.of_kind(alone, "card")[0])


async def test_a_message_to_two_is_answered_by_both_and_nothing_else(
    valkey: RealValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never an answer to an answer."""
    async with three(valkey, tmp_path, monkeypatch, ALL["socket"]) as desk:
        ts = await desk.ask(f"<@U0US> {ASKED}", bot="U0CN")
        await desk.answered(ts, times=2)
        await desk.idle()
        assert sorted(card.app_id for card in desk.of_kind(ts, "card")) == ["A0CN", "A0US"]


async def test_no_app_can_speak_for_another(
    valkey: RealValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request signed with one app's secret that names another app is refused."""
    async with three(valkey, tmp_path, monkeypatch, ALL["http"]) as desk:
        url = f"http://127.0.0.1:{desk.settings.http_port}/slack/events"
        event = (
            b'{"type": "event_callback", "team_id": "T0SANDBOX", "api_app_id": "A0US", "event": {"type": '
            b'"app_mention", "user": "U0DANA", "text": "<@U0US> why?", "channel": "C0DESK", "ts": "1.2"}}'
        )
        stamp = str(int(time.time()))
        async with aiohttp.ClientSession() as session:
            for code, status in (("CN-01", 401), ("US-01", 200)):
                headers = {
                    "Content-Type": "application/json",
                    "X-Slack-Request-Timestamp": stamp,
                    "X-Slack-Signature": signature(f"secret-of-{code}", stamp, event),
                }
                async with session.post(url, data=event, headers=headers) as response:
                    assert response.status == status

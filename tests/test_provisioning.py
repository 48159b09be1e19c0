"""Manifests as files, and apps through Slack's manifest API: every returned secret for its owner's eyes."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.__main__ import main
from bot.app_list import app_list
from bot.model_stack import NotConfiguredError
from bot.provisioning import LIST, ProvisioningError, Unpaced, provision, write_manifests
from bot.settings import Settings
from bot.slack.api import SlackApi, slack_session
from bot.slack.limits import WriterLimits
from personas.desk import Desk
from personas.loader import load_personas

DESK = Desk(load_personas())
TOKEN = "xoxe.xoxp-1-configuration"
ADDRESS = "https://desk.example.org/slack/events"


@dataclass
class ManifestApi:
    """Slack's two methods, after its reference; ``refusals`` are given out first, by method."""

    url: str = ""
    made: list[dict[str, Any]] = field(default_factory=list)
    refusals: dict[str, list[web.Response]] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        """Either method."""
        method = request.match_info["method"]
        if waiting := self.refusals.get(method):
            return waiting.pop(0)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        manifest = json.loads((await request.json())["manifest"])
        if method == "apps.manifest.validate":
            return web.json_response({"ok": True, "errors": []})
        self.made.append(manifest)
        number = len(self.made)
        credentials = {"client_id": f"1.{number}", "client_secret": "c", "signing_secret": f"{number:032x}"}
        return web.json_response({"ok": True, "app_id": f"A00000000{number}", "credentials": credentials})


@pytest.fixture
async def slack() -> AsyncIterator[ManifestApi]:
    fake = ManifestApi()
    application = web.Application()
    application.router.add_post("/api/{method}", fake.answer)
    async with TestServer(application) as server:
        fake.url = str(server.make_url("/api/"))
        yield fake


async def made(
    slack: ManifestApi, folder: Path, *names: str, address: str | None = ADDRESS, token: str = TOKEN
) -> list[tuple[str, str, bool]]:
    """Provision, and what came of it."""
    limits = WriterLimits(retry_first_seconds=0.01)
    async with slack_session() as session:
        api = SlackApi(token, Unpaced(), session, base_url=slack.url, limits=limits)
        return [
            (app.serves, app.app_id, app.is_new)
            async for app in provision(names, DESK, api, folder, address=address)
        ]


async def test_what_slack_returns_is_its_owners_alone_and_leads_to_running_apps(
    slack: ManifestApi, tmp_path: Path
) -> None:
    """Each app is made from its manifest; with the bot tokens added, the list is one that ``serve`` takes."""
    folder = tmp_path / "slack-apps"
    assert await made(slack, folder, "desk", "CN-01") == [
        ("desk", "A000000001", True),
        ("CN-01", "A000000002", True),
    ]
    assert [manifest["features"]["bot_user"]["display_name"] for manifest in slack.made] == [
        "agents",
        "cn-01",
    ]
    assert ["slash_commands" in manifest["features"] for manifest in slack.made] == [True, False]
    assert slack.made[1]["settings"]["event_subscriptions"]["request_url"] == ADDRESS
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert json.loads((folder / "CN-01.json").read_text())["credentials"]["client_secret"] == "c"
    for name in ("desk", "CN-01"):
        (folder / f"{name}.bot-token").write_text(f"xoxb-{name}\n")
    listed = app_list(Settings.load(apps_file=folder / LIST), DESK)
    assert [(app.serves, app.app_id, app.bot_token.get_secret_value()) for app in listed] == [
        ("desk", "A000000001", "xoxb-desk"),
        ("CN-01", "A000000002", "xoxb-CN-01"),
    ]
    assert [app.signing_secret.get_secret_value() for app in listed if app.signing_secret] == [
        f"{number:032x}" for number in (1, 2)
    ]


async def test_an_app_is_made_once_and_the_rest_later(slack: ManifestApi, tmp_path: Path) -> None:
    """A second run makes only what the list lacks; a pause that Slack asks for is kept."""
    await made(slack, tmp_path, "desk")
    pause = web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "0"})
    slack.refusals["apps.manifest.create"] = [pause]
    assert await made(slack, tmp_path, "desk", "CN-01") == [
        ("desk", "A000000001", False),
        ("CN-01", "A000000002", True),
    ]
    assert len(slack.made) == 2


async def test_what_was_made_before_a_failure_is_kept(slack: ManifestApi, tmp_path: Path) -> None:
    """An answer that got lost is not asked for again: it would make a second app."""
    await made(slack, tmp_path, "desk")
    slack.refusals["apps.manifest.create"] = [web.Response(status=502)]
    with pytest.raises(ProvisioningError, match="may have been made all the same"):
        await made(slack, tmp_path, "desk", "CN-01")
    assert (tmp_path / LIST).read_text().count("[[apps]]") == 1
    assert len(slack.made) == 1


async def test_a_wrong_token_is_told_with_what_to_do(slack: ManifestApi, tmp_path: Path) -> None:
    """Without the token in the words."""
    with pytest.raises(ProvisioningError, match="Make a new configuration token") as told:
        await made(slack, tmp_path, "desk", token="xoxb-wrong")
    assert "xoxb" not in str(told.value)
    assert not (tmp_path / LIST).exists()


def test_the_manifests_of_named_apps_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command line, for either transport; nobody's is refused."""
    monkeypatch.chdir(tmp_path)
    assert main(["manifests", "desk", "cn-01", "--address", ADDRESS]) == 0
    printed = capsys.readouterr().out.split()
    assert [Path(line).name for line in printed] == [
        "slack-manifest.socket.json",
        "slack-manifest.http.json",
        "slack-manifest.cn-01.socket.json",
        "slack-manifest.cn-01.http.json",
    ]
    assert ADDRESS in Path(printed[3]).read_text()
    with pytest.raises(NotConfiguredError, match="There is no XX-01"):
        list(write_manifests(["XX-01"], DESK, tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", r"one \[\[apps\]\] for each", id="empty"),
        pytest.param("[[apps]", "not valid TOML", id="no TOML"),
        pytest.param('[[apps]]\nserves = "XX-01"', 'serves must be "desk" or one of', id="nobody"),
        pytest.param('[[apps]]\nserves = "desk"\nid = "7"', "id must be the app's id", id="id"),
        pytest.param('[[apps]]\nserves = "desk"\nid = "A01234"', "bot_token is missing", id="no token"),
        pytest.param(
            '[[apps]]\nserves = "desk"\nid = "A01234"\nbot_token = "xoxb-secret"', "not a secret", id="secret"
        ),
        pytest.param(
            '[[apps]]\nserves = "desk"\nid = "A01234"\nbot_token = { env = "NOT_SET_AT_ALL" }',
            "the environment has no NOT_SET_AT_ALL",
            id="variable",
        ),
        pytest.param(
            '[[apps]]\nserves = "desk"\nid = "A01234"\nbot_token = { file = "none" }',
            "cannot be read",
            id="file",
        ),
        pytest.param(
            '[[apps]]\nserves = "desk"\nid = "A01234"\nbot_token = { env = "PATH" }',
            "app_token .* or signing_secret .* is missing",
            id="no way in",
        ),
        pytest.param(
            '[[apps]]\nserves = "desk"\nid = "A01234"\ntoken = "x"', "there is no token", id="misspelt"
        ),
    ],
)
def test_a_wrong_list_is_told_by_file_app_and_field(tmp_path: Path, text: str, said: str) -> None:
    """And never with what stands there."""
    path = tmp_path / LIST
    path.write_text(text)
    with pytest.raises(NotConfiguredError, match=said) as told:
        app_list(Settings.load(apps_file=path), DESK)
    assert str(path) in str(told.value)
    assert "xoxb-secret" not in str(told.value)


def test_the_list_and_the_single_app_exclude_each_other(tmp_path: Path) -> None:
    """Otherwise one of them would be forgotten in silence."""
    with pytest.raises(NotConfiguredError, match="SLACK_BOT_TOKEN must stay unset"):
        app_list(Settings.load(apps_file=tmp_path / LIST, slack_bot_token="xoxb-1"), DESK)

"""The doctor, before real servers: an aiohttp Slack and model server, a real Valkey."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.doctor import Finding, Verdict, examine, print_findings
from bot.sandbox.config import AppConfig, WorkspaceConfig
from bot.sandbox.server import Sandbox
from bot.scopes import BOT_EVENTS, DESK_SCOPES, OPTIONAL_SCOPES, REQUIRED_SCOPES
from bot.settings import Settings
from personas.loader import load_personas
from tests.support.valkey import RealValkey

BOT_TOKEN, APP_TOKEN, SECRET, KEY = "xoxb-bot-1", "xapp-app-1", "0123456789abcdef" * 2, "sk-model-key"


@dataclass
class Outside:
    """A Slack and a model server in one, as truthful as the test wants them."""

    url: str = ""
    scopes: set[str] = field(default_factory=lambda: set(REQUIRED_SCOPES))
    ahead_seconds: float = 0
    models: list[str] = field(default_factory=lambda: ["gpt-6.1-sol", "gpt-6.1-terra"])
    lists_models: bool = True
    speaks_slack: bool = True
    person: bool = False
    limited: bool = False

    async def auth_test(self, request: web.Request) -> web.Response:
        """``auth.test``: whose token, with scopes and time in headers."""
        headers = {
            "x-oauth-scopes": ",".join(sorted(self.scopes)),
            "Date": formatdate(time.time() + self.ahead_seconds),
        }
        if not self.speaks_slack:
            return web.Response(text="<html>It works!</html>", content_type="text/html")
        if self.limited:
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "30"}
            )
        if request.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.json_response(
                {"ok": False, "error": "invalid_auth"}, headers={"Date": headers["Date"]}
            )
        body = {"ok": True, "team": "Three", "user": "desk", "user_id": "U1"}
        return web.json_response(body if self.person else {**body, "bot_id": "B1"}, headers=headers)

    async def open_connection(self, request: web.Request) -> web.Response:
        """``apps.connections.open``: an address for the socket."""
        if request.headers.get("Authorization") != f"Bearer {APP_TOKEN}":
            return web.json_response({"ok": False, "error": "not_allowed_token_type"})
        return web.json_response({"ok": True, "url": "wss://example.com/link"})

    async def list_models(self, request: web.Request) -> web.Response:
        """``GET /models``."""
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)
        if not self.lists_models:
            return web.json_response({}, status=404)
        return web.json_response({"object": "list", "data": [{"id": name} for name in self.models]})


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    """The servers, listening."""
    servers = Outside()
    app = web.Application()
    app.router.add_post("/api/auth.test", servers.auth_test)
    app.router.add_post("/api/apps.connections.open", servers.open_connection)
    app.router.add_get("/v1/models", servers.list_models)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    servers.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield servers
    await runner.cleanup()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealValkey]:
    """One healthy Valkey for the module."""
    server = RealValkey(tmp_path_factory.mktemp("valkey"))
    server.start("--maxmemory-policy", "noeviction")
    yield server
    server.kill()


@pytest.fixture
def complete(outside: Outside, valkey: RealValkey, tmp_path: Path) -> dict[str, Any]:
    """Settings with which everything works."""
    return {
        "slack_bot_token": BOT_TOKEN,
        "slack_app_token": APP_TOKEN,
        "slack_api_url": f"{outside.url}/api/",
        "redis_url": valkey.url,
        "model_url": f"{outside.url}/v1",
        "model_key": KEY,
        "data_dir": tmp_path / "data",
    }


async def findings(settings: dict[str, Any]) -> list[Finding]:
    """What the doctor finds with these settings."""
    return await examine(Settings.load(**settings))


async def only_trouble(settings: dict[str, Any]) -> Finding:
    """The one finding that is not in order."""
    [trouble] = [finding for finding in await findings(settings) if finding.verdict is not Verdict.OK]
    return trouble


def closed_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_complete_set_up_passes(complete: dict[str, Any]) -> None:
    """Every part is named, and all are in order."""
    found = await findings(complete)
    assert {finding.verdict for finding in found} == {Verdict.OK}
    names = [finding.name for finding in found]
    assert names == [
        "personas",
        "data folder",
        "bot token",
        "scopes",
        "clock",
        "Socket Mode",
        "Redis",
        "model",
    ]
    assert load_personas()[0].code in found[0].sentence


@pytest.fixture
async def workspace() -> AsyncIterator[Sandbox]:
    """A sandbox that grants what the manifests ask for, and no more."""
    app = AppConfig(scopes=tuple(REQUIRED_SCOPES), events=tuple(BOT_EVENTS))
    async with Sandbox(WorkspaceConfig(apps=(app,))) as sandbox:
        yield sandbox


async def test_the_sandbox_passes_like_slack(workspace: Sandbox, complete: dict[str, Any]) -> None:
    """Headers, tokens and sockets of the sandbox are told from nothing but Slack's own rules."""
    [app] = workspace.config.apps
    tokens = {"slack_bot_token": app.bot_token, "slack_app_token": app.app_token}
    found = await findings({**complete, **tokens, "slack_api_url": workspace.api_url})
    assert [finding for finding in found if finding.verdict is not Verdict.OK] == []
    assert any(finding.sentence == "Signed in to Sandbox as agents." for finding in found)


async def test_nothing_set_is_told_part_by_part(tmp_path: Path) -> None:
    """A newcomer's first call says what is needed, and starts the embedded store."""
    found = {finding.name: finding for finding in await findings({"data_dir": tmp_path})}
    assert found["bot token"].sentence == "COUNTRY_AGENTS_SLACK_BOT_TOKEN is not set."
    assert "COUNTRY_AGENTS_SLACK_APP_TOKEN" in found["way in"].sentence
    assert found["model"].sentence == "There is no key for OpenAI."
    assert found["embedded store"].verdict is Verdict.OK
    assert found["embedded store"].sentence.startswith("Valkey ")


async def test_a_refused_token_is_told(complete: dict[str, Any]) -> None:
    """With the place where the right one is found."""
    trouble = await only_trouble({**complete, "slack_bot_token": "xoxb-wrong"})
    assert (trouble.name, trouble.verdict) == ("bot token", Verdict.FAIL)
    assert trouble.sentence == "Slack does not know this token."
    assert "Install App" in trouble.advice


async def test_swapped_tokens_are_recognised(complete: dict[str, Any]) -> None:
    """The most common mistake of a first installation."""
    found = await findings({**complete, "slack_bot_token": APP_TOKEN, "slack_app_token": BOT_TOKEN})
    trouble = {finding.name: finding for finding in found if finding.verdict is Verdict.FAIL}
    assert "that belongs into COUNTRY_AGENTS_SLACK_APP_TOKEN" in trouble["bot token"].advice
    assert trouble["Socket Mode"].sentence == "This is another kind of token."


async def test_a_persons_token_is_not_the_bots(outside: Outside, complete: dict[str, Any]) -> None:
    """``auth.test`` accepts a user token too; only a bot has a bot id."""
    outside.person = True
    assert (await only_trouble(complete)).sentence == "This is a person's token, not the bot's."


async def test_a_missing_scope_is_told_with_its_use(outside: Outside, complete: dict[str, Any]) -> None:
    """The operator learns what does not work, and that the app must be reinstalled."""
    outside.scopes.remove("chat:write.customize")
    trouble = await only_trouble(complete)
    assert (
        trouble.sentence == "Not granted: chat:write.customize (to answer under a persona's name and icon)."
    )
    assert "reinstall" in trouble.advice


async def test_more_scopes_than_needed_are_named(outside: Outside, complete: dict[str, Any]) -> None:
    """Not wrong, but worth knowing."""
    outside.scopes.add("files:read")
    [scopes] = [finding for finding in await findings(complete) if finding.name == "scopes"]
    assert scopes.verdict is Verdict.OK
    assert scopes.sentence.endswith("not needed by this app: files:read.")


@pytest.mark.parametrize(("ahead", "words"), [(240, "behind Slack's"), (-240, "ahead of Slack's")])
async def test_a_wrong_clock_fails(
    outside: Outside, complete: dict[str, Any], ahead: float, words: str
) -> None:
    """Signed requests expire after five minutes; a clock four minutes off is about to break them."""
    outside.ahead_seconds = ahead
    trouble = await only_trouble(complete)
    assert (trouble.name, trouble.verdict) == ("clock", Verdict.FAIL)
    assert words in trouble.sentence


async def test_slack_out_of_reach_is_told_once(complete: dict[str, Any]) -> None:
    """One sentence for one cause, with the host."""
    host = f"127.0.0.1:{closed_port()}"
    trouble = await only_trouble({**complete, "slack_api_url": f"http://{host}/api/"})
    assert trouble.sentence == f"{host} refuses connections, or nothing listens there."


async def test_an_address_that_is_not_slacks_is_told(outside: Outside, complete: dict[str, Any]) -> None:
    """A web page instead of the Web API."""
    outside.speaks_slack = False
    trouble = next(f for f in await findings(complete) if f.verdict is Verdict.FAIL)
    assert "not that of Slack's Web API" in trouble.sentence


async def test_a_rate_limit_is_no_failure(outside: Outside, complete: dict[str, Any]) -> None:
    """A busy app is not a broken one."""
    outside.limited = True
    found = await findings(complete)
    assert Verdict.FAIL not in {finding.verdict for finding in found}
    assert any("for 30 seconds" in finding.sentence for finding in found)


async def test_http_mode_wants_a_signing_secret(complete: dict[str, Any]) -> None:
    """Without app token the signing secret is looked at; without both there is no way in."""
    http = {**complete, "slack_app_token": None, "slack_signing_secret": SECRET}
    [way_in] = [finding for finding in await findings(http) if finding.name == "way in"]
    assert (way_in.verdict, "port 3000" in way_in.sentence) == (Verdict.OK, True)
    assert (await only_trouble({**http, "slack_signing_secret": "A1B2"})).verdict is Verdict.WARN
    assert (await only_trouble({**http, "slack_signing_secret": None})).verdict is Verdict.FAIL


async def test_a_redis_that_is_away_is_told(complete: dict[str, Any]) -> None:
    """As a question that leads to the answer."""
    trouble = await only_trouble({**complete, "redis_url": f"redis://127.0.0.1:{closed_port()}/0"})
    assert trouble.verdict is Verdict.FAIL
    assert trouble.sentence.startswith("Could not reach Redis")
    assert trouble.advice == "Is it running?"


async def test_a_redis_that_may_forget_jobs_fails(complete: dict[str, Any], tmp_path: Path) -> None:
    """Eviction fails, missing persistence warns."""
    server = RealValkey(tmp_path)
    server.start("--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    try:
        found = [f for f in await findings({**complete, "redis_url": server.url}) if f.name == "Redis"]
    finally:
        server.kill()
    assert [finding.verdict for finding in found] == [Verdict.FAIL, Verdict.WARN]
    assert "allkeys-lru" in found[0].sentence
    assert "append-only" in found[1].sentence


async def test_a_refused_key_is_told(complete: dict[str, Any]) -> None:
    """Host, status and variable; not the key."""
    trouble = await only_trouble({**complete, "model_key": "sk-wrong"})
    assert "refuses the key (HTTP 401)" in trouble.sentence
    assert "COUNTRY_AGENTS_MODEL_KEY" in trouble.advice


async def test_an_unknown_model_name_is_told_with_the_nearest(complete: dict[str, Any]) -> None:
    """A warning, because gateways accept names they do not list."""
    trouble = await only_trouble({**complete, "model": "gpt-6.1-soll"})
    assert trouble.verdict is Verdict.WARN
    assert "Did you mean gpt-6.1-sol" in trouble.advice


async def test_a_server_without_a_list_of_models_is_a_warning(
    outside: Outside, complete: dict[str, Any]
) -> None:
    """Not every compatible server has one."""
    outside.lists_models = False
    assert (await only_trouble(complete)).verdict is Verdict.WARN


async def test_a_second_model_is_tried_like_the_first(complete: dict[str, Any], outside: Outside) -> None:
    """A wrong key and a wrong name are told with the variables of the second one."""
    second = {**complete, "fallback_model": "gpt-6.1-terra", "fallback_url": f"{outside.url}/v1"}
    found = await findings(second)
    assert {finding.verdict for finding in found} == {Verdict.OK}
    assert found[-1].name == "fallback model"
    trouble = await only_trouble({**second, "fallback_key": "sk-wrong"})
    assert "COUNTRY_AGENTS_FALLBACK_KEY" in trouble.advice
    trouble = await only_trouble({**second, "fallback_model": "gpt-6.1-tera"})
    assert "Set COUNTRY_AGENTS_FALLBACK_MODEL" in trouble.advice
    trouble = await only_trouble({**second, "fallback_url": f"http://127.0.0.1:{closed_port()}/v1"})
    assert "COUNTRY_AGENTS_FALLBACK_URL" in trouble.advice


async def test_an_address_without_a_second_model_is_a_warning(complete: dict[str, Any]) -> None:
    """Whoever set one thinks that there is a fallback."""
    trouble = await only_trouble({**complete, "fallback_url": "http://127.0.0.1:1/v1"})
    assert trouble.verdict is Verdict.WARN
    assert "COUNTRY_AGENTS_FALLBACK_MODEL is not" in trouble.sentence


async def test_a_file_in_the_place_of_the_folder_is_told(complete: dict[str, Any], tmp_path: Path) -> None:
    """With the system's own reason, and the variable that chooses another."""
    (tmp_path / "file").write_text("")
    trouble = await only_trouble({**complete, "data_dir": tmp_path / "file"})
    assert trouble.sentence.endswith("cannot be written to (File exists).")
    assert "COUNTRY_AGENTS_DATA_DIR" in trouble.advice


async def test_a_misspelt_variable_and_bolts_own_are_warned_of(
    complete: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two traps of the environment."""
    monkeypatch.setenv("COUNTRY_AGENTS_SLACK_BOT_TOKN", "x")
    monkeypatch.setenv("SLACK_CLIENT_ID", "1")
    warned = [finding for finding in await findings(complete) if finding.verdict is Verdict.WARN]
    assert warned[0].advice == "Did you mean COUNTRY_AGENTS_SLACK_BOT_TOKEN?"
    assert warned[1].sentence.startswith("SLACK_CLIENT_ID set")


async def test_no_secret_is_ever_printed(complete: dict[str, Any]) -> None:
    """Whatever is wrong, the report can be pasted into a ticket."""
    wrong = {
        **complete,
        "slack_bot_token": "xoxb-hunter2",
        "slack_app_token": "xapp-hunter2",
        "model_key": "hunter2",
    }
    out = io.StringIO()
    print_findings(
        await findings({**wrong, "redis_url": f"redis://:hunter2@127.0.0.1:{closed_port()}/0"}), out
    )
    assert "hunter2" not in out.getvalue()


def test_the_report_has_a_line_for_each_finding_and_an_exit_code() -> None:
    """Advice stands below its sentence; one failure makes the command fail."""
    out = io.StringIO()
    fine = Finding("clock", Verdict.OK, "It agrees.")
    assert print_findings([fine], out) == 0
    assert out.getvalue() == "ok    clock  It agrees.\n\nReady.\n"
    out = io.StringIO()
    bad = Finding("bot token", Verdict.FAIL, "Refused.", "Copy it again.")
    assert print_findings([fine, bad], out) == 1
    assert "fail  bot token  Refused.\n                 → Copy it again.\n" in out.getvalue()
    assert "1 of 2 checks failed" in out.getvalue()


async def test_each_listed_app_is_examined_by_its_own_name(
    complete: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A persona's app needs no scope for commands; a wrong token is told of the app that has it."""
    persona = replace(
        AppConfig(),
        app_id="A0CN",
        bot_user_id="U0CN",
        bot_id="B0CN",
        bot_token="xoxb-cn",
        app_token="xapp-cn",
        scopes=tuple(set(REQUIRED_SCOPES) - DESK_SCOPES),
    )
    desk = AppConfig(scopes=(*REQUIRED_SCOPES, *OPTIONAL_SCOPES))
    path = tmp_path / "apps.toml"
    for name, value in (("D", desk.bot_token), ("E", desk.app_token), ("C", "xoxb-cn"), ("A", "xapp-cn")):
        monkeypatch.setenv(f"TOKEN_{name}", value)
    path.write_text(
        '[[apps]]\nserves = "desk"\nid = "A0COUNTRY"\nbot_token = { env = "TOKEN_D" }\n'
        'app_token = { env = "TOKEN_E" }\n[[apps]]\nserves = "CN-01"\nid = "A0CN"\n'
        'bot_token = { env = "TOKEN_C" }\napp_token = { env = "TOKEN_A" }\n'
    )
    async with Sandbox(WorkspaceConfig(apps=(desk, persona))) as sandbox:
        given = complete | {"slack_bot_token": None, "slack_app_token": None, "apps_file": path}
        given["slack_api_url"] = sandbox.api_url
        found = await findings(given)
        assert [finding for finding in found if finding.verdict is not Verdict.OK] == []
        assert {"desk: scopes", "CN-01: scopes", "CN-01: Socket Mode"} <= {item.name for item in found}
        monkeypatch.setenv("TOKEN_C", "xoxb-wrong")
        assert (await only_trouble(given)).name == "CN-01: bot token"
        path.write_text("")
        assert (await only_trouble(given)).name == "Slack apps"

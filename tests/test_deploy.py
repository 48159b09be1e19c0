"""What is deployed agrees with the program: manifests, image, compose file, example settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.manifests import EXAMPLE_ADDRESS, desk_manifest, persona_manifest
from bot.scopes import AGENT_SCOPE, BOT_EVENTS, OPTIONAL_SCOPES, REQUIRED_SCOPES
from bot.settings import Settings
from personas.loader import load_personas

ROOT = Path(__file__).parent.parent
PERSONAS = load_personas()
PERSONA = next(persona for persona in PERSONAS if persona.code == "CN-01")
DEPLOY = ROOT / "deploy"
SOCKET, HTTP = "slack-manifest.socket.json", "slack-manifest.http.json"


METHOD_SCOPES = {
    "assistant.threads.setStatus": {"chat:write"},
    "assistant.threads.setSuggestedPrompts": {"assistant:write"},
    "assistant.threads.setTitle": {"assistant:write"},
    "auth.test": set(),
    "chat.appendStream": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write", "chat:write.customize"},  # the latter for username and icon
    "chat.startStream": {"chat:write", "chat:write.customize"},
    "chat.stopStream": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.info": {"channels:read", "groups:read"},
    "conversations.history": {"channels:history", "groups:history", "im:history"},
    "conversations.join": {"channels:join"},
    "conversations.members": {"channels:read", "groups:read"},
    "conversations.open": {"im:write"},
    "conversations.replies": {"channels:history", "groups:history", "im:history"},
    "files.completeUploadExternal": {"files:write", "chat:write.customize"},
    "files.getUploadURLExternal": {"files:write"},
    "reactions.add": {"reactions:write"},
    "users.info": {"users:read"},
    "views.open": set(),
    "views.publish": set(),
}
"""What Slack's reference says each method needs, in public and private channels."""

EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
}
"""What Slack's reference says each event needs."""


def manifest(name: str) -> dict[str, Any]:
    """A Slack app manifest."""
    parsed: dict[str, Any] = json.loads((DEPLOY / name).read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(params=[SOCKET, HTTP])
def either(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each of the two manifests."""
    return manifest(request.param)


def test_the_manifests_are_the_programs_own() -> None:
    """``country-agents manifests`` writes the same."""
    assert manifest(SOCKET) == desk_manifest()
    assert manifest(HTTP) == desk_manifest(EXAMPLE_ADDRESS)


def test_the_manifest_asks_for_the_least_scopes(either: dict[str, Any]) -> None:
    """The scopes are those of the two tables, an administrator may refuse the optional ones, and no user
    scopes at all.
    """
    assert either["oauth_config"]["scopes"] == {
        "bot": sorted([*REQUIRED_SCOPES, *OPTIONAL_SCOPES]),
        "bot_optional": sorted(OPTIONAL_SCOPES),
    }


def test_every_scope_is_used_and_no_other_is_needed() -> None:
    """The tables follow from the methods our Slack client calls and the events we hear. ``commands`` comes
    with the command and the shortcut; what only agents may do is not asked for.
    """
    clients = "".join(
        (ROOT / "bot/slack" / name).read_text(encoding="utf-8")
        for name in ("api.py", "ways_in.py", "channels.py", "receipts.py", "uploads.py")
    )
    called = set(re.findall(r"\"((?!bot\.)(?:[a-z]+\.)+[a-z]+[A-Z]?[A-Za-z]*)\"", clients))
    assert called
    needed = {scope for method in called for scope in METHOD_SCOPES[method]} - {AGENT_SCOPE}
    heard = {EVENT_SCOPES[event] for event in BOT_EVENTS if event != "app_home_opened"}  # needs none
    assert needed | heard | {"commands"} == {*REQUIRED_SCOPES, *OPTIONAL_SCOPES}


def test_only_the_desk_declares_the_commands() -> None:
    """Of several apps with the same command Slack asks the one installed last."""
    commands = desk_manifest()["features"]["slash_commands"]
    assert [command["command"] for command in commands] == ["/assess", "/briefing"]
    persona = persona_manifest(PERSONA)
    assert "slash_commands" not in persona["features"]
    assert "commands" not in persona["oauth_config"]["scopes"]["bot"]
    assert persona["features"]["bot_user"]["display_name"] == "cn-01"


def test_the_manifest_subscribes_to_what_the_handlers_hear(either: dict[str, Any]) -> None:
    """The events are those of the one table."""
    assert either["settings"]["event_subscriptions"]["bot_events"] == sorted(BOT_EVENTS)


def test_buttons_work(either: dict[str, Any]) -> None:
    """The card has a stop button, so interactivity is on."""
    assert either["settings"]["interactivity"]["is_enabled"]


@pytest.mark.parametrize(
    "either", [desk_manifest(), *(persona_manifest(persona) for persona in PERSONAS)], ids=lambda _: ""
)
def test_the_manifest_keeps_slacks_lengths(either: dict[str, Any]) -> None:
    """Limits of Slack's manifest schema, where the web form cuts or refuses."""
    shown = either["display_information"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 175 <= len(shown["long_description"]) <= 4000
    assert re.fullmatch(r"[a-z0-9._-]{1,80}", either["features"]["bot_user"]["display_name"])


def test_people_are_told_that_a_machine_writes(either: dict[str, Any]) -> None:
    """Slack's guidance for apps with generated text: say so where the app is described."""
    assert "generated by a large language model" in either["display_information"]["long_description"]


def test_the_app_is_not_declared_an_agent(either: dict[str, Any]) -> None:
    """``agent_view`` shuts out guests and cannot be undone: not something a manifest decides in passing."""
    assert "agent_view" not in either["features"]
    assert "assistant_view" not in either["features"]


def test_socket_mode_needs_no_address() -> None:
    """A stranger pastes the manifest as it is."""
    assert "http" not in json.dumps(manifest(SOCKET)["settings"])
    assert manifest(SOCKET)["settings"]["socket_mode_enabled"]


def test_http_mode_has_one_address_to_replace() -> None:
    """Events and buttons come in by the same path."""
    settings = manifest(HTTP)["settings"]
    urls = {settings["event_subscriptions"]["request_url"], settings["interactivity"]["request_url"]}
    urls |= {command["url"] for command in manifest(HTTP)["features"]["slash_commands"]}
    assert urls == {"https://agents.example.com/slack/events"}
    assert not settings["socket_mode_enabled"]


def test_the_two_manifests_differ_in_transport_only() -> None:
    """Whatever is added to one is added to the other."""
    socket, http = manifest(SOCKET), manifest(HTTP)
    for either in (socket, http):
        either["settings"].pop("socket_mode_enabled")
        for part in ("event_subscriptions", "interactivity"):
            either["settings"][part].pop("request_url", None)
        for command in either["features"]["slash_commands"]:
            command.pop("url", None)
    assert socket == http


def test_the_readme_explains_every_scope() -> None:
    """An administrator reads why before allowing it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    asked = {**REQUIRED_SCOPES, **{scope: f"{why} (optional)" for scope, why in OPTIONAL_SCOPES.items()}}
    assert [scope for scope, why in asked.items() if f"| `{scope}` | {why} |" not in readme] == []


def test_the_image_runs_as_nobody_special() -> None:
    """The last user of the image is a number that is not root's."""
    users = re.findall(r"^USER (.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1])


def test_the_image_installs_only_what_is_locked() -> None:
    """Every requirements file of the image is installed by its hashes."""
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    installs = re.findall(r"pip install (.*-r \S+)", dockerfile)
    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)


def test_the_image_is_given_every_file_it_copies() -> None:
    """The build context lets in exactly what the Dockerfile copies, and all of it exists."""
    copied = {
        name
        for line in re.findall(
            r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE
        )
        for name in line.split()
    }
    let_in = set(re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE))
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_the_composed_redis_forgets_nothing() -> None:
    """Jobs live in Redis: append-only file, no eviction, a volume, and no port to the outside."""
    redis = (DEPLOY / "compose.yaml").read_text().partition("\n  redis:\n")[2].partition("\nvolumes:")[0]
    assert '"--appendonly", "yes"' in redis
    assert '"--maxmemory-policy", "noeviction"' in redis
    assert "redis-data:/data" in redis
    assert "ports:" not in redis


def test_the_container_has_time_to_hand_over() -> None:
    """Fifteen seconds at least between SIGTERM and SIGKILL (queue measurements)."""
    app = (DEPLOY / "compose.yaml").read_text().partition("\n  redis:\n")[0]
    found = re.search(r"stop_grace_period: (\d+)s", app)
    assert found
    assert int(found[1]) >= 15


def test_the_example_settings_hold_no_secret() -> None:
    """Secrets are there by name and empty."""
    example = dict(
        line.lstrip("#").split("=", 1)
        for line in (DEPLOY / ".env.example").read_text().splitlines()
        if re.match(r"#?COUNTRY_AGENTS_", line)
    )
    secret = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    assert len(secret) == 8
    assert {name: example.get(f"COUNTRY_AGENTS_{name.upper()}") for name in secret} == dict.fromkeys(
        secret, ""
    )


def test_the_example_settings_load() -> None:
    """The file as it is, copied and not filled in, is valid and chooses the defaults."""
    settings = Settings.load(_env_file=DEPLOY / ".env.example")
    assert settings == Settings.load()

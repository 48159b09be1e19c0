"""What a sandbox workspace consists of at the start, as plain data that can come from a JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.sandbox.errors import SandboxError
from bot.sandbox.limits import Limits

__all__ = [
    "ALL_EVENTS",
    "ALL_SCOPES",
    "AppConfig",
    "ChannelConfig",
    "CommandConfig",
    "MentionShortcut",
    "ShortcutConfig",
    "UserConfig",
    "WorkspaceConfig",
]

_Part = TypeVar("_Part")

ALL_SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "commands",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:write",
    "team:read",
    "users:read",
)
"""The bot scopes the default app was granted."""

ALL_EVENTS = (
    "agent_session_stopped",
    "app_home_opened",
    "app_mention",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
)
"""The events the default app subscribes to."""


@dataclass(frozen=True, slots=True)
class UserConfig:
    """A person. ``team_id`` names another team for one here by Slack Connect; empty is the home team.
    ``is_guest``: a guest of the workspace, of several channels. ``deleted``: the account was deactivated.
    """

    id: str
    name: str
    real_name: str
    color: str = "4A6FA5"
    icon: str | None = None
    tz: str = "Europe/Berlin"
    team_id: str = ""
    is_guest: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """A channel with its members: ids of people and bot users."""

    id: str
    name: str
    is_private: bool = False
    topic: str = ""
    members: tuple[str, ...] = ()
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class CommandConfig:
    """A slash command; ``command`` with its slash. ``should_escape``: people and channels in its text come as
    ``<@U…|name>`` and ``<#C…|name>``, not as the plain words typed.
    """

    command: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(frozen=True, slots=True)
class ShortcutConfig:
    """A message shortcut: an entry of every message's menu."""

    callback_id: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class AppConfig:
    """An installed app with its credentials, which are worthless outside the sandbox.

    ``messages_tab`` false: people cannot write to the app, and it cannot write to them. ``agent``: the app is
    declared as one (``agent_view``), which opens the methods of the assistant pane to it.
    """

    app_id: str = "A0COUNTRY"
    name: str = "Country Agents"
    bot_user_id: str = "U0AGENTS"
    bot_user_name: str = "agents"
    bot_id: str = "B0AGENTS"
    bot_token: str = "xoxb-sandbox-country-agents"  # noqa: S105 - opens nothing but the sandbox
    app_token: str = "xapp-sandbox-country-agents"  # noqa: S105
    signing_secret: str = "sandbox-signing-secret"  # noqa: S105
    scopes: tuple[str, ...] = ALL_SCOPES
    app_scopes: tuple[str, ...] = ("connections:write",)
    events: tuple[str, ...] = ALL_EVENTS
    commands: tuple[CommandConfig, ...] = (
        CommandConfig("/assess", "Start a country assessment", "CN-01 your question"),
    )
    shortcuts: tuple[ShortcutConfig, ...] = ()
    messages_tab: bool = True
    agent: bool = False
    socket_mode: bool = True
    request_url: str | None = None
    icon: str | None = ":earth_africa:"


@dataclass(frozen=True, slots=True)
class MentionShortcut:
    """What the composer offers after ``@label`` and the wire text it inserts."""

    label: str
    name: str
    inserts: str
    icon: str | None = None


def _default_users() -> tuple[UserConfig, ...]:
    return (
        UserConfig("U0DANA", "dana", "Dana Reyes", "9B3B5A"),
        UserConfig("U0KIM", "kim", "Kim Ostrowski", "2E7D6B"),
        UserConfig("U0ADA", "ada", "Ada Lindqvist", "5B4B9A"),
        UserConfig("U0NOOR", "noor", "Noor Haddad (Partner Desk)", "A06A1B", team_id="T0PARTNER"),
    )


def _default_channels() -> tuple[ChannelConfig, ...]:
    everyone = ("U0DANA", "U0KIM", "U0ADA", "U0AGENTS")
    return (
        ChannelConfig("C0DESK", "country-desk", topic="Ask @CN-01 and colleagues", members=everyone),
        ChannelConfig("C0SHARED", "partner-desk", topic="Shared", members=(*everyone, "U0NOOR")),
        ChannelConfig("C0RANDOM", "random", topic="No bots here", members=("U0DANA", "U0KIM", "U0ADA")),
        ChannelConfig(
            "C0LEADS", "desk-leads", is_private=True, topic="Leads", members=("U0DANA", "U0ADA", "U0AGENTS")
        ),
    )


@dataclass(frozen=True, slots=True)
class WorkspaceConfig:
    """A whole workspace. Without arguments: three analysts, a partner, four channels, one app.

    ``info`` is free text the page shows, such as the model and the store in use.
    """

    team_id: str = "T0SANDBOX"
    team_name: str = "Sandbox"
    team_domain: str = "sandbox"
    users: tuple[UserConfig, ...] = field(default_factory=_default_users)
    channels: tuple[ChannelConfig, ...] = field(default_factory=_default_channels)
    apps: tuple[AppConfig, ...] = field(default_factory=lambda: (AppConfig(),))
    mentions: tuple[MentionShortcut, ...] = ()
    limits: Limits = field(default_factory=Limits)
    rate_limits: bool = True
    info: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WorkspaceConfig:
        """The configuration in a decoded JSON object; absent keys keep their defaults.

        Raises SandboxError naming an unknown key.
        """
        parts: dict[str, type] = {
            "users": UserConfig,
            "channels": ChannelConfig,
            "apps": AppConfig,
            "mentions": MentionShortcut,
        }
        values = dict(data)
        for key, kind in parts.items():
            if key in values:
                values[key] = tuple(_build(kind, item, key) for item in values[key])
        if "limits" in values:
            values["limits"] = _build(Limits, values["limits"], "limits")
        return _build(cls, values, "workspace")


def _build(kind: type[_Part], values: Mapping[str, Any], where: str) -> _Part:
    known = set(kind.__annotations__)
    unknown = sorted(set(values) - known)
    if unknown:
        raise SandboxError(f"{where}: unknown keys {', '.join(unknown)}")
    prepared = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    if kind is AppConfig:
        for key, part in (("commands", CommandConfig), ("shortcuts", ShortcutConfig)):
            if key in prepared:
                prepared[key] = tuple(_build(part, item, key) for item in prepared[key])
    try:
        return kind(**prepared)
    except TypeError as error:
        raise SandboxError(f"{where}: {error}") from error

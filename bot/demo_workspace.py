"""The workspace of ``country-agents sandbox``: its apps, with what their manifests ask for in earnest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.app_list import DESK
from bot.sandbox import AppConfig, CommandConfig, MentionShortcut, ShortcutConfig, WorkspaceConfig
from bot.scopes import (
    AGENT_SCOPE,
    ASSESS_SHORTCUT,
    BOT_EVENTS,
    COMMANDS,
    DESK_SCOPES,
    OPTIONAL_SCOPES,
    REQUIRED_SCOPES,
    SHORTCUT_DOES,
    SHORTCUT_NAME,
)
from personas.desk import Desk
from personas.persona import Persona

__all__ = ["demo_workspace", "list_apps"]

_LIST: Final = "apps.toml"
_OWNER_ONLY: Final = 0o600


def demo_workspace(
    desk: Desk, info: Mapping[str, str], *, codes: Sequence[str] = (), agents: bool = False
) -> WorkspaceConfig:
    """The desk's app; the personas of ``codes`` as apps of their own beside it, members of the same channels;
    ``@CN-01`` and friends of all others. ``agents``: the apps are declared as agents, with a pane.
    """
    events = (*BOT_EVENTS, "agent_session_stopped")
    pane = (AGENT_SCOPE,) if agents else ()
    main = AppConfig(
        scopes=(*REQUIRED_SCOPES, *OPTIONAL_SCOPES, *pane),
        events=events,
        commands=tuple(
            CommandConfig(command, does, hint, should_escape=True)
            for command, (does, hint) in COMMANDS.items()
        ),
        shortcuts=(ShortcutConfig(ASSESS_SHORTCUT, SHORTCUT_NAME, SHORTCUT_DOES),),
        agent=agents,
    )
    own = [persona for code in codes if (persona := desk.by_code(code)) is not None]
    apps = (main, *(_persona_app(main, persona) for persona in own))
    mentions = tuple(
        MentionShortcut(
            persona.code, persona.name, f"<@{main.bot_user_id}> {persona.code}", persona.icon_emoji
        )
        for persona in desk.personas
        if persona not in own
    )
    empty = WorkspaceConfig()
    bots = tuple(app.bot_user_id for app in apps[1:])
    channels = tuple(
        replace(channel, members=(*channel.members, *bots))
        if main.bot_user_id in channel.members
        else channel
        for channel in empty.channels
    )
    return replace(empty, apps=apps, channels=channels, mentions=mentions, info=info)


def _persona_app(main: AppConfig, persona: Persona) -> AppConfig:
    """A persona's own app: what its manifest declares, and no command."""
    key = "".join(filter(str.isalnum, persona.code))
    return replace(
        main,
        app_id=f"A0{key}",
        name=persona.display_name,
        bot_user_id=f"U0{key}",
        bot_user_name=persona.code.lower(),
        bot_id=f"B0{key}",
        bot_token=f"xoxb-sandbox-{key}",
        app_token=f"xapp-sandbox-{key}",
        signing_secret=f"sandbox-secret-of-{key}",
        scopes=tuple(scope for scope in main.scopes if scope not in {*DESK_SCOPES, *OPTIONAL_SCOPES}),
        commands=(),
        shortcuts=(),
        icon=persona.icon_emoji,
    )


def list_apps(config: WorkspaceConfig, folder: Path) -> Path:
    """Write the list of the workspace's apps, as ``COUNTRY_AGENTS_APPS_FILE`` names one, and their secrets
    beside it; the list's path.
    """
    path = folder / _LIST
    path.write_text("\n".join(line for app in config.apps for line in _entry(app, folder)), encoding="utf-8")
    return path


def _entry(app: AppConfig, folder: Path) -> Iterator[str]:
    serves = app.bot_user_name.upper() if app.bot_user_name != AppConfig().bot_user_name else DESK
    yield from ("[[apps]]", f'serves = "{serves}"', f'id = "{app.app_id}"')
    secrets = {"bot_token": app.bot_token, "signing_secret": app.signing_secret}
    if app.socket_mode:
        secrets["app_token"] = app.app_token
    for name, secret in secrets.items():
        file = folder / f"{serves}.{name}"
        file.touch(_OWNER_ONLY)
        file.write_text(secret, encoding="utf-8")
        yield f'{name} = {{ file = "{file.name}" }}'

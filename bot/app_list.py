"""Which Slack apps the process is: one, of the settings, or several, of a file that refers to their secrets.

The file is TOML::

    [[apps]]
    serves = "desk"                                # or one persona's code: "CN-01"
    id = "A0123456789"
    bot_token = { env = "DESK_BOT_TOKEN" }         # or { file = "secrets/desk-bot-token" }
    app_token = { env = "DESK_APP_TOKEN" }         # Socket Mode …
    signing_secret = { env = "DESK_SECRET" }       # … or HTTP

Files are looked for beside it. Secrets themselves are refused: the list may then be shown and kept anywhere.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from bot.model_stack import NotConfiguredError
from bot.settings import Settings, variable
from personas.desk import Desk

__all__ = ["DESK", "SlackAppConfig", "app_list", "secret_references", "settings_of"]

DESK: Final = "desk"
"""What the app of the whole desk serves."""

_SECRETS: Final = ("bot_token", "app_token", "signing_secret")
_KNOWN: Final = {"serves", "id", *_SECRETS}
_APP_ID: Final = re.compile(r"A[A-Z0-9]{2,20}")


@dataclass(frozen=True, slots=True)
class SlackAppConfig:
    """One Slack app of ours, with its secrets."""

    serves: str
    """``desk``, or a persona's code; empty: what its bot user is called decides, as for a single app."""
    app_id: str
    """Empty where the settings do not tell."""
    bot_token: SecretStr
    app_token: SecretStr | None
    """With one it is reached by Socket Mode, else by HTTP."""
    signing_secret: SecretStr | None

    @property
    def name(self) -> str:
        """What operators are told it is called."""
        return self.serves or "the app"


def app_list(settings: Settings, desk: Desk) -> tuple[SlackAppConfig, ...]:
    """Every app of the settings. Raises ``NotConfiguredError``, which names file, app and field."""
    if settings.apps_file is not None:
        alone = [name for name in _SECRETS if getattr(settings, f"slack_{name}") is not None]
        if alone:
            names = " and ".join(variable(f"slack_{name}") for name in alone)
            raise NotConfiguredError(
                f"{variable('apps_file')} lists the apps, so {names} must stay unset: list that app, too."
            )
        return _listed(settings.apps_file, desk)
    if settings.slack_bot_token is None:
        raise NotConfiguredError(
            f"{variable('slack_bot_token')} is not set. The README says where to find it."
        )
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise NotConfiguredError(
            f"Set {variable('slack_app_token')} for Socket Mode, or {variable('slack_signing_secret')} for "
            "HTTP."
        )
    single = SlackAppConfig(
        "", "", settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret
    )
    return (single,)


def settings_of(config: SlackAppConfig, settings: Settings) -> Settings:
    """The settings as if this app were the only one."""
    own = {f"slack_{name}": getattr(config, name) for name in _SECRETS}
    return settings.model_copy(update=own)


def secret_references(path: Path) -> list[dict[str, Any]]:
    """The entries of the file as they stand there, nothing resolved. Raises ``NotConfiguredError``."""
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotConfiguredError(f"{path} cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser's words name line and column, never a value.
        raise NotConfiguredError(f"{path} is not valid TOML: {error}.") from None
    apps = parsed.get("apps")
    if set(parsed) - {"apps"} or not isinstance(apps, list) or not apps:
        raise NotConfiguredError(f"{path} must hold one [[apps]] for each Slack app, and nothing else.")
    return [app if isinstance(app, dict) else {} for app in apps]


def _listed(path: Path, desk: Desk) -> tuple[SlackAppConfig, ...]:
    apps = [_one(entry, number, path, desk) for number, entry in enumerate(secret_references(path), start=1)]
    for what, values in (
        ("serve", [app.serves for app in apps]),
        ("have the id", [app.app_id for app in apps]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise NotConfiguredError(f"{path}: two apps {what} {', '.join(twice)}.")
    return tuple(apps)


def _one(entry: Mapping[str, Any], number: int, path: Path, desk: Desk) -> SlackAppConfig:
    serves, app_id = entry.get("serves"), entry.get("id")
    where = f"{path}, app {number}"
    if not isinstance(serves, str) or not (serves == DESK or desk.by_code(serves)):
        codes = ", ".join(persona.code for persona in desk.personas)
        raise NotConfiguredError(f'{where}: serves must be "{DESK}" or one of {codes}.')
    where = f"{path}, {serves}"
    if not isinstance(app_id, str) or not _APP_ID.fullmatch(app_id):
        raise NotConfiguredError(f"{where}: id must be the app's id, like A0123456789 (Basic Information).")
    if unknown := sorted(set(entry) - _KNOWN):
        raise NotConfiguredError(f"{where}: there is no {', '.join(unknown)}.")
    found = {name: _secret(entry[name], f"{where}: {name}", path) for name in _SECRETS if name in entry}
    if "bot_token" not in found:
        raise NotConfiguredError(f"{where}: bot_token is missing.")
    if len(found) == 1:
        raise NotConfiguredError(f"{where}: app_token (Socket Mode) or signing_secret (HTTP) is missing.")
    persona = desk.by_code(serves)
    return SlackAppConfig(
        persona.code if persona else DESK,
        app_id,
        found["bot_token"],
        found.get("app_token"),
        found.get("signing_secret"),
    )


def _secret(reference: object, where: str, path: Path) -> SecretStr:
    """What a reference leads to; the error never shows what stands there, which may be the secret itself."""
    if not isinstance(reference, dict) or len(reference) != 1 or not set(reference) <= {"env", "file"}:
        raise NotConfiguredError(f'{where} must be {{ env = "NAME" }} or {{ file = "path" }}, not a secret.')
    (kind, name), *_ = reference.items()
    if not isinstance(name, str) or not name:
        raise NotConfiguredError(f"{where}: {kind} must be a name.")
    if kind == "env":
        value = os.environ.get(name, "").strip()
        if not value:
            raise NotConfiguredError(f"{where}: the environment has no {name}.")
        return SecretStr(value)
    secret = path.parent / Path(name).expanduser()
    try:
        value = secret.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise NotConfiguredError(f"{where}: {secret} cannot be read ({reason}).") from None
    if not value:
        raise NotConfiguredError(f"{where}: {secret} is empty.")
    return SecretStr(value)

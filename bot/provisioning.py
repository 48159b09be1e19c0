"""Making our Slack apps: their manifests as files, and the apps themselves through Slack's manifest API.

What Slack returns for a new app opens everything it may do, so only its owner can read the files of it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from bot.app_list import DESK, secret_references
from bot.errors import CountryAgentsError
from bot.manifests import EXAMPLE_ADDRESS, desk_manifest, persona_manifest
from bot.model_stack import NotConfiguredError
from bot.slack.api import SlackApi
from bot.slack.errors import SlackError, SlackOutcomeUnknownError
from bot.store.governor import Slot
from personas.desk import Desk

__all__ = [
    "LIST",
    "Provisioned",
    "ProvisioningError",
    "Unpaced",
    "manifest_of",
    "provision",
    "write_manifests",
]

log = structlog.get_logger()

LIST: Final = "apps.toml"
"""The list of the apps, as ``COUNTRY_AGENTS_APPS_FILE`` wants it."""

_OWNER_ONLY: Final = 0o600
_FOLDER: Final = 0o700

_ADVICE: Final = {
    "invalid_auth": "Make a new configuration token (api.slack.com/apps, Your App Configuration Tokens).",
    "not_authed": "Make a configuration token (api.slack.com/apps, Your App Configuration Tokens).",
    "token_expired": "Configuration tokens live 12 hours: make a new one (api.slack.com/apps).",
    "not_allowed_token_type": "That is another kind of token: a configuration token begins with xoxe.xoxp-.",
    "missing_scope": "That is another kind of token: a configuration token begins with xoxe.xoxp-.",
}
"""Slack's error code -> what the operator does."""


class ProvisioningError(CountryAgentsError):
    """An app could not be made; the message says which, why, and what to do."""


class Unpaced:
    """A governor for an operator's few calls, which no other process makes (``bot.slack.api.Governor``): of
    new apps Slack allows about one a minute, and says when the next may come.
    """

    async def reserve(
        self,
        method: str,
        *,
        channel: str | None = None,  # noqa: ARG002
        asked_at: float | None = None,  # noqa: ARG002
    ) -> Slot:
        """At once: the client itself waits as long as Slack asked."""
        return Slot(method, 0.0)

    async def free_now(self, method: str) -> bool:  # noqa: ARG002
        """Always."""
        return True

    async def announce(self, method: str, channel: str, asked_at: float) -> float:  # noqa: ARG002
        """Nobody is in the way."""
        return 0.0

    async def release(self, slot: Slot) -> None:
        """Nothing was booked."""

    async def confirm(self, slot: Slot) -> Slot:
        """As ``reserve``."""
        return slot

    async def penalise(self, method: str, retry_after_seconds: float) -> None:
        """Tell why it takes so long."""
        log.info("provision.waits", method=method, seconds=retry_after_seconds)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """An app that was made, or was there."""

    serves: str
    app_id: str
    is_new: bool
    missing: tuple[Path, ...]
    """Files of tokens that only its installation gives."""


def manifest_of(serves: str, desk: Desk, address: str | None) -> dict[str, Any]:
    """The manifest of the desk's app or of a persona's. Raises ``NotConfiguredError`` for nobody's."""
    if serves == DESK:
        return desk_manifest(address)
    persona = desk.by_code(serves)
    if persona is None:
        codes = ", ".join(member.code for member in desk.personas)
        raise NotConfiguredError(f'There is no {serves}. Name "{DESK}" or one of {codes}.')
    return persona_manifest(persona, address)


def write_manifests(
    names: Sequence[str], desk: Desk, folder: Path, *, address: str = EXAMPLE_ADDRESS
) -> Iterator[Path]:
    """Write the manifests of these apps, for either transport; yields each file once it is written."""
    for serves in names:
        for transport, where in (("socket", None), ("http", address)):
            manifest = manifest_of(serves, desk, where)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"slack-manifest.{_file_name(serves)}{transport}.json"
            path.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
            yield path


async def provision(
    names: Sequence[str], desk: Desk, api: SlackApi, folder: Path, *, address: str | None
) -> AsyncIterator[Provisioned]:
    """Make those of the apps that the folder's list does not hold yet; yields each once it is stored.

    ``api`` speaks with a configuration token. Raises ``ProvisioningError``; what was made before is stored.
    """
    manifests = [(serves, manifest_of(serves, desk, address)) for serves in dict.fromkeys(names)]
    _make(folder)
    for serves, manifest in manifests:
        known = _listed(folder).get(serves)
        if known is None:
            # Slack makes an app of the same manifest as often as it is asked to.
            await _call(api, serves, "apps.manifest.validate", manifest)
            made = await _call(api, serves, "apps.manifest.create", manifest)
            app_id = _store(serves, made, folder, address)
            log.info("app.provisioned", serves=serves, app_id=app_id)
        missing = [folder / f"{serves}.bot-token"]
        if address is None:
            missing.append(folder / f"{serves}.app-token")
        yield Provisioned(
            serves,
            known or app_id,
            is_new=known is None,
            missing=tuple(path for path in missing if not path.exists()),
        )


async def _call(api: SlackApi, serves: str, method: str, manifest: dict[str, Any]) -> dict[str, Any]:
    try:
        # A repeated creation would make a second app; validation may be repeated.
        response = await api.call(
            method, {"manifest": orjson.dumps(manifest).decode()}, repeatable=method.endswith("validate")
        )
    except SlackOutcomeUnknownError as error:
        raise ProvisioningError(
            f"{serves}: Slack did not answer ({error.code}). The app may have been made all the same: look "
            "at https://api.slack.com/apps, delete it there, and run this again."
        ) from None
    except SlackError as error:
        advice = _ADVICE.get(error.code, "Nothing was stored for it; those made before are.")
        raise ProvisioningError(f"{serves}: Slack refuses {method} ({error.code}). {advice}") from None
    return response.data


def _store(serves: str, made: dict[str, Any], folder: Path, address: str | None) -> str:
    """Keep everything Slack returned, then the list that refers to it; the app's id."""
    app_id = str(made["app_id"])
    _write(folder / f"{serves}.json", orjson.dumps(made, option=orjson.OPT_INDENT_2).decode())
    credentials = made.get("credentials") or {}
    _write(folder / f"{serves}.signing-secret", str(credentials.get("signing_secret", "")))
    if made.get("app_token"):
        _write(folder / f"{serves}.app-token", str(made["app_token"]))
    secrets = ["bot-token", "signing-secret"] if address else ["bot-token", "app-token", "signing-secret"]
    lines = ["[[apps]]", f'serves = "{serves}"', f'id = "{app_id}"']
    lines += [f'{name.replace("-", "_")} = {{ file = "{serves}.{name}" }}' for name in secrets]
    path = folder / LIST
    before = path.read_text(encoding="utf-8").rstrip() + "\n\n" if path.exists() else ""
    _write(path, before + "\n".join(lines))
    return app_id


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
    folder.chmod(_FOLDER)


def _listed(folder: Path) -> dict[str, str]:
    """The ids of the apps in the folder's list, by what they serve."""
    path = folder / LIST
    if not path.exists():
        return {}
    return {str(entry.get("serves")): str(entry.get("id")) for entry in secret_references(path)}


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole; from its first byte on only its owner can read it."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text.rstrip() + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _file_name(serves: str) -> str:
    """The desk's manifests keep the names they have in ``deploy/``."""
    return "" if serves == DESK else f"{serves.lower()}."

"""One Web API call on its way through a method: who calls, with which arguments, in which workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bot.sandbox.config import AppConfig
from bot.sandbox.errors import ApiError
from bot.sandbox.methods import Method
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["Call", "Handler", "read_arguments"]

_TRUE = ("1", "true")
_FALSE = ("0", "false")
_STRUCTURE_ERRORS = {
    "blocks": "invalid_blocks_format",
    "attachments": "invalid_attachments",
    "metadata": "invalid_metadata_format",
    "chunks": "invalid_chunks",
}


@dataclass(frozen=True, slots=True)
class Call:
    """An authorised call. ``args`` hold checked values by name; absent arguments are not in it."""

    workspace: Workspace
    method: Method
    app: AppConfig
    args: Mapping[str, Any]
    base_url: str

    def text(self, name: str) -> str | None:
        """A string argument."""
        value: str | None = self.args.get(name)
        return value

    def flag(self, name: str) -> bool:
        """A boolean argument, false when absent."""
        return bool(self.args.get(name))

    def need_scope(self, *needed: str) -> None:
        """Raise missing_scope unless the app was granted one of ``needed``."""
        if not any(scope in self.app.scopes for scope in needed):
            raise ApiError("missing_scope", needed=needed[0], provided=",".join(self.app.scopes))

    def visible_channel(self, name: str = "channel", *, scope: str | None = None) -> Channel:
        """The channel of an argument, if the bot may know of it.

        ``scope`` is the suffix (``read``, ``history``) of the scope needed for this type of channel.
        Raises channel_not_found, also for private channels without the bot, and missing_scope.
        """
        channel = self.workspace.channels.get(self.args[name])
        if channel is None or (channel.is_private and self.app.bot_user_id not in channel.members):
            raise ApiError("channel_not_found")
        if scope is not None:
            self.need_scope(f"{channel.kind}:{scope}")
        return channel

    def writable_channel(self, name: str = "channel") -> Channel:
        """A channel the bot may write to. Raises not_in_channel and is_archived besides."""
        channel = self.visible_channel(name)
        if channel.is_archived:
            raise ApiError("is_archived")
        if self.app.bot_user_id not in channel.members:
            raise ApiError("not_in_channel")
        return channel

    def sender(self) -> tuple[str | None, str | None]:
        """The name and icon a message is to be shown with; both need chat:write.customize."""
        icon = self.text("icon_emoji") or self.text("icon_url")
        username = self.text("username")
        if icon or username:
            self.need_scope("chat:write.customize")
        return username, icon


Handler = Callable[[Call], dict[str, Any]]


def read_arguments(method: Method, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call, checked against the method's table; unknown ones are left out.

    Raises ApiError: invalid_arguments for a missing or wrongly typed one, and the own errors of structures.
    """
    args: dict[str, Any] = {}
    problems: list[str] = []
    for name, kind in method.kinds.items():
        value = raw.get(name)
        if value is None:
            continue
        read = _READERS[kind](value, name)
        if read is None:
            problems.append(f"{_WANTED[kind]} [json-pointer:/{name}]")
        else:
            args[name] = read
    problems.extend(f"missing required field: {name}" for name in method.required if raw.get(name) is None)
    if problems:
        raise ApiError("invalid_arguments", *problems)
    return args


def _string(value: object, _name: str) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: object, _name: str) -> bool | None:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _integer(value: object, _name: str) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else None


def _structure(value: object, name: str) -> Any:  # noqa: ANN401 - decoded JSON
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ApiError(
                _STRUCTURE_ERRORS.get(name, "invalid_arguments"), f"invalid JSON in {name}"
            ) from error
    if isinstance(value, list | dict):
        return value
    raise ApiError(_STRUCTURE_ERRORS.get(name, "invalid_arguments"), f"{name} is not a structure")


_READERS: Mapping[str, Callable[[object, str], Any]] = {
    "s": _string,
    "b": _flag,
    "i": _integer,
    "j": _structure,
}
_WANTED = {"s": "must provide a string", "b": "must be a boolean", "i": "must be an integer", "j": ""}

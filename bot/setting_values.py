"""The types of the settings' values: what each kind of setting takes, and in which form it is kept.

A wrong value raises ``ValueError`` in words that go on after the variable's name: "must begin with …".
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, SecretStr

__all__ = [
    "ApiAddress",
    "Count",
    "Effort",
    "FernetKeys",
    "Level",
    "Limit",
    "RedisAddress",
    "Seconds",
    "WebAddress",
    "default_data_dir",
]

FERNET_KEY_BYTES = 32
"""Of a Fernet key: half signs, half encrypts (Fernet specification)."""

REDIS_SCHEMES = (
    "redis",
    "rediss",
    "unix",
    "redis+cluster",
    "rediss+cluster",
    "redis+sentinel",
    "rediss+sentinel",
)
"""TCP, TCP with TLS, a socket file; docket's words for a cluster and for a master behind sentinels."""


def default_data_dir() -> Path:
    """The XDG base directory specification's place for a user's data."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "country-agents"


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a web address that begins with https:// or http://")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password; keys have settings of their own")
    return value.rstrip("/")


def _with_slash(value: str) -> str:
    # slack_sdk joins method names to this by plain concatenation.
    return _web_address(value) + "/"


def _redis_address(value: SecretStr) -> SecretStr:
    scheme, colon, rest = value.get_secret_value().partition(":")
    # Valkey's own schemes, which the client libraries do not know.
    kind, plus, way = scheme.lower().partition("+")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(kind, kind) + plus + way
    if scheme not in REDIS_SCHEMES:
        raise ValueError(
            "must begin with redis://, rediss:// (TLS), unix:// (a socket file), redis+cluster:// or "
            "redis+sentinel://"
        )
    return SecretStr(scheme + colon + rest)


def _fernet_keys(value: SecretStr) -> SecretStr:
    for key in value.get_secret_value().split(","):
        try:
            sized = len(base64.b64decode(key.strip(), altchars=b"-_", validate=True)) == FERNET_KEY_BYTES
        except ValueError:
            sized = False
        if not sized:
            raise ValueError("must hold keys of 32 bytes as URL-safe base64, separated by commas")
    return value


def _effort(value: str) -> str:
    # An empty variable counts as unset (compose passes empties), so "do not send" needs a word.
    return "" if value == "off" else value


WebAddress = Annotated[str, AfterValidator(_web_address)]
ApiAddress = Annotated[str, AfterValidator(_with_slash)]
RedisAddress = Annotated[SecretStr, AfterValidator(_redis_address)]
FernetKeys = Annotated[SecretStr, AfterValidator(_fernet_keys)]
Effort = Annotated[
    Literal["", "off", "none", "minimal", "low", "medium", "high", "xhigh", "max"], AfterValidator(_effort)
]
Seconds = Annotated[float, Gt(0), Le(600)]
Count = Annotated[int, Ge(1)]
Limit = Annotated[int, Ge(0)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

"""Reading Slack's dictionaries: a field of the wrong type is a field that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["Payload", "mapping", "mappings", "string", "timestamp"]

Payload = Mapping[str, object]

_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")


def mapping(source: Payload, key: str) -> Payload:
    """The mapping in a field, or an empty one."""
    value = source.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> Iterator[Payload]:
    """The mappings in a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, Mapping))


def string(source: Payload, key: str) -> str:
    """The string in a field, or an empty one."""
    value = source.get(key)
    return value if isinstance(value, str) else ""


def timestamp(source: Payload, key: str) -> str:
    """A Slack timestamp, or nothing: what has another form cannot name a message."""
    value = string(source, key)
    return value if _TS.fullmatch(value) else ""

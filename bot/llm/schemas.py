"""Building blocks of strict JSON schemas, as every server's strict mode takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["DATE", "PERCENT", "TEXT", "Schema", "array", "choice", "record"]

Schema = Mapping[str, Any]

TEXT: Final[Schema] = {"type": "string"}
PERCENT: Final[Schema] = {"type": "integer", "description": "percent, 1 to 99"}
DATE: Final[Schema] = {"type": "string", "description": "YYYY-MM-DD"}


def record(**properties: Schema) -> Schema:
    """An object with these properties and no others, all of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def array(items: Schema, size: tuple[int, int] | None = None) -> Schema:
    """A list; its size is a description, because strict mode of many servers knows no minItems."""
    told = {"description": f"{size[0]} to {size[1]}"} if size else {}
    return {"type": "array", "items": items, **told}


def choice(values: Iterable[str]) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}

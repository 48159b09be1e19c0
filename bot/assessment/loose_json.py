"""JSON as models write it: wrapped in prose, cut off, with comments, with values of the wrong type.

Readers here take anything and never raise; what cannot be read is empty.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from pydantic_core import from_json

__all__ = ["iso_date", "one_of", "parse_object", "percent", "records", "strings"]

EVEN = 50
"""Percent: what stands for a probability that cannot be read."""
STARTS = 8
"""Opening braces tried as the beginning of the object: prose before it rarely has one."""

_STRING = r'("(?:\\.|[^"\\])*")'
_COMMENT = re.compile(_STRING + r"|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING_COMMA = re.compile(_STRING + r"|,(?=\s*[}\]])")
"""Strings are matched first, to step over them."""


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a model's answer, however it is wrapped; an object that was cut off is read
    as far as it goes. ``None`` where there is none.
    """
    for start in [match.start() for match in re.finditer(r"\{", text)][:STARTS]:
        body = text[start:]
        mended = _TRAILING_COMMA.sub(_string_only, _COMMENT.sub(_string_only, body))
        for candidate in dict.fromkeys((body, body[: body.rfind("}") + 1], mended)):
            found = _object_in(candidate)
            if found:
                return found
    return None


def _string_only(match: re.Match[str]) -> str:
    return match[1] or ""


def _object_in(text: str) -> dict[str, Any] | None:
    """The object at the start of the text, if it can be read at all."""
    try:
        value = from_json(text.encode(errors="ignore"), allow_partial=True)
    except ValueError:
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def records(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; a lone object counts as a list of one."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def strings(value: object) -> list[str]:
    """The strings of a list; of objects in it, their first string."""
    items = value if isinstance(value, list) else [value]
    firsts = (
        next((part for part in item.values() if isinstance(part, str)), None)
        if isinstance(item, dict)
        else item
        for item in items
    )
    return [item for item in firsts if isinstance(item, str)]


def one_of(value: object, choices: Iterable[str], default: str) -> str:
    """The value, if it is one of the choices."""
    return value if isinstance(value, str) and value in choices else default


def iso_date(value: object) -> str:
    """An ISO date found in the value, or an empty string."""
    match = re.search(r"\d{4}-\d{2}-\d{2}", value) if isinstance(value, str) else None
    try:
        return date.fromisoformat(match[0]).isoformat() if match else ""
    except ValueError:
        return ""


def percent(value: object) -> int:
    """Percent from 1 to 99, out of 60, 0.6, "60" or "60 %"; 50 where there is no number."""
    if isinstance(value, str):
        match = re.search(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", value)
        value = float(match[0]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return EVEN
    if isinstance(value, float) and math.isnan(value):
        return EVEN
    bounded = min(max(value, 0), 100)
    return min(max(round(bounded * 100 if 0 < bounded < 1 else bounded), 1), 99)

"""Settings in an operator's words: the variable's name, the README's table, what a wrong value should be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import ValidationError
from pydantic.fields import FieldInfo

__all__ = ["PREFIX", "in_operators_words", "table", "variable"]

PREFIX = "COUNTRY_AGENTS_"


def variable(field: str) -> str:
    """The environment variable of a field: ``redis_url`` -> ``COUNTRY_AGENTS_REDIS_URL``."""
    return PREFIX + field.upper()


def table(fields: Mapping[str, FieldInfo]) -> str:
    """The README's Markdown table of these settings, one row each, in their order."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in fields.items():
        rows.append(f"| `{variable(name)}` | {_printed_default(name, field)} | {field.description} |")
    return "\n".join(rows)


def _printed_default(name: str, field: FieldInfo) -> str:
    if name == "data_dir":
        return "`~/.local/share/country-agents`"
    return "" if field.default is None else f"`{field.default}`"


def in_operators_words(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """One line for each wrong setting: its variable, what it takes, what to do; never a value."""
    lines: list[str] = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        field = fields.get(name)
        if field is None:
            lines.append(f"{name or 'settings'}: there is no such setting.")
            continue
        own_words = str(problem["msg"]).removeprefix("Value error, ")
        wanted = own_words if problem["type"] == "value_error" else _wanted(field)
        line = f"{variable(name)} {wanted}. Correct it, or remove it for the default."
        if line not in lines:
            lines.append(line)
    return "\n".join(lines)


def _wanted(field: FieldInfo) -> str:
    """What a field takes, from its type and bounds: "must be a whole number from 1 to 65535"."""
    kinds, marks = _kinds_and_marks(field.annotation)
    marks += field.metadata
    for kind in kinds:
        if get_origin(kind) is Literal:
            return "must be one of: " + ", ".join(str(choice) for choice in get_args(kind) if choice)
    if bool in kinds:
        return "must be true or false"
    if date in kinds:
        return "must be a date like 2026-06-30"
    names = ((int, "a whole number"), (float, "a number"), (Decimal, "a number"))
    numbers = [name for kind, name in names if kind in kinds]
    if not numbers:
        return "must not be empty" if str in kinds else "must be a path"
    words = f"must be {numbers[0]}"
    for mark in marks:
        if isinstance(mark, Ge):
            words += f" from {mark.ge}"
        elif isinstance(mark, Gt):
            words += f" above {mark.gt}"
        elif isinstance(mark, Le):
            words += f" to {mark.le}"
    return words


def _kinds_and_marks(annotation: object) -> tuple[list[object], list[object]]:
    """The plain types inside unions and ``Annotated``, and the marks hung on them."""
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        kinds, inner = _kinds_and_marks(kind)
        return kinds, inner + marks
    if get_origin(annotation) is None or get_origin(annotation) is Literal:
        return [annotation], []
    kinds, marks = [], []
    for choice in get_args(annotation):
        more_kinds, more_marks = _kinds_and_marks(choice)
        kinds += more_kinds
        marks += more_marks
    return kinds, marks

"""Small checkers for JSON shapes; Block Kit is written down with them.

A checker takes a value, the JSON pointer it stands at and the list problems are added to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = [
    "Check",
    "Problems",
    "Shape",
    "anything",
    "array",
    "flag",
    "one_of",
    "problem",
    "string",
    "text",
    "typed",
    "whole",
]

Problems = list[str]
Check = Callable[[object, str, Problems], None]


def problem(problems: Problems, what: str, where: str) -> None:
    """Add a problem in Slack's wording."""
    problems.append(f"{what} [json-pointer:{where}]")


def anything(_value: object, _where: str, _problems: Problems) -> None:
    """Nothing is wrong with any value."""


def flag(value: object, where: str, problems: Problems) -> None:
    """A boolean."""
    if not isinstance(value, bool):
        problem(problems, "must be a boolean", where)


def whole(low: int, high: int) -> Check:
    """An integer from ``low`` to ``high``."""

    def check(value: object, where: str, problems: Problems) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            problem(problems, f"must be an integer from {low} to {high}", where)

    return check


def string(most: int | None = None, least: int = 1) -> Check:
    """A string of ``least`` to ``most`` characters."""

    def check(value: object, where: str, problems: Problems) -> None:
        if not isinstance(value, str):
            problem(problems, "must provide a string", where)
        elif len(value) < least:
            problem(problems, f"must be more than {least - 1} characters", where)
        elif most is not None and len(value) > most:
            problem(problems, f"must be less than {most + 1} characters", where)

    return check


def one_of(*values: str) -> Check:
    """One of some words."""

    def check(value: object, where: str, problems: Problems) -> None:
        if value not in values:
            problem(problems, f"value must be one of {', '.join(values)}", where)

    return check


def text(most: int, *kinds: str) -> Check:
    """A text object of plain_text (the default) or the given kinds, of 1 to ``most`` characters."""
    allowed = kinds or ("plain_text",)

    def check(value: object, where: str, problems: Problems) -> None:
        if not isinstance(value, dict):
            problem(problems, "must provide an object", where)
            return
        kind = value.get("type")
        if kind not in allowed:
            problem(problems, f"unsupported type: {kind}", f"{where}/type")
            return
        string(most)(value.get("text"), f"{where}/text", problems)
        known = {"type", "text", "emoji"} if kind == "plain_text" else {"type", "text", "verbatim"}
        problems.extend(
            f"invalid additional property: {key} [json-pointer:{where}]" for key in value if key not in known
        )

    return check


def array(of: Check, most: int | None = None, least: int = 1) -> Check:
    """A list of ``least`` to ``most`` items, each as ``of`` says."""

    def check(value: object, where: str, problems: Problems) -> None:
        if not isinstance(value, list):
            problem(problems, "must provide an array", where)
            return
        if len(value) < least:
            problem(problems, f"no fewer than {least} items allowed", where)
        if most is not None and len(value) > most:
            problem(problems, f"no more than {most} items allowed", where)
        for index, item in enumerate(value):
            of(item, f"{where}/{index}", problems)

    return check


class Shape:
    """An object with fixed fields; ``exactly_one`` and ``any_of`` are groups of alternatives."""

    def __init__(
        self,
        required: Mapping[str, Check],
        optional: Mapping[str, Check] | None = None,
        *,
        any_of: tuple[str, ...] = (),
        exactly_one: tuple[str, ...] = (),
    ) -> None:
        self._required = tuple(required)
        self._fields = {**required, **(optional or {})}
        self._any_of = any_of
        self._exactly_one = exactly_one

    def __call__(self, value: object, where: str, problems: Problems) -> None:
        """Check one object; ``type`` is left to the caller that chose this shape."""
        if not isinstance(value, dict):
            problem(problems, "must provide an object", where)
            return
        for name in self._required:
            if value.get(name) is None:
                problem(problems, f"missing required field: {name}", where)
        if self._any_of and not any(value.get(name) is not None for name in self._any_of):
            problem(problems, f"one of {', '.join(self._any_of)} is required", where)
        if self._exactly_one and sum(value.get(name) is not None for name in self._exactly_one) != 1:
            problem(problems, f"exactly one of {', '.join(self._exactly_one)} is required", where)
        for name, item in value.items():
            check = self._fields.get(name)
            if check is not None:
                if item is not None:
                    check(item, f"{where}/{name}", problems)
            elif name != "type":
                problem(problems, f"invalid additional property: {name}", where)


def typed(shapes: Mapping[str, Check]) -> Check:
    """An object whose ``type`` chooses among shapes."""

    def check(value: object, where: str, problems: Problems) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        shape = shapes.get(kind) if isinstance(kind, str) else None
        if shape is None:
            problem(problems, f"unsupported type: {kind}", f"{where}/type")
        else:
            shape(value, where, problems)

    return check

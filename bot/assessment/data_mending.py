"""Repairs of plan, outlook and watch list: only the fields that break a rule are asked for anew.

They are made before anything that depends on the call is shown. What comes back takes the fields' places
where fewer rules are broken with it; else what was there stays, and the footer tells what is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from bot.assessment.checks.finding import Finding
from bot.assessment.checks.table import Results
from bot.assessment.drafting import REPAIRS, Accounts
from bot.assessment.prompts import data_block
from bot.llm.port import JsonSchema
from bot.llm.schemas import record

__all__ = ["cut_schema", "failing_fields", "mend_fields"]

_OF_ITEMS = {
    "plan": (
        (r"J\d+", ("judgments",)),
        (r"H\d+", ("hypotheses",)),
        (r"bottom line", ("bottom_line",)),
        (r"linchpin", ("linchpin",)),
    ),
    "outlook": (
        (r"H\d+|lead", ("hypotheses", "lead_reason")),
        (r"A\d+", ("assumptions",)),
        (r"C\d+", ("commitments",)),
        (r"P\d+", ("forecasts",)),
        (r"confidence", ("confidence",)),
    ),
    "watch": (
        (r"W\d+", ("items",)),
        (r"linchpin|the linchpin", ("items", "linchpin_item")),
        (r"implication \d+", ("implications",)),
        (r"gap \d+", ("gaps",)),
        (r"closing question", ("question_does", "question_or")),
    ),
}
"""By call: which of its fields an item of a finding stands in."""
_OF_CHECKS: dict[str, dict[str, tuple[str, ...]]] = {
    "plan": {
        **dict.fromkeys(("UN1", "UN8", "UN9", "LO4", "LO11", "LO13", "SO7", "SO11", "SO14"), ("judgments",)),
        "LO2": ("hypotheses",),
        "LO7": ("bottom_line",),
    },
    "outlook": {
        "UN4": ("assumptions",),
        "LO2": ("hypotheses", "status_quo"),
        "LO3": ("hypotheses", "lead_reason"),
        "LO5": ("assumptions",),
        "LO9": ("commitments",),
        **dict.fromkeys(("UN8", "FQ1", "FQ2"), ("forecasts",)),
    },
    "watch": {
        # Another list of items may need another number for the one that shows the linchpin wrong.
        **dict.fromkeys(("WA1", "WA2", "WA4", "LO5"), ("items", "linchpin_item")),
        "RE1": ("implications",),
    },
}
"""By call: the fields that a check is about, where its finding names no item of the call."""

_Value = TypeVar("_Value")


def failing_fields(name: str, results: Results) -> dict[str, list[Finding]]:
    """What a repair of this call can mend, by the field it stands in."""
    failing: dict[str, list[Finding]] = {}
    for finding in results.to_repair:
        for field in _fields(name, finding):
            failing.setdefault(field, []).append(finding)
    return failing


def _fields(name: str, finding: Finding) -> tuple[str, ...]:
    for pattern, fields in _OF_ITEMS[name]:
        if re.fullmatch(pattern, finding.fault.item):
            return fields
    return _OF_CHECKS[name].get(finding.id, ())


def cut_schema(schema: JsonSchema, fields: Mapping[str, object]) -> JsonSchema:
    """The schema with these top-level fields only, in its own order."""
    properties = schema.schema["properties"]
    return JsonSchema(schema.name, record(**{key: properties[key] for key in properties if key in fields}))


async def mend_fields(
    name: str,
    data: dict[str, Any],
    read: Callable[[Mapping[str, Any]], _Value],
    check: Callable[[_Value], Awaitable[Results]],
    ask: Callable[[Mapping[str, object], str], Awaitable[Mapping[str, Any] | None]],
    accounts: Accounts,
) -> tuple[_Value, dict[str, Any]]:
    """The value of a call and its data, after two repairs at most. ``ask`` takes the failing fields and what
    to say about them, and gives these fields anew, or ``None`` where no answer came.
    """
    value = read(data)
    failing = failing_fields(name, await check(value))
    for _ in range(REPAIRS):
        if not failing:
            break
        accounts.counts.update({f"repair_{finding.id}" for found in failing.values() for finding in found})
        answer = await ask(failing, _request(data, failing))
        given = {key: answer[key] for key in failing if answer.get(key)} if answer else {}
        if not given:
            accounts.counts["repair_unusable"] += 1
            break
        mended = data | given
        again = read(mended)
        still = failing_fields(name, await check(again))
        if _size(still) >= _size(failing):
            break  # no better than before: what was written first stays
        data, value, failing = mended, again, still
    return value, data


def _wish(finding: Finding) -> str:
    """What is asked for, and of what."""
    item, repair = finding.fault.item, finding.fault.repair
    return repair if not item or item in repair else f"{item}: {repair}"


def _size(failing: Mapping[str, list[Finding]]) -> int:
    return sum(map(len, failing.values()))


def _request(data: Mapping[str, Any], failing: Mapping[str, list[Finding]]) -> str:
    wishes = dict.fromkeys(_wish(finding) for found in failing.values() for finding in found)
    written = data_block(
        "as written", json.dumps({key: data.get(key) for key in failing}, ensure_ascii=False)
    )
    return (
        f"The JSON is written. Of it, {', '.join(failing)} must be written anew; this is what stands there:\n"
        f"{written}\nGive only {'this field' if len(failing) == 1 else 'these fields'}, whole, with what is "
        "right kept, and put right:\n" + "\n".join(f"- {wish}" for wish in wishes)
    )

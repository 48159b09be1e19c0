"""Block Kit as Slack checks it: known types, required fields, lengths and counts.

Source: docs.slack.dev/reference/block-kit as of 2026-09. ``alert`` is taken in messages too; sources differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.block_elements import (
    ACTIONS_ELEMENTS,
    CONTEXT_ACTION_ELEMENTS,
    CONTEXT_ELEMENTS,
    INPUT_ELEMENTS,
    SECTION_ACCESSORIES,
    SOURCE,
)
from bot.sandbox.limits import MARKDOWN_CHARACTERS, VIEW_BLOCKS
from bot.sandbox.markup import block_texts
from bot.sandbox.shapes import (
    Check,
    Problems,
    Shape,
    anything,
    array,
    flag,
    one_of,
    problem,
    string,
    text,
    typed,
    whole,
)

__all__ = ["TASK_STATUSES", "action_elements", "block_characters", "check_blocks", "check_view"]

TASK_STATUSES = ("pending", "in_progress", "complete", "error")
"""The states of a task card and of a task_update chunk."""

_TABLE_CHARACTERS = 10_000
_DATA_TABLE_CHARACTERS = 20_000
_ANY_TEXT = ("plain_text", "mrkdwn")


def _rich(value: object, where: str, problems: Problems) -> None:
    _RICH_TEXT(value, where, problems)


_RICH_ELEMENT = typed(
    {
        "rich_text_section": Shape({"elements": array(anything, None, 0)}),
        "rich_text_list": Shape(
            {"elements": array(anything, None, 0), "style": one_of("bullet", "ordered")},
            {"indent": whole(0, 8), "offset": whole(0, 10_000), "border": whole(0, 1)},
        ),
        "rich_text_preformatted": Shape(
            {"elements": array(anything, None, 0)}, {"border": whole(0, 1), "language": string()}
        ),
        "rich_text_quote": Shape({"elements": array(anything, None, 0)}, {"border": whole(0, 1)}),
    }
)
_ID: dict[str, Check] = {"block_id": string(255)}
_RICH_TEXT = Shape({"elements": array(_RICH_ELEMENT)}, _ID)
_CELL = typed(
    {
        "raw_text": Shape({"text": string()}),
        "raw_number": Shape({"value": anything}, {"text": string()}),
        "rich_text": _RICH_TEXT,
    }
)
_TASK = Shape(
    {"task_id": string(), "title": string()},
    {
        "details": _rich,
        "output": _rich,
        "sources": array(SOURCE, None, 0),
        "status": one_of(*TASK_STATUSES),
        **_ID,
    },
)
_IMAGE = Shape(
    {"alt_text": string(2000)},
    {"image_url": string(3000), "slack_file": anything, "title": text(2000), **_ID},
    exactly_one=("image_url", "slack_file"),
)
_CARD = Shape(
    {},
    {
        "hero_image": anything,
        "icon": anything,
        "title": text(150, *_ANY_TEXT),
        "subtitle": text(150, *_ANY_TEXT),
        "body": text(200, *_ANY_TEXT),
        "actions": array(ACTIONS_ELEMENTS, 5, 0),
        **_ID,
    },
    any_of=("hero_image", "title", "body", "actions"),
)


def _characters(value: object) -> int:
    return sum(len(item) for item in block_texts(value)) if isinstance(value, list | dict) else 0


def _table(value: object, where: str, problems: Problems) -> None:
    Shape(
        {"rows": array(array(_CELL, 20), 100)},
        {
            "column_settings": array(
                Shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": flag}), 20, 0
            ),
            **_ID,
        },
    )(value, where, problems)
    if _characters(value) > _TABLE_CHARACTERS:
        problem(problems, f"must be less than {_TABLE_CHARACTERS + 1} characters", where)


def _data_table(value: object, where: str, problems: Problems) -> None:
    Shape(
        {"rows": array(array(_CELL, 20), 201, 2), "caption": string()},
        {"page_size": whole(1, 100), "column_settings": anything, **_ID},
    )(value, where, problems)
    if _characters(value) > _DATA_TABLE_CHARACTERS:
        problem(problems, f"must be less than {_DATA_TABLE_CHARACTERS + 1} characters", where)


_COMMON: dict[str, Check] = {
    "section": Shape(
        {},
        {
            "text": text(3000, *_ANY_TEXT),
            "fields": array(text(2000, *_ANY_TEXT), 10),
            "accessory": SECTION_ACCESSORIES,
            "expand": flag,
            **_ID,
        },
        any_of=("text", "fields"),
    ),
    "header": Shape({"text": text(150)}, _ID),
    "divider": Shape({}, _ID),
    "image": _IMAGE,
    "actions": Shape({"elements": array(ACTIONS_ELEMENTS, 25)}, _ID),
    "context": Shape({"elements": array(CONTEXT_ELEMENTS, 10)}, _ID),
    "rich_text": _RICH_TEXT,
    "video": Shape(
        {
            "alt_text": string(),
            "video_url": string(3000),
            "thumbnail_url": string(3000),
            "title": text(199),
        },
        {
            "author_name": string(49),
            "description": text(200),
            "provider_icon_url": string(3000),
            "provider_name": string(),
            "title_url": string(3000),
            **_ID,
        },
    ),
    "table": _table,
    "alert": Shape(
        {"text": text(3000, *_ANY_TEXT)},
        {"level": one_of("default", "info", "warning", "error", "success"), **_ID},
    ),
}
_INPUT = Shape(
    {"label": text(2000), "element": INPUT_ELEMENTS},
    {"hint": text(2000), "optional": flag, "dispatch_action": flag, **_ID},
)
_MESSAGE: dict[str, Check] = {
    **_COMMON,
    "input": _INPUT,
    "markdown": Shape({"text": string(MARKDOWN_CHARACTERS)}, _ID),
    "context_actions": Shape({"elements": array(CONTEXT_ACTION_ELEMENTS, 5)}, _ID),
    "file": Shape({"external_id": string(), "source": one_of("remote")}, _ID),
    "call": Shape({"call_id": string()}, {"call": anything, "api_decoration_available": flag, **_ID}),
    "task_card": _TASK,
    "plan": Shape({"title": string()}, {"tasks": array(typed({"task_card": _TASK}), 50, 0), **_ID}),
    "card": _CARD,
    "carousel": Shape({"elements": array(typed({"card": _CARD}), 10)}, _ID),
    "data_table": _data_table,
    "auth_provider": anything,
}
_MESSAGE["container"] = Shape(
    {"child_blocks": array(typed(dict(_MESSAGE)), 10)},
    {
        "title": text(150),
        "rich_text_title": _rich,
        "subtitle": text(150),
        "width": one_of("narrow", "standard", "wide", "full"),
        "icon": anything,
        "is_collapsible": flag,
        "default_collapsed": flag,
        "has_header_divider": flag,
        **_ID,
    },
    any_of=("title", "rich_text_title"),
)
_SURFACES: dict[str, Check] = {
    "message": typed(_MESSAGE),
    "modal": typed({**_COMMON, "input": _INPUT}),
    "home": typed({**_COMMON, "input": _INPUT}),
}


def check_blocks(blocks: object, *, surface: str = "message", most: int = 50) -> Problems:
    """What is wrong with a list of blocks, in Slack's words; empty when nothing is.

    ``surface`` is ``message``, ``modal`` or ``home``; ``most`` the number of blocks allowed there.
    """
    problems: Problems = []
    array(_SURFACES[surface], most, 0)(blocks, "/blocks", problems)
    if isinstance(blocks, list):
        _check_unique(blocks, problems)
    return problems


def _check_unique(blocks: list[Any], problems: Problems) -> None:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        block_id = block.get("block_id")
        if isinstance(block_id, str) and block.get("type") != "markdown":
            if block_id in seen:
                problem(problems, f"`block_id` already exists: {block_id}", f"/blocks/{index}/block_id")
            seen.add(block_id)
        actions = [element.get("action_id") for element in action_elements([block])]
        named = [action for action in actions if action]
        if len(named) != len(set(named)):
            problem(problems, "`action_id` exists more than once in a block", f"/blocks/{index}/elements")


def block_characters(blocks: list[dict[str, Any]]) -> int:
    """The characters of all text in blocks, which Slack limits over a whole payload."""
    return sum(len(item) for item in block_texts(blocks))


def action_elements(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every element that can be clicked or chosen, with ``block_id`` of its block added as ``_block_id``."""
    for block in blocks:
        children = block.get("child_blocks")
        if isinstance(children, list):
            yield from action_elements([child for child in children if isinstance(child, dict)])
        elements = block.get("elements") if block.get("type") in ("actions", "context_actions") else None
        candidates = [*(elements if isinstance(elements, list) else ())]
        candidates.extend(block.get(key) for key in ("accessory", "element"))
        for element in candidates:
            if isinstance(element, dict):
                yield {**element, "_block_id": block.get("block_id")}


def check_view(view: object) -> Problems:
    """What is wrong with a modal or App Home view, in Slack's words."""
    problems: Problems = []
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return ["invalid `view`: must be an object of type modal or home [json-pointer:/view/type]"]
    kind = view["type"]
    common: dict[str, Check] = {
        "blocks": array(anything, VIEW_BLOCKS, 0),
        "callback_id": string(255, 0),
        "private_metadata": string(3000, 0),
        "external_id": string(255, 0),
    }
    modal: dict[str, Check] = {
        "title": text(24),
        "submit": text(24),
        "close": text(24),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": flag,
    }
    required: dict[str, Check] = {"blocks": common["blocks"]}
    if kind == "modal":
        required["title"] = modal["title"]
    Shape(required, {**common, **(modal if kind == "modal" else {})})(view, "/view", problems)
    blocks = view.get("blocks")
    problems.extend(check_blocks(blocks, surface=kind, most=VIEW_BLOCKS))
    has_input = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if kind == "modal" and has_input and view.get("submit") is None:
        problem(problems, "missing required field: submit", "/view")
    return problems

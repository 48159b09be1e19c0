"""The ids Slack makes up for blocks and elements to which an app gave none."""

from __future__ import annotations

import secrets
from typing import Any

__all__ = ["with_ids"]

_ELEMENT_KEYS = ("element", "accessory")
_PASSIVE = ("image", "mrkdwn", "plain_text")


def with_ids(block: dict[str, Any]) -> dict[str, Any]:
    """A block with a ``block_id``, and an ``action_id`` in each of its interactive elements; Markdown blocks
    have none.
    """
    if block["type"] == "markdown":
        return block
    named = {**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)}
    if block["type"] in ("actions", "context_actions"):
        named["elements"] = [_with_action(element) for element in block["elements"]]
    for key in _ELEMENT_KEYS:
        if isinstance(block.get(key), dict):
            named[key] = _with_action(block[key])
    return named


def _with_action(element: dict[str, Any]) -> dict[str, Any]:
    if element.get("type") in _PASSIVE:
        return element
    return {**element, "action_id": element.get("action_id") or secrets.token_urlsafe(4)}

"""Block Kit elements with safe text: whatever a person or a model wrote is neutralised and cut here."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from bot.slack.limits import (
    BUTTON_VALUE_CHARS,
    EPHEMERAL_TEXT_CHARS,
    FALLBACK_TEXT_CHARS,
    OPTION_CHARS,
    SECTION_CHARS,
)
from bot.slack.text_safety import safe_markdown, safe_mrkdwn, safe_plain

__all__ = [
    "Message",
    "actions",
    "button",
    "context",
    "copyable",
    "cut",
    "fallback",
    "lines_within",
    "markdown",
    "mrkdwn",
    "notice",
    "option",
    "plain",
    "quote",
    "section",
]


_PING = re.compile("<(?=[@#!])")


@dataclass(frozen=True, slots=True)
class Message:
    """Blocks, and the text that notifications and screen readers use instead. Ready to be sent."""

    text: str
    blocks: tuple[dict[str, Any], ...]


def cut(text: str, limit: int) -> str:
    """Text of at most ``limit`` characters, an ellipsis included."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def mrkdwn(text: str, limit: int = SECTION_CHARS) -> dict[str, Any]:
    """A mrkdwn object with neutralised text: cut before it is escaped, so that no entity is torn.
    Slack refuses an empty one.
    """
    safe = safe_markdown(text).text.strip() or "…"
    while len(escaped := safe_mrkdwn(safe).text) > limit:
        safe = cut(safe, len(safe) - max(len(escaped) - limit, 1))
    return {"type": "mrkdwn", "text": escaped}


def section(text: str) -> dict[str, Any]:
    """A section of neutralised text."""
    return {"type": "section", "text": mrkdwn(text)}


def context(text: str) -> dict[str, Any]:
    """A small grey line of neutralised text."""
    return {"type": "context", "elements": [mrkdwn(text)]}


def markdown(text: str, limit: int, *, allowed_urls: Set[str] = frozenset()) -> dict[str, Any]:
    """A Markdown block; links stay only where they are in ``allowed_urls``."""
    return {"type": "markdown", "text": cut(safe_markdown(text, allowed_urls=allowed_urls).text, limit)}


def quote(text: str, limit: int) -> dict[str, Any]:
    """Somebody's words as a quotation: rich text is shown as it is, never read as markup."""
    safe = cut(safe_markdown(text).text.strip(), limit) or "…"
    element = {"type": "rich_text_quote", "elements": [{"type": "text", "text": safe}]}
    return {"type": "rich_text", "elements": [element]}


def copyable(text: str, limit: int) -> dict[str, Any]:
    """A person's own words for copying, links and all: rich text makes nothing of them. Only what looks like
    a ping of Slack's is defused, for whoever reads the text in another way.
    """
    text = _PING.sub("‹", text)
    element = {
        "type": "rich_text_preformatted",
        "elements": [{"type": "text", "text": cut(text, limit) or "…"}],
    }
    return {"type": "rich_text", "elements": [element]}


def plain(text: str, limit: int) -> dict[str, Any]:
    """A plain text object."""
    return {"type": "plain_text", "text": cut(safe_plain(text).text, limit) or "…"}


def option(label: str, value: str, description: str = "") -> dict[str, Any]:
    """One choice of a menu, of check boxes or of radio buttons."""
    entry: dict[str, Any] = {"text": plain(label, OPTION_CHARS), "value": value}
    return entry | {"description": plain(description, OPTION_CHARS)} if description else entry


def button(label: str, action_id: str, value: str, style: str | None = None) -> dict[str, Any]:
    """A button; ``value`` comes back with the press."""
    element: dict[str, Any] = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action_id,
        "value": value[:BUTTON_VALUE_CHARS],
    }
    return element if style is None else element | {"style": style}


def actions(*buttons: dict[str, Any]) -> dict[str, Any]:
    """A row of buttons and menus."""
    return {"type": "actions", "elements": list(buttons)}


def fallback(text: str) -> str:
    """What notifications and screen readers say instead of the blocks."""
    return safe_mrkdwn(cut(safe_plain(text).text, FALLBACK_TEXT_CHARS)).text or "…"


def notice(text: str, *more: dict[str, Any], trusted: str = "") -> Message:
    """One section; ``trusted`` is markup of ours set below it."""
    first = section(text)
    if trusted:
        first["text"]["text"] += f"\n{trusted}"
    fallback = cut(first["text"]["text"], EPHEMERAL_TEXT_CHARS)
    return Message(fallback, (first, *more))


def lines_within(lines: Sequence[str], limit: int) -> str:
    """The first of the lines, as many as fit into ``limit`` characters."""
    kept: list[str] = []
    for line in lines:
        limit -= len(line) + 1
        if limit < 0:
            break
        kept.append(line)
    return "\n".join(kept)

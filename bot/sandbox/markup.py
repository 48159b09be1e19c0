"""Slack's text forms: wire escapes, mentions, plain text of blocks, rich text of a typed message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "block_texts",
    "command_text",
    "escape_typed",
    "live_pings",
    "mentioned_users",
    "mrkdwn_from_markdown",
    "parsed_pings",
    "rich_text",
]

_TOKEN = re.compile(r"<(?:@[UW][A-Z0-9]+|#C[A-Z0-9]+|![a-z]|(?:https?|mailto):)[^<>]*>")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_REFERENCE = re.compile(r"<([@#])([UWC][A-Z0-9]+)(?:\|[^<>]*)?>")
_PING = re.compile(
    r"<!(channel|here|everyone|group)(?:\|[^<>]*)?>|<!(subteam\^[A-Z0-9]+)(?:\|[^<>]*)?>|<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>"
)
_PARSED_PING = re.compile(r"(?<![\w@<!])@(channel|here|everyone|group)\b")
_RICH = re.compile(
    r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>|<((?:https?|mailto):[^<>|]*)(?:\|([^<>]*))?>|<#(C[A-Z0-9]+)[^<>]*>"
)


def escape_typed(text: str) -> str:
    """Typed text in wire form: ``& < >`` escaped except in tokens and escapes already there."""
    parts: list[str] = []
    position = 0
    for token in _TOKEN.finditer(text):
        parts.extend((_escaped(text[position : token.start()]), token.group()))
        position = token.end()
    parts.append(_escaped(text[position:]))
    return "".join(parts)


def _escaped(text: str) -> str:
    return _BARE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def command_text(wire: str, names: Mapping[str, str], *, tokens: bool) -> str:
    """The text of a slash command: with ``<@U…|name>`` tokens, or with the ``@name`` and ``#name`` typed.
    ``names`` by id.
    """

    def told(token: re.Match[str]) -> str:
        sign, target = token[1], token[2]
        name = names.get(target, target)
        return f"<{sign}{target}|{name}>" if tokens else f"{sign}{name}"

    return _REFERENCE.sub(told, wire)


def mentioned_users(text: str) -> list[str]:
    """The ids of the users a wire text mentions, each once, in order."""
    return list(dict.fromkeys(_USER.findall(text)))


def live_pings(text: str) -> list[str]:
    """The pings a text would cause in Slack: ``channel``, ``subteam^S…``, ``U…``, in order."""
    return [broadcast or group or user for broadcast, group, user in _PING.findall(text)]


def parsed_pings(text: str) -> list[str]:
    """The pings that plain ``@channel``, ``@here`` and ``@everyone`` cause when Slack parses names."""
    return [str(name) for name in _PARSED_PING.findall(text)]


def rich_text(text: str) -> list[dict[str, Any]]:
    """The rich_text block Slack's own client would send for a wire text."""
    elements: list[dict[str, Any]] = []
    position = 0
    for token in _RICH.finditer(text):
        _add_text(elements, text[position : token.start()])
        user, url, label, channel = token.groups()
        if user:
            elements.append({"type": "user", "user_id": user})
        elif channel:
            elements.append({"type": "channel", "channel_id": channel})
        else:
            elements.append({"type": "link", "url": url, **({"text": label} if label else {})})
        position = token.end()
    _add_text(elements, text[position:])
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}]


def _add_text(elements: list[dict[str, Any]], text: str) -> None:
    if text:
        plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        elements.append({"type": "text", "text": plain})


def mrkdwn_from_markdown(text: str) -> str:
    """Markdown in Slack's own markup, near enough to be read; never to be compared with."""
    text = re.sub(r"^#{1,6}\s+(.+?)\s*#*$", r"*\1*", text, flags=re.MULTILINE)
    text = re.sub(r"\*\*(.+?)\*\*", r"*\1*", text)
    text = re.sub(r"^(\s*)[-*]\s+", r"\1• ", text, flags=re.MULTILINE)
    return re.sub(r"\[([^\]\n]+)\]\((https?://[^\s)]+)\)", r"<\2|\1>", text)


def block_texts(value: Sequence[Any] | dict[str, Any]) -> Iterator[str]:
    """Every string under a ``text`` key of blocks, depth first: what a reader would see."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                if key in ("text", "alt_text", "title"):
                    yield item
            elif isinstance(item, dict | list):
                yield from block_texts(item)
    else:
        for item in value:
            if isinstance(item, dict | list):
                yield from block_texts(item)

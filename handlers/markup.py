"""Slack's text markup as plain words: what a person meant to write, without ids, brackets and entities.

Source: Slack's "Formatting message text" (escaping, ``<…>`` references) and the rich_text block reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["blocks_markup", "mentions", "plain_text", "without_mention"]

_TOKEN = re.compile(r"<([^<>]*)>|&(amp|lt|gt);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
_BULLET = "• "


def plain_text(markup: str) -> str:
    """``markup`` with references as words (``<@U1|anna>`` is ``@anna``, ``<!channel>`` is ``@channel``),
    links as ``label (url)`` and ``&amp; &lt; &gt;`` as characters. Mentions in it ping nobody any more.
    """
    return _TOKEN.sub(lambda token: _ENTITIES[token[2]] if token[2] else _words(token[1]), markup)


def mentions(markup: str, user_id: str) -> bool:
    """Whether the user is mentioned."""
    return _mention_of(user_id).search(markup) is not None


def without_mention(markup: str, user_id: str) -> str:
    """``markup`` without the mentions of this user, and without the comma or colon after a leading one."""
    markup = re.sub(rf"^\s*{_mention_of(user_id).pattern}[\s,:;]*", "", markup)
    return re.sub(rf"[ \t]*{_mention_of(user_id).pattern}[ \t]*", " ", markup).strip()


def _mention_of(user_id: str) -> re.Pattern[str]:
    return re.compile(rf"<@{re.escape(user_id)}(?:\|[^<>]*)?>")


def _words(reference: str) -> str:
    """The inside of ``<…>`` as words."""
    target, _, label = reference.partition("|")
    target, label = _unescaped(target), _unescaped(label)
    if target.startswith(("@", "#")):
        return target[0] + label.lstrip("@#") if label else target
    if target.startswith("!subteam^"):
        return f"@{label.lstrip('@')}" if label else "@group"
    if target.startswith("!date^"):
        return label or target.split("^")[1]
    if target.startswith("!"):
        return f"@{(label or target[1:]).lstrip('@')}"
    return _link(target, label)


def _link(url: str, label: str) -> str:
    address = re.sub(r"^(?:https?://|mailto:|tel:)", "", url)
    if label in {"", url, address, address.rstrip("/")}:
        return url if url.startswith("http") else address
    return f"{label} ({url})"


def _unescaped(text: str) -> str:
    return re.sub(r"&(amp|lt|gt);", lambda entity: _ENTITIES[entity[1]], text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blocks_markup(blocks: object) -> str:
    """The text of Block Kit blocks as markup, a line a paragraph or list item: for messages (forwarded ones
    above all) that come without ``text``.
    """
    return "\n".join(line for block in _mappings(blocks) for line in _block_lines(block) if line.strip())


def _block_lines(block: Mapping[str, object]) -> Iterator[str]:
    if block.get("type") == "rich_text":
        for element in _mappings(block.get("elements")):
            if element.get("type") == "rich_text_list":
                yield from (_BULLET + _inline(item) for item in _mappings(element.get("elements")))
            else:  # section, quote, preformatted
                yield _inline(element)
        return
    text = block.get("text")
    yield _text_object(text)
    yield from map(_text_object, _mappings(block.get("fields")))
    if block.get("type") == "context":
        yield from map(_text_object, _mappings(block.get("elements")))


def _text_object(value: object) -> str:
    """A text object (``mrkdwn`` is markup, ``plain_text`` is not), or the string of a markdown block."""
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, Mapping):
        text = value.get("text")
        if isinstance(text, str):
            return text if value.get("type") == "mrkdwn" else _escaped(text)
    return ""


def _inline(element: Mapping[str, object]) -> str:
    return "".join(_inline_markup(inner) for inner in _mappings(element.get("elements")))


_REFERENCES = {
    "user": ("<@{}>", "user_id"),
    "channel": ("<#{}>", "channel_id"),
    "usergroup": ("<!subteam^{}>", "usergroup_id"),
    "broadcast": ("<!{}>", "range"),
    "emoji": (":{}:", "name"),
    "date": ("{}", "fallback"),
}
"""Rich text element -> how message text writes it, and the field that fills it."""


def _inline_markup(element: Mapping[str, object]) -> str:
    shape, field = _REFERENCES.get(str(element.get("type")), ("{}", "text"))
    if element.get("type") == "link":
        label = _field(element, "text")
        return f"<{_field(element, 'url')}|{label}>" if label else f"<{_field(element, 'url')}>"
    return shape.format(_field(element, field))


def _field(element: Mapping[str, object], name: str) -> str:
    value = element.get(name)
    return _escaped(value) if isinstance(value, str) else ""


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    """The mappings in a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, Mapping))

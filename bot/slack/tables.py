"""A table on a message, and the same as text for a Slack that does not take tables.

Slack takes one ``table`` block a message: 100 rows of 20 cells, 10,000 characters in all (slack-platform.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.slack.elements import Message
from bot.slack.text_safety import safe_plain

__all__ = ["table_block", "without_table"]


def table_block(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Rows of plain cells, the first one a header; all columns but the first are set to the right."""
    cells = [[{"type": "raw_text", "text": safe_plain(cell).text or "–"} for cell in row] for row in rows]
    numbers = [{"align": "right"} for _ in rows[0][1:]]
    return {"type": "table", "rows": cells, "column_settings": [{"align": "left"}, *numbers]}


def without_table(message: Message) -> Message:
    """The message with its table as lines of text in columns; itself where it has none."""
    if not any(block["type"] == "table" for block in message.blocks):
        return message
    blocks = (_as_text(block) if block["type"] == "table" else block for block in message.blocks)
    return replace(message, blocks=tuple(blocks))


def _as_text(table: dict[str, Any]) -> dict[str, Any]:
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(n) for cell, n in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
    text = {"type": "text", "text": "\n".join(lines)}
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [text]}]}

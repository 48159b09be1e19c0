"""Documents as the desk keeps them, made in one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.evidence.items import SourceClass
from bot.evidence.stored import StoredItem, item_id_for

__all__ = ["NOW", "stored"]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
"""When the tests' questions are asked."""


def stored(title: str, body: str = "", *, hours_ago: float | None = 1.0, **fields: Any) -> StoredItem:
    """A document of some source; ``hours_ago=None``: undated."""
    slug = "-".join(title.split())
    url = f"https://{fields.pop('host', 'news')}.example/{slug}"
    given: dict[str, Any] = {
        "id": item_id_for(url),
        "title": title,
        "summary": "",
        "body": body,
        "url": url,
        "source": "https://news.example/feed",
        "publisher": "Example",
        "source_class": SourceClass.INDEPENDENT,
        "retrieved_at": NOW,
        "published_at": None if hours_ago is None else NOW - timedelta(hours=hours_ago),
        "reliability": "B",
    }
    return StoredItem(**given | fields)

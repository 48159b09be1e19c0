"""A document as the desk keeps it: what was collected, before anything is cut for a question."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.evidence.items import SourceClass
from bot.evidence.web_addresses import identity_of

__all__ = ["StoredItem", "item_id_for"]


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One document of one source: clean plain text, free of what read like instructions to a model."""

    id: str
    """From the address (``item_id_for``)."""
    title: str
    summary: str
    """What the feed or listing says of it; may be empty."""
    body: str
    """The article's text where it was fetched; may be empty, and begins with the summary in some feeds."""
    url: str
    """Canonical, http or https."""
    source: str
    """Address of the feed or listing it came from: what the persona's file calls the source's ``url``."""
    publisher: str
    source_class: SourceClass
    retrieved_at: datetime
    """UTC."""
    published_at: datetime | None = None
    """UTC; ``None`` where the source gives no date."""
    language: str = ""
    """BCP 47 as found in the text, or as the source declares; empty where neither tells."""
    country: str = ""
    """ISO 3166-1 alpha-2 of the publisher, or empty."""
    owner_group: str = ""
    reliability: str = "F"
    quarantined: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON-able form; dates as ISO 8601."""
        data = asdict(self)
        data["source_class"] = self.source_class.value
        data["retrieved_at"] = self.retrieved_at.isoformat()
        data["published_at"] = self.published_at.isoformat() if self.published_at else None
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> StoredItem:
        """The inverse of ``to_json``."""
        published = data["published_at"]
        return cls(
            **{
                **data,
                "source_class": SourceClass(data["source_class"]),
                "retrieved_at": datetime.fromisoformat(data["retrieved_at"]),
                "published_at": datetime.fromisoformat(published) if published else None,
            }
        )


def item_id_for(url: str) -> str:
    """The id of the document at an address: the same whichever source leads to it."""
    return hashlib.sha256(identity_of(url).encode()).hexdigest()[:24]

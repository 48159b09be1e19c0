"""From a question to the documents that bear on it, cut to what does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.evidence.items import EvidenceItem, EvidenceRequest
from bot.evidence.ranking import Concept, Index
from bot.evidence.segmentation import tokens
from bot.evidence.stored import StoredItem

__all__ = ["Found", "as_evidence", "find"]

EXCERPT_CHARS = 1_200


@dataclass(frozen=True, slots=True)
class Found:
    """Documents in the order of their use, and the terms that were searched."""

    items: tuple[EvidenceItem, ...]
    queries: tuple[str, ...]


def find(index: Index, request: EvidenceRequest) -> Found:
    """The documents of the index that bear on the question."""
    words = dict.fromkeys(word for word in tokens(request.question.text) if len(word) > 1)
    terms = [*request.extra_terms, *words][:24]
    concepts: Sequence[Concept] = [Concept((term,)) for term in terms if tokens(term)]
    ranked = index.search(concepts, request.as_of)
    items = tuple(as_evidence(each.item) for each in ranked if each.coverage > 0)
    return Found(items[: request.limit], tuple(terms))


def as_evidence(item: StoredItem, text: str = "") -> EvidenceItem:
    """A stored document as it is handed over."""
    return EvidenceItem(
        title=item.title,
        publisher=item.publisher,
        url=item.url,
        source_class=item.source_class,
        text=text or (item.body or item.summary or item.title)[:EXCERPT_CHARS],
        retrieved_at=item.retrieved_at,
        published_at=item.published_at,
        language=item.language,
        country=item.country,
        owner_group=item.owner_group,
        reliability=item.reliability,
        quarantined=item.quarantined,
    )

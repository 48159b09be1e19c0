"""From a question to the documents that bear on it, cut to what does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.evidence.excerpts import MOST_TOKENS, TOKENS_AN_ITEM, Excerpter, estimated_tokens, shares, text_of
from bot.evidence.items import EvidenceItem, EvidenceRequest
from bot.evidence.queries import QueryBuilder
from bot.evidence.ranking import Index
from bot.evidence.selection import select
from bot.evidence.stored import StoredItem

__all__ = ["Found", "Search", "as_evidence"]


@dataclass(frozen=True, slots=True)
class Found:
    """Documents in the order of their use, and the terms that were searched."""

    items: tuple[EvidenceItem, ...]
    queries: tuple[str, ...]


class Search:
    """The search for one question; may be made again and again while documents come in."""

    def __init__(self, builder: QueryBuilder, request: EvidenceRequest) -> None:
        self._builder = builder
        self._request = request
        self._proposed: tuple[str, ...] = ()
        self.propose(request.extra_terms)

    def propose(self, terms: Sequence[str]) -> None:
        """Look for these as well from now on: terms of a model, in any language."""
        self._proposed = tuple(dict.fromkeys([*self._proposed, *terms]))
        self._query = self._builder.query(self._request.question, self._request.persona, self._proposed)
        self._excerpter = Excerpter(self._query.concepts)

    def find(self, index: Index) -> Found:
        """The documents of the index that bear on the question, each cut to what does."""
        query, request = self._query, self._request
        ranked = index.search(query.concepts, request.as_of)
        chosen = [document.item for document in select(ranked, query, request.as_of, limit=request.limit)]
        texts = [text_of(item) for item in chosen]
        budgets = shares([estimated_tokens(text) for text in texts], TOKENS_AN_ITEM * request.limit)
        items = tuple(
            as_evidence(item, self._excerpter.excerpt(text, budget))
            for item, text, budget in zip(chosen, texts, budgets, strict=True)
        )
        return Found(items, query.terms)

    def excerpt(self, text: str) -> str:
        """What bears on the question of a text that the person pointed to."""
        return self._excerpter.excerpt(text, MOST_TOKENS)

    def linked(self, item: StoredItem) -> EvidenceItem:
        """A stored document that the person pointed to."""
        return as_evidence(item, self.excerpt(text_of(item)))


def as_evidence(item: StoredItem, text: str) -> EvidenceItem:
    """A stored document as it is handed over."""
    return EvidenceItem(
        title=item.title,
        publisher=item.publisher,
        url=item.url,
        source_class=item.source_class,
        text=text,
        retrieved_at=item.retrieved_at,
        published_at=item.published_at,
        language=item.language,
        country=item.country,
        owner_group=item.owner_group,
        reliability=item.reliability,
        quarantined=item.quarantined,
    )

"""From a question to the documents that bear on it, cut to what does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.evidence.excerpts import MOST_TOKENS, TOKENS_AN_ITEM, Excerpter, estimated_tokens, shares, text_of
from bot.evidence.items import EvidenceItem, EvidenceRequest
from bot.evidence.queries import QueryBuilder
from bot.evidence.ranking import Aspect, Index, Ranked
from bot.evidence.selection import select
from bot.evidence.stored import StoredItem
from bot.turns import Question, Quoted

__all__ = ["Found", "Search", "as_evidence"]


@dataclass(frozen=True, slots=True)
class Found:
    """Documents in the order of their use, and the terms that were searched."""

    items: tuple[EvidenceItem, ...]
    queries: tuple[str, ...]


class Search:
    """The search for one question; may be made again and again while documents come in. Where the request
    names rivals of the leading hypothesis, only documents are found that speak of what is in them and not in
    the question.
    """

    def __init__(self, builder: QueryBuilder, request: EvidenceRequest) -> None:
        self._builder = builder
        self._request = request
        self._proposed: tuple[str, ...] = ()
        self._question, self._known = request.question, None
        if request.rivals:
            # The question stands behind them, as a forwarded text does: it says what they are about.
            self._question = Question(request.rivals, (Quoted("", request.question.text),))
            self._known = builder.query(request.question, request.persona)
        self.propose(request.extra_terms)

    def propose(self, terms: Sequence[str]) -> None:
        """Look for these as well from now on: terms of a model, in any language."""
        self._proposed = tuple(dict.fromkeys([*self._proposed, *terms]))
        self._query = self._builder.query(
            self._question, self._request.persona, self._proposed, self._request.beside
        )
        self._excerpter = Excerpter(self._query.concepts)

    def find(self, index: Index) -> Found:
        """The documents of the index that bear on the question, each cut to what does."""
        query, request = self._query, self._request
        ranked = self._for_the_rivals(index.search(query.concepts, request.as_of))
        chosen = [document.item for document in select(ranked, query, request.as_of, limit=request.limit)]
        texts = [text_of(item) for item in chosen]
        budgets = shares([estimated_tokens(text) for text in texts], TOKENS_AN_ITEM * request.limit)
        items = tuple(
            as_evidence(item, self._excerpter.excerpt(text, budget))
            for item, text, budget in zip(chosen, texts, budgets, strict=True)
        )
        known = self._known.terms if self._known else ()
        return Found(items, tuple(term for term in query.terms if term not in known))

    def _for_the_rivals(self, ranked: Sequence[Ranked]) -> Sequence[Ranked]:
        """Those that have something of the rivals', where they are what is looked for."""
        if self._known is None:
            return ranked
        known = {concept.phrases for concept in self._known.concepts}
        new = {
            place
            for place, concept in enumerate(self._query.concepts)
            if concept.aspect is Aspect.TOPIC and concept.phrases not in known
        }
        return [document for document in ranked if document.concepts & new]

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

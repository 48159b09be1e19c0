"""Which of the documents that match are shown to the model: relevant, fresh, and not all from one mouth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.evidence.queries import PARTIES_LOOKED_FOR, Party, SearchQuery
from bot.evidence.ranking import Ranked
from bot.evidence.segmentation import Script, tokens
from bot.evidence.stored import StoredItem

__all__ = ["freshness", "relevant", "select"]

HALF_LIFE: Final = timedelta(days=4)
"""After which a document counts half: four days old news of an event ranks below today's unless it says twice
as much of what was asked.
"""
LEAST_FRESHNESS: Final = 0.15
"""What an old document still counts; items live for 14 days, which would be 0.09."""
UNDATED: Final = 0.5
"""What a document counts whose source gives no date: it may be old."""

# A short question has to be met in larger part than a long one, of which a document takes up a few words.
SHORT_COVERAGE: Final = 0.4
COVERAGE_PER_CONCEPT: Final = 0.03
LONG_COVERAGE: Final = 0.12
PARTIES_MISSING: Final = 2.0
"""Times as much of the topic as a document must cover that has to do with none of the parties: there is a
truce somewhere every week.
"""
LEAST_SHARE: Final = 0.08
"""Of everything that was asked: a text in another script may cover all it could: one common word."""
LEAST_OF_BEST: Final = 0.2
"""Relevance, as a share of that of the best document in the same script: far below it is the noise of common
words.
"""
TRANSLATION_BOOST: Final = 0.25
"""Power of the share of a question that can be said in a document's script, by which its relevance is
divided: a Chinese report cannot hold the English words of the question that no table translates.
"""
RELAXED: Final = 0.5
"""Of these floors, for a document of a party that would have no voice otherwise."""

GROUP_SHARE: Final = 0.5
"""Of the documents shown that one owner may have, as long as others have something to say."""
CONSIDERED: Final = 10
"""Documents looked at for each that is shown: what is ranked below them is not missed."""
SAME_TITLE: Final = 0.85
"""Jaccard index of two titles' tokens from which they are one report: a wire's title gets a word more. One
word for another is not the same: “extends”, “ends”.
"""
FEWEST_TITLE_TOKENS: Final = 4
"""Shorter titles ("Live updates") are alike without being one."""

LATEST_HEARD: Final = 2
"""Reports of a change that get a place because they are the newest: one may say what the other denies."""


def select(ranked: Sequence[Ranked], query: SearchQuery, as_of: datetime, *, limit: int) -> list[Ranked]:
    """At most ``limit`` documents, the most useful first; an empty list where nothing is relevant.

    Relevant and fresh ones, near-identical ones once, no owner with more than half while others are there; a
    second owner and one document of each party where there is one; the latest that tell of a change,
    which may say that the question is overtaken.
    """
    found = relevant(ranked, query)
    if not found or limit < 1:
        return []
    order = _distinct(_by_use(found, as_of)[: CONSIDERED * limit])
    reserve = _by_use(relevant(ranked, query, floor=RELAXED, of_best=RELAXED * LEAST_OF_BEST), as_of)
    parties = query.parties[:PARTIES_LOOKED_FOR] if len(query.parties) > 1 else ()
    close = relevant(ranked, query, of_best=RELAXED * LEAST_OF_BEST)
    table = _Table(parties, _latest(close, query.change), limit)
    table.chosen = _mixed(order, limit)
    for document in table.latest:
        table.seat(document)
    table.hear_second_owner(reserve)
    for party in table.parties:
        table.hear(party, reserve)
    return _by_use(table.chosen, as_of)


def _latest(documents: Sequence[Ranked], change: frozenset[int]) -> list[Ranked]:
    """The newest that tell of a change, newest first."""
    telling = [
        document
        for document in documents
        if change & document.concepts and document.item.published_at is not None
    ]
    telling.sort(key=lambda document: document.item.published_at or document.item.retrieved_at, reverse=True)
    return _distinct(telling[:CONSIDERED])[:LATEST_HEARD]


def relevant(
    ranked: Sequence[Ranked], query: SearchQuery, *, floor: float = 1.0, of_best: float = LEAST_OF_BEST
) -> list[Ranked]:
    """The documents that are about the question, in their order. ``floor`` lowers or raises what they must
    cover of it, ``of_best`` is the relevance they need as a share of the best one's.
    """
    about = [
        document
        for document in ranked
        if document.coverage >= floor * LONG_COVERAGE  # most fail here, which costs nothing
        and document.coverage >= floor * _needed_coverage(document, query)
        and document.share >= floor * LEAST_SHARE
        and not _is_elsewhere(document, query)
    ]
    best: dict[Script, float] = {}
    for document in about:
        best[document.script] = max(best.get(document.script, 0.0), document.relevance)
    return [document for document in about if document.relevance >= of_best * best[document.script]]


def freshness(item: StoredItem, as_of: datetime) -> float:
    """How much a document's age leaves of its relevance, 0-1."""
    age = max(as_of - (item.published_at or item.retrieved_at), timedelta(0))
    left: float = max(LEAST_FRESHNESS, 0.5 ** (age / HALF_LIFE))
    return left if item.published_at else UNDATED * left


def _needed_coverage(document: Ranked, query: SearchQuery) -> float:
    needed = max(LONG_COVERAGE, SHORT_COVERAGE - COVERAGE_PER_CONCEPT * document.asked)
    looked_for = min(len(query.parties), PARTIES_LOOKED_FOR)
    missing = 1 - query.parties_in(document) / looked_for if looked_for else 0.0
    return needed * (1 + (PARTIES_MISSING - 1) * missing)


def _is_elsewhere(document: Ranked, query: SearchQuery) -> bool:
    """Whether a document has one word in common with a question about several countries, and names none."""
    return len(query.parties) > 1 and not query.parties_in(document) and query.topics_in(document) < 2


def _by_use(documents: Iterable[Ranked], as_of: datetime) -> list[Ranked]:
    def use(document: Ranked) -> tuple[float, str]:
        sayable = document.share / document.coverage if document.coverage else 1.0
        relevance = document.relevance / sayable**TRANSLATION_BOOST
        return -relevance * freshness(document.item, as_of), document.item.id

    return sorted(documents, key=use)


def _distinct(documents: Sequence[Ranked]) -> list[Ranked]:
    """Near-identical titles once: the place of the most useful, the text of the most reliable."""
    kept: list[tuple[frozenset[str], Ranked]] = []
    for document in documents:
        title = frozenset(tokens(document.item.title))
        twin = next((at for at, (other, _) in enumerate(kept) if _same(title, other)), None)
        if twin is None:
            kept.append((title, document))
        elif _reliability(document.item) < _reliability(kept[twin][1].item):
            kept[twin] = (kept[twin][0], document)
    return [document for _, document in kept]


def _same(title: frozenset[str], other: frozenset[str]) -> bool:
    if min(len(title), len(other)) < FEWEST_TITLE_TOKENS:
        return title == other and bool(title)
    return len(title & other) / len(title | other) >= SAME_TITLE


def _reliability(item: StoredItem) -> tuple[str, int]:
    """Admiralty letter, then length: what sorts first is the better copy."""
    return item.reliability or "F", -len(item.body or item.summary)


def _mixed(documents: Sequence[Ranked], limit: int) -> list[Ranked]:
    """The first ``limit`` documents, of which no owner has more than its share unless there are no others."""
    most = max(1, math.floor(GROUP_SHARE * limit))
    held: Counter[str] = Counter()
    chosen: list[Ranked] = []
    waiting: list[Ranked] = []
    for document in documents:
        group = _group(document.item)
        if len(chosen) < limit and held[group] < most:
            held[group] += 1
            chosen.append(document)
        else:
            waiting.append(document)
    return chosen + waiting[: limit - len(chosen)]


def _group(item: StoredItem) -> str:
    return item.owner_group or item.publisher


def _is_of(party: Party, item: StoredItem) -> bool:
    """Whether a document gives a party's side: its country, or a language that tells whose it is."""
    if item.country:
        return item.country == party.country
    language = item.language.split("-", maxsplit=1)[0].lower()
    return language in party.languages and language not in SHARED_LANGUAGES


SHARED_LANGUAGES: Final = frozenset({"en", "fr", "es", "pt", "ar", "de"})
"""Official in so many states that they tell nothing about whose voice a text is."""


class _Table:
    """Who has a place among the documents shown, and who must not lose it."""

    def __init__(self, parties: Sequence[Party], latest: Sequence[Ranked], limit: int) -> None:
        self.parties = parties
        self.latest = latest
        self.limit = limit
        self.chosen: list[Ranked] = []

    def hear(self, party: Party, reserve: Sequence[Ranked]) -> None:
        """Give a party a place if it has none."""
        if not any(_is_of(party, document.item) for document in self.chosen):
            voice = next((document for document in reserve if _is_of(party, document.item)), None)
            if voice is not None:
                self.seat(voice)

    def hear_second_owner(self, reserve: Sequence[Ranked]) -> None:
        """Give another owner a place if one has them all."""
        groups = {_group(document.item) for document in self.chosen}
        if len(groups) == 1:
            other = next((document for document in reserve if _group(document.item) not in groups), None)
            if other is not None:
                self.seat(other)

    def seat(self, document: Ranked) -> None:
        """Give a document a place, at the cost of the least useful one that nobody would miss; one whose like
        has a place needs none.
        """
        if len(_distinct([*self.chosen, document])) == len(self.chosen):
            return
        if len(self.chosen) >= self.limit:
            places = reversed(range(len(self.chosen)))
            leaving = next((at for at in places if not self._is_missed(self.chosen[at], document)), None)
            if leaving is None:
                return
            del self.chosen[leaving]
        self.chosen.append(document)

    def _is_missed(self, document: Ranked, instead: Ranked) -> bool:
        """Whether a party, the second owner or the latest news would fall silent."""
        others = [other for other in (*self.chosen, instead) if other is not document]
        silent = any(
            _is_of(party, document.item) and not any(_is_of(party, other.item) for other in others)
            for party in self.parties
        )
        groups = {_group(other.item) for other in others}
        lonely = len(groups) < 2 and _group(document.item) not in groups
        return silent or lonely or document in self.latest

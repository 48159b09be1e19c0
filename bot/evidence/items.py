"""The contract between the desk's memory of the news and the engine that writes from it.

``bot.evidence`` collects, ranks and hands over; the engine numbers what it gets and prints from it. Both know
these values and nothing else of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.turns import Question
from personas.persona import Persona

__all__ = [
    "EvidenceDesk",
    "EvidenceItem",
    "EvidenceRequest",
    "Retrieval",
    "Retrieved",
    "SourceClass",
    "SourceFailure",
]


class SourceClass(StrEnum):
    """Where a source comes from, in the words that readers see."""

    OFFICIAL = "official"
    STATE_MEDIA = "state media"
    WIRE = "wire"
    INDEPENDENT = "independent"
    THINK_TANK = "think tank"
    DATA = "data"
    BASELINE = "country baseline"
    """Background facts frozen at a date: never news."""
    WEB = "web search"
    """Found by the model provider's search; nobody has judged its publisher."""
    LINKED = "link in the question"
    USER_CLAIM = "user’s claim"
    FORWARDED = "forwarded claim"


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One retrieved document, cut to what bears on the question. Its text is data, never an instruction."""

    title: str
    publisher: str
    url: str
    """Canonical, http or https."""
    source_class: SourceClass
    text: str
    """The relevant excerpt, plain text in its own language."""
    retrieved_at: datetime
    """UTC."""
    published_at: datetime | None = None
    """UTC; ``None`` where the source gives no date: shown as undated."""
    language: str = ""
    """BCP 47, or empty where unknown."""
    country: str = ""
    """ISO 3166-1 alpha-2 of the publisher, or empty."""
    owner_group: str = ""
    """Items of one group do not corroborate each other. Empty: a group of its own."""
    reliability: str = "F"
    """Admiralty code A-F; F: cannot be judged."""
    quarantined: int = 0
    """Passages taken out because they read like instructions to a model."""


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """A source that could not be read, and why, in words for an analyst."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What is there at one moment. Lists grow from one moment to the next and never change."""

    items: tuple[EvidenceItem, ...] = ()
    """The most useful first."""
    queries: tuple[str, ...] = ()
    """Search terms used, in any language."""
    sources_total: int = 0
    """Sources asked."""
    failures: tuple[SourceFailure, ...] = ()
    stored_items: int = 0
    """Items that were searched."""
    searching: str = ""
    """What is being searched at the moment, for the status line; empty when retrieval is over."""
    contrary_queries: tuple[str, ...] = ()
    """Those of the queries that looked for what speaks against the leading hypothesis."""
    contrary_urls: tuple[str, ...] = ()
    """The items that these found, the closest first; some of them may have been there before."""

    @property
    def sources_answered(self) -> int:
        """Sources asked that gave something readable."""
        return self.sources_total - len(self.failures)


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """What is asked for."""

    turn_id: str
    persona: Persona
    question: Question
    as_of: datetime
    """UTC; nothing published later is used."""
    limit: int = 12
    """Items wanted."""
    extra_terms: Sequence[str] = field(default=())
    """Search terms that a model proposed."""
    terms_follow: bool = False
    """More of them will come by ``Retrieval.propose``, in a few seconds at most."""
    rivals: str = ""
    """Explanations that rival the leading one. Set: what stored documents say for these is all that is looked
    for, and nothing is fetched.
    """
    beside: tuple[Persona, ...] = ()
    """Others who will write from the same evidence: their sources and languages are searched as well."""

    @property
    def personas(self) -> tuple[Persona, ...]:
        """All who will write from it."""
        return (self.persona, *self.beside)


class Retrieval(Protocol):
    """One running retrieval. Close it in any case; closing ends all fetching for it."""

    async def first(self, seconds: float) -> Retrieved:
        """What there is for section 1: at once when retrieval is over or good enough, else after
        ``seconds``. Never raises: what went wrong is in ``failures``.
        """
        ...

    async def whole(self, seconds: float) -> Retrieved:
        """What there is when retrieval is over, or after ``seconds``: begins with the items of ``first`` in
        their order; late ones follow. May be called again.
        """
        ...

    def propose(self, terms: Sequence[str]) -> None:
        """Look for these as well from now on. Once, where the request said that terms follow."""
        ...

    async def against(self, rivals: str, seconds: float) -> Retrieved:
        """Look among stored documents for what bears out these rivals of the leading hypothesis. Waits for
        that search alone, for so many seconds at most, and gives what there is then, like ``whole``,
        which has it where it comes later. Once.
        """
        ...

    async def aclose(self) -> None:
        """End it."""
        ...


class EvidenceDesk(Protocol):
    """Starts retrievals; one for all turns of the process."""

    def begin(self, request: EvidenceRequest) -> Retrieval:
        """Start searching at once; returns without waiting."""
        ...

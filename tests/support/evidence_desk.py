"""An evidence desk that a test scripts: what is there at once, and what comes when the test says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.evidence.items import EvidenceItem, EvidenceRequest, Retrieved, SourceClass, SourceFailure

__all__ = ["NOW", "ScriptedDesk", "ScriptedRetrieval", "item", "recent_items", "truce_items"]

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
"""When the items of the script were read: half an hour before the tests' question."""


def item(number: int, text: str = "", **fields: Any) -> EvidenceItem:
    """A retrieved document of an owner of its own, some hours old."""
    given: dict[str, Any] = {
        "title": f"Report {number} on the truce",
        "publisher": f"Paper {number}",
        "url": f"https://paper{number}.example/truce",
        "source_class": SourceClass.INDEPENDENT,
        "text": text or f"The ministry published notice number {number} on rare earths.",
        "retrieved_at": NOW,
        "published_at": NOW - timedelta(hours=3 * number),
        "language": "en",
        "owner_group": f"group-{number}",
        "reliability": "B",
    }
    return EvidenceItem(**given | fields)


def truce_items() -> tuple[EvidenceItem, ...]:
    """Six sources on the seed's question, of official, state, wire and independent publishers."""
    return (
        item(
            1,
            "China and the United States extended the suspension of the October export controls by one year, "
            "to 10 November 2027, the ministry said on 8 November 2026.",
            title="Suspension of export controls extended",
            publisher="Ministry of Commerce",
            url="https://mofcom.example/notice/81",
            source_class=SourceClass.OFFICIAL,
            owner_group="cn-state",
            country="CN",
        ),
        item(
            2,
            "Xinhua says the two sides have kept the consensus that their leaders reached in Busan.",
            publisher="Xinhua",
            source_class=SourceClass.STATE_MEDIA,
            owner_group="cn-state",
            country="CN",
        ),
        item(
            3,
            "The tariff of 10 per cent on goods linked to fentanyl stays at 10 per cent, officials said.",
            publisher="Newswire",
            source_class=SourceClass.WIRE,
            country="GB",
        ),
        item(4, "Exports of magnets rose to 5,700 tonnes in October, customs data show.", country="US"),
        item(5, "Licences for heavy rare earths still take 45 days, importers say.", country="DE"),
        item(6, "Soybean purchases reached the 25 million tonnes agreed for the year.", country="US"),
    )


def recent_items() -> tuple[EvidenceItem, ...]:
    """The same as of today: one an hour."""
    now = datetime.now(UTC)
    return tuple(
        replace(item, published_at=now - timedelta(hours=number), retrieved_at=now)
        for number, item in enumerate(truce_items(), 1)
    )


class ScriptedDesk:
    """Gives ``first`` at once and ``late`` after ``release``; without late ones retrieval is over at once."""

    def __init__(
        self,
        first: Iterable[EvidenceItem] = (),
        late: Iterable[EvidenceItem] = (),
        *,
        failures: Iterable[SourceFailure] = (),
        sources_total: int = 14,
        stored_items: int = 5_000,
        searching: str = "14 sources of the China Agent",
        contrary: Iterable[EvidenceItem] = (),
        contrary_queries: Iterable[str] = (),
    ) -> None:
        self.first, self.late = tuple(first), tuple(late)
        self.contrary, self.contrary_queries = tuple(contrary), tuple(contrary_queries)
        self.released = asyncio.Event()
        if not self.late:
            self.released.set()
        self.searching = searching
        self.found = Retrieved(
            (), ("rare earths", "稀土"), sources_total, tuple(failures), stored_items, searching
        )
        self.requests: list[EvidenceRequest] = []
        self.retrievals: list[ScriptedRetrieval] = []

    def begin(self, request: EvidenceRequest) -> ScriptedRetrieval:
        """Start a retrieval."""
        self.requests.append(request)
        retrieval = ScriptedRetrieval(self)
        self.retrievals.append(retrieval)
        return retrieval

    def release(self) -> None:
        """Let the late items come."""
        self.released.set()


class ScriptedRetrieval:
    """One retrieval of a scripted desk."""

    def __init__(self, desk: ScriptedDesk) -> None:
        self._desk = desk
        self.closed = False
        self.waited: list[float] = []
        """Seconds asked for, in order."""
        self.proposed: list[str] = []
        self.rivals: list[str] = []
        """What was looked for against the leading hypothesis."""

    def _now(self) -> Retrieved:
        desk = self._desk
        over = desk.released.is_set()
        items = desk.first + desk.late if over else desk.first
        found = replace(desk.found, items=items, searching="" if over else desk.searching)
        if not self.rivals:
            return found
        return replace(
            found,
            items=items + desk.contrary,
            queries=(*found.queries, *desk.contrary_queries),
            contrary_queries=desk.contrary_queries,
            contrary_urls=tuple(item.url for item in desk.contrary),
        )

    async def first(self, seconds: float) -> Retrieved:
        """What is there for section 1."""
        self.waited.append(seconds)
        return self._now()

    async def whole(self, seconds: float) -> Retrieved:
        """Wait for the late items, for so long at most."""
        self.waited.append(seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._desk.released.wait()
        return self._now()

    def propose(self, terms: Sequence[str]) -> None:
        """Note them."""
        self.proposed += terms

    async def against(self, rivals: str, seconds: float) -> Retrieved:
        """What the test has against the leading hypothesis."""
        self.rivals.append(rivals)
        return self._now()

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True

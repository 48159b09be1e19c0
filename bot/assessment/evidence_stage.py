"""The evidence of a run: waited for before anything is written, frozen into the prefix, added to later.

Section 1 and the plan start with what is there after a moment. Where that is too little to write from, they
wait for the searches that are still running, for as long as a setting allows. What comes later gets the next
numbers, and stands in a block behind the prefix of the calls that begin after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import structlog

from bot.assessment.events import CardChanged, SourcesAdded, StatusChanged
from bot.assessment.run import Run
from bot.assessment.standing import ENOUGH_SOURCES, searching_line
from bot.assessment.values import Plan
from bot.evidence.items import Retrieval, Retrieved, SourceFailure
from bot.evidence.table import EvidenceTable

__all__ = ["EvidenceStage", "is_settled"]

FIRST_SECONDS = 1.5
"""Longest time that retrieval adds to the first section when it finds something (issue 4)."""
AGAINST_SECONDS = 0.5
"""Longest time that looking for what speaks against the leading hypothesis adds between plan and what is
written from it, section 1 apart: among 5,000 stored items it takes a tenth of a second."""
LOOK_SECONDS = 0.5
"""Between two looks at a search that is waited for: its status line may have changed."""
CHECKPOINT = "evidence"

log = structlog.get_logger()


class EvidenceStage:
    """Fills the run's table from one retrieval (``None``: nothing is searched), which it closes."""

    def __init__(self, run: Run, retrieval: Retrieval | None) -> None:
        self._run = run
        self._retrieval = retrieval
        self._ready = asyncio.Event()
        self._growing = asyncio.Lock()
        self._over = retrieval is None
        self._looked_against = False
        """Or no such look makes sense any more."""
        if run.evidence.urls:  # another answer's, on which this one rests
            run.put(SourcesAdded(run.evidence.urls))
        self._resume(run.checkpoints.get(CHECKPOINT))
        self.task = asyncio.create_task(self._begin(), name="evidence")

    async def ready(self) -> None:
        """Wait until the prefix is frozen: model calls may begin."""
        await self._ready.wait()

    async def latest(self) -> None:
        """Take what arrived meanwhile into the table: for a call that is about to begin."""
        await self.ready()
        async with self._growing:
            if not self._over:
                self._take(await self._look(_whole(0.0)))

    async def look_against(self, plan: Plan) -> None:
        """Look for what speaks against the leading hypothesis, the plan's first: what bears out its rivals.
        Once; what comes late is for later sections.
        """
        rivals = "; ".join(hypothesis.name for hypothesis in plan.hypotheses[1:])
        if self._retrieval is None or self._looked_against or not rivals:
            return
        self._looked_against = True
        async with self._growing:
            self._over = False
            self._take(await self._look(lambda retrieval: retrieval.against(rivals, AGAINST_SECONDS)))

    async def aclose(self) -> None:
        """End the retrieval."""
        if self._retrieval is not None:
            await self._retrieval.aclose()

    async def _begin(self) -> None:
        waited = False
        try:
            async with self._growing:
                if not self._over and not self._run.frozen:
                    await self._wait_for_enough()
            waited = True
        finally:
            # Also when it was cancelled or failed: nobody may wait for it for ever.
            earlier = self._run.assignment.earlier
            # A follow-up's prefix holds what the assessment had; what was found since stands behind it.
            self._run.freeze(len(earlier.record.sources) if earlier else None)
            if waited:  # else whoever takes the turn over waits for what this run did not see
                self._checkpoint()
            self._ready.set()

    async def _wait_for_enough(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._run.settings.search_seconds
        self._take(await self._look(lambda retrieval: retrieval.first(FIRST_SECONDS)))
        shown = ""
        while not self._over and self._is_little() and (left := until - loop.time()) > 0:
            searched = self._run.searched or Retrieved()
            if (line := searching_line(searched)) != shown:
                shown = line
                self._tell(line)
            self._take(await self._look(_whole(min(LOOK_SECONDS, left))))

    def _is_little(self) -> bool:
        earlier = self._run.assignment.earlier
        if earlier is not None and earlier.rescored:
            return True  # what is new is all that is asked for: the whole search is waited for
        return len(self._run.evidence.retrieved) < ENOUGH_SOURCES

    def _tell(self, line: str) -> None:
        """The reader waits: say for what, once on the card, and always in the status line."""
        run = self._run
        run.put(StatusChanged(f"is s{line[1:].replace(':', '', 1)}"))
        if not run.card_tells_search:
            run.card_tells_search = True
            run.put(CardChanged("", run.first_banners(), evidence_line=line))

    async def _look(self, look: Callable[[Retrieval], Awaitable[Retrieved]]) -> Retrieved:
        if self._retrieval is None:
            return Retrieved()
        try:
            return await look(self._retrieval)
        except Exception as error:  # noqa: BLE001 - an answer without sources says so; none at all helps nobody
            log.warning("retrieval.failed", turn_id=self._run.assignment.turn_id, error=type(error).__name__)
            self._over = self._looked_against = True
            failure = SourceFailure("The search for sources", "it failed")
            before = self._run.searched or Retrieved()
            return replace(before, items=(), searching="", failures=(*before.failures, failure))

    def _take(self, found: Retrieved) -> None:
        run, before = self._run, self._run.searched or Retrieved()
        self._over = self._over or not found.searching
        run.searched = replace(found, items=())
        grown = run.evidence.with_items(found.items)
        is_more = grown is not run.evidence
        if is_more or before.contrary_urls != found.contrary_urls:
            run.grow(grown)
            if run.frozen:
                self._checkpoint()
        if is_more:
            run.put(SourcesAdded(grown.urls))

    def _checkpoint(self) -> None:
        run = self._run
        if run.searched is None and not run.evidence.retrieved:
            return
        searched = _as_json(run.searched or Retrieved())
        run.checkpoint(
            CHECKPOINT, {"table": run.evidence.to_json(), "frozen": run.frozen, "searched": searched}
        )

    def _resume(self, stored: Mapping[str, Any] | None) -> None:
        """Go on with the table of an earlier run: ids that are on screen keep their meaning."""
        if stored is None:
            return
        run = self._run
        run.grow(EvidenceTable.from_json(stored["table"]))
        run.freeze(int(stored["frozen"]))
        run.searched = _from_json(stored["searched"])
        run.put(SourcesAdded(run.evidence.urls))


def is_settled(checkpoints: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether an earlier run has retrieved what there was and planned with it: searching again would help
    nobody.
    """
    return CHECKPOINT in checkpoints and not checkpoints.keys().isdisjoint(("plan", "frame"))


def _whole(seconds: float) -> Callable[[Retrieval], Awaitable[Retrieved]]:
    return lambda retrieval: retrieval.whole(seconds)


def _as_json(searched: Retrieved) -> dict[str, Any]:
    return asdict(searched) | {"items": []}


def _from_json(data: Mapping[str, Any]) -> Retrieved:
    failures = tuple(SourceFailure(**failure) for failure in data["failures"])
    lists = {
        name: tuple(data.get(name, ())) for name in ("items", "queries", "contrary_queries", "contrary_urls")
    }
    return Retrieved(**dict(data) | lists | {"failures": failures})

"""What each running turn has used of which model: counted where every call passes by.

A stopped, failed or handed-over turn has used tokens, too; only this place sees them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from bot.llm.port import Finished, Model, ModelCall, ModelError, ResumePoint, Usage
from bot.llm.web_search import SearchDone, SearchQuery, WebSearch

__all__ = ["CHARACTERS_PER_TOKEN", "SEARCH_TOOL", "MeteredModel"]

SEARCH_TOOL = "web_search"
"""Under this name the provider's web searches are counted, each as one output token, and priced by a row of
``prices.toml``."""
CHARACTERS_PER_TOKEN = 4
"""Characters of English a token stands for on average (OpenAI's own rule of thumb): for calls that broke off
before the provider said what they used."""


@dataclass(slots=True)
class _Tally:
    """What one turn used since it was last asked for."""

    by_model: defaultdict[str, Usage] = field(default_factory=lambda: defaultdict(Usage))
    unfinished: dict[str, Usage] = field(default_factory=dict)
    """Estimates of answers that go on at the provider without us, by response id."""

    def add(self, model: str, usage: Usage) -> None:
        before = self.by_model[model]
        self.by_model[model] = Usage(
            before.input_tokens + usage.input_tokens,
            before.cached_tokens + usage.cached_tokens,
            before.output_tokens + usage.output_tokens,
        )


class MeteredModel:
    """A model that keeps a tally for each turn. ``take`` a turn's tally when its run ends."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._turns: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._turn_of: dict[str, str] = {}
        """Turn by response id, of unfinished answers."""

    def take(self, turn_id: str) -> dict[str, Usage]:
        """What the turn used since the last time, by the name of the model that answered."""
        tally = self._turns.pop(turn_id, None)
        if tally is None:
            return {}
        for response_id in tally.unfinished:
            self._turn_of.pop(response_id, None)
        return dict(tally.by_model)

    @property
    def name(self) -> str:
        """See ``bot.llm.port.Model``."""
        return self._model.name

    async def aclose(self) -> None:
        """See ``bot.llm.port.Model``."""
        await self._model.aclose()

    async def stream(self, call: ModelCall) -> AsyncGenerator[str | Finished, None]:
        """See ``bot.llm.port.Model.stream``."""
        async with aclosing(self._model.stream(call)) as items:
            characters, finished = 0, False
            try:
                async for item in items:
                    if isinstance(item, Finished):
                        finished = True
                        self._turns[call.turn_id].add(item.model or self.name, item.usage)
                    else:
                        characters += len(item)
                    yield item
            finally:
                # Without a word of text it was an error, which providers do not bill.
                if characters and not finished:
                    self._turns[call.turn_id].add(self.name, _estimate(call, characters))

    async def resumable(self, call: ModelCall) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """See ``bot.llm.port.Model.resumable``. An answer that goes on without us is counted by whoever sees
        its end, or estimated when it is cancelled.
        """
        async with aclosing(self._model.resumable(call)) as items:
            characters, finished = 0, False
            response_id: str | None = None
            try:
                async for item in items:
                    tally = self._turns[call.turn_id]
                    if isinstance(item, Finished):
                        finished = True
                        tally.add(item.model or self.name, item.usage)
                        self._forget(response_id)
                    elif isinstance(item, ResumePoint):
                        response_id = item.response_id
                        self._turn_of[response_id] = call.turn_id
                        tally.unfinished[response_id] = _estimate(call, item.characters)
                    else:
                        characters += len(item)
                    yield item
            except ModelError:
                if (estimate := self._forget(response_id)) is not None:
                    self._turns[call.turn_id].add(self.name, estimate)
                raise
            finally:
                if characters and not finished and response_id is None:
                    self._turns[call.turn_id].add(self.name, _estimate(call, characters))

    def counted(self, search: WebSearch) -> WebSearch:
        """The same search, whose tokens are counted with those of its turn."""
        return _MeteredSearch(search, self)

    def count(self, turn_id: str, model: str, usage: Usage) -> None:
        """Count tokens that were used beside the model's own calls."""
        self._turns[turn_id].add(model or self.name, usage)

    def holds(self, point: ResumePoint) -> bool:
        """See ``bot.llm.port.Model.holds``."""
        return self._model.holds(point)

    async def cancel(self, point: ResumePoint) -> None:
        """See ``bot.llm.port.Model.cancel``."""
        turn_id = self._turn_of.get(point.response_id)
        estimate = self._forget(point.response_id)
        if turn_id is not None and estimate is not None:
            self._turns[turn_id].add(self.name, estimate)
        await self._model.cancel(point)

    def _forget(self, response_id: str | None) -> Usage | None:
        if response_id is None or (turn_id := self._turn_of.pop(response_id, None)) is None:
            return None
        return self._turns[turn_id].unfinished.pop(response_id, None)


@dataclass(frozen=True, slots=True)
class _MeteredSearch:
    search_: WebSearch
    meter: MeteredModel

    async def search(self, call: ModelCall) -> AsyncGenerator[SearchQuery | SearchDone, None]:
        async with aclosing(self.search_.search(call)) as items:
            done, queries, searches = False, set[str](), 0
            try:
                async for item in items:
                    if isinstance(item, SearchDone):
                        done, searches = True, item.searches
                        self.meter.count(call.turn_id, item.model, item.usage)
                    else:
                        queries.add(item.text)
                        searches = len(queries)
                    yield item
            finally:
                # One that was broken off is billed for what it did.
                if searches and not done:
                    self.meter.count(call.turn_id, "", _estimate(call, 0))
                if searches:
                    self.meter.count(call.turn_id, SEARCH_TOOL, Usage(output_tokens=searches))


def _estimate(call: ModelCall, characters: int) -> Usage:
    asked = len(call.system) + len(call.context) + len(call.instruction) + len(call.opening)
    return Usage(asked // CHARACTERS_PER_TOKEN, 0, characters // CHARACTERS_PER_TOKEN)

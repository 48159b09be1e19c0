"""Waiting where a provider asked for it: after a 429 all calls with the same key pause together.

A provider counts by account, not by process: a replica that goes on while another was told to wait keeps the
account over its limit. What was heard is kept by a ``ProviderPause``; ``bot.store.model_governor`` shares it
between replicas.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from bot.llm.port import Finished, Model, ModelCall, ModelPausedError, ModelRateLimitedError, ResumePoint
from bot.llm.web_search import SearchDone, SearchQuery, WebSearch

__all__ = ["PaceSettings", "PacedModel", "PacedSearch", "ProviderPause"]

SPREAD_SHARE = 0.25
"""Share of a pause over which its waiters come back, by chance: all at once would meet the next 429."""

SHORTEST_SPREAD_SECONDS = 0.25
"""Least of that spread: a pause of a tenth of a second has hundreds of waiters too."""

LONGEST_SPREAD_SECONDS = 5.0
"""Most of it: a reader's patience with a pause that is over already."""

_Item = TypeVar("_Item")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """How 429s are taken."""

    default_pause_seconds: float = 2.0
    """Pause after a 429 without a time of its own. Providers count by the minute, in shorter windows
    (OpenAI's rate limit guide), so seconds suffice, and the next 429 tells if not."""
    longest_pause_seconds: float = 120.0
    """A longer time is not taken for granted: a header may mean one model's daily quota, while this pause
    holds all calls of the key. After two minutes somebody asks again."""
    longest_wait_seconds: float = 20.0
    """What a call waits itself; with more to wait for it raises, so that a fallback, or the caller's own
    retry, can take over. With a fallback: 0 or little, as that one answers at once."""


class ProviderPause(Protocol):
    """The pause of one provider account (``bot.llm.endpoint.endpoint_id``)."""

    async def remaining(self) -> float:
        """Seconds that are left of it; 0.0: call now. Never raises: a pause that cannot be read is none."""
        ...

    async def note(self, seconds: float) -> None:
        """The provider asked to be left alone for so long. A pause is never shortened. Never raises."""
        ...


class PacedModel:
    """A model whose calls wait while its provider's account is paused, and whose 429s pause it."""

    def __init__(self, model: Model, pause: ProviderPause, settings: PaceSettings | None = None) -> None:
        self._model = model
        self._account = _Account(pause, settings or PaceSettings())

    @property
    def name(self) -> str:
        """The model's own."""
        return self._model.name

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()

    def stream(self, call: ModelCall) -> AsyncGenerator[str | Finished, None]:
        """See ``bot.llm.port.Model.stream``; raises ``ModelPausedError`` where the wait would be too long."""
        return self._account.paced(call, self._model.stream, self.name)

    def resumable(self, call: ModelCall) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """See ``bot.llm.port.Model.resumable``."""
        return self._account.paced(call, self._model.resumable, self.name)

    def holds(self, point: ResumePoint) -> bool:
        """See ``bot.llm.port.Model.holds``."""
        return self._model.holds(point)

    async def cancel(self, point: ResumePoint) -> None:
        """See ``bot.llm.port.Model.cancel``."""
        await self._model.cancel(point)


class PacedSearch:
    """A provider's web search that waits with the model calls of its account, and whose 429s pause them."""

    def __init__(self, search: WebSearch, pause: ProviderPause, settings: PaceSettings | None = None) -> None:
        self._search = search
        self._account = _Account(pause, settings or PaceSettings())

    def search(self, call: ModelCall) -> AsyncGenerator[SearchQuery | SearchDone, None]:
        """See ``bot.llm.web_search.WebSearch.search``; raises ``ModelPausedError`` like ``PacedModel``."""
        return self._account.paced(call, self._search.search, "web search")


@dataclass(frozen=True, slots=True)
class _Account:
    """The pause of an account as its calls take part in it."""

    pause: ProviderPause
    settings: PaceSettings

    async def paced(
        self, call: ModelCall, ask: Callable[[ModelCall], AsyncGenerator[_Item, None]], who: str
    ) -> AsyncGenerator[_Item, None]:
        """What ``ask`` gives, once the account may be called."""
        if call.resume is None:  # reading on is no new call to the account
            await self._wait(call)
        try:
            async with aclosing(ask(call)) as items:
                async for item in items:
                    yield item
        except ModelRateLimitedError as error:
            await self._note(call, error, who)
            raise

    async def _wait(self, call: ModelCall) -> None:
        """Until the account may be called. Raises ``ModelPausedError`` where that would be too long."""
        now = asyncio.get_running_loop().time
        deadline = now() + self.settings.longest_wait_seconds
        # Again after each wait: somebody who was first may have met the next 429.
        while (seconds := await self.pause.remaining()) > 0:
            if now() + seconds > deadline:
                raise ModelPausedError(
                    "the provider's account is paused after a rate limit", retry_after_seconds=seconds
                )
            log.info("model.paused", turn=call.turn_id, call=call.name, seconds=round(seconds, 3))
            await asyncio.sleep(seconds + _spread(seconds))

    async def _note(self, call: ModelCall, error: ModelRateLimitedError, who: str) -> None:
        """The provider refused a call for its rate."""
        asked, settings = error.retry_after_seconds, self.settings
        seconds = settings.default_pause_seconds if asked is None else asked
        seconds = min(seconds, settings.longest_pause_seconds)
        log.warning(
            "model.rate_limited",
            turn=call.turn_id,
            call=call.name,
            model=who,
            pause_seconds=round(seconds, 3),
        )
        await self.pause.note(seconds)


def _spread(seconds: float) -> float:
    widest = min(max(seconds * SPREAD_SHARE, SHORTEST_SPREAD_SECONDS), LONGEST_SPREAD_SECONDS)
    return widest * random.random()  # noqa: S311 (chance, not secrecy)

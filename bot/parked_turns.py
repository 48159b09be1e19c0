"""Parked turns for an operator: questions given up after too many attempts. Identifiers, no words."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.errors import CountryAgentsError
from bot.jobs import Queue, queue_name
from bot.store.keys import app_prefix
from bot.store.stored_turns import StoredTurn
from bot.store.turn_store import TurnStore, apps_with_parked_turns
from bot.turns import turn_id_for

__all__ = ["NotParkedError", "ParkedTurns", "parked_line"]


class NotParkedError(CountryAgentsError):
    """There is no such parked turn; the message names it."""


@dataclass(frozen=True, slots=True)
class ParkedTurns:
    """The parked turns of all apps on one server. Every method raises ``StoreUnavailableError``."""

    store: TurnStore
    """Of any app: it leads to those of the others."""
    url: str
    """Of the server."""

    async def all(self) -> AsyncIterator[tuple[StoredTurn, float]]:
        """Each with the unix seconds it was parked at, oldest first within an app."""
        for app_id in await apps_with_parked_turns(self.store.redis):
            for stored, at in await self._store_of(app_id).parked():
                yield stored, at

    async def retry(self, turn_id: str) -> str:
        """Ask the question once more, as a new turn in its thread; that turn's id. Raises ``NotParkedError``
        and ``QueueUnavailableError``.
        """
        turn = (await self._found(turn_id)).turn
        new_id = turn_id_for(turn.app_id, turn.team_id, turn.channel, f"{turn.message_ts}/{turn_id}")
        store = self._store_of(turn.app_id)
        queue = await Queue.open(self.url, store=store, name=queue_name(turn.app_id), concurrency=1)
        try:
            await queue.enqueue(replace(turn, turn_id=new_id, asked_at=time.time()))
        finally:
            await queue.aclose()
        await store.forget_parked(turn_id)
        return new_id

    async def drop(self, turn_id: str) -> None:
        """Take it off the list. Raises ``NotParkedError``."""
        turn = (await self._found(turn_id)).turn
        await self._store_of(turn.app_id).forget_parked(turn_id)

    async def _found(self, turn_id: str) -> StoredTurn:
        async for stored, _ in self.all():
            if stored.turn.turn_id == turn_id:
                return stored
        raise NotParkedError(
            f"No turn {turn_id} is parked. `country-agents turns list` shows those that are."
        )

    def _store_of(self, app_id: str) -> TurnStore:
        return TurnStore(self.store.redis, prefix=app_prefix(app_id))


def parked_line(stored: StoredTurn, at: float) -> str:
    """One line: id, when it was parked, where it was asked, attempts and reason."""
    turn = stored.turn
    moment = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    place = f"{turn.app_id} {turn.team_id} {turn.channel}/{turn.thread_ts}"
    return f"{turn.turn_id}  {moment}  {place}  {turn.persona}  attempts {stored.attempts}  {stored.reason}"

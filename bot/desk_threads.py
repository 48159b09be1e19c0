"""What one Slack app remembers of threads, and what the other apps of the process do.

Each keeps what was asked of it; a thread in which several were asked is one conversation to people.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.assessment.assessment_record import AssessmentRecord
from bot.store.stored_turns import Lease
from bot.store.thread_store import ThreadStore, address_of
from bot.threads import Said, ThreadMemory
from bot.turns import Turn

__all__ = ["DeskThreads"]


@dataclass(frozen=True, slots=True)
class DeskThreads:
    """One app's view. Every method raises ``StoreError``."""

    own: ThreadStore
    others: tuple[ThreadStore, ...] = ()
    """Of the other apps; each app hears by itself what people write, and take back."""

    async def hear(self, address: str, said: tuple[Said, ...]) -> None:
        """Keep messages of a thread."""
        await self.own.hear(address, said)

    async def unhear(self, address: str, ts: str) -> None:
        """Forget one message."""
        await self.own.unhear(address, ts)

    async def begin(self, turn: Turn, lease: Lease) -> ThreadMemory:
        """Note that a turn is being answered, and read what there was before it: one round trip, and of a
        thread that goes on another one for each other app, side by side. Raises ``FencedError`` as
        ``ThreadStore.begin``.
        """
        memory = await self.own.begin(turn, lease)
        if not self.others or not turn.in_conversation:
            return memory
        return memory.with_others(await self._recalled(_address(turn)))

    async def keep(
        self, turn: Turn, lease: Lease, record: AssessmentRecord, *, goes_on: bool = False, answer: str = ""
    ) -> None:
        """Keep what a turn gave, as ``ThreadStore.keep``."""
        given_ts = ""
        if goes_on and self.others:
            memories = await self._recalled(_address(turn))
            given = (each for memory in memories for each in memory.assessments)
            given_ts = next((each.message_ts for each in given if each.record.turn_id == record.turn_id), "")
        await self.own.keep(turn, lease, record, goes_on=goes_on, answer=answer, given_ts=given_ts)

    async def _recalled(self, address: str) -> list[ThreadMemory]:
        return list(await asyncio.gather(*(store.recall(address) for store in self.others)))

    async def assessment(self, address: str, turn_id: str) -> AssessmentRecord | None:
        """One assessment of this app."""
        return await self.own.assessment(address, turn_id)

    async def last_asked(self, address: str) -> str | None:
        """Code of the persona that was asked last in a thread, by this app if by any; ``None``: none that is
        remembered.
        """
        for store in (self.own, *self.others):
            if (code := await store.last_asked(address)) is not None:
                return code
        return None

    async def forget(self, team_id: str, channel: str, message_ts: str) -> bool:
        """Remove all that any of the apps keeps of the thread that a message (root, or one of ours) stands
        in; False where there is nothing.
        """
        stores = (self.own, *self.others)
        address = address_of(team_id, channel, message_ts)
        for store in stores:
            if (found := await store.thread_of(team_id, channel, message_ts)) is not None:
                address = found
                break
        forgotten = [await store.forget(address) for store in stores]
        return any(forgotten)


def _address(turn: Turn) -> str:
    return address_of(turn.team_id, turn.channel, turn.thread_ts)

"""Who may ask, and where: strangers of Slack Connect and guests only if the operator says so, and only in the
channels on the list where there is one.

Decided before a question is taken; what is written to us by others never gets that far.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import structlog

from bot.scopes import PEOPLE_SCOPE
from bot.slack.errors import (
    SlackError,
    SlackOutcomeUnknownError,
    SlackRateLimitedError,
    SlackUnavailableError,
)
from bot.slack.ways_in import Person, WaysIn

__all__ = ["DoorPolicy", "Doorkeeper", "Unwelcome"]

log = structlog.get_logger()

LOOK_SECONDS = 1.5
"""Longest wait for Slack's word on a person: with admission and queue it stays near the 3 seconds of an ack;
Slack delivers an event again that had to wait longer."""

CALL_SECONDS = 10.0
"""Longest time that one call for a person may take, other askers waiting or not: Slack delivers again at
once and after a minute, and then the answer is there."""

REMEMBERED_SECONDS = 600
"""How long we believe it: somebody made a guest is one to us ten minutes later."""

MOST_REMEMBERED = 5_000
"""People remembered at once: a large firm's desk, in about a megabyte."""

_NO_WORD = (SlackUnavailableError, SlackOutcomeUnknownError, SlackRateLimitedError)
"""Slack says nothing now; other errors are its answer."""


class Unwelcome(StrEnum):
    """Why somebody is not answered."""

    STRANGER = "stranger"
    """Of another organisation, in a Slack Connect channel."""
    GUEST = "guest"
    CHANNEL = "channel"
    """Not on the operator's list."""


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """What the operator allows."""

    strangers: bool = False
    guests: bool = False
    channels: frozenset[str] = frozenset()
    """Ids; empty: every channel. Direct messages are no channels."""


class Doorkeeper:
    """Decides for one app."""

    def __init__(self, ways_in: WaysIn, policy: DoorPolicy, *, scopes: frozenset[str]) -> None:
        self._ways_in = ways_in
        self._policy = policy
        # Where Slack did not say what is granted, it is tried.
        self._may_look = not scopes or PEOPLE_SCOPE in scopes
        self._people: OrderedDict[str, tuple[float, Person]] = OrderedDict()
        self._calls: dict[str, asyncio.Task[Person | None]] = {}

    async def turned_away(
        self, user_id: str, *, user_team_id: str, team_id: str, channel: str
    ) -> Unwelcome | None:
        """Why this person is not answered there; None: welcome. ``user_team_id``: the person's own workspace,
        as far as the event tells.

        Raises a ``SlackError`` or ``TimeoutError`` while Slack does not say who that is: then it must get no
        ack. Where it refuses to say, the event's word on the workspace has to do.
        """
        policy = self._policy
        if policy.channels and channel[:1] not in {"D", "U", "W"} and channel not in policy.channels:
            return Unwelcome.CHANNEL
        if policy.strangers and policy.guests:
            return None
        person = await self.person(user_id)
        if person is None:
            stranger, guest = bool(user_team_id) and user_team_id != team_id, False
        else:
            stranger, guest = person.is_stranger, person.is_guest
        if stranger and not policy.strangers:
            return Unwelcome.STRANGER
        return Unwelcome.GUEST if guest and not policy.guests else None

    async def name_of(self, user_id: str) -> str:
        """The name people see; empty where we may not ask, or Slack does not tell in time."""
        try:
            person = await self.person(user_id) if user_id else None
        except (SlackError, TimeoutError) as error:
            log.warning("name.unknown", error=type(error).__name__)
            return ""
        return person.name if person else ""

    async def person(self, user_id: str) -> Person | None:
        """Who that is; None where Slack does not let us know. Raises as ``turned_away``."""
        known = self._people.get(user_id)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if not self._may_look:
            return None
        call = self._calls.get(user_id)
        if call is None:
            call = asyncio.create_task(self._ask(user_id), name="who is that")
            self._calls[user_id] = call
            call.add_done_callback(partial(self._asked, user_id))
        async with asyncio.timeout(LOOK_SECONDS):
            # Whoever gives up leaves the call to the others, and to the event's next delivery.
            return await asyncio.shield(call)

    async def _ask(self, user_id: str) -> Person | None:
        """One call for all who want to know this person now: a flood of mentions is often one person's."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                person = await self._ways_in.person(user_id)
        except _NO_WORD:
            raise
        except SlackError as error:
            log.warning("person.unknown", method=error.method, code=error.code)
            return None
        self._people[user_id] = (time.monotonic() + REMEMBERED_SECONDS, person)
        self._people.move_to_end(user_id)
        while len(self._people) > MOST_REMEMBERED:
            self._people.popitem(last=False)
        return person

    def _asked(self, user_id: str, call: asyncio.Task[Person | None]) -> None:
        del self._calls[user_id]
        if not call.cancelled() and (error := call.exception()) is not None:
            log.warning("person.not_told", error=type(error).__name__)

"""What a person's home tab shows, gathered from the stores. Nothing here changes anything."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from zoneinfo import ZoneInfo

import structlog

from bot.assessment.formats import FORMATS
from bot.assessment.titles import headline
from bot.briefings.office import BriefingOffice
from bot.choosing import Choosing
from bot.slack.choice_form import choice_blocks
from bot.slack.errors import SlackError
from bot.slack.home import AskedTurn, home_view
from bot.slack.permalinks import permalink
from bot.slack.ways_in import WaysIn
from bot.store.errors import StoreError
from bot.store.stored_turns import StoredTurn
from bot.store.turn_store import TurnStore
from bot.turns import TeamId, Turn, UserId
from personas.desk import Desk
from personas.enumeration import enumerated

__all__ = ["HomeTab"]

log = structlog.get_logger()

_HEADING = re.compile(r"^## \d+\. ", re.MULTILINE)
_WORDS = {"parked": "failed", "waiting": "waits for its turn"}


@dataclass(frozen=True, slots=True)
class HomeTab:
    """The home tab of one app."""

    ways_in: WaysIn
    store: TurnStore
    office: BriefingOffice
    choosing: Choosing
    desk: Desk
    workspace_url: str
    """``https://example.slack.com/``; empty where Slack does not tell: then there are no links."""
    has_commands: bool = True
    """Whether the app has the desk's commands: briefings are made where they can be looked after."""
    others: tuple[TurnStore, ...] = ()
    """Of the personas' own apps, whose answers the home of the whole desk shows, too."""

    async def show(self, team: TeamId, user: UserId) -> None:
        """Publish it. Best effort: nobody loses an answer because a tab is old."""
        try:
            asked, briefings, zone, choices = await asyncio.gather(
                self._asked_by(team, user),
                self.office.of_owner(team, user),
                self.office.zone_of(user),
                self.choosing.of(team, user),
            )
            agents = await self.choosing.agents(team, choices)
            running = [turn for turn in asked if not turn.is_over]
            # A turn that only posts a question is over when the answer, listed itself, is asked for.
            recent = [turn for turn in asked if turn.is_over and turn.turn.opening is None]
            view = home_view(
                self.desk.personas,
                [self._asked(turn, zone) for turn in running],
                [self._asked(turn, zone) for turn in recent],
                briefings,
                choice_blocks(choices, agents, bound=self.choosing.bound is not None),
                with_briefings=self.has_commands,
            )
            await self.ways_in.publish_home(user, view)
        except (SlackError, StoreError) as error:
            log.warning("home.not_shown", error=type(error).__name__)

    async def _asked_by(self, team: TeamId, user: UserId) -> list[StoredTurn]:
        """The person's last questions, newest first."""
        found = await asyncio.gather(*(store.asked_by(team, user) for store in (self.store, *self.others)))
        return sorted(chain.from_iterable(found), key=lambda stored: -stored.turn.asked_at)

    def _asked(self, stored: StoredTurn, zone: str) -> AskedTurn:
        turn = stored.turn
        when = datetime.fromtimestamp(turn.asked_at, UTC).astimezone(ZoneInfo(zone))
        return AskedTurn(
            persona=enumerated(turn.asked),
            title=f"{_anew(turn)}{headline(turn.question)}",
            when=f"{when.day} {when:%b}, {when:%H:%M}",
            progress=_progress(stored),
            url=self._link(stored),
        )

    def _link(self, stored: StoredTurn) -> str:
        turn = stored.turn
        if turn.opening is not None:
            return ""
        ts = stored.delivery.card_ts or turn.message_ts
        return permalink(self.workspace_url, turn.channel, ts, thread_ts=turn.thread_ts)


def _anew(turn: Turn) -> str:
    """What the title of one section that is written anew begins with."""
    return f"Section {turn.rewrites.section} anew: " if turn.rewrites else ""


def _progress(stored: StoredTurn) -> str:
    if stored.state != "running":
        return _WORDS.get(stored.state, stored.state)
    format_ = FORMATS.get(stored.turn.format)
    if stored.turn.rewrites is not None:
        return "being written"
    begun = len(_HEADING.findall(stored.delivery.document))
    if format_ is None or not begun:
        return "being prepared"
    return f"section {begun} of {len(format_.sections)}"

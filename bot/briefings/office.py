"""What people may do with the briefings of their channels. Every change is announced where it is read."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from bot.briefings.briefing import Briefing, Run
from bot.briefings.composing import Composing
from bot.briefings.content import BriefingContent
from bot.briefings.ports import Clock
from bot.briefings.posting import Posting
from bot.briefings.runner import BriefingRunner
from bot.errors import CountryAgentsError
from bot.membership import check_membership, not_allowed
from bot.slack import briefing_notices as notices
from bot.slack.api import SlackApi
from bot.slack.elements import Message
from bot.slack.errors import SlackError
from bot.slack.ways_in import WaysIn
from bot.store.briefing_store import Armed, BriefingStore
from bot.turns import ChannelId, TeamId, UserId

__all__ = ["BriefingOffice", "NotThereError"]

log = structlog.get_logger()

ID_LETTERS = "bcdfghjkmnpqrstvwxz23456789"
ID_LENGTH = 4
"""Half a million ids without words in them; each is looked up before it is given, and people type it."""

MOST_A_CHANNEL = 10
"""Briefings of one channel at most: more would be read by nobody, and a list shows them all."""


class NotThereError(CountryAgentsError):
    """There is no such briefing."""

    user_message = "There is no such briefing any more. `/briefing list` shows those of this channel."


@dataclass(frozen=True, slots=True)
class BriefingOffice:
    """The briefings of one app. Methods raise ``NotAllowedError``, ``NotThereError``, ``StoreError`` and
    ``SlackError``.
    """

    app_id: str
    bot_user_id: str
    bot_name: str
    """As people write it behind ``/invite @``."""
    store: BriefingStore
    runner: BriefingRunner
    composing: Composing
    posting: Posting
    api: SlackApi
    clock: Clock
    _previews: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    # Looking --------------------------------------------------------------------------------------------

    async def of_channel(self, team: TeamId, channel: ChannelId) -> list[tuple[Armed, Run | None]]:
        """The briefings of a channel, each with its last run."""
        return await self._with_runs(
            [each for each in await self._all(team) if each.briefing.channel == channel]
        )

    async def of_owner(self, team: TeamId, owner: UserId) -> list[tuple[Armed, Run | None]]:
        """The briefings a person made or changed last."""
        return await self._with_runs([each for each in await self._all(team) if each.briefing.owner == owner])

    async def _all(self, team: TeamId) -> list[Armed]:
        return [each for each in await self.store.briefings(self.app_id) if each.briefing.team_id == team]

    async def _with_runs(self, found: list[Armed]) -> list[tuple[Armed, Run | None]]:
        runs = await asyncio.gather(
            *(self.store.runs(self.app_id, each.briefing.briefing_id, most=1) for each in found)
        )
        return [(each, next(iter(last), None)) for each, last in zip(found, runs, strict=True)]

    async def find(self, team: TeamId, channel: ChannelId, name: str) -> Armed:
        """A channel's briefing by its id; without one, the only briefing of the channel."""
        found = [each for each in await self._all(team) if each.briefing.channel == channel]
        if name:
            found = [each for each in found if each.briefing.briefing_id == name.casefold()]
        if len(found) != 1:
            raise NotThereError(f"{len(found)} briefings of that name")
        return found[0]

    async def load(self, team: TeamId, briefing_id: str) -> Armed:
        """A briefing by its id."""
        armed = await self.store.briefing(self.app_id, briefing_id)
        if armed is None or armed.briefing.team_id != team:
            raise NotThereError(briefing_id)
        return armed

    async def zone_of(self, user: UserId) -> str:
        """The IANA name of a person's zone; UTC where Slack does not tell."""
        try:
            return (await WaysIn(self.api).person(user)).zone or "UTC"
        except SlackError as error:
            log.info("zone.unknown", code=error.code)
            return "UTC"

    # Changing -------------------------------------------------------------------------------------------

    async def save(self, briefing: Briefing, *, by: UserId) -> datetime | None:
        """Keep a new briefing (its id is empty), or a changed one. Returns its next run."""
        await self._check(briefing.channel, by)
        before = None
        if briefing.briefing_id:
            before = (await self.load(briefing.team_id, briefing.briefing_id)).briefing
            if before.channel != briefing.channel:
                await self._check(before.channel, by)
            briefing = replace(briefing, revision=before.revision + 1, paused="")
        else:
            briefing = replace(briefing, briefing_id=await self._free_id(briefing))
        due = await self.runner.arm(replace(briefing, owner=by))
        await self._announce(briefing, notices.saved(briefing, by, due, new=before is None))
        if before is not None and before.channel != briefing.channel:
            await self._announce(before, notices.moved_away(before, by))
        return due

    async def pause(self, briefing: Briefing, *, by: UserId) -> None:
        """No further runs until it is resumed."""
        await self._change(replace(briefing, paused="Somebody paused it."), by, notices.paused(briefing, by))

    async def resume(self, briefing: Briefing, *, by: UserId) -> None:
        """Run again from the next time on."""
        due = await self._change(replace(briefing, paused=""), by, None)
        await self._announce(briefing, notices.resumed(briefing, by, due))

    async def run_now(self, briefing: Briefing, *, by: UserId) -> None:
        """One run as soon as it is written; the planned ones stay."""
        await self._check(briefing.channel, by)
        now = self.clock.now()
        await self.store.save(replace(briefing, revision=briefing.revision + 1), now)
        await self._announce(briefing, notices.running_now(briefing, by))

    async def delete(self, briefing: Briefing, *, by: UserId) -> None:
        """For good."""
        await self._check(briefing.channel, by)
        if await self.store.remove(self.app_id, briefing.briefing_id):
            await self._announce(briefing, notices.deleted(briefing, by))

    async def tell(self, user: UserId, message: Message) -> None:
        """A word to one person in the direct message; best effort."""
        try:
            await self.api.post_message(channel=user, text=message.text, blocks=message.blocks)
        except SlackError as error:
            log.warning("notice.not_shown", method=error.method, code=error.code)

    def preview(self, briefing: Briefing, *, to: UserId, channel: ChannelId) -> None:
        """Write the briefing now and show it to one person; returns at once."""
        task = asyncio.create_task(self._preview(briefing, to, channel), name="briefing preview")
        self._previews.add(task)
        task.add_done_callback(self._previews.discard)

    async def aclose(self) -> None:
        """End the previews that are being written."""
        for task in self._previews:
            task.cancel()
        await asyncio.gather(*self._previews, return_exceptions=True)

    async def _preview(self, briefing: Briefing, to: UserId, channel: ChannelId) -> None:
        try:
            now = self.clock.now()
            content = BriefingContent.from_json(await self.composing.compose(briefing, now))
            shown: list[Message] = self.posting.messages(briefing, content)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person who waits is told
            log.warning("preview.failed", briefing=briefing.briefing_id, error=type(error).__name__)
            shown = [notices.preview_failed()]
        for message in shown:
            try:
                await self.api.post_ephemeral(
                    channel=channel, user=to, text=message.text, blocks=message.blocks
                )
            except SlackError as error:
                log.warning("preview.not_shown", briefing=briefing.briefing_id, code=error.code)

    # Parts ----------------------------------------------------------------------------------------------

    async def _change(self, briefing: Briefing, by: UserId, told: Message | None) -> datetime | None:
        await self._check(briefing.channel, by)
        changed = replace(briefing, owner=by, revision=briefing.revision + 1)
        due = await self.runner.arm(changed)
        if told is not None:
            await self._announce(briefing, told)
        return due

    async def _check(self, channel: ChannelId, user: UserId) -> None:
        await check_membership(
            self.api,
            channel,
            user,
            bot_user_id=self.bot_user_id,
            bot_name=self.bot_name,
            of_what="briefings",
        )

    async def _announce(self, briefing: Briefing, message: Message) -> None:
        try:
            await self.api.post_message(channel=briefing.channel, text=message.text, blocks=message.blocks)
        except SlackError as error:
            # The change is made; a channel that cannot be written to is noticed at the next run.
            log.warning("briefing.not_announced", briefing=briefing.briefing_id, code=error.code)

    async def _free_id(self, briefing: Briefing) -> str:
        there = await self._all(briefing.team_id)
        if sum(each.briefing.channel == briefing.channel for each in there) >= MOST_A_CHANNEL:
            raise not_allowed(
                f"That channel has {MOST_A_CHANNEL} briefings already: change or delete one of them."
            )
        while True:
            found = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
            if await self.store.briefing(self.app_id, found) is None:
                return found

"""Posting a briefing: as the agent it speaks for, once, and found again where Slack's answer was lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from bot.assessment.lexicon import Lexicon
from bot.briefings.briefing import Briefing, Run
from bot.briefings.content import BriefingContent
from bot.briefings.ports import ChannelGoneError
from bot.slack.api import SlackApi, ThreadMessage
from bot.slack.briefing_messages import Framing, headline_message, items_message
from bot.slack.elements import Message, notice
from bot.slack.errors import SlackError, SlackGoneError
from bot.slack.posting import found_or_posted
from bot.slack.ways_in import WaysIn
from personas.desk import Desk

__all__ = ["METADATA_TYPE", "Posting"]

log = structlog.get_logger()

METADATA_TYPE: Final = "country_agents_briefing"
"""Event type of the metadata on our briefings: who posted is told by it, not by comparing text."""

_HEADLINE, _ITEMS = "headline", "items"

_EARLY: Final = timedelta(minutes=1)
"""How much earlier than a run is due its message is looked for: Slack's clock may be behind ours."""

_GONE: Final = {
    "is_archived": "The channel was archived.",
    "channel_not_found": "The channel is gone, or I am no longer in it.",
    "not_in_channel": "I am no longer in the channel: invite me again.",
    "token_revoked": "The app was removed from the workspace.",
    "account_inactive": "The app was removed from the workspace.",
    "invalid_auth": "The app was removed from the workspace.",
}


@dataclass(frozen=True, slots=True)
class Posting:
    """Posts briefings (``bot.briefings.ports.Poster``)."""

    api: SlackApi
    desk: Desk
    lexicon: Lexicon

    async def post_headline(
        self, briefing: Briefing, run: Run, content: Mapping[str, Any], *, late: bool, look_first: bool
    ) -> str:
        """See ``bot.briefings.ports.Poster``."""
        framing = self._framing(briefing, run if late else None)
        message = headline_message(BriefingContent.from_json(content), framing)

        async def find() -> str | None:
            oldest = f"{(run.due - _EARLY).timestamp():.6f}"
            messages = await self.api.channel_messages(channel=briefing.channel, oldest=oldest)
            return _among(messages, run, _HEADLINE)

        return await self._post(briefing, run, _HEADLINE, message, find, look_first=look_first)

    async def post_items(
        self, briefing: Briefing, run: Run, content: Mapping[str, Any], *, look_first: bool
    ) -> str:
        """See ``bot.briefings.ports.Poster``."""
        message = items_message(BriefingContent.from_json(content), self._framing(briefing, None))

        async def find() -> str | None:
            messages = await self.api.thread_messages(channel=briefing.channel, thread_ts=run.headline_ts)
            return _among(messages, run, _ITEMS)

        return await self._post(briefing, run, _ITEMS, message, find, look_first=look_first)

    def messages(self, briefing: Briefing, content: BriefingContent) -> list[Message]:
        """Card and items, as they would be posted now."""
        framing = self._framing(briefing, None)
        return [headline_message(content, framing), items_message(content, framing)]

    async def owner_is_there(self, briefing: Briefing) -> bool:
        """See ``bot.briefings.ports.Poster``."""
        try:
            return (await WaysIn(self.api).person(briefing.owner)).is_active
        except SlackError as error:
            log.info("briefing.owner_unknown", briefing=briefing.briefing_id, code=error.code)
            return error.code != "user_not_found"

    async def tell_channel(self, briefing: Briefing, sentence: str) -> None:
        """See ``bot.briefings.ports.Poster``."""
        await self._tell(briefing, briefing.channel, sentence)

    async def tell_owner(self, briefing: Briefing, sentence: str) -> None:
        """See ``bot.briefings.ports.Poster``. A person's id is the address of a direct message."""
        await self._tell(
            briefing, briefing.owner, sentence, trusted=f"The briefing’s channel: <#{briefing.channel}>"
        )

    async def _tell(self, briefing: Briefing, where: str, sentence: str, *, trusted: str = "") -> None:
        message = notice(sentence, trusted=trusted)
        try:
            await self.api.post_message(channel=where, text=message.text, blocks=message.blocks)
        except SlackError as error:
            log.warning("briefing.not_told", briefing=briefing.briefing_id, code=error.code)

    # Once -----------------------------------------------------------------------------------------------

    async def _post(
        self,
        briefing: Briefing,
        run: Run,
        part: str,
        message: Message,
        find: Callable[[], Awaitable[str | None]],
        *,
        look_first: bool,
    ) -> str:
        persona = self.desk.by_code(briefing.personas[0]) if len(briefing.personas) == 1 else None

        async def post() -> str:
            return await self.api.post_message(
                channel=briefing.channel,
                thread_ts=run.headline_ts if part == _ITEMS else None,
                text=message.text,
                blocks=message.blocks,
                username=persona.display_name if persona else None,
                icon_emoji=persona.icon_emoji if persona else None,
                metadata={"event_type": METADATA_TYPE, "event_payload": _payload(run, part)},
            )

        try:
            return await found_or_posted(find, post, limits=self.api.limits, look_first=look_first)
        except SlackGoneError as error:
            raise _gone(error) from None

    def _framing(self, briefing: Briefing, late: Run | None) -> Framing:
        names = {persona.code: persona.display_name for persona in self.desk.personas}
        return Framing(briefing.schedule.zone, names, self.lexicon, late_for=late.due if late else None)


def _payload(run: Run, part: str) -> dict[str, Any]:
    return {"briefing_id": run.briefing_id, "due": round(run.due.timestamp()), "part": part}


def _among(messages: Iterable[ThreadMessage], run: Run, part: str) -> str | None:
    """The ts of the run's own message, told by its metadata."""
    wanted = _payload(run, part).items()
    return next(
        (
            message.ts
            for message in messages
            if message.metadata_type == METADATA_TYPE
            and all(message.metadata.get(key) == value for key, value in wanted)
        ),
        None,
    )


def _gone(error: SlackGoneError) -> ChannelGoneError:
    gone = ChannelGoneError(f"{error.method}: {error.code}")
    gone.user_message = _GONE.get(error.code, "I may not write in the channel.")
    return gone

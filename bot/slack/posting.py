"""Posting a message that must not appear twice: where Slack's answer was lost, it is looked for first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.slack.api import Check, SlackApi
from bot.slack.elements import Message
from bot.slack.errors import SlackOutcomeUnknownError
from bot.slack.limits import WriterLimits
from bot.slack.thread_search import Sender, ThreadPlace, ThreadSearch, part_metadata

__all__ = ["found_or_posted", "post_once"]


async def post_once(  # noqa: PLR0913 - each by name
    api: SlackApi,
    place: ThreadPlace,
    turn_id: str,
    kind: str,
    message: Message,
    *,
    sender: Sender | None = None,
    limits: WriterLimits,
    look_first: bool,
    asked_at: float | None = None,
    before: Check | None = None,
) -> str:
    """Post ``message`` as the turn's ``kind``, and return its ts. ``sender``: None posts as the app itself.

    ``look_first``: an earlier run may have posted it. ``asked_at``: unix seconds of the question whose first
    sign it is. ``before``: see ``SlackApi.call``. Raises a ``SlackError``, or what ``before`` raises.
    """

    async def post() -> str:
        return await api.post_message(
            channel=place.channel,
            thread_ts=place.thread_ts or None,
            text=message.text,
            blocks=message.blocks,
            username=sender.username if sender else None,
            icon_emoji=sender.icon_emoji if sender else None,
            metadata=part_metadata(turn_id, kind),
            asked_at=asked_at,
            before=before,
        )

    search = ThreadSearch(api, place, turn_id)
    return await found_or_posted(lambda: search.posted(kind), post, limits=limits, look_first=look_first)


async def found_or_posted(
    find: Callable[[], Awaitable[str | None]],
    post: Callable[[], Awaitable[str]],
    *,
    limits: WriterLimits,
    look_first: bool,
) -> str:
    """The ts of a message that ``find`` finds or ``post`` posts, once. Raises a ``SlackError``."""
    looks = 1 if look_first else 0
    attempts = 0
    while True:
        for look in range(looks):
            if look:
                await asyncio.sleep(limits.settle_seconds)
            found = await find()
            if found is not None:
                return found
        try:
            return await post()
        except SlackOutcomeUnknownError:
            attempts += 1
            if attempts >= limits.call_attempts:
                raise
            looks = 2

"""Who is in a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.slack.api import SlackApi

__all__ = ["ChannelCalls"]

MEMBERS_PAGE: Final = 1_000
"""People a page of conversations.members: the most Slack gives."""
MEMBERS_PAGES: Final = 20
"""Pages read at most: in a channel of 20,000 nobody is looked for any further."""


@dataclass(frozen=True, slots=True)
class ChannelCalls:
    """Typed calls about channels; each raises a ``SlackError``."""

    api: SlackApi

    async def are_members(self, channel: str, *users: str) -> tuple[bool, ...]:
        """conversations.members: which of these people and bots are in the channel. Raises
        ``SlackGoneError`` for a private channel that the app is not in.
        """
        left = set(users)
        cursor: str | None = None
        for _ in range(MEMBERS_PAGES):
            arguments = {"channel": channel, "limit": MEMBERS_PAGE, "cursor": cursor}
            data = (
                await self.api.call("conversations.members", arguments, repeatable=True, http_verb="GET")
            ).data
            left -= set(data.get("members", ()))
            cursor = (data.get("response_metadata") or {}).get("next_cursor")
            if not (left and cursor):
                break
        return tuple(user not in left for user in users)

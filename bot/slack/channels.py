"""Slack's methods about channels and people that briefings need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bot.slack.api import SlackApi, ThreadMessage, thread_message
from bot.slack.errors import SlackRefusedError

__all__ = ["ChannelCalls"]

MEMBERS_PAGE: Final = 1_000
"""People a page of conversations.members: the most Slack gives."""
MEMBERS_PAGES: Final = 20
"""Pages read at most: in a channel of 20,000 nobody is looked for any further."""
HISTORY_PAGES: Final = 5
"""Pages of 200 messages read in search of a briefing: as many as a busy channel has in its grace time."""
HISTORY_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class ChannelCalls:
    """Typed calls; each raises a ``SlackError``."""

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

    async def messages_since(self, channel: str, oldest: str) -> list[ThreadMessage]:
        """conversations.history with metadata: roots after ``oldest``, newest first."""
        found: list[ThreadMessage] = []
        cursor: str | None = None
        for _ in range(HISTORY_PAGES):
            arguments: dict[str, Any] = {
                "channel": channel,
                "oldest": oldest,
                "include_all_metadata": True,
                "limit": HISTORY_PAGE,
                "cursor": cursor,
            }
            data = (
                await self.api.call("conversations.history", arguments, repeatable=True, http_verb="GET")
            ).data
            found += map(thread_message, data.get("messages", ()))
            cursor = (data.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return found

    async def is_active(self, user: str) -> bool:
        """users.info: whether a person's account still exists and is not deactivated."""
        try:
            response = await self.api.call("users.info", {"user": user}, repeatable=True, http_verb="GET")
        except SlackRefusedError as error:
            if error.code == "user_not_found":
                return False
            raise
        return not (response.data.get("user") or {}).get("deleted")

    async def zone_of(self, user: str) -> str:
        """users.info: the IANA zone of a person's clock; empty where Slack gives none."""
        response = await self.api.call("users.info", {"user": user}, repeatable=True, http_verb="GET")
        return str((response.data.get("user") or {}).get("tz") or "")

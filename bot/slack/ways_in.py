"""Slack's methods for the ways in besides a mention: forms, direct messages, names, an agent's pane."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.slack.api import SlackApi
from bot.slack.errors import SlackRateLimitedError
from bot.store.errors import StoreError
from bot.threads import Said

__all__ = ["Person", "Prompt", "WaysIn"]

TITLE_CHARS: Final = 200
"""Characters of a session's title: the documented limit of agents.sessions.rename, its successor."""


COUNT_SECONDS: Final = 0.3
"""Longest wait for the shared count of a call that cannot wait; it takes less than a millisecond."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question the pane of an agent suggests."""

    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Person:
    """What Slack tells of somebody."""

    name: str
    """The one people see; empty where Slack gives none."""
    is_guest: bool
    """Of one channel or of several."""
    is_stranger: bool
    """Of another organisation: in this workspace by Slack Connect only."""
    zone: str = ""
    """IANA name of the zone of their clock; empty where Slack gives none."""
    is_active: bool = True
    """Whether the account was not deactivated."""


@dataclass(frozen=True, slots=True)
class WaysIn:
    """Typed calls; each raises a ``SlackError``."""

    api: SlackApi

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """views.open, at once or not at all: a trigger lives for three seconds, so no slot is waited for."""
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                free = await self.api.free_now("views.open")
        except (StoreError, TimeoutError):
            free = True  # a form needs no store: its person is told of the outage when they send it
        if not free:
            raise SlackRateLimitedError("views.open", 1.0)
        await self.api.call("views.open", {"trigger_id": trigger_id, "view": view}, booked=True)

    async def publish_home(self, user_id: str, view: Mapping[str, Any]) -> None:
        """views.publish: what a person sees in the app's home tab."""
        await self.api.call("views.publish", {"user_id": user_id, "view": view}, repeatable=True)

    async def join(self, channel: str) -> None:
        """conversations.join, for public channels; being there already is as good."""
        await self.api.call("conversations.join", {"channel": channel}, repeatable=True)

    async def direct_channel(self, user_id: str) -> str:
        """conversations.open: the id of the direct message with one person."""
        response = await self.api.call("conversations.open", {"users": user_id}, repeatable=True)
        return str(response.data["channel"]["id"])

    async def thread(self, channel: str, thread_ts: str, *, without: str) -> tuple[Said, ...]:
        """conversations.replies, one call of one page: what people wrote in a thread, oldest first;
        ``without``: not what this user wrote.
        """
        arguments = {"channel": channel, "ts": thread_ts, "limit": self.api.limits.replies_page}
        response = await self.api.call("conversations.replies", arguments, repeatable=True, http_verb="GET")
        return tuple(
            Said(str(message["ts"]), str(message["user"]), str(message["text"]))
            for message in response.data.get("messages") or []
            if message.get("text")
            and message.get("user") not in {None, without}
            and not message.get("bot_id")
        )

    async def person(self, user_id: str) -> Person:
        """users.info."""
        response = await self.api.call("users.info", {"user": user_id}, repeatable=True, http_verb="GET")
        user = response.data.get("user") or {}
        profile = user.get("profile") or {}
        names = (
            profile.get("real_name"),
            user.get("real_name"),
            profile.get("display_name"),
            user.get("name"),
        )
        return Person(
            name=next((str(name) for name in names if name), ""),
            is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
            is_stranger=bool(user.get("is_stranger")),
            zone=str(user.get("tz") or ""),
            is_active=not user.get("deleted"),
        )

    async def suggest_prompts(self, channel: str, prompts: Sequence[Prompt], *, thread_ts: str = "") -> None:
        """assistant.threads.setSuggestedPrompts, four at most; for apps declared as agents only."""
        arguments = {
            "channel_id": channel,
            "thread_ts": thread_ts or None,
            "prompts": [{"title": prompt.title, "message": prompt.message} for prompt in prompts],
        }
        await self.api.call("assistant.threads.setSuggestedPrompts", arguments, repeatable=True)

    async def set_title(self, channel: str, thread_ts: str, title: str) -> None:
        """assistant.threads.setTitle: what the list of a person's sessions calls this one."""
        arguments = {"channel_id": channel, "thread_ts": thread_ts, "title": title[:TITLE_CHARS]}
        await self.api.call("assistant.threads.setTitle", arguments, repeatable=True)

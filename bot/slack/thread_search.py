"""Finding our own messages in a thread again, after an answer of Slack was lost.

Messages are known by their metadata. A stream has none until it is stopped; it is then the app's only
message after the card that nobody has claimed. Text is never compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.slack.api import SlackApi, ThreadMessage

__all__ = [
    "CARD",
    "FOOTER",
    "PART_EVENT",
    "QUESTION",
    "TEXT",
    "Sender",
    "ThreadPlace",
    "ThreadSearch",
    "TurnThread",
    "part_metadata",
]

PART_EVENT: Final = "country_agents_part"
QUESTION: Final = "question"
"""The question of a command or a form, as we post it."""
CARD: Final = "card"
TEXT: Final = "text"
FOOTER: Final = "footer"


@dataclass(frozen=True, slots=True)
class ThreadPlace:
    """Where a turn is answered, and for whom: ids of Slack."""

    team_id: str
    channel: str
    thread_ts: str
    """Empty: no thread yet, the channel itself."""
    recipient_user_id: str
    recipient_team_id: str
    """The asking person's own workspace."""
    since: str = "0"
    """The ts from which on a channel is searched."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The persona's name and picture on its messages."""

    username: str
    icon_emoji: str


@dataclass(frozen=True, slots=True)
class TurnThread:
    """One turn's place, sender and id: what all of its messages have in common."""

    turn_id: str
    place: ThreadPlace
    sender: Sender


def part_metadata(turn_id: str, kind: str, part: int = 0) -> dict[str, Any]:
    """Message metadata: which turn, what kind of message, which number."""
    return {"event_type": PART_EVENT, "event_payload": {"turn_id": turn_id, "kind": kind, "part": part}}


class ThreadSearch:
    """Looks for the messages of one turn."""

    def __init__(self, api: SlackApi, place: ThreadPlace, turn_id: str) -> None:
        self._api = api
        self._place = place
        self._turn_id = turn_id

    async def _messages(self, after: str | None) -> list[ThreadMessage]:
        identity = await self._api.identity()
        place = self._place
        if place.thread_ts:
            messages = await self._api.thread_messages(
                channel=place.channel, thread_ts=place.thread_ts, oldest=after
            )
        else:
            messages = await self._api.channel_messages(channel=place.channel, oldest=after or place.since)
        return [
            message
            for message in messages
            if (message.bot_id and message.bot_id == identity.bot_id)
            or (message.user and message.user == identity.bot_user_id)
        ]

    def _is_ours(self, metadata: Mapping[str, Any], kind: str, part: int) -> bool:
        return (
            metadata.get("turn_id") == self._turn_id
            and metadata.get("kind") == kind
            and int(metadata.get("part", -1)) == part
        )

    async def posted(self, kind: str, part: int = 0) -> str | None:
        """The ts of a message with our metadata, or None."""
        for message in await self._messages(None):
            if message.metadata_type == PART_EVENT and self._is_ours(message.metadata, kind, part):
                return message.ts
        return None

    async def unnoted(self, first: int, *, username: str, known: Collection[str]) -> dict[int, str]:
        """The ts, by number, of this turn's text messages from number ``first`` on, of which nobody knows:
        by metadata, and last the stream after those in ``known`` that nobody has claimed.
        """
        found: dict[int, str] = {}
        stream = None
        for message in await self._messages(None):
            part = int(message.metadata.get("part", -1))
            if message.metadata_type == PART_EVENT:
                if part >= first and self._is_ours(message.metadata, TEXT, part):
                    found[part] = message.ts
            # A stream of ours bears the name; a file that was put into the thread does not.
            elif message.username == username and known and message.ts > max(known):
                stream = message.ts
        if stream is not None:
            found[max(found, default=first - 1) + 1] = stream
        return found

    async def streamed(
        self, part: int, *, after: str | None, username: str, known: Collection[str]
    ) -> str | None:
        """The ts of the stream whose start was never answered: stopped already (then it has metadata),
        or the app's latest unclaimed message after ``after`` under the same name.
        """
        found = None
        for message in await self._messages(after):
            if message.metadata_type == PART_EVENT:
                if self._is_ours(message.metadata, TEXT, part):
                    return message.ts
                continue
            named = not message.username or message.username == username
            if named and message.ts not in known and message.ts != after:
                found = message.ts
        return found

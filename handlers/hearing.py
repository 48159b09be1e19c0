"""What people write, and take back, in the channels we are in: for the memory of threads."""

from __future__ import annotations

from dataclasses import dataclass

from bot.reception import Reception
from bot.threads import Said
from bot.turns import ChannelId, TeamId, ThreadTs
from handlers.fields import Payload, mapping, string, timestamp
from handlers.markup import plain_text
from handlers.messages import by_person, markup_of, team_of

__all__ = ["Deleted", "Heard", "listen", "parse_deleted", "parse_heard"]

HEARD_CHARS = 4_000
"""Characters kept of one message: Slack's own advice for the length of a message."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A person's message, new or changed."""

    team_id: TeamId
    channel: ChannelId
    thread_ts: ThreadTs
    """The message's thread, or the message itself."""
    said: Said


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message was deleted."""

    team_id: TeamId
    channel: ChannelId
    thread_ts: ThreadTs
    ts: str
    author: str
    """Of the deleted message; empty where Slack does not tell."""


async def listen(body: Payload, reception: Reception) -> None:
    """Keep, or forget, what a ``message`` event tells. Raises ``StoreError``: then Slack must get no ack."""
    if heard := parse_heard(body, bot_user_id=reception.bot_user_id, colleagues=reception.colleagues):
        await reception.hear(heard.team_id, heard.channel, heard.thread_ts, heard.said)
    if deleted := parse_deleted(body):
        await reception.unhear(
            deleted.team_id, deleted.channel, deleted.thread_ts, deleted.ts, author=deleted.author
        )


def parse_heard(body: Payload, *, bot_user_id: str, colleagues: frozenset[str] = frozenset()) -> Heard | None:
    """A person's message from its ``message`` event; ``None`` for those of bots, of apps and of our own."""
    event = mapping(body, "event")
    if string(event, "type") != "message":
        return None
    changed = string(event, "subtype") == "message_changed"
    message = mapping(event, "message") if changed else event
    channel, ts, user = string(event, "channel"), timestamp(message, "ts"), string(message, "user")
    if not (channel and ts and user) or user in colleagues | {bot_user_id} or not by_person(message):
        return None
    text = plain_text(markup_of(message)).strip()[:HEARD_CHARS]
    if not text:
        return None
    return Heard(
        team_of(body, event),
        ChannelId(channel),
        ThreadTs(timestamp(message, "thread_ts") or ts),
        Said(ts, user, text),
    )


def parse_deleted(body: Payload) -> Deleted | None:
    """A deletion: Slack sends ``message_deleted``, and of a root with replies a change to a tombstone."""
    event = mapping(body, "event")
    subtype = string(event, "subtype")
    if string(event, "type") != "message":
        return None
    gone = mapping(event, "previous_message")
    if subtype == "message_deleted":
        ts = timestamp(event, "deleted_ts") or timestamp(gone, "ts")
    elif subtype == "message_changed" and string(mapping(event, "message"), "subtype") == "tombstone":
        gone = mapping(event, "message")
        ts = timestamp(gone, "ts")
    else:
        return None
    channel = string(event, "channel")
    if not (channel and ts):
        return None
    author = string(mapping(event, "previous_message"), "user") or string(gone, "user")
    thread_ts = ThreadTs(timestamp(gone, "thread_ts") or ts)
    return Deleted(team_of(body, event), ChannelId(channel), thread_ts, ts, author)

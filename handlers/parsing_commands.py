"""Slash commands and message shortcuts as frozen values; ``None`` for what is neither."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.turns import ChannelId, Quoted, TeamId, ThreadTs, UserId
from handlers.fields import Payload, mapping, string, timestamp
from handlers.markup import plain_text, without_mention
from handlers.messages import markup_of, quotations_in

__all__ = ["Command", "Shortcut", "parse_command", "parse_shortcut"]

HELP = frozenset({"help", "?", "-h", "--help"})
LIST = frozenset({"list", "desk", "who"})
COMPARE = "compare"
FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Command:
    """A person ran a slash command. Slack delivers it once, also from where the app is no member."""

    command: str
    """As it is called here: ``/assess``."""
    verb: str
    """``help``, ``list``, ``compare``, ``forget``, or empty: a question, or nothing at all."""
    text: str
    """Plain words after the verb."""
    typed: str
    """The command as it can be typed again."""
    team_id: TeamId
    channel: ChannelId
    user_id: UserId
    response_url: str
    trigger_id: str
    """Opens one view, within three seconds; also unique, and so the name of this asking."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A person chose our entry in a message's menu."""

    team_id: TeamId
    channel: ChannelId
    user_id: UserId
    message_ts: str
    thread_ts: ThreadTs
    """The message's thread, or the message itself."""
    author_id: str
    """Of the message; empty for an app's."""
    author: str
    """The author's name where Slack tells it; may be empty."""
    text: str
    """The message's plain words; may be empty."""
    quoted: tuple[Quoted, ...]
    """What was forwarded in it."""
    response_url: str
    trigger_id: str


_LINK = re.compile(r"<?https?://\S+$")
"""What follows "forget": one link and no more."""


def parse_command(body: Payload, *, bot_user_id: str) -> Command | None:
    """A slash command of ours."""
    command, trigger_id = string(body, "command"), string(body, "trigger_id")
    channel, user_id = string(body, "channel_id"), string(body, "user_id")
    if not (command.startswith("/") and trigger_id and channel and user_id):
        return None
    text = plain_text(without_mention(string(body, "text"), bot_user_id)).strip()
    verb, rest = _verb(text)
    return Command(
        command=command,
        verb=verb,
        text=rest,
        typed=f"{command} {text}".strip(),
        team_id=TeamId(string(body, "team_id")),
        channel=ChannelId(channel),
        user_id=UserId(user_id),
        response_url=string(body, "response_url"),
        trigger_id=trigger_id,
    )


def _verb(text: str) -> tuple[str, str]:
    """Verb and rest. ``help`` and ``list`` stand alone: longer texts that begin so are questions."""
    word, _, rest = text.partition(" ")
    if text.casefold() in HELP:
        return "help", ""
    if text.casefold() in LIST:
        return "list", ""
    if word.casefold() == FORGET and (not rest.strip() or _LINK.match(rest.strip())):
        return FORGET, rest.strip()
    if word.casefold() == COMPARE:
        return COMPARE, rest.strip()
    return "", text


def parse_shortcut(body: Payload) -> Shortcut | None:
    """Our entry in a message's menu."""
    channel, user_id = string(mapping(body, "channel"), "id"), string(mapping(body, "user"), "id")
    message = mapping(body, "message")
    message_ts = timestamp(message, "ts") or timestamp(body, "message_ts")
    trigger_id = string(body, "trigger_id")
    if string(body, "type") != "message_action" or not (channel and user_id and message_ts and trigger_id):
        return None
    return Shortcut(
        team_id=TeamId(string(mapping(body, "team"), "id") or string(mapping(body, "user"), "team_id")),
        channel=ChannelId(channel),
        user_id=UserId(user_id),
        message_ts=message_ts,
        thread_ts=ThreadTs(timestamp(message, "thread_ts") or message_ts),
        author_id="" if message.get("bot_id") else string(message, "user"),
        author=_author(message),
        text=plain_text(markup_of(message)).strip(),
        quoted=tuple(quotations_in(message)),
        response_url=string(body, "response_url"),
        trigger_id=trigger_id,
    )


def _author(message: Payload) -> str:
    profile = mapping(message, "user_profile")
    names = (
        string(message, "username"),
        string(mapping(message, "bot_profile"), "name"),
        string(profile, "real_name"),
        string(profile, "display_name"),
    )
    return next((name for name in names if name), "")

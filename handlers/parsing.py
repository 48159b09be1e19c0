"""Slack's dictionaries as frozen values. Past this module nobody writes ``event.get(``.

Every function is pure, takes the body as Slack delivered it, and returns ``None`` for what is not for us: no
payload makes one raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.turns import ChannelId, Quoted, TeamId, ThreadTs, UserId
from handlers.markup import blocks_markup, mentions, plain_text, without_mention

__all__ = [
    "Action",
    "EditedMention",
    "Mention",
    "StopPressed",
    "parse_action",
    "parse_edit",
    "parse_mention",
    "parse_stop",
]

Payload = Mapping[str, object]

_PERSONS_SUBTYPES = frozenset({"", "thread_broadcast", "file_share"})
"""Subtypes of messages that a person wrote: none, a reply also sent to the channel, and one with files. All
others are joins, topics, edits, deletions or bots."""

_SHARED_CHANNEL_TYPES = frozenset({"channel", "group", "mpim"})
"""Where a mention asks. In direct messages no mention is needed; that is another way in."""

_TYPE_BY_PREFIX = {"C": "channel", "G": "group", "D": "im"}
"""``app_mention`` has no ``channel_type``; an id's first letter is the best there is."""

_SLACKBOT = "USLACKBOT"
_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_UNKNOWN_AUTHOR = "unknown author"


@dataclass(frozen=True, slots=True)
class Mention:
    """A person mentioned the bot in a channel."""

    team_id: TeamId
    """The workspace of the installation."""
    channel: ChannelId
    channel_type: str
    """``channel``, ``group`` or ``mpim``."""
    user_id: UserId
    user_team_id: TeamId
    """The person's own workspace: another one in Slack Connect channels."""
    message_ts: str
    thread_ts: ThreadTs
    """The thread to answer in: the mention's, or the mention itself."""
    text: str
    """Plain words, without the bot's mention."""
    quoted: tuple[Quoted, ...]
    """What was forwarded or attached, marked with its author."""
    event_id: str
    """Of this delivery's event; the same message arrives under two (``app_mention`` and ``message``)."""

    @property
    def asked_at(self) -> float:
        """Unix seconds."""
        return float(self.message_ts)

    @property
    def in_thread(self) -> bool:
        """Whether it was written as a reply."""
        return self.thread_ts != self.message_ts


@dataclass(frozen=True, slots=True)
class EditedMention:
    """A person changed the words of a message that mentions the bot (now, if not before)."""

    mention: Mention
    """As it reads now."""
    previous_text: str
    """Plain words before the edit, without the bot's mention."""
    edited_ts: str

    @property
    def seconds_after(self) -> float:
        """How long after the message itself it was edited."""
        return float(self.edited_ts) - self.mention.asked_at


@dataclass(frozen=True, slots=True)
class StopPressed:
    """Slack's own stop button (event ``agent_session_stopped``)."""

    channel: ChannelId
    thread_ts: ThreadTs
    user_id: UserId
    team_id: TeamId
    streaming_message_ts: tuple[str, ...]
    """Messages that were streaming when it was pressed."""


@dataclass(frozen=True, slots=True)
class Action:
    """A press of one of our buttons, or a choice in one of our menus."""

    action_id: str
    value: str
    """Of the button, or of the chosen option; may be empty."""
    user_id: UserId
    team_id: TeamId
    channel: ChannelId
    """Empty outside channels (App Home, modals)."""
    message_ts: str
    """The message that holds the button; empty outside messages."""
    thread_ts: ThreadTs
    """That message's thread, or the message itself."""
    response_url: str
    trigger_id: str
    is_ephemeral: bool
    """An ephemeral message can be replaced through ``response_url`` only."""


def parse_mention(
    body: Payload, *, bot_user_id: str, persona_user_ids: frozenset[str] = frozenset()
) -> Mention | None:
    """A mention of ``bot_user_id``, from its ``app_mention`` event or from its ``message`` event.

    ``None`` for everything else, and for messages of bots, of apps, of the bot itself, of
    ``persona_user_ids`` (the desk's other bot users), and for edits: personas never answer each other.
    """
    event = _mapping(body, "event")
    if _text(event, "type") not in {"app_mention", "message"}:
        return None
    if event.get("edited") or _text(event, "user") in persona_user_ids:
        return None
    return _mention(body, event, channel=_text(event, "channel"), bot_user_id=bot_user_id)


def parse_edit(
    body: Payload, *, bot_user_id: str, persona_user_ids: frozenset[str] = frozenset()
) -> EditedMention | None:
    """An edit that changed the words of a message which mentions ``bot_user_id``.

    Slack also sends ``message_changed`` when it unfurls a link, pins or broadcasts: the words stay the same,
    and the answer is ``None``.
    """
    event = _mapping(body, "event")
    if _text(event, "type") != "message" or _text(event, "subtype") != "message_changed":
        return None
    message, previous = _mapping(event, "message"), _mapping(event, "previous_message")
    edited_ts = _ts(_mapping(message, "edited"), "ts") or _ts(event, "ts")
    if not (message.get("edited") and edited_ts) or _text(message, "user") in persona_user_ids:
        return None
    # The channel and its type stand in the event, everything else in the message.
    merged = {**message, "channel_type": event.get("channel_type")}
    mention = _mention(body, merged, channel=_text(event, "channel"), bot_user_id=bot_user_id)
    if mention is None:
        return None
    was_mention = mentions(_markup(previous), bot_user_id)
    previous_text = plain_text(without_mention(_markup(previous), bot_user_id))
    if was_mention and previous_text.split() == mention.text.split():
        return None
    return EditedMention(mention, previous_text, edited_ts)


def parse_stop(body: Payload) -> StopPressed | None:
    """A press of Slack's stop button in a thread."""
    event = _mapping(body, "event")
    channel = _text(event, "channel") or _text(event, "channel_id")
    thread_ts = _ts(event, "thread_ts")
    user_id = _text(event, "user") or _text(event, "user_id")
    if _text(event, "type") != "agent_session_stopped" or not (channel and thread_ts and user_id):
        return None
    streaming = event.get("streaming_message_ts")
    return StopPressed(
        channel=ChannelId(channel),
        thread_ts=ThreadTs(thread_ts),
        user_id=UserId(user_id),
        team_id=_team_id(body, event),
        streaming_message_ts=tuple(
            ts for ts in (streaming if isinstance(streaming, list) else [streaming]) if isinstance(ts, str)
        ),
    )


def parse_action(body: Payload) -> Action | None:
    """The first action of a ``block_actions`` payload (Slack sends one at a time)."""
    action = next(_mappings(body.get("actions")), None)
    user = _mapping(body, "user")
    if _text(body, "type") != "block_actions" or action is None:
        return None
    action_id, user_id = _text(action, "action_id"), _text(user, "id")
    if not action_id or not user_id:
        return None
    container, message = _mapping(body, "container"), _mapping(body, "message")
    message_ts = _ts(container, "message_ts") or _ts(message, "ts")
    return Action(
        action_id=action_id,
        value=_text(action, "value") or _text(_mapping(action, "selected_option"), "value"),
        user_id=UserId(user_id),
        # The team is null where the app is installed for a whole organisation.
        team_id=TeamId(_text(_mapping(body, "team"), "id") or _text(user, "team_id")),
        channel=ChannelId(_text(_mapping(body, "channel"), "id") or _text(container, "channel_id")),
        message_ts=message_ts,
        thread_ts=ThreadTs(_ts(container, "thread_ts") or _ts(message, "thread_ts") or message_ts),
        response_url=_text(body, "response_url"),
        trigger_id=_text(body, "trigger_id"),
        is_ephemeral=container.get("is_ephemeral") is True,
    )


def _mention(body: Payload, message: Payload, *, channel: str, bot_user_id: str) -> Mention | None:
    user_id, message_ts = _text(message, "user"), _ts(message, "ts")
    channel_type = _text(message, "channel_type") or _TYPE_BY_PREFIX.get(channel[:1], "channel")
    markup = _markup(message)
    if (
        not (user_id and message_ts and channel and bot_user_id)
        or user_id in {bot_user_id, _SLACKBOT}
        or channel_type not in _SHARED_CHANNEL_TYPES
        or not _by_person(message)
        or not mentions(markup, bot_user_id)
    ):
        return None
    team_id = _team_id(body, message)
    own_team = _text(message, "user_team") or _text(message, "source_team") or _text(message, "team")
    return Mention(
        team_id=team_id,
        channel=ChannelId(channel),
        channel_type=channel_type,
        user_id=UserId(user_id),
        user_team_id=TeamId(own_team or team_id),
        message_ts=message_ts,
        thread_ts=ThreadTs(_ts(message, "thread_ts") or message_ts),
        text=plain_text(without_mention(markup, bot_user_id)),
        quoted=tuple(_quotations(message)),
        event_id=_text(body, "event_id"),
    )


def _by_person(message: Payload) -> bool:
    """Whether a person typed it. What an app posts, in its own name or a person's, carries one of these."""
    written_by_app = any(message.get(field) for field in ("bot_id", "bot_profile", "app_id"))
    return not written_by_app and _text(message, "subtype") in _PERSONS_SUBTYPES


def _team_id(body: Payload, event: Payload) -> TeamId:
    authorization = next(_mappings(body.get("authorizations")), {})
    return TeamId(_text(body, "team_id") or _text(authorization, "team_id") or _text(event, "team"))


def _markup(message: Payload) -> str:
    """``text`` holds everything a person types; ``blocks`` alone come from some clients and integrations."""
    return _text(message, "text") or blocks_markup(message.get("blocks"))


def _quotations(message: Payload) -> Iterator[Quoted]:
    """Forwarded messages, and the attachments of integrations; files are not read."""
    for attachment in _mappings(message.get("attachments")):
        text = plain_text(_attachment_markup(attachment)).strip()
        if text:
            author = next(
                (
                    name
                    for field in ("author_name", "author_subname", "service_name", "author_id")
                    if (name := _text(attachment, field).strip())
                ),
                _UNKNOWN_AUTHOR,
            )
            yield Quoted(author=plain_text(author), text=text)


def _attachment_markup(attachment: Payload) -> str:
    text = _text(attachment, "text")
    if not text:  # forwarded messages of newer clients hold their words in blocks only
        forwarded = [
            blocks_markup(_mapping(entry, "message").get("blocks"))
            for entry in _mappings(attachment.get("message_blocks"))
        ]
        text = "\n".join(filter(None, forwarded)) or blocks_markup(attachment.get("blocks"))
    # A picture or a file has a title and a fallback too, but nothing else to say.
    is_file = "image_url" in attachment or "files" in attachment
    heading = [_text(attachment, "pretext"), "" if is_file else _text(attachment, "title")]
    fields = [
        f"{_text(field, 'title')}: {_text(field, 'value')}" for field in _mappings(attachment.get("fields"))
    ]
    lines = [line for line in (*heading, text, *fields) if line.strip(": \n")]
    return "\n".join(lines) or ("" if is_file else _text(attachment, "fallback"))


def _mapping(source: Payload, key: str) -> Payload:
    value = source.get(key)
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterator[Payload]:
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, Mapping))


def _text(source: Payload, key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def _ts(source: Payload, key: str) -> str:
    """A Slack timestamp, or nothing: what has another form cannot name a message."""
    value = _text(source, key)
    return value if _TS.fullmatch(value) else ""

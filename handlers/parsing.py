"""Slack's dictionaries as frozen values. Past this module nobody writes ``event.get(``.

Every function is pure, takes the body as Slack delivered it, and returns ``None`` for what is not for us: no
payload makes one raise.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.turns import ChannelId, Quoted, TeamId, ThreadTs, UserId
from handlers.fields import Payload, mapping, mappings, string, timestamp
from handlers.markup import mentions, plain_text, without_mention
from handlers.messages import by_person, markup_of, quotations_in, team_of

__all__ = [
    "Action",
    "EditedMention",
    "HomeOpened",
    "Mention",
    "PaneOpened",
    "StopPressed",
    "parse_action",
    "parse_edit",
    "parse_home",
    "parse_mention",
    "parse_pane",
    "parse_stop",
]

_SHARED_CHANNEL_TYPES = frozenset({"channel", "group", "mpim"})
"""Where a mention asks."""

_DIRECT = "im"
"""Where everything a person writes asks: no mention is needed."""

_TYPE_BY_PREFIX = {"C": "channel", "G": "group", "D": "im"}
"""``app_mention`` has no ``channel_type``; an id's first letter is the best there is."""

_SLACKBOT = "USLACKBOT"


@dataclass(frozen=True, slots=True)
class Mention:
    """A person mentioned the bot in a channel, or wrote to it directly."""

    team_id: TeamId
    """The workspace of the installation."""
    channel: ChannelId
    channel_type: str
    """``channel``, ``group``, ``mpim`` or ``im``."""
    user_id: UserId
    user_team_id: TeamId
    """The person's own workspace: another one in Slack Connect channels."""
    message_ts: str
    thread_ts: ThreadTs
    """The thread to answer in: the message's, or the message itself."""
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

    @property
    def is_direct(self) -> bool:
        """Whether it was written to the bot alone."""
        return self.channel_type == _DIRECT


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
class HomeOpened:
    """A person looks at the app's home tab."""

    team_id: TeamId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class PaneOpened:
    """A person opened the pane of the app: of one declared as an agent, or as an assistant before."""

    channel: ChannelId
    thread_ts: ThreadTs
    """The session's thread; empty where none is begun."""


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
    """A mention of ``bot_user_id``, from its ``app_mention`` event or from its ``message`` event; or a
    message to it alone.

    ``None`` for everything else, and for messages of bots, of apps, of the bot itself, of
    ``persona_user_ids`` (the desk's other bot users), and for edits: personas never answer each other.
    """
    event = mapping(body, "event")
    if string(event, "type") not in {"app_mention", "message"}:
        return None
    if event.get("edited") or string(event, "user") in persona_user_ids:
        return None
    return _mention(body, event, channel=string(event, "channel"), bot_user_id=bot_user_id)


def parse_edit(
    body: Payload, *, bot_user_id: str, persona_user_ids: frozenset[str] = frozenset()
) -> EditedMention | None:
    """An edit that changed the words of a message which mentions ``bot_user_id``, or was written to it alone.

    Slack also sends ``message_changed`` when it unfurls a link, pins or broadcasts: the words stay the same,
    and the answer is ``None``.
    """
    event = mapping(body, "event")
    if string(event, "type") != "message" or string(event, "subtype") != "message_changed":
        return None
    message, previous = mapping(event, "message"), mapping(event, "previous_message")
    edited_ts = timestamp(mapping(message, "edited"), "ts") or timestamp(event, "ts")
    if not (message.get("edited") and edited_ts) or string(message, "user") in persona_user_ids:
        return None
    # The channel and its type stand in the event, everything else in the message.
    merged = {**message, "channel_type": event.get("channel_type")}
    mention = _mention(body, merged, channel=string(event, "channel"), bot_user_id=bot_user_id)
    if mention is None:
        return None
    was_mention = mention.is_direct or mentions(markup_of(previous), bot_user_id)
    previous_text = plain_text(without_mention(markup_of(previous), bot_user_id))
    if was_mention and previous_text.split() == mention.text.split():
        return None
    return EditedMention(mention, previous_text, edited_ts)


def parse_stop(body: Payload) -> StopPressed | None:
    """A press of Slack's stop button in a thread."""
    event = mapping(body, "event")
    channel = string(event, "channel") or string(event, "channel_id")
    thread_ts = timestamp(event, "thread_ts")
    user_id = string(event, "user") or string(event, "user_id")
    if string(event, "type") != "agent_session_stopped" or not (channel and thread_ts and user_id):
        return None
    streaming = event.get("streaming_message_ts")
    return StopPressed(
        channel=ChannelId(channel),
        thread_ts=ThreadTs(thread_ts),
        user_id=UserId(user_id),
        team_id=team_of(body, event),
        streaming_message_ts=tuple(
            ts for ts in (streaming if isinstance(streaming, list) else [streaming]) if isinstance(ts, str)
        ),
    )


def parse_pane(body: Payload) -> PaneOpened | None:
    """The pane was opened: ``app_home_opened`` of the messages tab, or ``assistant_thread_started``."""
    event = mapping(body, "event")
    thread = mapping(event, "assistant_thread")
    if string(event, "type") == "assistant_thread_started":
        channel, thread_ts = string(thread, "channel_id"), timestamp(thread, "thread_ts")
    elif string(event, "type") == "app_home_opened" and string(event, "tab") == "messages":
        channel, thread_ts = string(event, "channel"), ""
    else:
        return None
    return PaneOpened(ChannelId(channel), ThreadTs(thread_ts)) if channel else None


def parse_home(body: Payload) -> HomeOpened | None:
    """The home tab was opened."""
    event = mapping(body, "event")
    user_id = string(event, "user")
    if string(event, "type") != "app_home_opened" or string(event, "tab") != "home" or not user_id:
        return None
    return HomeOpened(TeamId(string(body, "team_id")), UserId(user_id))


def parse_action(body: Payload) -> Action | None:
    """The first action of a ``block_actions`` payload (Slack sends one at a time)."""
    action = next(mappings(body.get("actions")), None)
    user = mapping(body, "user")
    if string(body, "type") != "block_actions" or action is None:
        return None
    action_id, user_id = string(action, "action_id"), string(user, "id")
    if not action_id or not user_id:
        return None
    container, message = mapping(body, "container"), mapping(body, "message")
    message_ts = timestamp(container, "message_ts") or timestamp(message, "ts")
    return Action(
        action_id=action_id,
        value=string(action, "value") or string(mapping(action, "selected_option"), "value"),
        user_id=UserId(user_id),
        # The team is null where the app is installed for a whole organisation.
        team_id=TeamId(string(mapping(body, "team"), "id") or string(user, "team_id")),
        channel=ChannelId(string(mapping(body, "channel"), "id") or string(container, "channel_id")),
        message_ts=message_ts,
        thread_ts=ThreadTs(
            timestamp(container, "thread_ts") or timestamp(message, "thread_ts") or message_ts
        ),
        response_url=string(body, "response_url"),
        trigger_id=string(body, "trigger_id"),
        is_ephemeral=container.get("is_ephemeral") is True,
    )


def _mention(body: Payload, message: Payload, *, channel: str, bot_user_id: str) -> Mention | None:
    user_id, message_ts = string(message, "user"), timestamp(message, "ts")
    channel_type = string(message, "channel_type") or _TYPE_BY_PREFIX.get(channel[:1], "channel")
    markup = markup_of(message)
    if (
        not (user_id and message_ts and channel and bot_user_id)
        or user_id in {bot_user_id, _SLACKBOT}
        or channel_type not in {*_SHARED_CHANNEL_TYPES, _DIRECT}
        or not by_person(message)
        or not (channel_type == _DIRECT or mentions(markup, bot_user_id))
    ):
        return None
    team_id = team_of(body, message)
    own_team = string(message, "user_team") or string(message, "source_team") or string(message, "team")
    return Mention(
        team_id=team_id,
        channel=ChannelId(channel),
        channel_type=channel_type,
        user_id=UserId(user_id),
        user_team_id=TeamId(own_team or team_id),
        message_ts=message_ts,
        thread_ts=ThreadTs(timestamp(message, "thread_ts") or message_ts),
        text=plain_text(without_mention(markup, bot_user_id)),
        quoted=tuple(quotations_in(message)),
        event_id=string(body, "event_id"),
    )

"""The state of the sandbox workspace: people, channels, messages, views, and the books tests read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from bot.sandbox.config import AppConfig, ChannelConfig, UserConfig, WorkspaceConfig
from bot.sandbox.errors import SandboxError
from bot.sandbox.markup import live_pings
from bot.sandbox.messages import Message
from bot.sandbox.records import CallRecord, Change, Delivery, Ping, StoredFile, View
from bot.sandbox.triggers import Triggers

__all__ = ["Channel", "Workspace"]

_Value = TypeVar("_Value")
_MOST_RECORDS = 50_000  # a workspace may run for days; a test or benchmark stays far below


@dataclass(slots=True)
class Channel:
    """A channel or direct message with its messages by ts, oldest first."""

    id: str
    name: str
    is_private: bool
    is_im: bool
    topic: str
    members: list[str]
    is_archived: bool = False
    created: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    prompts: list[dict[str, str]] = field(default_factory=list)
    """What an agent suggests to ask: ``title`` and ``message`` of each."""
    titles: dict[str, str] = field(default_factory=dict)
    """Titles of an agent's threads by ts."""

    @property
    def kind(self) -> str:
        """``channels``, ``groups`` or ``im``: the prefix of scopes and of message events."""
        if self.is_im:
            return "im"
        return "groups" if self.is_private else "channels"


class Workspace:
    """One workspace. Changes go to the listeners given to ``listen``, in order, in the same tick.

    ``calls``, ``deliveries`` and ``pings`` are what tests assert on; ``limits`` and ``rate_limits`` may be
    replaced at any time.
    """

    def __init__(self, config: WorkspaceConfig) -> None:
        self.config = config
        self.limits = config.limits
        self.rate_limits = config.rate_limits
        self.team_id = config.team_id
        self.users: dict[str, UserConfig] = {user.id: user for user in config.users}
        self.apps: dict[str, AppConfig] = {app.app_id: app for app in config.apps}
        self.bots: dict[str, AppConfig] = {app.bot_user_id: app for app in config.apps}
        self.channels: dict[str, Channel] = {item.id: _channel(item) for item in config.channels}
        self.ephemerals: list[Message] = []
        self.files: dict[str, StoredFile] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[tuple[str, str], View] = {}
        self.statuses: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: list[CallRecord] = []
        self.deliveries: list[Delivery] = []
        self.pings: list[Ping] = []
        self.revoked_tokens: set[str] = set()
        self.triggers = Triggers()
        self._listeners: list[Callable[[Change], None]] = []
        self._waiters: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._last_microsecond = 0
        self._numbers = count(1)
        self._ims: dict[tuple[str, str], Channel] = {}

    # Ids and time

    def next_ts(self) -> str:
        """A timestamp string, unique and larger than every one before."""
        self._last_microsecond = max(int(time.time() * 1_000_000), self._last_microsecond + 1)
        seconds, micro = divmod(self._last_microsecond, 1_000_000)
        return f"{seconds}.{micro:06d}"

    def next_id(self, prefix: str) -> str:
        """A fresh id such as ``Ev00000012``, never seen before in this workspace."""
        return f"{prefix}{next(self._numbers):08d}"

    @property
    def url(self) -> str:
        """Where its messages are, were it in Slack."""
        return f"https://{self.config.team_domain}.slack.com/"

    # People and channels

    def app(self, app_id: str | None = None) -> AppConfig:
        """The app with that id; without one, the first app."""
        if app_id is None:
            return next(iter(self.apps.values()))
        try:
            return self.apps[app_id]
        except KeyError as error:
            raise SandboxError(f"no app {app_id}") from error

    def person(self, name_or_id: str) -> UserConfig:
        """The person with that id or handle. Raises SandboxError for a stranger or a bot."""
        for user in self.users.values():
            if name_or_id in (user.id, user.name):
                return user
        raise SandboxError(f"no user {name_or_id}")

    def channel(self, name_or_id: str) -> Channel:
        """The channel with that id or name. Raises SandboxError when there is none."""
        name = name_or_id.removeprefix("#")
        for channel in self.channels.values():
            if name in (channel.id, channel.name):
                return channel
        raise SandboxError(f"no channel {name_or_id}")

    def member_channel(self, person: UserConfig, name_or_id: str) -> Channel:
        """A channel the person is a member of. Raises SandboxError otherwise."""
        channel = self.channel(name_or_id)
        if person.id not in channel.members:
            raise SandboxError("not_in_channel")
        return channel

    def team_of(self, user_id: str) -> str:
        """The team of a user: the home team except for Slack Connect guests."""
        user = self.users.get(user_id)
        return user.team_id if user is not None and user.team_id else self.team_id

    def direct_message(self, user_id: str, bot_user_id: str) -> Channel:
        """The direct message of a person with a bot, made at first use."""
        channel = self._ims.get((user_id, bot_user_id))
        if channel is None:
            channel = Channel(
                id=self.next_id("D"),
                name="",
                is_private=True,
                is_im=True,
                topic="",
                members=[user_id, bot_user_id],
                created=int(time.time()),
            )
            self._ims[user_id, bot_user_id] = channel
            self.channels[channel.id] = channel
            self.publish(Change("channel", data={"channel": channel}))
        return channel

    def join(self, channel: Channel, user_id: str) -> bool:
        """Make a user a member; false when it was one already."""
        if user_id in channel.members:
            return False
        channel.members.append(user_id)
        self.publish(Change("channel", data={"channel": channel, "joined": user_id}))
        return True

    def leave(self, channel: Channel, user_id: str) -> bool:
        """End a user's membership; false when there was none."""
        if user_id not in channel.members:
            return False
        channel.members.remove(user_id)
        self.publish(Change("channel", data={"channel": channel}))
        return True

    # Messages

    def post(self, message: Message) -> Message:
        """Add a message to its channel, count it in its thread, and tell the listeners."""
        channel = self.channels[message.channel]
        channel.messages[message.ts] = message
        if message.is_reply and message.thread_ts is not None:
            root = channel.messages[message.thread_ts]
            root.thread_ts = root.ts
            root.replies.append(message.ts)
            if message.user not in root.reply_users:
                root.reply_users.append(message.user)
            if message.app_id is not None:
                self.clear_status(channel.id, root.ts)
        self.publish(Change("posted", message))
        return message

    def show_ephemeral(self, message: Message) -> Message:
        """Show a message to one user only."""
        self.ephemerals.append(message)
        self.publish(Change("posted", message))
        return message

    def changed(self, message: Message, previous: dict[str, Any]) -> None:
        """Tell the listeners that a message differs from ``previous``, its Web API form before."""
        self.publish(Change("changed", message, previous))

    def delete(self, message: Message) -> None:
        """Remove a message; a root with replies leaves a tombstone, as in Slack."""
        if message.ephemeral_for is not None:
            self.ephemerals.remove(message)
            self.publish(Change("deleted", message, message.as_api()))
            return
        channel = self.channels[message.channel]
        previous = message.as_api()
        if message.replies:
            message.subtype, message.text = "tombstone", "This message was deleted."
            message.markdown = message.blocks = message.attachments = message.metadata = message.stream = None
            message.reactions.clear()
        else:
            del channel.messages[message.ts]
            root = channel.messages.get(message.thread_ts or "")
            if root is not None and message.ts in root.replies:
                root.replies.remove(message.ts)
        self.publish(Change("deleted", message, previous))

    def thread(self, channel_id: str, ts: str) -> list[Message]:
        """A root and its replies, oldest first; empty when there is no such root."""
        messages = self.channel(channel_id).messages
        root = messages.get(ts)
        return [] if root is None else [root, *(messages[reply] for reply in root.replies)]

    def find(self, channel_id: str, ts: str, *, user: str | None = None) -> Message:
        """A message by ts; with ``user`` also among that user's ephemeral messages. Raises SandboxError."""
        message = self.channels[channel_id].messages.get(ts) if channel_id in self.channels else None
        if message is not None:
            return message
        for hidden in self.ephemerals:
            if (hidden.channel, hidden.ts, hidden.ephemeral_for) == (channel_id, ts, user):
                return hidden
        raise SandboxError(f"no message {ts} in {channel_id}")

    def expire_stream(self, message: Message) -> bool:
        """Whether the message's stream is over its age; it is then marked expired, whoever asks first."""
        stream = message.stream
        if stream is None or stream.state != "streaming":
            return False
        if time.monotonic() - stream.started < self.limits.stream_age_seconds:
            return False
        stream.state = "expired"
        self.publish(Change("changed", message, message.as_api(), {"silent": True}))
        return True

    # Statuses and pings

    def set_status(self, channel_id: str, thread_ts: str, status: dict[str, Any]) -> None:
        """Show a thread status until it is cleared, replied to, or two minutes old."""
        key = (channel_id, thread_ts)
        self.statuses[key] = {**status, "at": time.monotonic()}
        self._publish_status(key, status)
        asyncio.get_running_loop().call_later(
            self.limits.status_seconds, self._expire_status, key, self.statuses[key]["at"]
        )

    def clear_status(self, channel_id: str, thread_ts: str) -> None:
        """Remove a thread status if there is one."""
        if self.statuses.pop((channel_id, thread_ts), None) is not None:
            self._publish_status((channel_id, thread_ts), {"status": ""})

    def _expire_status(self, key: tuple[str, str], at: float) -> None:
        status = self.statuses.get(key)
        if status is not None and status["at"] == at:
            self.clear_status(*key)

    def _publish_status(self, key: tuple[str, str], status: dict[str, Any]) -> None:
        self.publish(Change("status", data={"channel": key[0], "thread_ts": key[1], **status}))

    def record_pings(self, method: str, channel: str | None, texts: Iterable[str]) -> None:
        """Write down every live mention or broadcast in what an app sent."""
        for text in texts:
            if "<" in text:
                self.pings.extend(Ping(method, channel, target) for target in live_pings(text))

    # Books

    def log_call(self, record: CallRecord) -> None:
        """Write a call down; the oldest go when there are very many."""
        self.calls.append(record)
        if len(self.calls) > _MOST_RECORDS:
            del self.calls[: _MOST_RECORDS // 2]

    def log_delivery(self, delivery: Delivery) -> None:
        """Write a delivery down, likewise."""
        self.deliveries.append(delivery)
        if len(self.deliveries) > _MOST_RECORDS:
            del self.deliveries[: _MOST_RECORDS // 2]

    # Listening

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call ``listener`` with every change from now on."""
        self._listeners.append(listener)

    def publish(self, change: Change) -> None:
        """Tell all listeners, then those who wait for a state."""
        for listener in self._listeners:
            listener(change)
        self.touch()

    def touch(self) -> None:
        """Look again whether somebody's awaited state has come."""
        if not self._waiters:
            return
        for waiter in list(self._waiters):
            predicate, future = waiter
            if future.done():
                self._waiters.remove(waiter)
                continue
            try:
                value = predicate()
            except Exception as error:  # noqa: BLE001 - a test's predicate fails in the test, not in the server
                future.set_exception(error)
            else:
                if not value:
                    continue
                future.set_result(value)
            self._waiters.remove(waiter)

    async def wait_for(self, predicate: Callable[[], _Value], timeout: float = 10.0) -> _Value:  # noqa: ASYNC109
        """Wait until ``predicate()`` is true, looked at after each change, and return its value.

        Raises TimeoutError after ``timeout`` seconds.
        """
        value = predicate()
        if value:
            return value
        future: asyncio.Future[_Value] = asyncio.get_running_loop().create_future()
        self._waiters.append((predicate, future))
        async with asyncio.timeout(timeout):
            return await future


def _channel(item: ChannelConfig) -> Channel:
    return Channel(
        id=item.id,
        name=item.name,
        is_private=item.is_private,
        is_im=False,
        topic=item.topic,
        members=list(item.members),
        is_archived=item.is_archived,
        created=int(time.time()),
    )

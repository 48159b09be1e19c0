"""What people do in Slack by themselves: write, forward, edit, delete, react, stop a stream, open a home."""

from __future__ import annotations

from typing import Any

from bot.sandbox.errors import SandboxError
from bot.sandbox.events import EventSource
from bot.sandbox.markup import escape_typed, rich_text
from bot.sandbox.messages import Message
from bot.sandbox.records import Change
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["People"]


class People:
    """Acts as the people of the workspace. Users and channels are given by id or name."""

    def __init__(self, workspace: Workspace, events: EventSource) -> None:
        self._workspace = workspace
        self._events = events

    # Messages

    def post(
        self,
        user: str,
        channel: str,
        text: str,
        *,
        thread_ts: str | None = None,
        attachments: list[dict[str, Any]] | None = None,
    ) -> str:
        """Write a message and return its ts. Raises SandboxError for a stranger or an unknown thread."""
        person = self._workspace.person(user)
        place = self._workspace.member_channel(person, channel)
        if thread_ts is not None:
            root = place.messages.get(thread_ts)
            if root is None:
                raise SandboxError("thread_not_found")
            thread_ts = root.thread_ts or root.ts
        if not text.strip() and not attachments:
            raise SandboxError("no_text")
        self._check_messages_tab(place)
        wire = escape_typed(text)
        message = Message(
            ts=self._workspace.next_ts(),
            channel=place.id,
            user=person.id,
            text=wire,
            thread_ts=thread_ts,
            team_id=self._workspace.team_of(person.id),
            blocks=rich_text(wire) if wire else None,
            attachments=attachments,
        )
        return self._workspace.post(message).ts

    def _check_messages_tab(self, place: Channel) -> None:
        apps = [self._workspace.bots[user] for user in place.members if user in self._workspace.bots]
        if place.is_im and not all(app.messages_tab for app in apps):
            raise SandboxError("messages_tab_disabled")

    def forward(self, user: str, channel: str, text: str, *, source_channel: str, source_ts: str) -> str:
        """Share a message into a channel with some text of one's own; returns the new ts."""
        shared = self._workspace.find(self._workspace.channel(source_channel).id, source_ts)
        author = self._workspace.users.get(shared.user)
        bot = self._workspace.bots.get(shared.user)
        name = author.real_name if author is not None else bot.name if bot is not None else shared.user
        attachment: dict[str, Any] = {
            "id": 1,
            "is_msg_unfurl": True,
            "is_share": True,
            "author_id": shared.user,
            "author_name": name,
            "author_subname": name,
            "channel_id": shared.channel,
            "channel_team": self._workspace.team_id,
            "ts": shared.ts,
            "text": shared.plain_text(),
            "fallback": f"[{name}] {shared.plain_text()}",
            "mrkdwn_in": ["text"],
            "message_blocks": [
                {
                    "team": self._workspace.team_id,
                    "channel": shared.channel,
                    "ts": shared.ts,
                    "message": {"blocks": shared.all_blocks()},
                }
            ],
        }
        return self.post(user, channel, text, attachments=[attachment])

    def _own(self, user: str, channel: str, ts: str) -> Message:
        person = self._workspace.person(user)
        message = self._workspace.find(self._workspace.channel(channel).id, ts)
        if message.user != person.id:
            raise SandboxError("not_your_message")
        return message

    def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        """Change one's own message."""
        message = self._own(user, channel, ts)
        previous = message.as_api()
        message.text = escape_typed(text)
        message.blocks = rich_text(message.text)
        message.edited, message.edited_by = self._workspace.next_ts(), message.user
        self._workspace.changed(message, previous)

    def delete(self, user: str, channel: str, ts: str) -> None:
        """Delete one's own message."""
        self._workspace.delete(self._own(user, channel, ts))

    def react(self, user: str, channel: str, ts: str, name: str) -> None:
        """Add an emoji to a message, or take it back."""
        person = self._workspace.person(user)
        message = self._workspace.find(self._workspace.channel(channel).id, ts)
        users = message.reactions.setdefault(name.strip(":"), [])
        if person.id in users:
            users.remove(person.id)
            if not users:
                del message.reactions[name.strip(":")]
        else:
            users.append(person.id)
        self._workspace.publish(Change("changed", message, message.as_api(), {"silent": True}))

    def press_stop(self, user: str, channel: str, ts: str) -> None:
        """Press Slack's own stop button, on a streaming message or on its thread."""
        person = self._workspace.person(user)
        place = self._workspace.member_channel(person, channel)
        stopped = [
            message
            for message in place.messages.values()
            if ts in (message.ts, message.thread_ts) and message.is_streaming
        ]
        if not stopped:
            raise SandboxError("not_streaming")
        by_app: dict[str, list[Message]] = {}
        for message in stopped:
            if message.stream is not None:
                message.stream.stopped_by_user = True
                by_app.setdefault(message.stream.app_id, []).append(message)
            self._workspace.publish(Change("changed", message, message.as_api(), {"silent": True}))
        for app_id, messages in by_app.items():
            app = self._workspace.app(app_id)
            if "agent_session_stopped" in app.events:
                event = {
                    "type": "agent_session_stopped",
                    "channel": place.id,
                    "thread_ts": messages[0].thread_ts,
                    "streaming_message_ts": [message.ts for message in messages],
                    "user": person.id,
                    "event_ts": self._workspace.next_ts(),
                }
                self._events.emit(app, event, place)

    def open_home(self, user: str, app_id: str | None = None, *, tab: str = "home") -> dict[str, Any] | None:
        """Open an app's home tab and return what it showed last; the app may be named by its bot user.

        ``tab`` may be ``messages``, too: the direct message with the app.
        """
        person = self._workspace.person(user)
        app = self._workspace.bots.get(app_id or "") or self._workspace.app(app_id)
        home = self._workspace.homes.get((app.app_id, person.id))
        event: dict[str, Any] = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": self._workspace.direct_message(person.id, app.bot_user_id).id,
            "tab": tab,
            "event_ts": self._workspace.next_ts(),
        }
        if home is not None and tab == "home":
            event["view"] = home.as_api(self._workspace.team_id, app.bot_id)
        if "app_home_opened" in app.events:
            self._events.emit(app, event)
        return event.get("view")

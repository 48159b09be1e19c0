"""The Events API: which change is which event, for which app, in which envelope."""

from __future__ import annotations

import time
import uuid
from typing import Any

from bot.sandbox.config import AppConfig
from bot.sandbox.delivery import Dispatcher
from bot.sandbox.markup import mentioned_users
from bot.sandbox.messages import Message
from bot.sandbox.records import Change
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["EventSource"]

_CHANNEL_TYPES = {"channels": "channel", "groups": "group", "im": "im"}


class EventSource:
    """Turns changes into events for the apps that subscribed, are members and have the scope."""

    def __init__(self, workspace: Workspace, dispatcher: Dispatcher) -> None:
        self._workspace = workspace
        self._dispatcher = dispatcher
        workspace.listen(self._take)

    def _take(self, change: Change) -> None:
        message = change.message
        if change.kind == "channel" and "joined" in change.data:
            self._joined(change.data["channel"], change.data["joined"])
        if message is None or message.ephemeral_for is not None or change.data.get("silent"):
            return
        channel = self._workspace.channels[message.channel]
        if change.kind == "posted":
            self._posted(channel, message)
        elif change.kind == "changed" or (change.kind == "deleted" and message.subtype == "tombstone"):
            event = {
                "subtype": "message_changed",
                "message": message.as_api(),
                "previous_message": change.previous,
                "hidden": True,
            }
            self._message_event(channel, event)
        elif change.kind == "deleted":
            event = {
                "subtype": "message_deleted",
                "deleted_ts": message.ts,
                "previous_message": change.previous,
                "hidden": True,
            }
            self._message_event(channel, event)

    def _posted(self, channel: Channel, message: Message) -> None:
        event = message.as_api()
        if message.app_id is None:
            event["client_msg_id"] = str(uuid.uuid4())
        if message.is_reply and message.thread_ts is not None:
            event["parent_user_id"] = channel.messages[message.thread_ts].user
        if self._is_shared(channel):
            event["user_team"] = event["source_team"] = self._workspace.team_of(message.user)
        mentioned = mentioned_users(message.text)
        for app in self._workspace.apps.values():
            if (
                app.bot_user_id in mentioned
                and not channel.is_im
                and self._hears(app, channel, "app_mention")
            ):
                place = {"type": "app_mention", "channel": channel.id, "event_ts": message.ts}
                self.emit(app, event | place, channel)
        self._message_event(channel, event, ts=message.ts)

    def _message_event(self, channel: Channel, event: dict[str, Any], *, ts: str | None = None) -> None:
        ts = ts or self._workspace.next_ts()
        event = {
            **event,
            "type": "message",
            "channel": channel.id,
            "channel_type": _CHANNEL_TYPES[channel.kind],
            "ts": ts,
            "event_ts": ts,
        }
        for app in self._workspace.apps.values():
            if self._hears(app, channel, f"message.{channel.kind}"):
                self.emit(app, event, channel)

    def _joined(self, channel: Channel, user: str) -> None:
        event = {
            "type": "member_joined_channel",
            "user": user,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": self._workspace.team_of(user),
            "event_ts": self._workspace.next_ts(),
        }
        for app in self._workspace.apps.values():
            if self._hears(app, channel, "member_joined_channel"):
                self.emit(app, event, channel)

    @staticmethod
    def _hears(app: AppConfig, channel: Channel, name: str) -> bool:
        scope = {
            "app_mention": "app_mentions:read",
            "member_joined_channel": f"{channel.kind}:read",
        }.get(name, f"{channel.kind}:history")
        return name in app.events and scope in app.scopes and app.bot_user_id in channel.members

    def _is_shared(self, channel: Channel) -> bool:
        home = self._workspace.team_id
        return any(self._workspace.team_of(user) != home for user in channel.members)

    def emit(self, app: AppConfig, event: dict[str, Any], channel: Channel | None = None) -> None:
        """Deliver one event to one app in Slack's envelope."""
        team_id = self._workspace.team_id
        event_id = self._workspace.next_id("Ev")
        payload = {
            "token": "sandbox",
            "team_id": team_id,
            "context_team_id": team_id,
            "context_enterprise_id": None,
            "api_app_id": app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": team_id,
                    "user_id": app.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": channel is not None and self._is_shared(channel),
            "event_context": f"4-{event_id}",
        }
        self._dispatcher.deliver_event(app, payload)

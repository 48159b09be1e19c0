"""What people do in Slack: write, edit, delete, react, click, stop a stream, run commands, fill in modals."""

from __future__ import annotations

import time
from typing import Any

from bot.sandbox.block_kit import action_elements
from bot.sandbox.config import AppConfig, UserConfig
from bot.sandbox.delivery import Dispatcher
from bot.sandbox.errors import SandboxError
from bot.sandbox.events import EventSource
from bot.sandbox.markup import escape_typed, rich_text
from bot.sandbox.messages import Message
from bot.sandbox.records import Change, Delivery, View
from bot.sandbox.responses import apply_response
from bot.sandbox.triggers import ResponseHandle
from bot.sandbox.view_methods import replace_view, show_view
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["People"]


class People:
    """Acts as the people of the workspace. Users and channels are given by id or name."""

    def __init__(
        self, workspace: Workspace, dispatcher: Dispatcher, events: EventSource, base_url: str
    ) -> None:
        self._workspace = workspace
        self._dispatcher = dispatcher
        self._events = events
        self._base_url = base_url

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
        place = self._member_channel(person, channel)
        if thread_ts is not None and thread_ts not in place.messages:
            raise SandboxError("thread_not_found")
        if not text.strip() and not attachments:
            raise SandboxError("no_text")
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

    def _member_channel(self, person: UserConfig, channel: str) -> Channel:
        place = self._workspace.channel(channel)
        if person.id not in place.members:
            raise SandboxError("not_in_channel")
        return place

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
        place = self._member_channel(person, channel)
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

    # Interactions

    async def click(
        self,
        user: str,
        channel: str,
        message_ts: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: str | None = None,
        state: dict[str, Any] | None = None,
    ) -> Delivery:
        """Click a button or choose an option in a message, also an ephemeral one."""
        person = self._workspace.person(user)
        place = self._workspace.channel(channel)
        message = self._workspace.find(place.id, message_ts, user=person.id)
        app = self._workspace.app(message.app_id)
        blocks = message.all_blocks()
        for attachment in message.attachments or []:
            blocks.extend(attachment.get("blocks", []))
        element = _element(blocks, action_id, block_id)
        handle = ResponseHandle(
            app.app_id, person.id, place.id, time.monotonic(), message.ts, message.thread_ts
        )
        container: dict[str, Any] = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": place.id,
            "is_ephemeral": message.ephemeral_for is not None,
        }
        if message.thread_ts is not None:
            container["thread_ts"] = message.thread_ts
        payload = {
            **self._interaction("block_actions", person, app),
            "container": container,
            "channel": {"id": place.id, "name": place.name or "directmessage"},
            "state": {"values": state or {}},
            "response_url": self._response_url(handle),
            "actions": [_action(element, value, self._workspace.next_ts())],
        }
        if message.ephemeral_for is None:
            payload["message"] = message.as_api()
        return await self._dispatcher.deliver_once(app, "interactive", "block_actions", payload)

    async def click_in_view(
        self,
        user: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str | None = None,
        value: str | None = None,
        state: dict[str, Any] | None = None,
    ) -> Delivery:
        """Click a button in a modal or App Home."""
        person, view, app = self._view(user, view_id)
        element = _element(view.payload.get("blocks", []), action_id, block_id)
        shown = view.as_api(self._workspace.team_id, app.bot_id)
        shown["state"] = {"values": state or {}}
        payload = {
            **self._interaction("block_actions", person, app, view_id),
            "container": {"type": "view", "view_id": view.id},
            "view": shown,
            "actions": [_action(element, value, self._workspace.next_ts())],
        }
        return await self._dispatcher.deliver_once(app, "interactive", "block_actions", payload)

    async def run_command(self, user: str, channel: str, command: str, text: str = "") -> Delivery:
        """Run a slash command; an immediate answer is shown as Slack does. Not redelivered."""
        person = self._workspace.person(user)
        place = self._member_channel(person, channel)
        app = self._command_owner(command)
        handle = ResponseHandle(app.app_id, person.id, place.id, time.monotonic())
        payload = {
            "token": "sandbox",
            "team_id": self._workspace.team_id,
            "team_domain": self._workspace.config.team_domain,
            "channel_id": place.id,
            "channel_name": place.name or "directmessage",
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": escape_typed(text),
            "api_app_id": app.app_id,
            "is_enterprise_install": "false",
            "response_url": self._response_url(handle),
            "trigger_id": self._workspace.triggers.issue(app.app_id, person.id),
        }
        delivery = await self._dispatcher.deliver_once(app, "slash_commands", "slash_commands", payload)
        if delivery.outcome == "acked" and isinstance(delivery.response, dict):
            apply_response(self._workspace, handle, delivery.response)
        return delivery

    def _command_owner(self, command: str) -> AppConfig:
        # Command names are not unique: the app installed last wins.
        for app in reversed(self._workspace.apps.values()):
            if "commands" in app.scopes and any(item.command == command for item in app.commands):
                return app
        raise SandboxError("unknown_command")

    async def submit_view(
        self, user: str, view_id: str, state: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Submit a modal; does to it what the app answered.

        Returns ``{"response_action": close|errors|update|push|clear, "errors": {…}}``. Raises SandboxError
        when the app does not answer in time; the modal then stays open.
        """
        person, view, app = self._view(user, view_id)
        shown = view.as_api(self._workspace.team_id, app.bot_id)
        shown["state"] = {"values": state or {}}
        payload = {
            **self._interaction("view_submission", person, app, view_id),
            "view": shown,
            "response_urls": [],
        }
        delivery = await self._dispatcher.deliver_once(app, "interactive", "view_submission", payload)
        if delivery.outcome != "acked":
            raise SandboxError("operation_timeout")
        answer = delivery.response if isinstance(delivery.response, dict) else {}
        action = answer.get("response_action") or "close"
        if action == "update":
            replace_view(self._workspace, view, answer["view"])
        elif action == "push":
            show_view(self._workspace, app.app_id, person.id, answer["view"], above=view)
        elif action == "clear":
            for other in [item for item in self._workspace.views.values() if item.root_id == view.root_id]:
                del self._workspace.views[other.id]
        elif action == "close":
            del self._workspace.views[view.id]
        return {"response_action": action, "errors": answer.get("errors", {})}

    async def close_view(self, user: str, view_id: str) -> None:
        """Close a modal; the app hears of it when it asked for that."""
        person, view, app = self._view(user, view_id)
        self._workspace.views.pop(view.id, None)
        if view.payload.get("notify_on_close"):
            payload = {
                **self._interaction("view_closed", person, app),
                "view": view.as_api(self._workspace.team_id, app.bot_id),
                "is_cleared": False,
            }
            await self._dispatcher.deliver_once(app, "interactive", "view_closed", payload)

    def open_home(self, user: str, app_id: str | None = None) -> None:
        """Open an app's home tab."""
        person = self._workspace.person(user)
        app = self._workspace.app(app_id)
        home = self._workspace.homes.get((app.app_id, person.id))
        event: dict[str, Any] = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": self._workspace.direct_message(person.id, app.bot_user_id).id,
            "tab": "home",
            "event_ts": self._workspace.next_ts(),
        }
        if home is not None:
            event["view"] = home.as_api(self._workspace.team_id, app.bot_id)
            self._workspace.publish(Change("home", data={"user": person.id, "view": event["view"]}))
        if "app_home_opened" in app.events:
            self._events.emit(app, event)

    def _view(self, user: str, view_id: str) -> tuple[UserConfig, View, AppConfig]:
        person = self._workspace.person(user)
        view = self._workspace.views.get(view_id)
        if view is None or view.user != person.id:
            raise SandboxError("view_not_found")
        return person, view, self._workspace.app(view.app_id)

    def _interaction(
        self, kind: str, person: UserConfig, app: AppConfig, view_id: str | None = None
    ) -> dict[str, Any]:
        team_id = self._workspace.team_id
        return {
            "type": kind,
            "token": "sandbox",
            "api_app_id": app.app_id,
            "team": {"id": team_id, "domain": self._workspace.config.team_domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "user": {
                "id": person.id,
                "username": person.name,
                "name": person.name,
                "team_id": self._workspace.team_of(person.id),
            },
            "trigger_id": self._workspace.triggers.issue(app.app_id, person.id, view_id),
        }

    def _response_url(self, handle: ResponseHandle) -> str:
        return f"{self._base_url}response/{self._workspace.triggers.respond_to(handle)}"


def _element(blocks: list[dict[str, Any]], action_id: str, block_id: str | None) -> dict[str, Any]:
    for element in action_elements(blocks):
        if element.get("action_id") == action_id and block_id in (None, element["_block_id"]):
            return element
    raise SandboxError("action_not_found")


def _action(element: dict[str, Any], value: str | None, ts: str) -> dict[str, Any]:
    kind = element["type"]
    action: dict[str, Any] = {
        "type": kind,
        "action_id": element["action_id"],
        "block_id": element["_block_id"],
        "action_ts": ts,
    }
    if "text" in element:
        action["text"] = element["text"]
    if kind == "feedback_buttons":
        chosen = [element[side] for side in ("positive_button", "negative_button")]
        found = next((side for side in chosen if side["value"] == value), chosen[0])
        return action | {"value": found["value"], "text": found["text"]}
    options = element.get("options")
    if options is not None:
        found = next((option for option in options if option["value"] == value), options[0])
        return action | {"selected_option": found}
    chosen_value = value if value is not None else element.get("value")
    return action if chosen_value is None else action | {"value": chosen_value}

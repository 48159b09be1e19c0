"""What people do with an app: click, choose, run commands and shortcuts, submit and close modals."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from bot.sandbox.block_kit import action_elements, check_view
from bot.sandbox.config import AppConfig, CommandConfig, UserConfig
from bot.sandbox.delivery import Dispatcher
from bot.sandbox.errors import SandboxError
from bot.sandbox.markup import command_text, escape_typed
from bot.sandbox.records import Delivery, View
from bot.sandbox.responses import apply_response
from bot.sandbox.triggers import ResponseHandle
from bot.sandbox.view_methods import replace_view, show_view
from bot.sandbox.view_state import State, check_complete, state_of
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["Interactions"]


class Interactions:
    """Acts as the people of the workspace towards its apps; each method waits for the app's answer.

    Slack delivers these once: an app that does not answer within three seconds never hears of them again.
    """

    def __init__(self, workspace: Workspace, dispatcher: Dispatcher, base_url: str) -> None:
        self._workspace = workspace
        self._dispatcher = dispatcher
        self._base_url = base_url

    async def click(
        self,
        user: str,
        channel: str,
        message_ts: str,
        action_id: str,
        *,
        block_id: str | None = None,
        chosen: Mapping[str, Any] | None = None,
        state: dict[str, Any] | None = None,
    ) -> Delivery:
        """Click a button or choose an option in a message, also an ephemeral one.

        ``chosen`` is what the action carries besides: ``value``, ``selected_option`` and the like.
        """
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
            **self._interaction("block_actions", person, app, place.id),
            "container": container,
            "channel": {"id": place.id, "name": _name_for_apps(place)},
            "state": {"values": state or {}},
            "response_url": self._response_url(handle),
            "actions": [_action(element, chosen or {}, self._workspace.next_ts())],
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
        chosen: Mapping[str, Any] | None = None,
        state: dict[str, Any] | None = None,
    ) -> Delivery:
        """Click a button in a modal or App Home."""
        person, view, app = self._view(user, view_id)
        element = _element(view.payload.get("blocks", []), action_id, block_id)
        shown = view.as_api(self._workspace.team_id, app.bot_id)
        shown["state"] = {"values": state_of(self._workspace, view, state)}
        payload = {
            **self._interaction("block_actions", person, app, view.channel),
            "container": {"type": "view", "view_id": view.id},
            "view": shown,
            "actions": [_action(element, chosen or {}, self._workspace.next_ts())],
        }
        return await self._dispatcher.deliver_once(app, "interactive", "block_actions", payload)

    async def run_command(self, user: str, channel: str, command: str, text: str = "") -> Delivery:
        """Run a slash command; an immediate answer is shown as Slack does. Not redelivered."""
        person = self._workspace.person(user)
        place = self._workspace.member_channel(person, channel)
        app, owned = self._command_owner(command)
        handle = ResponseHandle(app.app_id, person.id, place.id, time.monotonic())
        payload = {
            "token": "sandbox",
            "team_id": self._workspace.team_id,
            "team_domain": self._workspace.config.team_domain,
            "channel_id": place.id,
            "channel_name": _name_for_apps(place),
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": self._command_text(text, owned),
            "api_app_id": app.app_id,
            "is_enterprise_install": "false",
            "response_url": self._response_url(handle),
            "trigger_id": self._workspace.triggers.issue(app.app_id, person.id, place.id),
        }
        delivery = await self._dispatcher.deliver_once(app, "slash_commands", "slash_commands", payload)
        if delivery.outcome == "acked" and isinstance(delivery.response, dict):
            apply_response(self._workspace, handle, delivery.response)
        return delivery

    def _command_owner(self, command: str) -> tuple[AppConfig, CommandConfig]:
        # Command names are not unique: the app installed last wins.
        for app in reversed(self._workspace.apps.values()):
            for item in app.commands:
                if item.command == command and "commands" in app.scopes:
                    return app, item
        raise SandboxError("unknown_command")

    def _command_text(self, typed: str, command: CommandConfig) -> str:
        names = {user: app.bot_user_name for user, app in self._workspace.bots.items()}
        names |= {user.id: user.name for user in self._workspace.users.values()}
        names |= {channel.id: channel.name for channel in self._workspace.channels.values()}
        return command_text(escape_typed(typed.strip()), names, tokens=command.should_escape)

    async def use_shortcut(
        self, user: str, channel: str, message_ts: str, callback_id: str, *, app_id: str | None = None
    ) -> Delivery:
        """Choose an app's entry in a message's menu; its bot need not be a member. Not redelivered."""
        person = self._workspace.person(user)
        place = self._workspace.member_channel(person, channel)
        message = self._workspace.find(place.id, message_ts)
        app = self._workspace.app(app_id)
        if "commands" not in app.scopes or not any(item.callback_id == callback_id for item in app.shortcuts):
            raise SandboxError("unknown_shortcut")
        handle = ResponseHandle(
            app.app_id, person.id, place.id, time.monotonic(), thread_ts=message.thread_ts
        )
        payload = {
            **self._interaction("message_action", person, app, place.id),
            "callback_id": callback_id,
            "action_ts": self._workspace.next_ts(),
            "channel": {"id": place.id, "name": _name_for_apps(place)},
            "message_ts": message.ts,
            "message": message.as_api(),
            "response_url": self._response_url(handle),
        }
        return await self._dispatcher.deliver_once(app, "interactive", "message_action", payload)

    async def submit_view(
        self, user: str, view_id: str, state: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None
    ) -> dict[str, Any]:
        """Submit a modal; does to it what the app answered. ``state`` is what the person changed.

        Returns ``{"response_action": close|errors|update|push|clear, "errors": {…}, "view": …}``.
        Raises SandboxError for what the view does not offer or still needs, and when the app does not answer
        in time; the modal then stays open.
        """
        person, view, app = self._view(user, view_id)
        values = state_of(self._workspace, view, state)
        check_complete(view, values)
        shown = view.as_api(self._workspace.team_id, app.bot_id)
        shown["state"] = {"values": values}
        payload = {
            **self._interaction("view_submission", person, app, view.channel),
            "view": shown,
            "response_urls": self._response_urls(person, view, values),
        }
        delivery = await self._dispatcher.deliver_once(app, "interactive", "view_submission", payload)
        if delivery.outcome != "acked":
            raise SandboxError("operation_timeout")
        answer = delivery.response if isinstance(delivery.response, dict) else {}
        return self._settle(person, view, answer)

    def _response_urls(self, person: UserConfig, view: View, state: State) -> list[dict[str, str]]:
        """An address for each conversation chosen in an input that asks for it."""
        urls = []
        for element in action_elements(view.payload["blocks"]):
            if not element.get("response_url_enabled"):
                continue
            entry = state[element["_block_id"]][element["action_id"]]
            channel = entry.get("selected_conversation") or entry.get("selected_channel")
            if channel is not None:
                handle = ResponseHandle(view.app_id, person.id, channel, time.monotonic())
                urls.append(
                    {
                        "block_id": element["_block_id"],
                        "action_id": element["action_id"],
                        "channel_id": channel,
                        "response_url": self._response_url(handle),
                    }
                )
        return urls

    def _settle(self, person: UserConfig, view: View, answer: dict[str, Any]) -> dict[str, Any]:
        action = answer.get("response_action") or "close"
        result: dict[str, Any] = {"response_action": action, "errors": answer.get("errors", {})}
        if action == "errors":
            inputs = {block.get("block_id") for block in view.payload["blocks"] if block["type"] == "input"}
            if not result["errors"] or not set(result["errors"]) <= inputs:
                raise SandboxError("invalid_errors")
        if action in ("update", "push"):
            if check_view(answer.get("view")):
                raise SandboxError("invalid_view")
            if action == "update":
                replace_view(self._workspace, view, answer["view"])
            else:
                view = show_view(self._workspace, view.app_id, person.id, answer["view"], above=view)
            result["view"] = view.as_api(self._workspace.team_id, self._workspace.app(view.app_id).bot_id)
        elif action == "clear":
            for other in [item for item in self._workspace.views.values() if item.root_id == view.root_id]:
                del self._workspace.views[other.id]
        elif action == "close":
            del self._workspace.views[view.id]
        return result

    async def close_view(self, user: str, view_id: str) -> None:
        """Close a modal; the app hears of it when it asked for that."""
        person, view, app = self._view(user, view_id)
        self._workspace.views.pop(view.id, None)
        if view.payload.get("notify_on_close"):
            payload = {
                **self._interaction("view_closed", person, app, view.channel),
                "view": view.as_api(self._workspace.team_id, app.bot_id),
                "is_cleared": False,
            }
            await self._dispatcher.deliver_once(app, "interactive", "view_closed", payload)

    def _view(self, user: str, view_id: str) -> tuple[UserConfig, View, AppConfig]:
        person = self._workspace.person(user)
        view = self._workspace.views.get(view_id)
        if view is None or view.user != person.id:
            raise SandboxError("view_not_found")
        return person, view, self._workspace.app(view.app_id)

    def _interaction(
        self, kind: str, person: UserConfig, app: AppConfig, channel: str | None
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
            "trigger_id": self._workspace.triggers.issue(app.app_id, person.id, channel),
        }

    def _response_url(self, handle: ResponseHandle) -> str:
        return f"{self._base_url}response/{self._workspace.triggers.respond_to(handle)}"


def _name_for_apps(place: Channel) -> str:
    """Slack tells apps no names of private conversations in interactions and commands."""
    return {"im": "directmessage", "groups": "privategroup"}.get(place.kind, place.name)


def _element(blocks: list[dict[str, Any]], action_id: str, block_id: str | None) -> dict[str, Any]:
    for element in action_elements(blocks):
        if element.get("action_id") == action_id and block_id in (None, element["_block_id"]):
            return element
    raise SandboxError("action_not_found")


def _action(element: dict[str, Any], chosen: Mapping[str, Any], ts: str) -> dict[str, Any]:
    kind = element["type"]
    action: dict[str, Any] = {
        "type": kind,
        "action_id": element["action_id"],
        "block_id": element["_block_id"],
        "action_ts": ts,
    }
    value = chosen.get("value")
    if kind == "feedback_buttons":
        sides = [element[side] for side in ("positive_button", "negative_button")]
        found = next((side for side in sides if side["value"] == value), sides[0])
        return action | {"value": found["value"], "text": found["text"]}
    if kind in ("button", "icon_button"):
        # A button carries what the app put into it, whatever the page says.
        return action | {key: element[key] for key in ("text", "value") if key in element}
    action |= {key: item for key, item in chosen.items() if key.startswith("selected_") or key == "value"}
    if "options" in element and "selected_option" not in action and "selected_options" not in action:
        options = element["options"]
        action.pop("value", None)
        action["selected_option"] = next((item for item in options if item["value"] == value), options[0])
    return action

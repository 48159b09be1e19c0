"""What a person chose and wrote in a view, in the shape and with the checks of Slack's client.

A driver or the page says only what the person did; everything else is what the app preset. What a person
could not do in Slack (leave a required field empty, choose what is not offered) raises SandboxError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.sandbox.block_kit import action_elements
from bot.sandbox.errors import SandboxError
from bot.sandbox.records import View
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["check_complete", "state_of"]

_TEXTS = ("plain_text_input", "email_text_input", "url_text_input", "number_input")
_LONGEST_TEXT = 3000
_ONE_OPTION = ("static_select", "external_select", "radio_buttons", "overflow")
_SEVERAL_OPTIONS = ("multi_static_select", "multi_external_select", "checkboxes")
_PICKERS = {
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "date_time",
    "users_select": "user",
    "channels_select": "channel",
    "conversations_select": "conversation",
    "multi_users_select": "users",
    "multi_channels_select": "channels",
    "multi_conversations_select": "conversations",
}
"""Element type -> the ending of its ``initial_…`` and ``selected_…`` fields."""

State = dict[str, dict[str, dict[str, Any]]]


def state_of(
    workspace: Workspace, view: View, given: Mapping[str, Mapping[str, Mapping[str, Any]]] | None
) -> State:
    """``view.state.values``: block id -> action id -> value. ``given`` has the same shape and may be partial;
    an option may be given by its ``value`` alone. Raises SandboxError for what the view does not offer.
    """
    given = given or {}
    state: State = {}
    for block_id, element in _inputs(view):
        chosen = given.get(block_id, {}).get(element["action_id"])
        value = _preset(view, element) if chosen is None else _chosen(workspace, view, element, chosen)
        state.setdefault(block_id, {})[element["action_id"]] = {"type": element["type"], **value}
    known = {(block_id, action_id) for block_id, actions in state.items() for action_id in actions}
    for block_id, actions in given.items():
        for action_id in actions:
            if (block_id, action_id) not in known:
                raise SandboxError(f"no input {block_id}/{action_id} in the view")
    return state


def check_complete(view: View, state: State) -> None:
    """Raise SandboxError for a required input without a value, as Slack's client does not submit it."""
    for block in view.payload.get("blocks", []):
        if block["type"] == "input" and not block.get("optional"):
            entry = state[block["block_id"]][block["element"]["action_id"]]
            if not any(value for key, value in entry.items() if key != "type"):
                raise SandboxError(f"required field {block['block_id']} is empty")


def _inputs(view: View) -> Iterator[tuple[str, dict[str, Any]]]:
    for element in action_elements(view.payload.get("blocks", [])):
        kind = element["type"]
        if kind in _TEXTS or kind in _ONE_OPTION or kind in _SEVERAL_OPTIONS or kind in _PICKERS:
            yield element["_block_id"], element


def _preset(view: View, element: dict[str, Any]) -> dict[str, Any]:
    kind = element["type"]
    if kind in _TEXTS:
        return {"value": element.get("initial_value") or None}
    if kind in _ONE_OPTION:
        return {"selected_option": element.get("initial_option")}
    if kind in _SEVERAL_OPTIONS:
        return {"selected_options": element.get("initial_options", [])}
    ending = _PICKERS[kind]
    initial = element.get(f"initial_{ending}")
    if initial is None and element.get("default_to_current_conversation"):
        initial = view.channel if ending == "conversation" else [view.channel] if view.channel else None
    return {f"selected_{ending}": initial if initial is not None or not kind.startswith("multi_") else []}


def _chosen(
    workspace: Workspace, view: View, element: dict[str, Any], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    kind, where = element["type"], f"{element['_block_id']}/{element['action_id']}"
    if kind in _TEXTS:
        return {"value": _checked_text(element, chosen.get("value"), where)}
    if kind in _ONE_OPTION:
        option = chosen.get("selected_option")
        return {"selected_option": None if option is None else _offered(element, option, where)}
    if kind in _SEVERAL_OPTIONS:
        options = [_offered(element, option, where) for option in chosen.get("selected_options") or []]
        _check_count(element, len(options), where)
        return {"selected_options": options}
    field = f"selected_{_PICKERS[kind]}"
    value = chosen.get(field)
    for item in value if isinstance(value, list) else [value]:
        if item is not None:
            _check_place(workspace, view, element, item, where)
    if isinstance(value, list):
        _check_count(element, len(value), where)
    return {field: value}


def _checked_text(element: dict[str, Any], value: object, where: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise SandboxError(f"{where} takes a text")
    least, most = element.get("min_length", 0), element.get("max_length", _LONGEST_TEXT)
    if not least <= len(value) <= most:
        raise SandboxError(f"{where} takes {least} to {most} characters")
    return value


def _offered(element: dict[str, Any], option: Mapping[str, Any], where: str) -> dict[str, Any]:
    groups = element.get("option_groups") or [{"options": element.get("options", [])}]
    for group in groups:
        for offered in group["options"]:
            if offered["value"] == option.get("value"):
                found: dict[str, Any] = offered
                return found
    raise SandboxError(f"{where} does not offer {option.get('value')}")


def _check_count(element: dict[str, Any], count: int, where: str) -> None:
    most = element.get("max_selected_items")
    if most is not None and count > most:
        raise SandboxError(f"{where} takes at most {most}")


def _check_place(workspace: Workspace, view: View, element: dict[str, Any], item: object, where: str) -> None:
    """A person chooses among the people and channels they can see."""
    if element["type"].endswith("users_select"):
        if item not in workspace.users and item not in workspace.bots:
            raise SandboxError(f"{where}: no user {item}")
    elif element["type"].endswith(("channels_select", "conversations_select")):
        channel = workspace.channels.get(str(item))
        hidden = channel is None or (channel.is_private and view.user not in channel.members)
        if hidden or not _within_filter(channel, element):
            raise SandboxError(f"{where} does not offer {item}")


def _within_filter(channel: Channel | None, element: dict[str, Any]) -> bool:
    if channel is None:
        return False
    if element["type"].endswith("channels_select"):
        return channel.kind == "channels"
    wanted = (element.get("filter") or {}).get("include", ["public", "private", "im", "mpim"])
    return {"channels": "public", "groups": "private", "im": "im"}[channel.kind] in wanted

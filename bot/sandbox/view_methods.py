"""views.open, views.update, views.publish, and what a view_submission answer does to a modal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from bot.sandbox.block_ids import with_ids
from bot.sandbox.block_kit import check_view
from bot.sandbox.call import Call, Handler
from bot.sandbox.errors import ApiError
from bot.sandbox.limits import VIEW_BYTES
from bot.sandbox.markup import block_texts
from bot.sandbox.records import Change, View
from bot.sandbox.workspace import Workspace

__all__ = ["VIEW_METHODS", "replace_view", "show_view"]


def _checked_view(call: Call, *kinds: str) -> dict[str, Any]:
    view = call.args["view"]
    if not isinstance(view, dict) or view.get("type") not in kinds:
        raise ApiError("invalid_arguments", f"must be of type {' or '.join(kinds)} [json-pointer:/view/type]")
    if len(orjson.dumps(view)) > VIEW_BYTES:
        raise ApiError("view_too_large")
    problems = check_view(view)
    if problems:
        raise ApiError("invalid_arguments", *problems)
    _check_external_id(call, view)
    call.workspace.record_pings(call.method.name, None, block_texts(view))
    return view


def _check_external_id(call: Call, view: dict[str, Any]) -> None:
    external_id = view.get("external_id")
    if not external_id:
        return
    own = (call.args.get("view_id"), call.args.get("external_id"))
    for other in call.workspace.views.values():
        if other.payload.get("external_id") == external_id and other.id not in own and external_id not in own:
            raise ApiError("duplicate_external_id")


def show_view(
    workspace: Workspace,
    app_id: str,
    user: str,
    payload: dict[str, Any],
    *,
    channel: str | None = None,
    above: View | None = None,
) -> View:
    """Open a modal for a user who is in ``channel``, on top of ``above`` when pushed, and tell the page."""
    view_id = workspace.next_id("V")
    view = View(view_id, app_id, user, _with_ids(payload), _fresh_hash(), view_id, channel=channel)
    if above is not None:
        view.root_id, view.previous_id, view.channel = above.root_id, above.id, above.channel
    workspace.views[view_id] = view
    _publish(workspace, "view", view)
    return view


def replace_view(workspace: Workspace, view: View, payload: dict[str, Any]) -> None:
    """Show other content in an open modal."""
    view.payload, view.hash = _with_ids(payload), _fresh_hash()
    _publish(workspace, "view", view)


def _with_ids(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "blocks": [with_ids(block) for block in payload["blocks"]]}


def _publish(workspace: Workspace, kind: str, view: View) -> None:
    shown = view.as_api(workspace.team_id, workspace.app(view.app_id).bot_id)
    workspace.publish(Change(kind, data={"user": view.user, "view": shown}))


def _fresh_hash() -> str:
    return f"{time.time_ns() // 1_000}.{time.monotonic_ns() % 100_000_000:08d}"


def _answer(call: Call, view: View) -> dict[str, Any]:
    return {"view": view.as_api(call.workspace.team_id, call.app.bot_id)}


def open_view(call: Call) -> dict[str, Any]:
    """views.open: a modal for the user of a fresh trigger."""
    payload = _checked_view(call, "modal")
    trigger_id = call.text("trigger_id") or call.text("interactivity_pointer")
    trigger = call.workspace.triggers.redeem(trigger_id, call.app.app_id, call.workspace.limits)
    return _answer(
        call, show_view(call.workspace, call.app.app_id, trigger.user, payload, channel=trigger.channel)
    )


def update_view(call: Call) -> dict[str, Any]:
    """views.update: by view_id or external_id; ``hash`` guards against an update in between."""
    payload = _checked_view(call, "modal", "home")
    view_id, external_id = call.text("view_id"), call.text("external_id")
    found = [
        view
        for view in call.workspace.views.values()
        if view.app_id == call.app.app_id
        and (
            view.id == view_id if view_id else external_id and view.payload.get("external_id") == external_id
        )
    ]
    if not found:
        raise ApiError("not_found")
    view = found[0]
    _check_hash(call, view)
    replace_view(call.workspace, view, payload)
    return _answer(call, view)


def _check_hash(call: Call, view: View | None) -> None:
    expected = call.text("hash")
    if expected and view is not None and expected != view.hash:
        raise ApiError("hash_conflict")


def publish_view(call: Call) -> dict[str, Any]:
    """views.publish: the App Home of one user."""
    payload = _checked_view(call, "home")
    user = call.args["user_id"]
    if user not in call.workspace.users:
        raise ApiError("user_not_found")
    key = (call.app.app_id, user)
    view = call.workspace.homes.get(key)
    _check_hash(call, view)
    if view is None:
        view_id = call.workspace.next_id("V")
        view = View(view_id, call.app.app_id, user, payload, _fresh_hash(), view_id)
        call.workspace.homes[key] = view
        call.workspace.views[view_id] = view
    view.payload, view.hash = _with_ids(payload), _fresh_hash()
    _publish(call.workspace, "home", view)
    return _answer(call, view)


VIEW_METHODS: Mapping[str, Handler] = {
    "views.open": open_view,
    "views.update": update_view,
    "views.publish": publish_view,
}
"""The methods of this module by name."""

"""Answers to interactions outside the Web API: response addresses and immediate command answers."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from bot.sandbox.content import checked_blocks
from bot.sandbox.errors import ApiError, SandboxError
from bot.sandbox.markup import block_texts
from bot.sandbox.messages import Message
from bot.sandbox.triggers import ResponseHandle
from bot.sandbox.workspace import Workspace

__all__ = ["apply_response", "take_response"]


def apply_response(workspace: Workspace, handle: ResponseHandle, body: dict[str, Any]) -> None:
    """Show, replace or delete a message as ``body`` asks. Raises ApiError as chat.postMessage would."""
    text = body.get("text") or ""
    blocks = checked_blocks(body["blocks"]) if body.get("blocks") else None
    original = _original(workspace, handle)
    if body.get("delete_original"):
        if original is not None:
            workspace.delete(original)
        return
    if not text and not blocks:
        if body.get("response_type") or body.get("replace_original"):
            raise ApiError("no_text")
        return
    app = workspace.app(handle.app_id)
    workspace.record_pings("response_url", handle.channel, [text, *block_texts(blocks or [])])
    if body.get("replace_original") and original is not None:
        previous = original.as_api()
        original.text, original.blocks, original.markdown = text, blocks, None
        original.edited = workspace.next_ts()
        workspace.changed(original, previous)
        return
    in_channel = body.get("response_type") == "in_channel"
    message = Message(
        ts=workspace.next_ts(),
        channel=handle.channel,
        user=app.bot_user_id,
        text=text,
        thread_ts=body.get("thread_ts") or (None if in_channel else handle.thread_ts),
        team_id=workspace.team_id,
        app_id=app.app_id,
        bot_id=app.bot_id,
        blocks=blocks,
    )
    if in_channel:
        workspace.post(message)
    else:
        message.ephemeral_for = handle.user
        workspace.show_ephemeral(message)


def _original(workspace: Workspace, handle: ResponseHandle) -> Message | None:
    if handle.message_ts is None:
        return None
    try:
        return workspace.find(handle.channel, handle.message_ts, user=handle.user)
    except SandboxError:
        return None


async def take_response(workspace: Workspace, request: web.Request) -> web.Response:
    """Serve POST /response/<key>: ``ok`` as text, or 404 with an error code."""
    try:
        handle = workspace.triggers.use_response(request.match_info["key"], workspace.limits)
        body = orjson.loads(await request.read())
        if not isinstance(body, dict):
            raise ApiError("invalid_payload")  # noqa: TRY301 - answered just below
        apply_response(workspace, handle, body)
    except orjson.JSONDecodeError:
        return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
    except ApiError as error:
        return web.json_response(error.body(), status=404)
    return web.Response(text="ok")

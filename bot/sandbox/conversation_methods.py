"""conversations.*, reactions.add: reading channels and threads, joining, opening direct messages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from bot.sandbox.call import Call, Handler
from bot.sandbox.errors import ApiError
from bot.sandbox.messages import Message
from bot.sandbox.records import Change
from bot.sandbox.workspace import Channel

__all__ = ["CONVERSATION_METHODS", "page_of"]

_Item = TypeVar("_Item")
_MOST = 1_000  # objects a page, for internal apps
_TS = re.compile(r"\d+(\.\d+)?")
_EMOJI = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")
_CURSOR_PREFIX = "after:"


def page_of(call: Call, items: Sequence[_Item], default: int) -> tuple[list[_Item], dict[str, Any]]:
    """One page of ``items`` and the answer's ``response_metadata``. Raises invalid_cursor, invalid_limit."""
    limit = call.args.get("limit", default)
    if not 1 <= limit <= _MOST:
        raise ApiError("invalid_limit")
    start = _position(call.text("cursor"))
    end = start + limit
    cursor = base64.b64encode(f"{_CURSOR_PREFIX}{end}".encode()).decode() if end < len(items) else ""
    return list(items[start:end]), {"response_metadata": {"next_cursor": cursor}}


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        word = base64.b64decode(cursor, validate=True).decode()
        return int(word.removeprefix(_CURSOR_PREFIX))
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ApiError("invalid_cursor") from error


def _as_api(call: Call, channel: Channel) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": channel.id,
        "created": channel.created,
        "is_im": channel.is_im,
        "is_archived": channel.is_archived,
        "context_team_id": call.workspace.team_id,
    }
    if channel.is_im:
        shown["user"] = next(user for user in channel.members if user != call.app.bot_user_id)
        return shown
    shared = any(call.workspace.team_of(user) != call.workspace.team_id for user in channel.members)
    return shown | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_mpim": False,
        "is_private": channel.is_private,
        "is_general": False,
        "is_shared": shared,
        "is_ext_shared": shared,
        "is_member": call.app.bot_user_id in channel.members,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def info(call: Call) -> dict[str, Any]:
    """conversations.info."""
    channel = call.visible_channel(scope="read")
    shown = _as_api(call, channel)
    if call.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def _bounds(call: Call) -> tuple[float, float, bool]:
    for name in ("oldest", "latest"):
        value = call.text(name)
        if value and _TS.fullmatch(value) is None:
            raise ApiError(f"invalid_ts_{name}")
    oldest = float(call.text("oldest") or 0)
    latest = float(call.text("latest") or "inf")
    return oldest, latest, call.flag("inclusive")


def _between(messages: Sequence[Message], bounds: tuple[float, float, bool]) -> list[Message]:
    oldest, latest, inclusive = bounds
    if inclusive:
        return [message for message in messages if oldest <= float(message.ts) <= latest]
    return [message for message in messages if oldest < float(message.ts) < latest]


def _readable(call: Call) -> Channel:
    channel = call.visible_channel(scope="history")
    if call.app.bot_user_id not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def replies(call: Call) -> dict[str, Any]:
    """conversations.replies: the root and its replies, oldest first; for a reply's ts that reply alone."""
    channel = _readable(call)
    root = channel.messages.get(call.args["ts"])
    if root is None:
        raise ApiError("thread_not_found")
    thread = [root, *(channel.messages[ts] for ts in root.replies)]
    found = [root, *(message for message in _between(thread, _bounds(call)) if message is not root)]
    page, metadata = page_of(call, found, _MOST)
    with_metadata = call.flag("include_all_metadata")
    shown = []
    for message in page:
        item = message.as_api(with_metadata=with_metadata)
        if message is not root:
            item["parent_user_id"] = root.user
        shown.append(item)
    return {"messages": shown, "has_more": bool(metadata["response_metadata"]["next_cursor"]), **metadata}


def history(call: Call) -> dict[str, Any]:
    """conversations.history: roots and broadcast replies, newest first."""
    channel = _readable(call)
    roots = [m for m in channel.messages.values() if not m.is_reply or m.reply_broadcast]
    found = _between(roots, _bounds(call))[::-1]
    page, metadata = page_of(call, found, 100)
    with_metadata = call.flag("include_all_metadata")
    more = bool(metadata["response_metadata"]["next_cursor"])
    answer = {
        "messages": [message.as_api(with_metadata=with_metadata) for message in page],
        "has_more": more,
        "pin_count": 0,
    }
    return answer | metadata if more else answer


def list_channels(call: Call) -> dict[str, Any]:
    """conversations.list: of the types asked for, those the bot may see."""
    names = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
    types = [word.strip() for word in (call.text("types") or "public_channel").split(",")]
    if not set(types) <= set(names):
        raise ApiError("invalid_types")
    kinds = [names[word] for word in types]
    for kind in kinds:
        call.need_scope(f"{kind}:read")
    bot = call.app.bot_user_id
    found = [
        channel
        for channel in call.workspace.channels.values()
        if channel.kind in kinds
        and (not channel.is_private or bot in channel.members)
        and not (call.flag("exclude_archived") and channel.is_archived)
    ]
    page, metadata = page_of(call, found, 100)
    return {"channels": [_as_api(call, channel) for channel in page], **metadata}


def members(call: Call) -> dict[str, Any]:
    """conversations.members."""
    channel = call.visible_channel(scope="read")
    page, metadata = page_of(call, channel.members, 100)
    return {"members": page, **metadata}


def join(call: Call) -> dict[str, Any]:
    """conversations.join: public channels only."""
    channel = call.visible_channel()
    if channel.is_private:
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    answer: dict[str, Any] = {"channel": _as_api(call, channel)}
    if not call.workspace.join(channel, call.app.bot_user_id):
        answer["warning"] = "already_in_channel"
    answer["channel"]["is_member"] = True
    return answer


def open_conversation(call: Call) -> dict[str, Any]:
    """conversations.open: the direct message with one person."""
    if call.text("channel"):
        channel = call.visible_channel()
        return {"channel": {"id": channel.id}, "no_op": True, "already_open": True}
    users = [word for word in (call.text("users") or "").split(",") if word]
    if not users:
        raise ApiError("users_list_not_supplied")
    if len(users) > 1:
        raise ApiError("method_not_supported_for_channel_type")
    if users[0] not in call.workspace.users:
        raise ApiError("user_not_found")
    channel = call.workspace.direct_message(users[0], call.app.bot_user_id)
    return {"channel": _as_api(call, channel) if call.flag("return_im") else {"id": channel.id}}


def add_reaction(call: Call) -> dict[str, Any]:
    """reactions.add."""
    channel = call.writable_channel()
    name = call.args["name"].strip(":")
    if _EMOJI.fullmatch(name) is None:
        raise ApiError("invalid_name")
    if _TS.fullmatch(call.args["timestamp"]) is None:
        raise ApiError("bad_timestamp")
    message = channel.messages.get(call.args["timestamp"])
    if message is None:
        raise ApiError("message_not_found")
    users = message.reactions.setdefault(name, [])
    if call.app.bot_user_id in users:
        raise ApiError("already_reacted")
    users.append(call.app.bot_user_id)
    call.workspace.publish(Change("changed", message, message.as_api(), {"silent": True}))
    return {}


CONVERSATION_METHODS: Mapping[str, Handler] = {
    "conversations.info": info,
    "conversations.replies": replies,
    "conversations.history": history,
    "conversations.list": list_channels,
    "conversations.members": members,
    "conversations.join": join,
    "conversations.open": open_conversation,
    "reactions.add": add_reaction,
}
"""The methods of this module by name."""

"""chat.startStream, appendStream and stopStream, and assistant.threads.setStatus.

Two rules are not in Slack's documentation but were measured by others: a streamed message holds about
11,000 UTF-8 bytes in all, and leaves streaming state about five minutes after its start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from bot.sandbox.block_kit import TASK_STATUSES
from bot.sandbox.call import Call, Handler
from bot.sandbox.chat_methods import own_message
from bot.sandbox.content import checked_blocks, read_metadata, thread_root
from bot.sandbox.errors import ApiError
from bot.sandbox.limits import MARKDOWN_CHARACTERS, MESSAGE_BLOCKS, STATUS_LOADING_MESSAGES
from bot.sandbox.markup import block_texts
from bot.sandbox.messages import Message, Stream
from bot.sandbox.records import Change
from bot.sandbox.shapes import Problems, Shape, array, one_of, string
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["STREAM_METHODS"]

_Pieces = list[dict[str, Any]]

_SESSION_STATUSES = ("active", "processing", "suspended", "closed")
_SOURCE = Shape({"type": one_of("url"), "url": string(3000), "text": string()})
_CHUNKS: Mapping[str, Shape] = {
    "markdown_text": Shape({"text": string(None, 0)}),
    "task_update": Shape(
        {"id": string(), "title": string()},
        {
            "status": one_of(*TASK_STATUSES),
            "details": string(None, 0),
            "output": string(None, 0),
            "sources": array(_SOURCE, None, 0),
        },
    ),
    "plan_update": Shape({"title": string()}),
}


def start_stream(call: Call) -> dict[str, Any]:
    """chat.startStream: always a reply; in a channel it names the person it answers, with that one's team."""
    channel = call.writable_channel()
    thread_ts = call.text("thread_ts")
    if thread_ts is None:
        raise ApiError("invalid_thread_ts")
    root = thread_root(channel, thread_ts, unknown="invalid_thread_ts")
    recipient = call.text("recipient_user_id")
    if not channel.is_im:
        _check_recipient(call, recipient)
    mode = call.text("task_display_mode") or "timeline"
    if mode not in ("timeline", "plan"):
        raise ApiError("invalid_arguments", "must be timeline or plan [json-pointer:/task_display_mode]")
    username, icon = call.sender()
    pieces = _read_pieces(call)
    stream = Stream(call.app.app_id, time.monotonic(), recipient, display_mode=mode)
    message = Message(
        ts=call.workspace.next_ts(),
        channel=channel.id,
        user=call.app.bot_user_id,
        thread_ts=root.ts if root else None,
        team_id=call.workspace.team_id,
        app_id=call.app.app_id,
        bot_id=call.app.bot_id,
        username=username,
        icon=icon,
        markdown="",
        unfurl_links=False,
        unfurl_media=False,
        subtype="bot_message" if username else None,
        stream=stream,
    )
    _charge(call, stream, pieces)
    _apply(call, message, stream, pieces)
    call.workspace.post(message)
    _expire_later(call.workspace, message)
    return {"channel": channel.id, "ts": message.ts}


def _expire_later(workspace: Workspace, message: Message) -> None:
    """Let the page see a stream end by age even when nobody calls again."""
    asyncio.get_running_loop().call_later(
        workspace.limits.stream_age_seconds, workspace.expire_stream, message
    )


def _check_recipient(call: Call, recipient: str | None) -> None:
    team = call.text("recipient_team_id")
    if not recipient:
        raise ApiError("missing_recipient_user_id")
    if not team:
        raise ApiError("missing_recipient_team_id")
    # The team must be the recipient's own, which for a Slack Connect guest is not the installing team.
    if recipient not in call.workspace.users or call.workspace.team_of(recipient) != team:
        raise ApiError("user_not_found")


def append_stream(call: Call) -> dict[str, Any]:
    """chat.appendStream: adds text, tasks or blocks to a message that is still streaming."""
    channel, message, stream = _streaming_message(call)
    if stream.stopped_by_user:
        raise ApiError("stopped_by_user")
    pieces = _read_pieces(call)
    if not pieces:
        raise ApiError("no_text")
    _charge(call, stream, pieces)
    delta = _apply(call, message, stream, pieces)
    call.workspace.publish(
        Change(
            "appended",
            message,
            data={"text": delta, "structured": any(p["type"] != "markdown_text" for p in pieces)},
        )
    )
    return {"channel": channel.id, "ts": message.ts}


def stop_stream(call: Call) -> dict[str, Any]:
    """chat.stopStream: last text, blocks below it, metadata; the message is an ordinary one from then on."""
    channel, message, stream = _streaming_message(call)
    status = call.text("session_status")
    if status is not None and status not in _SESSION_STATUSES:
        raise ApiError("invalid_arguments", "unknown status [json-pointer:/session_status]")
    pieces = _read_pieces(call)
    blocks = None
    if "blocks" in call.args:
        blocks = checked_blocks(call.args["blocks"], too_many="msg_blocks_too_many")
    metadata = read_metadata(call)
    if stream.stopped_by_user and pieces:
        raise ApiError("stopped_by_user")
    if stream.overflowed and call.workspace.limits.overflow_refuses_stop:
        raise ApiError("msg_too_long")
    if pieces:
        _charge(call, stream, pieces)
    previous = message.as_api(with_metadata=True)
    _apply(call, message, stream, pieces)
    call.workspace.record_pings(call.method.name, channel.id, block_texts(blocks or []))
    if blocks:
        message.blocks = (message.blocks or []) + blocks
    message.metadata = metadata
    stream.state = "stopped"
    call.workspace.changed(message, previous)
    return {"channel": channel.id, "ts": message.ts, "message": message.as_api(with_metadata=True)}


def _streaming_message(call: Call) -> tuple[Channel, Message, Stream]:
    channel = call.writable_channel()
    message = own_message(call, channel, call.args["ts"], "message_not_owned_by_app")
    call.workspace.expire_stream(message)
    stream = message.stream
    if stream is None or stream.state != "streaming":
        raise ApiError("message_not_in_streaming_state")
    return channel, message, stream


def _read_pieces(call: Call) -> _Pieces:
    """The text and chunks of a call as one list of chunks, each checked."""
    text = call.text("markdown_text")
    chunks = call.args.get("chunks")
    if text is not None and chunks is not None:
        raise ApiError(
            "invalid_arguments", "markdown_text and chunks exclude each other [json-pointer:/chunks]"
        )
    if text is not None:
        if len(text) > MARKDOWN_CHARACTERS:
            raise ApiError("msg_too_long")
        return [{"type": "markdown_text", "text": text}] if text else []
    return [] if chunks is None else _checked_chunks(chunks)


def _checked_chunks(chunks: object) -> _Pieces:
    if not isinstance(chunks, list):
        raise ApiError("invalid_chunks")
    problems: Problems = []
    for index, chunk in enumerate(chunks):
        kind = chunk.get("type") if isinstance(chunk, dict) else None
        if kind == "blocks":
            chunk["blocks"] = checked_blocks(chunk.get("blocks"), too_many="msg_blocks_too_many")
        elif isinstance(kind, str) and kind in _CHUNKS:
            _CHUNKS[kind](chunk, f"/chunks/{index}", problems)
        else:
            problems.append(f"unsupported type: {kind} [json-pointer:/chunks/{index}/type]")
    if problems:
        raise ApiError("invalid_chunks", *problems)
    if sum(len(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text") > MARKDOWN_CHARACTERS:
        raise ApiError("msg_too_long")
    return chunks


def _weight(piece: dict[str, Any]) -> int:
    # Measured by others: a task's details and output count twice, its title once.
    if piece["type"] == "markdown_text":
        return len(piece["text"].encode())
    if piece["type"] == "blocks":
        return 0
    title = len(piece["title"].encode())
    return title + 2 * sum(len((piece.get(name) or "").encode()) for name in ("details", "output"))


def _charge(call: Call, stream: Stream, pieces: _Pieces) -> None:
    weight = sum(map(_weight, pieces))
    if stream.overflowed or stream.bytes_used + weight > call.workspace.limits.stream_bytes:
        stream.overflowed = True
        raise ApiError("msg_too_long")
    blocks = sum(len(piece["blocks"]) for piece in pieces if piece["type"] == "blocks")
    if stream.chunk_blocks + blocks > MESSAGE_BLOCKS:
        raise ApiError("msg_blocks_too_many")
    stream.bytes_used += weight
    stream.chunk_blocks += blocks


def _apply(call: Call, message: Message, stream: Stream, pieces: _Pieces) -> str:
    """Put pieces into the message and return the text they added."""
    added = "".join(piece["text"] for piece in pieces if piece["type"] == "markdown_text")
    before = message.markdown or ""
    message.markdown = before + added
    for piece in pieces:
        if piece["type"] == "task_update":
            task = stream.tasks.setdefault(piece["id"], {"task_id": piece["id"], "status": "pending"})
            task.update((key, value) for key, value in piece.items() if key not in ("type", "id"))
        elif piece["type"] == "plan_update":
            stream.plan_title = piece["title"]
        elif piece["type"] == "blocks":
            message.blocks = (message.blocks or []) + piece["blocks"]
    # A ping may be torn between two appends: look again from the last unclosed bracket on.
    opened = before.rfind("<")
    tail = before[opened:] if opened >= 0 and ">" not in before[opened:] else ""
    others = (text for piece in pieces if piece["type"] != "markdown_text" for text in _texts(piece))
    call.workspace.record_pings(call.method.name, message.channel, [tail + added, *others])
    return added


def _texts(piece: dict[str, Any]) -> list[str]:
    if piece["type"] == "blocks":
        return list(block_texts(piece["blocks"]))
    return [piece[name] for name in ("title", "details", "output") if piece.get(name)]


def set_status(call: Call) -> dict[str, Any]:
    """assistant.threads.setStatus: a line of what is going on; empty clears it."""
    channel = call.visible_channel("channel_id")
    if call.app.bot_user_id not in channel.members:
        raise ApiError("channel_not_found")
    thread_ts = call.args["thread_ts"]
    thread_root(channel, thread_ts, unknown="invalid_thread_ts")
    loading = call.args.get("loading_messages")
    if loading is not None and (
        not isinstance(loading, list)
        or len(loading) > STATUS_LOADING_MESSAGES
        or not all(isinstance(text, str) for text in loading)
    ):
        raise ApiError(
            "invalid_arguments", f"at most {STATUS_LOADING_MESSAGES} strings [json-pointer:/loading_messages]"
        )
    username, icon = call.sender()
    status = call.args["status"]
    call.workspace.record_pings(call.method.name, channel.id, [status, *(loading or [])])
    if status:
        shown = {
            "status": status,
            "loading_messages": loading or [],
            "username": username or call.app.name,
            "icon": icon or call.app.icon,
            "app_id": call.app.app_id,
        }
        call.workspace.set_status(channel.id, thread_ts, shown)
    else:
        call.workspace.clear_status(channel.id, thread_ts)
    return {}


STREAM_METHODS: Mapping[str, Handler] = {
    "chat.startStream": start_stream,
    "chat.appendStream": append_stream,
    "chat.stopStream": stop_stream,
    "assistant.threads.setStatus": set_status,
}
"""The methods of this module by name."""

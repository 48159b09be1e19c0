"""chat.postMessage, postEphemeral, update, delete and getPermalink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.call import Call, Handler
from bot.sandbox.content import Content, read_content, read_metadata, thread_root
from bot.sandbox.errors import ApiError
from bot.sandbox.limits import UPDATE_TEXT_CHARACTERS
from bot.sandbox.messages import Message
from bot.sandbox.workspace import Channel

__all__ = ["CHAT_METHODS", "own_message"]


def post_message(call: Call) -> dict[str, Any]:
    """chat.postMessage: to a channel by id or name, or to a person's direct message."""
    channel = _post_target(call)
    if channel.is_im and not call.app.messages_tab:
        raise ApiError("messages_tab_disabled")
    username, icon = call.sender()
    root = thread_root(channel, call.text("thread_ts"))
    metadata = read_metadata(call)
    content = read_content(call)
    message = _message(call, channel, content, username, icon)
    message.thread_ts = root.ts if root else None
    message.metadata = metadata
    message.unfurl_links = call.args.get("unfurl_links")
    message.unfurl_media = call.args.get("unfurl_media")
    message.reply_broadcast = root is not None and call.flag("reply_broadcast")
    call.workspace.post(message)
    answer = {"channel": channel.id, "ts": message.ts, "message": message.as_api(with_metadata=True)}
    return _with_truncation(answer, content)


def _post_target(call: Call) -> Channel:
    name = call.args["channel"]
    workspace = call.workspace
    if name in workspace.users:
        return workspace.direct_message(name, call.app.bot_user_id)
    if name not in workspace.channels:
        for channel in workspace.channels.values():
            if channel.name and name.removeprefix("#") == channel.name:
                call = Call(
                    workspace, call.method, call.app, {**call.args, "channel": channel.id}, call.base_url
                )
    return call.writable_channel()


def _message(
    call: Call, channel: Channel, content: Content, username: str | None, icon: str | None
) -> Message:
    return Message(
        ts=call.workspace.next_ts(),
        channel=channel.id,
        user=call.app.bot_user_id,
        text=content.text,
        team_id=call.workspace.team_id,
        app_id=call.app.app_id,
        bot_id=call.app.bot_id,
        username=username,
        icon=icon,
        markdown=content.markdown,
        blocks=content.blocks,
        attachments=content.attachments,
        # Slack marks a message with a changed sender as the legacy kind.
        subtype="bot_message" if username else None,
    )


def _with_truncation(answer: dict[str, Any], content: Content) -> dict[str, Any]:
    if content.truncated:
        answer["warning"] = "message_truncated"
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def post_ephemeral(call: Call) -> dict[str, Any]:
    """chat.postEphemeral: shown to one member of the channel, gone from every history."""
    channel = call.writable_channel()
    user = call.args["user"]
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    username, icon = call.sender()
    root = thread_root(channel, call.text("thread_ts"))
    content = read_content(call)
    message = _message(call, channel, content, username, icon)
    message.thread_ts = root.ts if root else None
    message.ephemeral_for = user
    call.workspace.show_ephemeral(message)
    return {"message_ts": message.ts}


def update(call: Call) -> dict[str, Any]:
    """chat.update: replaces text, Markdown, blocks and attachments of the app's own message."""
    channel = call.writable_channel()
    message = own_message(call, channel, call.args["ts"], "cant_update_message")
    call.workspace.expire_stream(message)
    if message.is_streaming and message.stream is not None and not message.stream.stopped_by_user:
        raise ApiError("streaming_state_conflict")
    if len(call.text("text") or "") > UPDATE_TEXT_CHARACTERS:
        raise ApiError("msg_too_long")
    metadata = read_metadata(call)
    content = read_content(call, parse_default="client")
    previous = message.as_api(with_metadata=True)
    message.text, message.markdown, message.blocks = content.text, content.markdown, content.blocks
    if "attachments" in call.args:
        message.attachments = content.attachments or None
    if metadata is not None:
        message.metadata = metadata
    if message.stream is not None:
        message.stream.state = "stopped"
        message.stream.tasks.clear()
        message.stream.plan_title = None
    message.edited = call.workspace.next_ts()
    call.workspace.changed(message, previous)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.plain_text(),
        "message": message.as_api(with_metadata=True),
    }


def own_message(call: Call, channel: Channel, ts: str, not_own: str) -> Message:
    """A message of the calling app. Raises message_not_found, or ``not_own`` for another author's."""
    message = channel.messages.get(ts)
    if message is None or message.subtype == "tombstone":
        raise ApiError("message_not_found")
    if message.app_id != call.app.app_id:
        raise ApiError(not_own)
    return message


def delete(call: Call) -> dict[str, Any]:
    """chat.delete: the app's own messages only."""
    channel = call.visible_channel()
    message = own_message(call, channel, call.args["ts"], "cant_delete_message")
    call.workspace.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(call: Call) -> dict[str, Any]:
    """chat.getPermalink: an address of a message, as Slack writes them."""
    channel = call.visible_channel()
    message = channel.messages.get(call.args["message_ts"])
    if message is None:
        raise ApiError("message_not_found")
    link = f"{call.workspace.url}archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


CHAT_METHODS: Mapping[str, Handler] = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": get_permalink,
}
"""The methods of this module by name."""

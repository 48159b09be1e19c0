"""A message as the workspace keeps it, and as the Web API shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.markup import block_texts, mrkdwn_from_markdown

__all__ = ["Message", "Stream"]


@dataclass(slots=True)
class Stream:
    """The streaming side of a message.

    ``state`` is ``streaming``, ``stopped`` (by chat.stopStream) or ``expired``; a stream its reader stopped
    keeps ``streaming`` until the app ends it, with ``stopped_by_user`` set.
    """

    app_id: str
    started: float
    recipient: str | None
    state: str = "streaming"
    bytes_used: int = 0
    overflowed: bool = False
    stopped_by_user: bool = False
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    plan_title: str | None = None
    display_mode: str = "timeline"
    chunk_blocks: int = 0


@dataclass(slots=True)
class Message:
    """One message. ``markdown`` is the raw Markdown of markdown_text or of a stream, as the app sent it."""

    ts: str
    channel: str
    user: str
    text: str = ""
    thread_ts: str | None = None
    team_id: str = ""
    app_id: str | None = None
    bot_id: str | None = None
    username: str | None = None
    icon: str | None = None
    markdown: str | None = None
    blocks: list[dict[str, Any]] | None = None
    attachments: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None
    edited: str | None = None
    edited_by: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    subtype: str | None = None
    unfurl_links: bool | None = None
    unfurl_media: bool | None = None
    ephemeral_for: str | None = None
    reply_broadcast: bool = False
    stream: Stream | None = None
    replies: list[str] = field(default_factory=list)
    reply_users: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_streaming(self) -> bool:
        """Whether the app may still append."""
        return self.stream is not None and self.stream.state == "streaming"

    @property
    def is_reply(self) -> bool:
        """Whether the message stands in a thread and not in the channel."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    def all_blocks(self) -> list[dict[str, Any]]:
        """The blocks as shown: Markdown text, task cards of the stream, then blocks of the app."""
        blocks: list[dict[str, Any]] = []
        if self.markdown:
            blocks.append({"type": "markdown", "text": self.markdown})
        if self.stream is not None and self.stream.tasks:
            blocks.extend(self._task_blocks(self.stream))
        return blocks + (self.blocks or [])

    @staticmethod
    def _task_blocks(stream: Stream) -> list[dict[str, Any]]:
        cards = [{"type": "task_card", **task} for task in stream.tasks.values()]
        if stream.display_mode == "plan" or stream.plan_title is not None:
            return [{"type": "plan", "title": stream.plan_title or "Plan", "tasks": cards}]
        return cards

    def plain_text(self) -> str:
        """The ``text`` the Web API shows: the app's own, else made from its Markdown or its blocks."""
        if self.text:
            return self.text
        if self.markdown:
            return mrkdwn_from_markdown(self.markdown)
        return "\n".join(block_texts(self.blocks or []))

    def as_api(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """The message object of the Web API and of events."""
        shown: dict[str, Any] = {
            "type": "message",
            "user": self.user,
            "text": self.plain_text(),
            "ts": self.ts,
            "team": self.team_id,
        }
        blocks = self.all_blocks()
        optional = {
            "subtype": self.subtype,
            "thread_ts": self.thread_ts,
            "app_id": self.app_id,
            "bot_id": self.bot_id,
            "username": self.username,
            "blocks": blocks or None,
            "attachments": self.attachments,
            "metadata": self.metadata if with_metadata else None,
            "files": self.files or None,
        }
        shown.update((key, value) for key, value in optional.items() if value is not None)
        if self.icon is not None:
            shown["icons"] = {"emoji" if self.icon.startswith(":") else "image_48": self.icon}
        if self.edited is not None:
            shown["edited"] = {"user": self.edited_by or self.user, "ts": self.edited}
        if self.reactions:
            shown["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in self.reactions.items()
            ]
        if self.replies:
            shown.update(
                reply_count=len(self.replies),
                reply_users=list(self.reply_users),
                reply_users_count=len(self.reply_users),
                latest_reply=self.replies[-1],
            )
        return shown

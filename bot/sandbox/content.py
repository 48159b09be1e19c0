"""What a message carries: text, Markdown, blocks, attachments, metadata, each checked as Slack does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from bot.sandbox.block_ids import with_ids
from bot.sandbox.block_kit import block_characters, check_blocks
from bot.sandbox.call import Call
from bot.sandbox.errors import ApiError
from bot.sandbox.limits import MARKDOWN_CHARACTERS, MESSAGE_BLOCKS, METADATA_BYTES, POST_TEXT_CHARACTERS
from bot.sandbox.markup import block_texts, parsed_pings
from bot.sandbox.messages import Message
from bot.sandbox.records import Ping
from bot.sandbox.workspace import Channel

__all__ = ["Content", "checked_blocks", "read_content", "read_metadata", "thread_root"]

_ATTACHMENTS = 100
_TS = re.compile(r"\d{10}\.\d{6}")


@dataclass(frozen=True, slots=True)
class Content:
    """The checked content of a message; ``truncated`` says that the text was cut at 40,000 characters."""

    text: str
    markdown: str | None
    blocks: list[dict[str, Any]] | None
    attachments: list[dict[str, Any]] | None
    truncated: bool = False

    def texts(self) -> Iterator[str]:
        """Everything a reader would see, piece by piece."""
        yield self.text
        if self.markdown:
            yield self.markdown
        yield from block_texts(self.blocks or [])
        yield from block_texts(self.attachments or [])


def read_content(call: Call, *, parse_default: str = "none") -> Content:
    """The content of a call that sends or changes a message; its live pings are recorded.

    Raises ApiError: markdown_text_conflict, msg_too_long, no_text, and what blocks and attachments raise.
    """
    text = call.text("text") or ""
    markdown = call.text("markdown_text")
    if markdown is not None and (text or "blocks" in call.args):
        raise ApiError("markdown_text_conflict")
    if markdown is not None and len(markdown) > MARKDOWN_CHARACTERS:
        raise ApiError("msg_too_long")
    blocks = checked_blocks(call.args["blocks"]) if "blocks" in call.args else None
    attachments = _checked_attachments(call.args.get("attachments"))
    if not text.strip() and not (markdown or "").strip() and not blocks and not attachments:
        raise ApiError("no_text")
    content = Content(
        text[:POST_TEXT_CHARACTERS], markdown, blocks, attachments, truncated=len(text) > POST_TEXT_CHARACTERS
    )
    call.workspace.record_pings(call.method.name, call.text("channel"), content.texts())
    if not blocks and (call.text("parse") or parse_default) != "none":
        # With names parsed by Slack, plain words ping as well; chat.update parses unless told not to.
        call.workspace.pings.extend(
            Ping(call.method.name, call.text("channel"), target) for target in parsed_pings(text)
        )
    return content


def checked_blocks(blocks: object, *, most: int = MESSAGE_BLOCKS, too_many: str = "invalid_blocks") -> Any:  # noqa: ANN401
    """A list of valid message blocks.

    Raises ApiError: invalid_blocks with Slack's messages, ``too_many`` beyond ``most``, msg_blocks_too_long
    when the text of all blocks together is over 12,000 characters.
    """
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    if len(blocks) > most:
        raise ApiError(too_many, f"no more than {most} items allowed [json-pointer:/blocks]")
    problems = check_blocks(blocks, most=most)
    if problems:
        raise ApiError("invalid_blocks", *problems)
    if block_characters(blocks) > MARKDOWN_CHARACTERS:
        raise ApiError("msg_blocks_too_long")
    return [with_ids(block) for block in blocks]


def _checked_attachments(attachments: object) -> list[dict[str, Any]] | None:
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(item, dict) for item in attachments):
        raise ApiError("invalid_attachments")
    if len(attachments) > _ATTACHMENTS:
        raise ApiError("too_many_attachments")
    for item in attachments:
        if "blocks" in item:
            checked_blocks(item["blocks"])
    return attachments


def read_metadata(call: Call) -> dict[str, Any] | None:
    """The metadata argument: an object with ``event_type`` and ``event_payload``.

    Raises ApiError: invalid_metadata_format, invalid_metadata_schema, metadata_too_large.
    """
    metadata = call.args.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not {"event_type", "event_payload"} <= metadata.keys():
        raise ApiError("invalid_metadata_format")
    event_type, payload = metadata["event_type"], metadata["event_payload"]
    if not isinstance(event_type, str) or not event_type or not isinstance(payload, dict):
        raise ApiError("invalid_metadata_schema")
    if len(orjson.dumps(metadata)) > METADATA_BYTES:
        raise ApiError("metadata_too_large")
    return metadata


def thread_root(
    channel: Channel, thread_ts: str | None, *, unknown: str = "thread_not_found"
) -> Message | None:
    """The root a reply goes under, None without ``thread_ts``.

    Raises ApiError: invalid_thread_ts for what is no timestamp, ``unknown`` for a missing message,
    cannot_reply_to_message when it is itself a reply.
    """
    if thread_ts is None:
        return None
    if _TS.fullmatch(thread_ts) is None:
        raise ApiError("invalid_thread_ts")
    root = channel.messages.get(thread_ts)
    if root is None:
        raise ApiError(unknown)
    if root.is_reply:
        raise ApiError("cannot_reply_to_message")
    return root

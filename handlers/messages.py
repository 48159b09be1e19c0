"""What every message holds: who wrote it, its words as markup, and what was forwarded with it."""

from __future__ import annotations

from collections.abc import Iterator

from bot.turns import Quoted, TeamId
from handlers.fields import Payload, mapping, mappings, string
from handlers.markup import blocks_markup, plain_text

__all__ = ["by_person", "markup_of", "quotations_in", "team_of"]

_PERSONS_SUBTYPES = frozenset({"", "thread_broadcast", "file_share"})
"""Subtypes of messages that a person wrote: none, a reply also sent to the channel, and one with files. All
others are joins, topics, edits, deletions or bots."""

_UNKNOWN_AUTHOR = "unknown author"


def by_person(message: Payload) -> bool:
    """Whether a person typed it. What an app posts, in its own name or a person's, carries one of these."""
    written_by_app = any(message.get(field) for field in ("bot_id", "bot_profile", "app_id"))
    return not written_by_app and string(message, "subtype") in _PERSONS_SUBTYPES


def team_of(body: Payload, event: Payload) -> TeamId:
    """The workspace of the installation that an event is for."""
    authorization = next(mappings(body.get("authorizations")), {})
    return TeamId(string(body, "team_id") or string(authorization, "team_id") or string(event, "team"))


def markup_of(message: Payload) -> str:
    """``text`` holds everything a person types; ``blocks`` alone come from some clients and integrations."""
    return string(message, "text") or blocks_markup(message.get("blocks"))


def quotations_in(message: Payload) -> Iterator[Quoted]:
    """Forwarded messages, and the attachments of integrations; files are not read."""
    for attachment in mappings(message.get("attachments")):
        text = plain_text(_attachment_markup(attachment)).strip()
        if text:
            author = next(
                (
                    name
                    for field in ("author_name", "author_subname", "service_name", "author_id")
                    if (name := string(attachment, field).strip())
                ),
                _UNKNOWN_AUTHOR,
            )
            yield Quoted(author=plain_text(author), text=text)


def _attachment_markup(attachment: Payload) -> str:
    text = string(attachment, "text")
    if not text:  # forwarded messages of newer clients hold their words in blocks only
        forwarded = [
            blocks_markup(mapping(entry, "message").get("blocks"))
            for entry in mappings(attachment.get("message_blocks"))
        ]
        text = "\n".join(filter(None, forwarded)) or blocks_markup(attachment.get("blocks"))
    # A picture or a file has a title and a fallback too, but nothing else to say.
    is_file = "image_url" in attachment or "files" in attachment
    heading = [string(attachment, "pretext"), "" if is_file else string(attachment, "title")]
    fields = [
        f"{string(field, 'title')}: {string(field, 'value')}" for field in mappings(attachment.get("fields"))
    ]
    lines = [line for line in (*heading, text, *fields) if line.strip(": \n")]
    return "\n".join(lines) or ("" if is_file else string(attachment, "fallback"))

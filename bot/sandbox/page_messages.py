"""The JSON the page is given: messages, people, channels, what the composer may offer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bot.sandbox.messages import Message
from bot.sandbox.own_commands import OWN_COMMANDS
from bot.sandbox.workspace import Channel, Workspace

__all__ = ["page_channel", "page_message", "page_state", "resolve_mentions", "visible_channels"]


def page_message(message: Message) -> dict[str, Any]:
    """A message as the page shows it."""
    stream = message.stream
    shown: dict[str, Any] = {
        "ts": message.ts,
        "channel": message.channel,
        "user": message.user,
        "text": message.text or (message.plain_text() if not message.markdown else ""),
    }
    blocks = message.all_blocks()
    if message.markdown is not None:
        shown["markdown"] = message.markdown
        if message.markdown:
            blocks = blocks[1:]
    optional = {
        "thread_ts": message.thread_ts,
        "username": message.username,
        "icon": message.icon,
        "blocks": blocks or None,
        "attachments": message.attachments,
        "files": message.files,
        "edited": message.edited is not None,
        "streaming": message.is_streaming and stream is not None and not stream.stopped_by_user,
        "ephemeral": message.ephemeral_for is not None,
        "bot": message.app_id is not None,
        "deleted": message.subtype == "tombstone",
        "reply_count": len(message.replies),
        "latest_reply": message.replies[-1] if message.replies else None,
        "reactions": [{"name": name, "count": len(users)} for name, users in message.reactions.items()],
    }
    shown.update((key, value) for key, value in optional.items() if value)
    return shown


def page_channel(channel: Channel) -> dict[str, Any]:
    """A channel as the page lists it."""
    return {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.is_private,
        "is_im": channel.is_im,
        "topic": channel.topic,
        "members": list(channel.members),
        "prompts": channel.prompts,
        "titles": channel.titles,
    }


def visible_channels(workspace: Workspace, user: str) -> list[Channel]:
    """The channels a person is a member of, direct messages last."""
    mine = [channel for channel in workspace.channels.values() if user in channel.members]
    return sorted(mine, key=lambda channel: channel.is_im)


def page_state(workspace: Workspace, user: str) -> dict[str, Any]:
    """Everything the page needs to start, as one person sees it."""
    for app in workspace.apps.values():
        workspace.direct_message(user, app.bot_user_id)
    people = [
        {
            "id": item.id,
            "name": item.name,
            "real_name": item.real_name,
            "initials": _initials(item.real_name),
            "color": item.color,
            "is_bot": False,
            "icon": item.icon,
        }
        for item in workspace.users.values()
    ]
    bots = [
        {
            "id": app.bot_user_id,
            "name": app.bot_user_name,
            "real_name": app.name,
            "initials": _initials(app.name),
            "color": "333333",
            "is_bot": True,
            "icon": app.icon,
            "app_id": app.app_id,
            "is_agent": app.agent,
        }
        for app in workspace.apps.values()
    ]
    of_apps = [item for app in workspace.apps.values() if "commands" in app.scopes for item in app.commands]
    commands = [
        {"command": item.command, "description": item.description, "usage_hint": item.usage_hint}
        for item in (*of_apps, *OWN_COMMANDS)
    ]
    shortcuts = [
        {"app_id": app.app_id, "app": app.name, "callback_id": item.callback_id, "name": item.name}
        for app in workspace.apps.values()
        for item in app.shortcuts
        if "commands" in app.scopes
    ]
    return {
        "team": {"id": workspace.team_id, "name": workspace.config.team_name, "url": workspace.url},
        "me": user,
        "users": people + bots,
        "channels": [page_channel(channel) for channel in visible_channels(workspace, user)],
        "mentions": _mentions(workspace),
        "commands": commands,
        "shortcuts": shortcuts,
        "info": dict(workspace.config.info),
    }


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper()


def _mentions(workspace: Workspace) -> list[dict[str, Any]]:
    shortcuts = [
        {"label": item.label, "name": item.name, "icon": item.icon, "inserts": item.inserts}
        for item in workspace.config.mentions
    ]
    bots = [
        {
            "label": app.bot_user_name,
            "name": app.name,
            "icon": app.icon,
            "inserts": f"<@{app.bot_user_id}>",
        }
        for app in workspace.apps.values()
    ]
    people = [
        {"label": user.name, "name": user.real_name, "icon": None, "inserts": f"<@{user.id}>"}
        for user in workspace.users.values()
    ]
    return shortcuts + bots + people


def resolve_mentions(workspace: Workspace, text: str) -> str:
    """Typed text with every plain ``@label`` of the composer's list replaced by what it inserts."""
    inserts = {item["label"].lower(): item["inserts"] for item in reversed(_mentions(workspace))}
    pattern = _any_label(inserts)
    return pattern.sub(lambda match: str(inserts[match.group(1).lower()]), text)


def _any_label(labels: Iterable[str]) -> re.Pattern[str]:
    # Longest first, so that @cn-011 is never read as @cn-01 and a 1.
    words = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    return re.compile(rf"(?<![\w@<])@({words})(?![\w-])", re.IGNORECASE)

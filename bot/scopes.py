"""The least a Slack app of ours may do: every bot scope with its reason.

The manifests in ``deploy/`` ask for exactly these (a test compares them), the sandbox grants them, and
``country-agents doctor`` compares them with what a workspace granted. Names and needs are those of
Slack's method and event reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["APP_LEVEL_SCOPE", "BOT_EVENTS", "REQUIRED_SCOPES"]

REQUIRED_SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "app_mentions:read": "hear a mention of the bot",
        "channels:history": "see the edit of a question; read a thread after a restart",
        "chat:write": "answer: post, stream, update, and show the progress line",
        "chat:write.customize": "answer under a persona's name and icon",
        "groups:history": "the same as channels:history for private channels the bot is in",
    }
)
"""Bot scope -> what it is for, as a phrase that follows "to"."""

BOT_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "app_mention": "a mention, which is the question",
        "message.channels": "the edit of a question, and names like @CN-01 that are user groups",
        "message.groups": "the same in private channels",
    }
)
"""Event subscription -> what it is for. Slack's own stop (``agent_session_stopped``) needs an app
declared as agent (``agent_view``), which shuts out guests and cannot be undone: not asked for here;
the card's stop button does the same. Add the event where an app is an agent already."""

APP_LEVEL_SCOPE = "connections:write"
"""The one scope of the app-level token: opening Socket Mode connections."""

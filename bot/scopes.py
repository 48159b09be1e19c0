"""The least a Slack app of ours may do: every bot scope with its reason.

The manifests in ``deploy/`` ask for exactly these (a test compares them), the sandbox grants them, and
``country-agents doctor`` compares them with what a workspace granted. Names and needs are those of
Slack's method and event reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "AGENT_SCOPE",
    "APP_LEVEL_SCOPE",
    "ASSESS_SHORTCUT",
    "BOT_EVENTS",
    "COMMANDS",
    "COMMANDS_SCOPE",
    "DESK_SCOPES",
    "JOIN_SCOPE",
    "OPTIONAL_SCOPES",
    "PEOPLE_SCOPE",
    "REQUIRED_SCOPES",
    "SHORTCUT_DOES",
    "SHORTCUT_NAME",
]

REQUIRED_SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "app_mentions:read": "hear a mention of the bot",
        "channels:history": "see the edit of a question; read a thread after a restart",
        "chat:write": "answer: post, stream, update, and show the progress line",
        "chat:write.customize": "answer under a persona's name and icon",
        "channels:read": "see whether who changes a channel's briefings or its agent is in the channel",
        "commands": "offer /assess, /briefing and the message shortcut",
        "files:write": "put an assessment into its thread as a file, where somebody asks for one",
        "groups:history": "the same as channels:history for private channels the bot is in",
        "groups:read": "the same as channels:read for private channels the bot is in",
        "im:history": "hear what people write to the bot directly",
        "im:write": "open the direct message with somebody who wants an answer there",
        "reactions:write": "mark a question as seen at once where its answer has to wait",
        "users:read": "tell guests from colleagues; name a message's author; set a briefing's clock",
    }
)
"""Bot scope -> what it is for, as a phrase that follows "to"."""

COMMANDS_SCOPE = "commands"
DESK_SCOPES = frozenset({COMMANDS_SCOPE, "channels:read", "groups:read"})
"""Required of the app of the whole desk only: it alone declares the slash commands and the shortcut."""

JOIN_SCOPE = "channels:join"
PEOPLE_SCOPE = "users:read"

OPTIONAL_SCOPES: Mapping[str, str] = MappingProxyType(
    {
        JOIN_SCOPE: "join a public channel when somebody there presses Join",
    }
)
"""Bot scope -> what it is for, of those an administrator may refuse: everything else works without."""

AGENT_SCOPE = "assistant:write"
"""Granted to apps declared as agents only: suggested prompts, and titles of sessions. Not asked for."""

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/assess": (
            "Ask a country analyst; alone it opens a form",
            "CN-01 your question | brief US … | compare CN-01 US-01 … | list | help",
        ),
        "/briefing": (
            "Schedule morning briefings for a channel; alone it opens a form",
            "list | pause | resume | run now | edit | delete | preview | help",
        ),
    }
)
"""The slash commands of the manifests: what each does, and a hint. Other names work as well: one with
"briefing" in it is the second, any other the first, and each answers by the name it is called."""

ASSESS_SHORTCUT = "assess_message"
"""Callback id of the message shortcut."""
SHORTCUT_NAME = "Assess this message"
SHORTCUT_DOES = "Ask a country analyst about this message"

BOT_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "app_home_opened": "show the home tab; suggest questions where the app is an agent",
        "app_mention": "a mention, which is the question",
        "message.channels": "the edit of a question, and names like @CN-01 that are user groups",
        "message.groups": "the same in private channels",
        "message.im": "what people write to the bot directly",
    }
)
"""Event subscription -> what it is for. Slack's own stop (``agent_session_stopped``) needs an app
declared as agent (``agent_view``), which shuts out guests and cannot be undone: not asked for here;
the card's stop button does the same. Where an app is an agent already, add that event and
``app_home_opened``, which brings the suggested prompts."""

APP_LEVEL_SCOPE = "connections:write"
"""The one scope of the app-level token: opening Socket Mode connections."""

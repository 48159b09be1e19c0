"""A strict local Slack workspace with a web page; knows nothing of the rest of the bot."""

from bot.sandbox.config import (
    AppConfig,
    ChannelConfig,
    CommandConfig,
    MentionShortcut,
    ShortcutConfig,
    UserConfig,
    WorkspaceConfig,
)
from bot.sandbox.errors import SandboxError
from bot.sandbox.limits import Limits
from bot.sandbox.server import Sandbox

__all__ = [
    "AppConfig",
    "ChannelConfig",
    "CommandConfig",
    "Limits",
    "MentionShortcut",
    "Sandbox",
    "SandboxError",
    "ShortcutConfig",
    "UserConfig",
    "WorkspaceConfig",
]

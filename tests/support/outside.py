"""What of the machine must not reach a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.settings import Settings

__all__ = ["without_outside_settings"]


def without_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take our variables, the keys others read, and any ``.env`` out of reach. Fixtures that live longer than
    a test begin before it, and do this themselves.
    """
    for name in list(os.environ):
        if name.startswith(("COUNTRY_AGENTS_", "SLACK_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", Path("no-such-folder/.env"))

"""What every test shares: the operator's own settings never reach a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.settings import Settings


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take our variables, the keys others read, and any ``.env`` out of the test's reach."""
    for name in list(os.environ):
        if name.startswith(("COUNTRY_AGENTS_", "SLACK_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", Path("no-such-folder/.env"))

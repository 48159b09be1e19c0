"""What the processes that read hostile documents find in their environment."""

from __future__ import annotations

import os

__all__ = ["child_environment"]

_OURS = ("COUNTRY_AGENTS_", "SLACK_", "OPENAI_")


def child_environment() -> dict[str, str]:
    """Our environment without keys and tokens: who reads hostile documents has nothing to give away."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}

"""What people are shown around a mention that asks several agents at once."""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack.elements import Message, copyable, notice
from bot.slack.limits import COPIED_CHARS

__all__ = ["several_notice"]


def several_notice(codes: Sequence[str], question: str) -> Message:
    """A mention asks one agent; the command asks several, and sets their answers side by side."""
    said = (
        f"You named {' and '.join(codes)}, and a mention asks one agent. To ask them all, and see where they "
        "differ, send this line in the channel:"
    )
    return notice(said, copyable(f"/assess compare {' '.join(codes)} {question}", COPIED_CHARS))

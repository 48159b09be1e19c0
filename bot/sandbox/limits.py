"""Every number the sandbox enforces, with unit, reason and source.

Sources: ``[D]`` a page of docs.slack.dev; ``[M]`` the reference page of the method; ``[I]`` a public issue
with live measurements (Slack documents neither the cumulative size nor the age of a stream).
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "MARKDOWN_CHARACTERS",
    "MESSAGE_BLOCKS",
    "METADATA_BYTES",
    "POST_TEXT_CHARACTERS",
    "STATUS_LOADING_MESSAGES",
    "SUGGESTED_PROMPTS",
    "UPDATE_TEXT_CHARACTERS",
    "VIEW_BLOCKS",
    "VIEW_BYTES",
    "Limits",
]

MARKDOWN_CHARACTERS = 12_000
"""Characters of one ``markdown_text`` argument or chunk, and of all blocks' text in one payload [M][D]."""

POST_TEXT_CHARACTERS = 40_000
"""Characters of ``text`` in a posted message; more is cut off with the warning message_truncated [M]."""

UPDATE_TEXT_CHARACTERS = 4_000
"""Characters of ``text`` in chat.update; more is msg_too_long [M]."""

MESSAGE_BLOCKS = 50
"""Blocks in a message; a stream has 50 from chunks and 50 more from chat.stopStream [D]."""

VIEW_BLOCKS = 100
"""Blocks in a modal or an App Home [D]."""

VIEW_BYTES = 250_000
"""Bytes of one view's JSON; more is view_too_large [M]."""

METADATA_BYTES = 8_000
"""Bytes of one message's metadata JSON. Slack names the error but not the number: a cautious choice."""

STATUS_LOADING_MESSAGES = 10
"""Entries of ``loading_messages`` in assistant.threads.setStatus [M]."""


SUGGESTED_PROMPTS = 4
"""Prompts in assistant.threads.setSuggestedPrompts [D]."""


def _tiers() -> dict[str, int]:
    # Slack's tiers are "20+", "50+", "100+" a minute: the lower bound is all an app may count on [D].
    return {"t2": 20, "t3": 50, "t4": 100, "status": 600, "special": 1_000}


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers a test may change. All durations are seconds.

    Assign a changed copy to ``workspace.limits``; it counts from the next call on.
    """

    stream_bytes: int = 11_000
    """UTF-8 bytes one streamed message holds in all; the live cut lies between 10,600 and 11,977 [I]."""
    stream_age_seconds: float = 300.0
    """A stream is in streaming state for this long after its start, appended to or not [I]."""
    overflow_refuses_stop: bool = False
    """After msg_too_long an empty chat.stopStream is refused too. Appends were seen to be refused for ever;
    for an empty stop there is no evidence either way, so a test can have both [I]."""
    tiers: dict[str, int] = field(default_factory=_tiers)
    """Calls per window, method, team and app, by tier name."""
    tier_window_seconds: float = 60.0
    """The sliding window of the tiers [D]."""
    posts_per_second: float = 1.0
    """chat.postMessage per channel, lasting [D]."""
    post_burst: int = 3
    """chat.postMessage per channel at once; Slack tolerates "short bursts" without a number [D]."""
    posts_per_window: int = 300
    """chat.postMessage per app over the whole workspace and window; "several hundred a minute" [D]."""
    ack_seconds: float = 3.0
    """An event, action or command not answered after this has failed [D]."""
    redelivery_delays: tuple[float, ...] = (0.0, 60.0, 300.0)
    """Waits before the first, second and third redelivery of an event [D]."""
    trigger_seconds: float = 3.0
    """A trigger_id opens one view within this time [D]."""
    response_url_seconds: float = 1_800.0
    """A response_url works for 30 minutes [D]."""
    response_url_uses: int = 5
    """And this many times [D]."""
    status_seconds: float = 120.0
    """A thread status clears itself after two minutes [M]."""
    sockets_per_app: int = 10
    """Socket Mode connections of one app at once [D]."""
    ticket_seconds: float = 30.0
    """The address given by apps.connections.open may be used once within this time (our choice)."""

"""The table of Slack's limits: each number with its unit, its reason and where it comes from.

Sources: "docs" is docs.slack.dev as of autumn 2026, "method reference" its per-method pages,
"measured" what others measured on live workspaces and published in issue threads (CopilotKit #6063,
openclaw #143882, python-slack-sdk #1859), "ours" a choice of this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.store.governor import Budget

__all__ = [
    "ACTIONS_ELEMENTS",
    "BUTTON_VALUE_CHARS",
    "CONTEXT_ELEMENTS",
    "COPIED_CHARS",
    "EPHEMERAL_TEXT_CHARS",
    "FALLBACK_TEXT_CHARS",
    "HEADER_CHARS",
    "LIMITS",
    "MESSAGE_BLOCKS",
    "METHOD_CALLS_PER_MINUTE",
    "OPTIONS",
    "OPTION_CHARS",
    "POSTS_PER_CHANNEL_SECOND",
    "PRIVATE_METADATA_CHARS",
    "RECEIPT_AFTER_SECONDS",
    "SECTION_CHARS",
    "SOURCES_CHARS",
    "TEXT_INPUT_CHARS",
    "Limit",
    "WriterLimits",
    "slack_budgets",
]


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the table."""

    name: str
    value: float
    unit: str
    reason: str
    source: str


LIMITS: Final[tuple[Limit, ...]] = (
    Limit(
        "stream_bytes",
        9_000,
        "UTF-8 bytes a streamed message",
        "a stream holds about 10,600 bytes over all its calls, then answers msg_too_long for ever",
        "measured; 9,000 is ours",
    ),
    Limit(
        "post_bytes",
        11_000,
        "UTF-8 bytes a posted message",
        "markdown blocks of one payload hold 12,000 characters together; bytes are never fewer",
        "docs, markdown block; 11,000 is ours",
    ),
    Limit(
        "markdown_chars",
        12_000,
        "characters over all markdown blocks of a message, and in markdown_text",
        "msg_too_long above it",
        "docs and method reference",
    ),
    Limit(
        "rotate_seconds",
        240,
        "s a stream",
        "a stream dies about 5 minutes after its start, even while it is appended to",
        "measured; 4 minutes is ours",
    ),
    Limit(
        "rotate_softly_seconds",
        200,
        "s a stream",
        "from here a paragraph's start is a good moment to begin the next message",
        "ours",
    ),
    Limit(
        "flush_seconds",
        0.9,
        "s between two flushes of one stream",
        "reads as continuous; one lone turn uses two thirds of the 100 appends a minute",
        "ours",
    ),
    Limit(
        "first_growth_seconds",
        0.3,
        "s",
        "the first sentence below the opening is what people wait for",
        "ours",
    ),
    Limit(
        "flush_min_bytes",
        48,
        "UTF-8 bytes",
        "less than this waits for one more interval: an append for a few letters is not worth a slot",
        "ours",
    ),
    Limit(
        "update_seconds",
        3.0,
        "s between two updates of one message",
        "chat.update of long text at most every 3 s",
        "docs, chat.update",
    ),
    Limit("card_updates", 3, "updates a turn", "progress goes through the status line", "ours"),
    Limit(
        "status_refresh_seconds",
        100,
        "s",
        "Slack removes a status two minutes after it was set",
        "method reference, assistant.threads.setStatus",
    ),
    Limit("settle_seconds", 1.0, "s", "a message whose answer was lost may appear a moment later", "ours"),
    Limit(
        "stop_wait_seconds",
        0.5,
        "s",
        "a person's stop shows within a second: where all stops of the minute are used up, the closing note "
        "and the card do not wait longer than this for the end of the stream",
        "ours",
    ),
    Limit(
        "receipt_after_seconds",
        0.5,
        "s",
        "a question whose card has to wait longer than this gets a reaction at once; else the card is there "
        "before anybody looks for it",
        "ours",
    ),
    Limit("message_blocks", 50, "blocks a message", "msg_blocks_too_many above it", "docs, Block Kit"),
    Limit("header_chars", 150, "characters", "header block and card title", "docs, Block Kit"),
    Limit("section_chars", 3_000, "characters", "text of a section or context element", "docs, Block Kit"),
    Limit("context_elements", 10, "elements", "context block", "docs, Block Kit"),
    Limit("actions_elements", 25, "elements", "actions block", "docs, Block Kit"),
    Limit("button_text_chars", 75, "characters", "button", "docs, Block Kit"),
    Limit("option_chars", 75, "characters", "label or description of an option", "docs, Block Kit"),
    Limit("options", 100, "options", "select menu", "docs, Block Kit"),
    Limit("text_input_chars", 3_000, "characters", "plain text input", "docs, Block Kit"),
    Limit("private_metadata_chars", 3_000, "characters", "private_metadata of a view", "docs, views"),
    Limit(
        "copied_chars",
        9_000,
        "characters",
        "a text given back for copying; all blocks of a message hold 12,000 together",
        "docs, msg_blocks_too_long; the margin is ours",
    ),
    Limit("button_value_chars", 2_000, "characters", "button", "docs, Block Kit"),
    Limit(
        "ephemeral_text_chars",
        3_900,
        "characters",
        "chat.postEphemeral answers msg_too_long above 4,000; a margin for escapes",
        "docs, chat.postMessage text; the margin is ours",
    ),
    Limit(
        "fallback_text_chars",
        150,
        "characters",
        "the text beside blocks is only read by notifications and screen readers",
        "ours",
    ),
    Limit(
        "sources_chars", 9_000, "characters", "the footer's source list, within its Markdown block", "ours"
    ),
    Limit("status_chars", 50, "characters", "a longer status is cut off on a phone", "ours"),
    Limit("replies_page", 200, "messages", "one page of conversations.replies", "docs recommend at most 200"),
    Limit("replies_pages", 5, "pages", "a thread longer than this is not searched further", "ours"),
    Limit("posts_per_channel_second", 1, "posts a second a channel", "special tier", "docs, rate limits"),
    Limit(
        "post_margin_seconds",
        0.1,
        "s more between two posts of a channel",
        "a post that takes a little longer to Slack than the one behind it must not bring them too close",
        "ours",
    ),
    Limit("chat.startStream", 20, "calls a minute", "tier 2", "method reference"),
    Limit("chat.stopStream", 20, "calls a minute", "tier 2", "method reference"),
    Limit("chat.appendStream", 100, "calls a minute", "tier 4", "method reference"),
    Limit("chat.update", 50, "calls a minute", "tier 3", "method reference"),
    Limit("chat.postMessage", 300, "calls a minute", "several hundred a workspace", "docs, rate limits"),
    Limit("reactions.add", 50, "calls a minute", "tier 3", "method reference"),
    Limit("chat.postEphemeral", 100, "calls a minute", "tier 4", "method reference"),
    Limit("conversations.replies", 50, "calls a minute", "tier 3, internal apps", "method reference"),
    Limit("conversations.members", 100, "calls a minute", "tier 4", "method reference"),
    Limit("views.open", 100, "calls a minute", "tier 4", "method reference"),
    Limit("views.publish", 100, "calls a minute", "tier 4", "method reference"),
    Limit("conversations.history", 50, "calls a minute", "tier 3, internal apps", "method reference"),
    Limit("conversations.join", 50, "calls a minute", "tier 3", "method reference"),
    Limit("conversations.open", 50, "calls a minute", "tier 3", "method reference"),
    Limit("conversations.info", 50, "calls a minute", "tier 3", "method reference"),
    Limit("users.info", 100, "calls a minute", "tier 4", "method reference"),
    Limit("files.getUploadURLExternal", 100, "calls a minute", "tier 4", "method reference"),
    Limit("files.completeUploadExternal", 100, "calls a minute", "tier 4", "method reference"),
    Limit("auth.test", 600, "calls a minute", "special tier: hundreds a minute", "docs, auth.test"),
    Limit("apps.connections.open", 50, "calls a minute", "tier 3", "method reference"),
    Limit("assistant.threads.setStatus", 600, "calls a minute", "special tier", "docs, rate limits"),
    Limit("assistant.threads.setTitle", 100, "calls a minute", "tier 4", "method reference"),
    Limit("assistant.threads.setSuggestedPrompts", 100, "calls a minute", "tier 4", "method reference"),
    Limit(
        "outage_seconds",
        120,
        "s",
        "Slack's short outages end within it; longer, the turn is handed over",
        "ours",
    ),
    Limit("call_seconds", 10, "s", "a Slack call that takes longer has failed or its answer is lost", "ours"),
    Limit("connect_seconds", 5, "s", "a healthy TLS connection takes a tenth of it", "ours"),
    Limit("call_attempts", 6, "attempts", "for calls that may be repeated, and after a 429", "ours"),
    Limit("retry_seconds", 120, "s", "longer than any Retry-After Slack gives for a minute's tier", "ours"),
    Limit("retry_first_seconds", 0.25, "s", "first pause, doubled each time", "ours"),
    Limit("retry_after_default_seconds", 5, "s", "a 429 without Retry-After", "ours"),
)

_VALUES: Final = {limit.name: limit.value for limit in LIMITS}

METHOD_CALLS_PER_MINUTE: Final[dict[str, int]] = {
    limit.name: int(limit.value) for limit in LIMITS if limit.unit == "calls a minute"
}
"""Slack's documented minimum for each method we call: per method, app and workspace."""

POSTS_PER_CHANNEL_SECOND: Final = int(_VALUES["posts_per_channel_second"])
RECEIPT_AFTER_SECONDS: Final = _VALUES["receipt_after_seconds"]
MESSAGE_BLOCKS: Final = int(_VALUES["message_blocks"])
HEADER_CHARS: Final = int(_VALUES["header_chars"])
OPTION_CHARS: Final = int(_VALUES["option_chars"])
OPTIONS: Final = int(_VALUES["options"])
TEXT_INPUT_CHARS: Final = int(_VALUES["text_input_chars"])
PRIVATE_METADATA_CHARS: Final = int(_VALUES["private_metadata_chars"])
COPIED_CHARS: Final = int(_VALUES["copied_chars"])
SECTION_CHARS: Final = int(_VALUES["section_chars"])
CONTEXT_ELEMENTS: Final = int(_VALUES["context_elements"])
ACTIONS_ELEMENTS: Final = int(_VALUES["actions_elements"])
BUTTON_VALUE_CHARS: Final = int(_VALUES["button_value_chars"])
EPHEMERAL_TEXT_CHARS: Final = int(_VALUES["ephemeral_text_chars"])
SOURCES_CHARS: Final = int(_VALUES["sources_chars"])
FALLBACK_TEXT_CHARS: Final = int(_VALUES["fallback_text_chars"])


_MINUTE_SECONDS: Final = 60.0

_SMOOTHED: Final = frozenset({"chat.appendStream", "chat.update"})
"""Methods that running answers call all the time (where streams are refused, updates take the place of
appends): spread over the minute, or twenty answers would use it up in five seconds and all stand still for
the rest. The others come in ones: twenty turns that start together all start at once.
"""
_BURST_SHARE: Final = 10
"""A tenth of a smoothed method's calls may go out at once after a quiet time: a lone turn never waits (it
appends every 0.9 s, the pace is 0.6 s), and the nine tenths that are left for the minute keep everybody at
nine tenths of an even share."""


_POST_SPACING_SECONDS: Final = 1 / POSTS_PER_CHANNEL_SECOND + _VALUES["post_margin_seconds"]


def slack_budgets(window_seconds: float = _MINUTE_SECONDS) -> dict[str, Budget]:
    """The shared governor's budgets: each method's calls a window, and one post a second a channel."""
    return {
        method: Budget(
            limit=calls,
            window_seconds=window_seconds,
            burst=max(calls // _BURST_SHARE, 1) if method in _SMOOTHED else calls,
            spacing_seconds=_POST_SPACING_SECONDS if method == "chat.postMessage" else None,
        )
        for method, calls in METHOD_CALLS_PER_MINUTE.items()
    }


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """What the thread writer and the Slack client go by; tests shorten the times and the sizes."""

    stream_bytes: int = int(_VALUES["stream_bytes"])
    post_bytes: int = int(_VALUES["post_bytes"])
    rotate_seconds: float = _VALUES["rotate_seconds"]
    rotate_softly_seconds: float = _VALUES["rotate_softly_seconds"]
    flush_seconds: float = _VALUES["flush_seconds"]
    first_growth_seconds: float = _VALUES["first_growth_seconds"]
    flush_min_bytes: int = int(_VALUES["flush_min_bytes"])
    update_seconds: float = _VALUES["update_seconds"]
    card_updates: int = int(_VALUES["card_updates"])
    status_refresh_seconds: float = _VALUES["status_refresh_seconds"]
    status_chars: int = int(_VALUES["status_chars"])
    settle_seconds: float = _VALUES["settle_seconds"]
    stop_wait_seconds: float = _VALUES["stop_wait_seconds"]
    replies_page: int = int(_VALUES["replies_page"])
    replies_pages: int = int(_VALUES["replies_pages"])
    outage_seconds: float = _VALUES["outage_seconds"]
    call_seconds: float = _VALUES["call_seconds"]
    connect_seconds: float = _VALUES["connect_seconds"]
    call_attempts: int = int(_VALUES["call_attempts"])
    retry_seconds: float = _VALUES["retry_seconds"]
    retry_first_seconds: float = _VALUES["retry_first_seconds"]
    retry_after_default_seconds: float = _VALUES["retry_after_default_seconds"]

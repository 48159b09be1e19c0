"""What we show around the text, as Block Kit: the card, the footer, failures and private notices.

Pure functions of values. Whatever a person or a model wrote passes ``bot.slack.text_safety`` here, and
every text is cut to its element's limit.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from bot.assessment.events import Report
from bot.slack.elements import (
    Message,
    actions,
    button,
    context,
    cut,
    fallback,
    lines_within,
    markdown,
    notice,
    section,
)
from bot.slack.limits import HEADER_CHARS, SECTION_CHARS, SOURCES_CHARS
from bot.slack.text_safety import safe_markdown, safe_mrkdwn, safe_plain

__all__ = [
    "ASK_AGAIN",
    "GAVE_UP",
    "RETRY_TURN",
    "STOPPED_NOTE",
    "STOP_TURN",
    "Listed",
    "Message",
    "Notice",
    "ask_again_notice",
    "card",
    "desk_notice",
    "failure",
    "footer",
    "forgotten_notice",
    "how_to_ask_notice",
    "stopped",
    "too_long_notice",
    "unavailable_notice",
]

STOP_TURN: Final = "stop_turn"
RETRY_TURN: Final = "retry_turn"
ASK_AGAIN: Final = "ask_again"
"""Action ids of our buttons; each button's value is a turn id."""

GAVE_UP: Final = "I tried several times and could not finish this answer. Please try again in a few minutes."
STOPPED_NOTE: Final = "_Stopped._"

_BANNERS: Final = 8
_NOTICES: Final = 8
_PROBLEMS: Final = 8
"""More of these than fit on a screen help nobody; what the engine gives stays well below."""

Notice = Message
"""A message one person sees, by chat.postEphemeral."""


class Listed(Protocol):
    """What the notices need to know of a persona."""

    @property
    def code(self) -> str:
        """``CN-01``."""
        ...

    @property
    def name(self) -> str:
        """``China Agent``."""
        ...


def _retry(turn_id: str) -> dict[str, Any]:
    return actions(button("Try again", RETRY_TURN, turn_id, "primary"))


# In the thread ----------------------------------------------------------------------------------------


def card(
    *,
    persona_name: str,
    headline: str,
    format_name: str,
    as_of: datetime,
    bottom_line: str = "",
    banners: Sequence[str] = (),
    check_line: str = "",
    stop_turn_id: str | None = None,
) -> Message:
    """The card above the text. ``stop_turn_id`` shows the stop button while the turn runs."""
    title = cut(safe_plain(headline).text, HEADER_CHARS) or safe_plain(persona_name).text
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
        context(f"{persona_name} · {format_name} · as of {as_of.astimezone(UTC):%d %b %Y, %H:%M} UTC"),
    ]
    blocks += [context(f":warning: {banner}") for banner in banners[:_BANNERS]]
    if bottom_line:
        blocks.append(markdown(f"**Bottom line.** {bottom_line}", SECTION_CHARS))
    if check_line:
        blocks.append(context(check_line))
    if stop_turn_id is not None:
        blocks.append(actions(button("Stop", STOP_TURN, stop_turn_id)))
    return Message(fallback(f"{persona_name}: {headline}"), tuple(blocks))


def footer(
    report: Report,
    turn_id: str,
    *,
    allowed_urls: Set[str] = frozenset(),
    menus: Sequence[dict[str, Any]] = (),
) -> Message:
    """What closes the thread. Links in sources stay only where they are in ``allowed_urls``; ``menus``: what
    may be done with the answer.
    """
    blocks: list[dict[str, Any]] = []
    if report.sources:
        lines: list[str] = []
        room = SOURCES_CHARS
        for source in report.sources:
            line = safe_markdown(source, allowed_urls=allowed_urls).text
            room -= len(line) + 1
            if room < 0:
                lines.append(f"… and {len(report.sources) - len(lines)} more")
                break
            lines.append(line)
        blocks.append(
            {"type": "markdown", "text": "\n".join(["**Sources**", "", *(f"- {line}" for line in lines)])}
        )
    blocks += [section(f":warning: {problem}") for problem in report.problems[:_PROBLEMS]]
    if report.check_line:
        blocks.append(context(report.check_line))
    blocks += [context(line) for line in report.notices[:_NOTICES]]
    if report.problems:
        blocks.append(_retry(turn_id))
    blocks += menus
    if not blocks:
        blocks.append(context("End of the answer."))
    return Message(fallback(report.check_line or "End of the answer."), tuple(blocks))


def failure(sentence: str, turn_id: str) -> Message:
    """A turn that could not be answered; ``sentence`` is an error's ``user_message``."""
    return Message(fallback(sentence), (section(f":warning: {sentence}"), _retry(turn_id)))


def stopped(user_id: str, turn_id: str) -> Message:
    """The end of a turn somebody stopped (``user_id`` empty: by Slack's own button). Nobody is named:
    a name could only be shown by mentioning, and so pinging, that person.
    """
    by = "Stopped from the thread." if user_id else "Stopped with Slack’s stop button."
    sentence = f"{by} What stands above was checked; the rest was not written."
    return Message(fallback(sentence), (context(sentence), _retry(turn_id)))


# To one person ----------------------------------------------------------------------------------------


def _ask_line(bot_user_id: str, persona: Listed, question: str) -> str:
    """How to write a mention of this bot and a persona: our own mention in a message only one person sees."""
    who = safe_mrkdwn(persona.code).text
    return f"<@{bot_user_id}> {who} {safe_mrkdwn(question).text}"


def desk_notice(personas: Sequence[Listed], nearest: Sequence[Listed], *, bot_user_id: str) -> Notice:
    """Nobody was recognised: who is there, the likeliest first."""
    first = [persona for persona in nearest if persona in personas] or list(nearest)
    rest = [persona for persona in personas if persona not in first]
    lead = "I am not sure whom you are asking."
    if first:
        lead += f" Did you mean {first[0].code}, {first[0].name}?"
    lines = [
        f"• *{safe_mrkdwn(persona.code).text}* {safe_mrkdwn(persona.name).text} — ask with: "
        f"{_ask_line(bot_user_id, persona, '…')}"
        for persona in [*first, *rest]
    ]
    return notice(lead, trusted=lines_within(lines, SECTION_CHARS - 2 * len(lead)))


def how_to_ask_notice(persona: Listed, *, bot_user_id: str) -> Notice:
    """A persona without a question."""
    example = "What does the new trade framework change over the next twelve months?"
    text = (
        f"{persona.code}, {persona.name}, is ready. Write your question after the name; paste the news it is "
        "about. Add “brief” for a short answer. For example:"
    )
    return notice(text, trusted=_ask_line(bot_user_id, persona, example))


def too_long_notice(length: int, limit: int) -> Notice:
    """A question longer than we take, in characters."""
    return notice(
        f"That question has {length:,} characters, and I can take {limit:,}. Please shorten it, or forward "
        "the part that matters."
    )


def ask_again_notice(turn_id: str, *, asked_before: bool) -> Notice:
    """An edited mention; a message may have become one by the edit."""
    if not asked_before:
        return notice(
            "You mentioned me in an edit, of which nobody else hears.",
            actions(button("Ask this question", ASK_AGAIN, turn_id, "primary")),
        )
    return notice(
        "You changed your question. The answer in the thread is to the old text.",
        actions(button("Ask again with the new text", ASK_AGAIN, turn_id, "primary")),
    )


def forgotten_notice() -> Notice:
    """A button of a turn that is no longer stored."""
    return notice("That question is too old for me to repeat. Please ask it again in a new message.")


def unavailable_notice() -> Notice:
    """A button pressed while the queue is down: Slack will not deliver it again."""
    return notice("I cannot take requests at the moment. Please press it again in a minute.")

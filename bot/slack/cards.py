"""What we show around the text, as Block Kit: the card, the footer, failures and private notices.

Pure functions of values. Whatever a person or a model wrote passes ``bot.slack.text_safety`` here, and
every text is cut to its element's limit.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from bot.assessment.events import Report
from bot.slack.limits import (
    BUTTON_VALUE_CHARS,
    EPHEMERAL_TEXT_CHARS,
    FALLBACK_TEXT_CHARS,
    HEADER_CHARS,
    SECTION_CHARS,
    SOURCES_CHARS,
)
from bot.slack.text_safety import safe_markdown, safe_mrkdwn, safe_plain

__all__ = [
    "ASK_AGAIN",
    "GAVE_UP",
    "RETRY_TURN",
    "STOPPED_NOTE",
    "STOP_TURN",
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
    "withdrawn_note",
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


@dataclass(frozen=True, slots=True)
class Message:
    """Blocks, and the text that notifications and screen readers use instead. Ready to be sent."""

    text: str
    blocks: tuple[dict[str, Any], ...]


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


# Elements ---------------------------------------------------------------------------------------------


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _mrkdwn(text: str, limit: int = SECTION_CHARS) -> dict[str, Any]:
    """A mrkdwn object with neutralised text: cut before it is escaped, so that no entity is torn.
    Slack refuses an empty one.
    """
    safe = safe_markdown(text).text.strip() or "…"
    while len(escaped := safe_mrkdwn(safe).text) > limit:
        safe = _cut(safe, len(safe) - max(len(escaped) - limit, 1))
    return {"type": "mrkdwn", "text": escaped}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _markdown(text: str, limit: int, *, allowed_urls: Set[str] = frozenset()) -> dict[str, Any]:
    return {"type": "markdown", "text": _cut(safe_markdown(text, allowed_urls=allowed_urls).text, limit)}


def _button(label: str, action_id: str, value: str, style: str | None = None) -> dict[str, Any]:
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action_id,
        "value": value[:BUTTON_VALUE_CHARS],
    }
    return button if style is None else button | {"style": style}


def _actions(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(buttons)}


def _retry(turn_id: str) -> dict[str, Any]:
    return _actions(_button("Try again", RETRY_TURN, turn_id, "primary"))


def _fallback(text: str) -> str:
    return safe_mrkdwn(_cut(safe_plain(text).text, FALLBACK_TEXT_CHARS)).text or "…"


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
    title = _cut(safe_plain(headline).text, HEADER_CHARS) or safe_plain(persona_name).text
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
        _context(f"{persona_name} · {format_name} · as of {as_of.astimezone(UTC):%d %b %Y, %H:%M} UTC"),
    ]
    blocks += [_context(f":warning: {banner}") for banner in banners[:_BANNERS]]
    if bottom_line:
        blocks.append(_markdown(f"**Bottom line.** {bottom_line}", SECTION_CHARS))
    if check_line:
        blocks.append(_context(check_line))
    if stop_turn_id is not None:
        blocks.append(_actions(_button("Stop", STOP_TURN, stop_turn_id)))
    return Message(_fallback(f"{persona_name}: {headline}"), tuple(blocks))


def footer(report: Report, turn_id: str, *, allowed_urls: Set[str] = frozenset()) -> Message:
    """What closes the thread. Links in sources stay only where they are in ``allowed_urls``."""
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
    blocks += [_section(f":warning: {problem}") for problem in report.problems[:_PROBLEMS]]
    if report.check_line:
        blocks.append(_context(report.check_line))
    blocks += [_context(notice) for notice in report.notices[:_NOTICES]]
    if report.problems:
        blocks.append(_retry(turn_id))
    if not blocks:
        blocks.append(_context("End of the answer."))
    return Message(_fallback(report.check_line or "End of the answer."), tuple(blocks))


def failure(sentence: str, turn_id: str) -> Message:
    """A turn that could not be answered; ``sentence`` is an error's ``user_message``."""
    return Message(_fallback(sentence), (_section(f":warning: {sentence}"), _retry(turn_id)))


def stopped(user_id: str, turn_id: str) -> Message:
    """The end of a turn somebody stopped (``user_id`` empty: by Slack's own button). Nobody is named:
    a name could only be shown by mentioning, and so pinging, that person.
    """
    by = "Stopped from the thread." if user_id else "Stopped with Slack’s stop button."
    sentence = f"{by} What stands above was checked; the rest was not written."
    return Message(_fallback(sentence), (_context(sentence), _retry(turn_id)))


def withdrawn_note(reason: str) -> str:
    """What replaces text that had to be taken back, as Markdown."""
    return f"_[withdrawn: {safe_markdown(reason).text}]_"


# To one person ----------------------------------------------------------------------------------------


def _notice(text: str, *more: dict[str, Any], trusted: str = "") -> Notice:
    """One section; ``trusted`` is markup of ours set below it."""
    section = _section(text)
    if trusted:
        section["text"]["text"] += f"\n{trusted}"
    fallback = _cut(section["text"]["text"], EPHEMERAL_TEXT_CHARS)
    return Notice(fallback, (section, *more))


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
    return _notice(lead, trusted=_lines_within(lines, SECTION_CHARS - 2 * len(lead)))


def _lines_within(lines: Sequence[str], limit: int) -> str:
    kept: list[str] = []
    for line in lines:
        limit -= len(line) + 1
        if limit < 0:
            break
        kept.append(line)
    return "\n".join(kept)


def how_to_ask_notice(persona: Listed, *, bot_user_id: str) -> Notice:
    """A persona without a question."""
    example = "What does the new trade framework change over the next twelve months?"
    text = (
        f"{persona.code}, {persona.name}, is ready. Write your question after the name; paste the news it is "
        "about. Add “brief” for a short answer. For example:"
    )
    return _notice(text, trusted=_ask_line(bot_user_id, persona, example))


def too_long_notice(length: int, limit: int) -> Notice:
    """A question longer than we take, in characters."""
    return _notice(
        f"That question has {length:,} characters, and I can take {limit:,}. Please shorten it, or forward "
        "the part that matters."
    )


def ask_again_notice(turn_id: str) -> Notice:
    """An edited mention."""
    return _notice(
        "You changed your question. The answer in the thread is to the old text.",
        _actions(_button("Ask again with the new text", ASK_AGAIN, turn_id, "primary")),
    )


def forgotten_notice() -> Notice:
    """A button of a turn that is no longer stored."""
    return _notice("That question is too old for me to repeat. Please ask it again in a new message.")


def unavailable_notice() -> Notice:
    """A button pressed while the queue is down: Slack will not deliver it again."""
    return _notice("I cannot take requests at the moment. Please press it again in a minute.")

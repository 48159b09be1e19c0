"""A briefing as Slack messages: the headline card, and all items below it as blocks.

Items are rich text, which shows words as they are: nothing that a source or a model wrote can become markup,
a mention or a link. Pure functions of values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.assessment.lexicon import Lexicon, Likelihood
from bot.briefings.content import AgentNews, BriefingContent, CitedSource, NewsItem, ToWatch
from bot.evidence.items import SourceClass
from bot.slack.elements import Message, context, cut, fallback, plain, section
from bot.slack.limits import HEADER_CHARS, MESSAGE_BLOCKS
from bot.slack.text_safety import safe_plain

__all__ = ["MOST_AGENTS", "Framing", "headline_message", "items_message"]

MOST_AGENTS: Final = 6
"""Agents of one briefing at most: each takes up to eight of a message's 50 blocks (title, five items, what to
watch, remarks)."""

ITEMS_CHARS: Final = 11_500
"""Characters of all blocks at most: above 12,000 Slack refuses them (msg_blocks_too_long), and the closing
line takes some. Longer briefings have fewer items an agent."""

REMARKS_CHARS: Final = 500
"""Characters of an agent's small print."""

HEADLINE_CHARS: Final = 200
"""Characters of one agent's line on the card."""
REMARK_SOURCES: Final = 6
"""Failed sources named of an agent; more are counted."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What is printed around the content."""

    zone: str
    """IANA name of the zone in which its readers live."""
    names: dict[str, str]
    """Display name of an agent by code."""
    lexicon: Lexicon
    late_for: datetime | None = None
    """When it was due, if it is made up."""

    def name(self, code: str) -> str:
        """``CN-01, China Agent``."""
        return self.names.get(code, code)

    def time(self, moment: datetime) -> str:
        """``25 Nov, 07:00``, in the readers' zone."""
        local = moment.astimezone(ZoneInfo(self.zone))
        return f"{local.day} {local:%b}, {local:%H:%M}"


def headline_message(content: BriefingContent, framing: Framing) -> Message:
    """The card in the channel: one line an agent."""
    day = content.until if framing.late_for is None else framing.late_for
    local = day.astimezone(ZoneInfo(framing.zone))
    title = f"Morning briefing, {local:%A} {local.day} {local:%B %Y}"
    if not 4 <= local.hour < 12:
        title = title.replace("Morning briefing", "Briefing")
    lines = [f"*{framing.name(agent.persona)}:* {_line(agent)}" for agent in content.agents]
    blocks = [{"type": "header", "text": plain(title, HEADER_CHARS)}]
    if framing.late_for is not None:
        blocks.append(context(f"Late: due {framing.time(framing.late_for)}, when nothing was running."))
    blocks.append(section("\n".join(lines)))
    count = sum(len(agent.items) for agent in content.agents)
    below = f"{count} {'item' if count == 1 else 'items'} below" if count else "Details below"
    blocks.append(context(f"{below}, since {framing.time(content.since)} ({framing.zone})"))
    return Message(fallback(f"{title}. {_line(content.agents[0]) if content.agents else ''}"), tuple(blocks))


def items_message(content: BriefingContent, framing: Framing) -> Message:
    """Everything, as one message for the card's thread."""
    most = max((len(agent.items) for agent in content.agents), default=0)
    while True:
        blocks = [block for agent in content.agents for block in _agent(agent, framing, most)]
        if most <= 1 or (len(blocks) < MESSAGE_BLOCKS and _characters(blocks) <= ITEMS_CHARS):
            break
        most -= 1
    if len(content.agents) > 0:
        blocks.append(
            context(
                "Mention an agent in this thread to ask about an item. AI-generated from the "
                "sources named; check before use."
            )
        )
    what = "; ".join(f"{framing.name(agent.persona)}: {_line(agent)}" for agent in content.agents)
    return Message(fallback(what), tuple(blocks[:MESSAGE_BLOCKS]))


def _line(agent: AgentNews) -> str:
    """What an agent's morning is in one line."""
    if agent.items:
        return cut(agent.items[0].what, HEADLINE_CHARS)
    if agent.is_silent:
        return "nothing new."
    if not agent.sources_total:
        return "no sources are set up, so nothing can be said."
    return (
        f"only {agent.sources_answered} of {agent.sources_total} sources answered, too few to say whether "
        "there is anything new."
    )


# One agent --------------------------------------------------------------------------------------------


def _agent(agent: AgentNews, framing: Framing, most: int) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": plain(framing.name(agent.persona), HEADER_CHARS)},
        *(_item(number, item, framing) for number, item in enumerate(agent.items[:most], 1)),
    ]
    if not agent.items:
        blocks.append(section(_line(agent)[:1].upper() + _line(agent)[1:]))
    if agent.to_watch:
        blocks.append(_to_watch(agent.to_watch[:most] or agent.to_watch[:1]))
    blocks.append(context(cut(" · ".join(_remarks(agent)), REMARKS_CHARS)))
    return blocks


def _item(number: int, item: NewsItem, framing: Framing) -> dict[str, Any]:
    when = framing.time(item.published) if item.published else "undated"
    elements = [
        _text(f"{number}. {item.what}", bold=True),
        _text(f"\n{when}{', changed since an earlier briefing' if item.changed else ''}: "),
        *_joined(", ", (_cited(source) for source in item.sources)),
    ]
    if item.so_what:
        elements += [_text(f"\n{item.pillar or 'So what'}: ", italic=True), _text(item.so_what)]
    if item.moves is not None:
        elements += _moved(item, framing)
    return _rich([{"type": "rich_text_section", "elements": elements}])


def _moved(item: NewsItem, framing: Framing) -> list[dict[str, Any]]:
    point = item.moves
    if point is None:
        return []
    now, before = item.percent, point.percent
    if now is None or before is None:
        how = "bears on"
    elif now == before:
        how = f"leaves unchanged at {_phrase(framing.lexicon, before)}"
    else:
        way = "raises" if now > before else "lowers"
        how = f"{way} from {_phrase(framing.lexicon, before)} to {_phrase(framing.lexicon, now)}"
    label = f"{point.point_id} of {point.assessed_at.day} {point.assessed_at:%b}"
    link = [_link(label, point.url)] if point.url else [_text(label)]
    return [_text("\nMoves ", italic=True), *link, _text(f", “{point.statement}”: {how}.")]


def _phrase(lexicon: Lexicon, percent: int) -> str:
    return lexicon.phrase(Likelihood(percent, percent, percent))[0]


def _to_watch(lines: Sequence[ToWatch]) -> dict[str, Any]:
    entries = []
    for line in lines:
        elements = [_text(line.what)]
        if line.source is not None:
            elements += [_text(" "), _cited(line.source)]
        elif line.url:
            elements += [_text(" "), _link("assessment", line.url)]
        entries.append({"type": "rich_text_section", "elements": elements})
    return _rich(
        [
            {"type": "rich_text_section", "elements": [_text("To watch today", bold=True)]},
            {"type": "rich_text_list", "style": "bullet", "elements": entries},
        ]
    )


def _remarks(agent: AgentNews) -> list[str]:
    """Small print: who wrote it, what is quiet, what could not be read."""
    remarks = []
    if agent.items and not agent.written:
        reason = f" {agent.why_not}" if agent.why_not else ""
        remarks.append(f"Ranked headlines, not written by a model.{reason}".rstrip("."))
    if agent.quiet:
        remarks.append(f"Quiet: {', '.join(agent.quiet)}")
    remarks.append(f"{agent.sources_answered} of {agent.sources_total} sources answered")
    if agent.failures:
        named = [f"{name} ({reason})" for name, reason in agent.failures[:REMARK_SOURCES]]
        more = len(agent.failures) - len(named)
        remarks.append(f"failed: {', '.join(named)}{f' and {more} more' if more else ''}")
    return remarks


# Rich text --------------------------------------------------------------------------------------------


def _cited(source: CitedSource) -> dict[str, Any]:
    mark = " (state media)" if source.source_class is SourceClass.STATE_MEDIA else ""
    label = f"{source.publisher}{mark}"
    return _link(label, source.url) if source.url else _text(label)


def _text(words: str, **style: bool) -> dict[str, Any]:
    lead, tail = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
    element: dict[str, Any] = {"type": "text", "text": f"{lead}{safe_plain(words).text.strip()}{tail}"}
    return element | {"style": style} if style else element


def _link(label: str, url: str) -> dict[str, Any]:
    return {"type": "link", "url": url, "text": safe_plain(label).text}


def _joined(separator: str, elements: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for element in elements:
        if joined:
            joined.append(_text(separator))
        joined.append(element)
    return joined


def _rich(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": elements}


def _characters(value: object) -> int:
    """Characters of all texts in blocks, addresses left out."""
    match value:
        case dict():
            return sum(
                len(part) if key == "text" and isinstance(part, str) else _characters(part)
                for key, part in value.items()
            )
        case list():
            return sum(map(_characters, value))
        case _:
            return 0

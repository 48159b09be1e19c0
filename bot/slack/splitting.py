"""Where one message ends and the next begins: pure functions over the rendered document.

Offsets are characters of the document, sizes UTF-8 bytes of what a message shows. Messages tile the
document; a good cut comes before a section, else a paragraph, else a bullet, else a sentence, and only
a unit that is larger than a message is cut inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.assessment.events import Cut
from bot.slack.formatting import CLOSING_BYTES, cut_inside, shown

__all__ = ["Fill", "NextMessage", "Unit", "choose_end", "next_message", "size_of"]

_SECTION_MOVES_FROM: Final = 1 / 3
"""A message less full than this is not ended for the sake of keeping a section whole."""

_NEARLY_FULL: Final = 0.88
"""From here on a paragraph that may not fit starts the next message."""

_GOOD_CUT_FROM: Final = 1 / 2
"""When a message overflows, the best cut in its second half is taken."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One part of the document: ``document[start:end]``, with what its ``Part`` said about it."""

    start: int
    end: int
    cut: Cut
    ends_section: bool = False
    section_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """How far a message goes now. ``full``: nothing more belongs in it."""

    end: int
    full: bool


@dataclass(frozen=True, slots=True)
class NextMessage:
    """How the next message is sent: ``whole`` (posted at once, final) or as the start of a stream."""

    end: int
    whole: bool


def size_of(document: str, start: int, end: int) -> int:
    """UTF-8 bytes a message with ``document[start:end]`` has while it may still grow."""
    return len(shown(document, start, end, closed=False).encode())


def _pending(units: Sequence[Unit], sent: int) -> list[Unit]:
    """Units not sent yet; of one that is sent in part, the rest."""
    rest = [unit for unit in units if unit.end > sent]
    if rest and rest[0].start < sent:
        rest[0] = replace(rest[0], start=sent, cut=Cut.NONE, section_bytes=0)
    return rest


def _section_size(document: str, units: Sequence[Unit]) -> int:
    """What the section that begins with the first unit will take: what is here, or what is announced."""
    here = 0
    for index, unit in enumerate(units):
        if index and unit.cut is Cut.SECTION:
            break
        here += len(document[unit.start : unit.end].encode())
        if unit.ends_section:
            return here
    return max(here, units[0].section_bytes)


def choose_end(
    document: str,
    units: Sequence[Unit],
    *,
    start: int,
    sent: int,
    limit: int,
    complete: bool = False,
    cut_soon: bool = False,
) -> Fill:
    """How far the message that began at ``start`` and shows all up to ``sent`` goes with what is pending.

    ``limit`` in bytes; ``complete``: no more units will come; ``cut_soon``: the next paragraph shall
    begin a new message (the stream is getting old).
    """
    pending = _pending(units, sent)
    room = limit - CLOSING_BYTES
    fits = bool(pending) and size_of(document, start, pending[-1].end) <= room
    sizes: list[int] = []
    for index, unit in enumerate(pending):
        used = size_of(document, start, unit.start)
        sizes.append(used)
        if used and _begins_message(
            document, pending[index:], used, limit, last=complete and fits, cut_soon=cut_soon
        ):
            return Fill(unit.start, full=True)
        if size_of(document, start, unit.end) > room:
            return Fill(_overflow(document, pending[: index + 1], sizes, start, room), full=True)
    return Fill(pending[-1].end if pending else sent, full=False)


def _begins_message(
    document: str, units: Sequence[Unit], used: int, limit: int, *, last: bool, cut_soon: bool
) -> bool:
    """Whether the first unit should rather begin the next message, though it may still fit."""
    if last:
        return False
    cut = units[0].cut
    if cut_soon and cut >= Cut.PARAGRAPH:
        return True
    if cut is Cut.SECTION and used >= limit * _SECTION_MOVES_FROM:
        section = _section_size(document, units)
        return limit - used < section <= limit
    return cut >= Cut.PARAGRAPH and used >= limit * _NEARLY_FULL


def _overflow(document: str, units: Sequence[Unit], sizes: Sequence[int], start: int, room: int) -> int:
    """The best cut when the last of ``units`` does not fit; ``sizes[i]`` is what comes before unit i."""
    cuts = [
        (unit.cut, unit.start)
        for unit, size in zip(units, sizes, strict=True)
        if size >= max(room * _GOOD_CUT_FROM, 1)
    ]
    if cuts:
        return max(cuts)[1]
    # Less than half full, and the next unit is larger than the rest: a giant. Fill up with it.
    giant = units[-1]
    low, high = giant.start, giant.end
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size_of(document, start, middle) <= room else (low, middle)
    text = document[giant.start : giant.end]
    # The separator the giant begins with is no place to cut.
    lead = len(text) - len(text.lstrip("\n "))
    if low - giant.start <= lead and giant.start > start and sizes[-1]:
        return giant.start
    return giant.start + lead + cut_inside(text[lead:], low - giant.start - lead)


def next_message(
    document: str,
    units: Sequence[Unit],
    *,
    start: int,
    stream_limit: int,
    post_limit: int,
    complete: bool,
) -> NextMessage:
    """How to send what begins at ``start``: whole where it fills a message or is all there is, else as
    a stream. Starts and stops of streams are the scarcest calls, a post is one.
    """
    posted = choose_end(document, units, start=start, sent=start, limit=post_limit, complete=complete)
    if posted.full or complete:
        return NextMessage(posted.end, whole=True)
    streamed = choose_end(document, units, start=start, sent=start, limit=stream_limit)
    return NextMessage(streamed.end, whole=streamed.full)

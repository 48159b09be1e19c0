"""The turn's document as it grows, and how a second run of the engine meets what the first delivered."""

from __future__ import annotations

from bot.assessment.events import Cut, Part, in_place_of
from bot.slack.formatting import shown
from bot.slack.splitting import Unit

__all__ = ["RenderedDocument"]


class RenderedDocument:
    """Everything rendered in this turn, and its units from the first character not yet delivered.

    ``recorded`` is the document an earlier run left in the journal, ``delivered`` how many of its
    characters readers have. The engine renders from the beginning again: parts of the recorded text
    only lend their cuts, what comes after it is added. Where the engine renders something else this
    time, what was recorded stays, and it goes on with the first part that lies behind it.
    """

    def __init__(self, recorded: str = "", delivered: int = 0) -> None:
        self.text = recorded
        self.units: list[Unit] = []
        self._base = delivered
        """Start of the first unit."""
        self._replayed = 0
        """Characters the engine has rendered in this run, while they lie in the recorded text."""
        self._replaying = bool(recorded)
        self._places: list[tuple[int, int]] = []
        """Where each part of this run stands, by number; an empty range where nobody can tell."""
        self._withdrawn: dict[tuple[int, int], str] = {}
        """What is shown in the place of text that was taken back."""

    @property
    def end(self) -> int:
        """End of the last unit: how much of the text may be delivered now."""
        return self.units[-1].end if self.units else self._base

    def add(self, part: Part) -> None:
        """Take one part."""
        start = self._replayed if self._replaying else len(self.text)
        if part.text and self._replaying:
            self._replay(part)
        elif part.text:
            self._grow(part, part.text, part.cut)
        end = start + len(part.text)
        # An earlier run may have been told something else: then it is not this part that stands there.
        self._places.append((start, end) if self.text[start:end] == part.text else (start, start))

    def withdraw(self, number: int, note: str) -> tuple[int, int]:
        """Show ``note`` (safe Markdown) in the place of the part with that number, from 0. Returns where that
        stands in the document, which keeps it: an empty range where it does not.
        """
        start, end = self._places[number]
        if start < end:
            self._withdrawn[start, end] = in_place_of(self.text[start:end], note)
        return start, end

    def shown(self, start: int, end: int, *, closed: bool = True) -> str:
        """What a message with this range of the document shows (see ``formatting.shown``)."""
        text = self.text
        for (first, last), note in sorted(self._withdrawn.items(), reverse=True):
            text = f"{text[:first]}{note}{text[last:]}"
            longer = len(note) - (last - first)
            start, end = (
                at if at <= first else at + longer if at >= last else first + len(note) for at in (start, end)
            )
        return shown(text, start, end, closed=closed)

    def complete(self) -> None:
        """The engine has ended: recorded text it did not come to again is a unit of its own."""
        self._fill_up(len(self.text))
        self._replaying = False

    def _grow(self, part: Part, text: str, cut: Cut) -> None:
        start = len(self.text)
        self._fill_up(start)
        self.text += text
        self._append(part, start, len(self.text), cut)

    def _replay(self, part: Part) -> None:
        start = self._replayed
        end = self._replayed = start + len(part.text)
        recorded = len(self.text)
        if start >= recorded:
            self._replaying = False
            self._grow(part, part.text, part.cut)
            return
        known = self.text[start:recorded]
        same = known.startswith(part.text) or part.text.startswith(known)
        if end > recorded:
            self._replaying = False
            if same:
                rest = part.text[len(known) :]
                if start >= self._base:
                    self._fill_up(start)
                    self.text += rest
                    self._append(part, start, len(self.text), part.cut)
                else:
                    self._grow(part, rest, Cut.NONE)
        elif same and end > self._base:
            begin = max(start, self._base)
            self._fill_up(begin)
            self._append(part, begin, end, part.cut if begin == start else Cut.NONE)

    def _fill_up(self, until: int) -> None:
        """Cover recorded text no part was found for."""
        if self.end < until:
            self.units.append(Unit(self.end, until, Cut.NONE))

    def _append(self, part: Part, start: int, end: int, cut: Cut) -> None:
        # After a gap was filled, a part may begin inside it.
        start = max(start, self.end)
        if start < end:
            self.units.append(Unit(start, end, cut, part.ends_section, part.section_bytes))

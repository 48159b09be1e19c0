"""Progress of a long fetch: a bar on a terminal, a line every tenth part elsewhere."""

from __future__ import annotations

import time
from typing import Protocol, TextIO

__all__ = ["Progress", "SilentProgress", "TerminalProgress"]

_BAR_WIDTH = 30
_REDRAW_SECONDS = 0.2
"""Five times a second: smooth to the eye, nothing to the CPU."""
_LINE_STEP_PERCENT = 10
"""Where nobody watches (logs, CI), eleven lines tell the story."""


class Progress(Protocol):
    """Told how far a fetch is; called from the fetching thread only."""

    def update(self, title: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes are there."""
        ...

    def note(self, sentence: str) -> None:
        """Something worth a line of its own."""
        ...

    def close(self) -> None:
        """The fetch is over, well or not."""
        ...


class SilentProgress:
    """Says nothing."""

    def update(self, title: str, done: int, total: int) -> None:
        """Nothing."""

    def note(self, sentence: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class TerminalProgress:
    """Writes to ``stream``: one line redrawn in place on a terminal, plain lines otherwise."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraws = stream.isatty()
        self._drawn_at = float("-inf")
        self._percent = -1
        self._open_line = False

    def update(self, title: str, done: int, total: int) -> None:
        """Draw when enough has changed since the last time."""
        percent = min(100, 100 * done // max(total, 1))
        size = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        if self._redraws:
            now = time.monotonic()
            if now - self._drawn_at < _REDRAW_SECONDS and done < total:
                return
            self._drawn_at = now
            filled = _BAR_WIDTH * percent // 100
            bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
            self._write(f"\r\x1b[K{title} [{bar}] {percent} % ({size})")
            self._open_line = True
        elif self._percent < 0 or percent // _LINE_STEP_PERCENT > self._percent // _LINE_STEP_PERCENT:
            self._percent = percent
            self._write(f"{title}: {percent} % ({size})\n")

    def note(self, sentence: str) -> None:
        """A line of its own, below the bar."""
        self.close()
        self._write(f"{sentence}\n")

    def close(self) -> None:
        """End the line of the bar."""
        if self._open_line:
            self._write("\n")
        self._open_line = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

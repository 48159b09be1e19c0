"""Faults on demand: the next calls of a method go wrong in a chosen way."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

__all__ = ["Fault", "Faults"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call.

    ``error`` is answered with HTTP 200 (``ratelimited`` with 429 and ``retry_after`` seconds); ``status`` is
    a bare HTTP error; ``delay_seconds`` holds the answer back and may be combined with the others;
    ``drop`` resets the connection, ``"before"`` the call takes effect or ``"after"`` it did.
    """

    error: str | None = None
    status: int | None = None
    retry_after: int | None = None
    delay_seconds: float = 0.0
    drop: str | None = None


class Faults:
    """The faults that wait for their calls, by method."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next ``times`` calls of ``method`` go wrong, after those already ordered."""
        self._waiting[method].extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        """The fault for this call, if one waits."""
        waiting = self._waiting.get(method)
        return waiting.popleft() if waiting else None

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()

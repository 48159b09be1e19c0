"""Faults on demand: the next calls of a method go wrong in a chosen way, or are held for a while."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Fault", "Faults", "Gate"]

Moment = Literal["before", "after"]

AnyCall = Callable[[Mapping[str, Any]], bool]
"""Whether a call with these arguments is the one that is waited for."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call.

    ``error`` is answered with HTTP 200 (``ratelimited`` with 429 and ``retry_after`` seconds); ``status`` is
    a bare HTTP error, with ``done`` after the call took effect; ``delay_seconds`` holds the call back and
    ``late_seconds`` its answer after it took effect, and both go with the others; ``drop`` resets the
    connection, ``"before"`` the call takes effect or ``"after"`` it did.
    """

    error: str | None = None
    status: int | None = None
    done: bool = False
    retry_after: int | None = None
    delay_seconds: float = 0.0
    late_seconds: float = 0.0
    drop: str | None = None


class Gate:
    """Holds one call ``"before"`` it takes effect or ``"after"`` it did, until it is opened.

    One that is held before may be given a fault on its way. ``reached`` is set once the call is there.
    """

    def __init__(self, method: str, moment: Moment, wanted: AnyCall) -> None:
        self.method = method
        self.moment = moment
        self.wanted = wanted
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()
        self._fault: Fault | None = None

    def open(self, fault: Fault | None = None) -> None:
        """Let the call go on, with this fault."""
        self._fault = fault
        self._opened.set()

    async def passed(self) -> Fault | None:
        """Wait at the gate."""
        self.reached.set()
        await self._opened.wait()
        return self._fault


class Faults:
    """The faults and gates that wait for their calls, by method.

    A method may also be a family, such as ``chat.*``; a method's own faults come first.
    """

    def __init__(self) -> None:
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._gates: list[Gate] = []

    def add(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next ``times`` calls of ``method`` go wrong, after those already ordered."""
        self._waiting[method].extend([fault] * times)

    def hold(self, method: str, moment: Moment = "before", wanted: AnyCall = lambda _: True) -> Gate:
        """Hold the next call of ``method`` whose arguments are ``wanted``."""
        gate = Gate(method, moment, wanted)
        self._gates.append(gate)
        return gate

    def take(self, method: str) -> Fault | None:
        """The fault for this call, if one waits."""
        for name in (method, _family(method)):
            if waiting := self._waiting.get(name):
                return waiting.popleft()
        return None

    def gate(self, method: str, arguments: Mapping[str, Any]) -> Gate | None:
        """The gate for this call, if one waits; it is taken away."""
        for gate in self._gates:
            if gate.method in (method, _family(method)) and gate.wanted(arguments):
                self._gates.remove(gate)
                return gate
        return None

    @property
    def has_gates(self) -> bool:
        """Whether any call is waited for."""
        return bool(self._gates)

    def clear(self) -> None:
        """Forget all faults, and let go of all calls that are still to come."""
        self._waiting.clear()
        self._gates.clear()


def _family(method: str) -> str:
    return f"{method.rpartition('.')[0]}.*"

"""A circuit breaker: after several failures in a row an endpoint is left alone for a while, then tried with
one call.

It only decides and counts; who asks it makes the calls (``bot.llm.failover``). All methods are
synchronous, so that between a question and its answer nothing else runs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

__all__ = ["Breaker", "BreakerSettings", "Trial"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When to leave an endpoint alone, and for how long."""

    failures: int = 3
    """Failures in a row that open the breaker. One or two are a broken connection; a turn makes eight
    calls at once, so three tell within its first second that the server is down."""
    window_seconds: float = 60.0
    """Only failures this close together count as in a row: on a quiet desk two bad calls an hour apart
    have nothing to do with each other. A minute covers a first-token time-out (60 s by default) of
    calls that began together."""
    pause_seconds: float = 15.0
    """How long an open breaker sends nothing before its first trial. A provider's blip or a restarted server
    is over within seconds (this desk's own lease is 10 s); longer outages meet the doubled pauses."""
    longest_pause_seconds: float = 240.0
    """Pauses double after each failed trial up to this. A trial may cost one reader a first-token time-out;
    at most fifteen an hour do, and a recovered endpoint is back within four minutes."""


@dataclass(slots=True, eq=False)
class Trial:
    """One call that a breaker let through; its outcome is told once, further words are ignored."""

    began: float
    lone: bool
    """The single call of a half-open breaker."""
    told: bool = False


class Breaker:
    """The breaker of one endpoint. ``clock``: seconds that never go back."""

    def __init__(
        self, endpoint: str, settings: BreakerSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._clock = clock
        self._failed_at: deque[float] = deque(maxlen=settings.failures)
        self._opened_at: float | None = None
        self._pause = settings.pause_seconds
        self._lone: Trial | None = None

    @property
    def open(self) -> bool:
        """True from the failure that opened it to the success that closes it."""
        return self._opened_at is not None

    @property
    def due_at(self) -> float:
        """When it may be tried again, on its clock; in the past for a closed one."""
        return float("-inf") if self._opened_at is None else self._opened_at + self._pause

    def admits(self) -> bool:
        """Whether a call may be made: closed, or the pause is over and no trial is under way."""
        return self._opened_at is None or (self._lone is None and self._clock() >= self.due_at)

    def begin(self) -> Trial:
        """A call is being made now. Also right where ``admits`` says no: a caller with no better place to go
        may knock, and its success closes the breaker as a trial's does.
        """
        lone = self._opened_at is not None and self.admits()
        trial = Trial(self._clock(), lone)
        if lone:
            self._lone = trial
            log.info("breaker.tried", endpoint=self._endpoint)
        return trial

    def succeeded(self, trial: Trial) -> None:
        """The call ended well."""
        if not self._take(trial):
            return
        # It proves that the endpoint took calls when this one began, not that it takes them now: a
        # stream that was running before an outage may outlive the failures of everything after it.
        while self._failed_at and self._failed_at[0] <= trial.began:
            self._failed_at.popleft()
        if self._opened_at is not None and trial.began >= self._opened_at:
            self._opened_at = None
            self._failed_at.clear()
            self._pause = self._settings.pause_seconds
            log.info("breaker.closed", endpoint=self._endpoint)

    def failed(self, trial: Trial, *, pause_seconds: float | None = None) -> None:
        """The call failed. ``pause_seconds``: how long the endpoint asked to be left alone, if it did; it
        replaces the pause of our own.
        """
        if not self._take(trial):
            return
        now = self._clock()
        if self._opened_at is not None:
            # What began before it opened is no news; whoever knocked since then learned that it is still so.
            if trial.began >= self._opened_at:
                self._open(now, pause_seconds, longer=trial.lone)
            return
        self._failed_at.append(now)
        recent = now - self._failed_at[0] <= self._settings.window_seconds
        if len(self._failed_at) == self._settings.failures and recent:
            self._open(now, pause_seconds, longer=False)

    def abandoned(self, trial: Trial) -> None:
        """The call ended without telling anything of the endpoint: its reader left, or it was refused for
        what it asked. Ignored after another outcome, so that a ``finally`` may always say it.
        """
        self._take(trial)

    def _take(self, trial: Trial) -> bool:
        if trial is self._lone:
            self._lone = None
        first, trial.told = not trial.told, True
        return first

    def _open(self, now: float, asked: float | None, *, longer: bool) -> None:
        settings = self._settings
        if longer:
            doubled = max(self._pause * 2, settings.pause_seconds)  # what the endpoint asked for may be 0
            self._pause = min(doubled, settings.longest_pause_seconds)
        if asked is not None:
            self._pause = min(asked, settings.longest_pause_seconds)
        if self._opened_at is None or longer:
            log.warning(
                "breaker.opened",
                endpoint=self._endpoint,
                failures=settings.failures if self._opened_at is None else 1,
                pause_seconds=round(self._pause, 3),
            )
        self._opened_at = now

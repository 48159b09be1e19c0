"""The circuit breaker, on a clock of the test's own."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bot.llm.breaker import Breaker, BreakerSettings

SETTINGS = BreakerSettings(failures=3, window_seconds=60, pause_seconds=10, longest_pause_seconds=35)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("primary", SETTINGS, clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(breaker.begin())


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    """Two failures are chance, three are an outage; it is told once, with ids only."""
    with capture_logs() as logs:
        fail(breaker, 2)
        assert breaker.admits()
        fail(breaker)
        assert not breaker.admits()
    assert logs == [
        {
            "event": "breaker.opened",
            "log_level": "warning",
            "endpoint": "primary",
            "failures": 3,
            "pause_seconds": 10,
        }
    ]


def test_a_success_between_breaks_the_row(breaker: Breaker, clock: Clock) -> None:
    """Failures count in a row only."""
    fail(breaker, 2)
    clock.now += 1
    breaker.succeeded(breaker.begin())
    fail(breaker, 2)
    assert breaker.admits()


def test_old_failures_do_not_count(breaker: Breaker, clock: Clock) -> None:
    """Three failures an hour are three accidents."""
    for _ in range(5):
        fail(breaker)
        clock.now += 31
    assert breaker.admits()


def test_a_stream_from_before_the_outage_is_no_proof_of_health(breaker: Breaker, clock: Clock) -> None:
    """An old stream may outlive the server that no longer takes new ones."""
    old = breaker.begin()
    clock.now += 1
    fail(breaker, 2)
    breaker.succeeded(old)
    fail(breaker)
    assert not breaker.admits()
    late = Breaker("primary", SETTINGS, clock)
    running = late.begin()
    clock.now += 1
    fail(late, 3)
    late.succeeded(running)
    assert late.open


def test_after_the_pause_one_call_tries(breaker: Breaker, clock: Clock) -> None:
    """Half-open: a single call, whose success lets everybody in."""
    fail(breaker, 3)
    clock.now += 10
    assert breaker.admits()
    trial = breaker.begin()
    assert trial.lone
    assert not breaker.admits()
    with capture_logs() as logs:
        breaker.succeeded(trial)
    assert [entry["event"] for entry in logs] == ["breaker.closed"]
    assert breaker.admits()
    assert not breaker.open


def test_pauses_double_up_to_the_longest(breaker: Breaker, clock: Clock) -> None:
    """A long outage is asked after less and less, and a success forgets it all."""
    fail(breaker, 3)
    pauses = []
    for _ in range(4):
        pauses.append(breaker.due_at - clock.now)
        clock.now = breaker.due_at
        fail(breaker)
    assert pauses == [10, 20, 35, 35]
    clock.now = breaker.due_at
    breaker.succeeded(breaker.begin())
    fail(breaker, 3)
    assert breaker.due_at - clock.now == 10


def test_an_abandoned_trial_leaves_room_for_the_next(breaker: Breaker, clock: Clock) -> None:
    """A reader who leaves proves nothing, and blocks nothing."""
    fail(breaker, 3)
    clock.now += 10
    breaker.abandoned(breaker.begin())
    assert breaker.admits()
    assert breaker.begin().lone


def test_an_outcome_is_told_once(breaker: Breaker) -> None:
    """What follows the first word is ignored."""
    trial = breaker.begin()
    for _ in range(5):
        breaker.failed(trial)
    breaker.abandoned(trial)
    assert breaker.admits()


def test_failures_of_calls_from_before_it_opened_do_not_prolong_the_pause(
    breaker: Breaker, clock: Clock
) -> None:
    """Twenty calls that die together open it once."""
    trials = [breaker.begin() for _ in range(20)]
    clock.now += 1
    with capture_logs() as logs:
        for trial in trials:
            breaker.failed(trial)
            clock.now += 0.1
    assert len(logs) == 1
    assert breaker.due_at == pytest.approx(101 + 0.2 + 10)


def test_a_call_without_a_better_place_may_knock(breaker: Breaker, clock: Clock) -> None:
    """Its success closes the breaker before the pause is over; its failure begins the pause anew."""
    fail(breaker, 3)
    clock.now += 4
    fail(breaker)
    assert breaker.due_at == clock.now + 10
    clock.now += 1
    knock = breaker.begin()
    assert not knock.lone
    breaker.succeeded(knock)
    assert breaker.admits()


def test_an_endpoint_says_how_long_it_wants_to_be_left_alone(breaker: Breaker, clock: Clock) -> None:
    """A rate limit's own time replaces the pause, within reason."""
    fail(breaker, 2)
    breaker.failed(breaker.begin(), pause_seconds=1.5)
    assert breaker.due_at == clock.now + 1.5
    clock.now += 1.5
    breaker.failed(breaker.begin(), pause_seconds=3600)
    assert breaker.due_at == clock.now + 35

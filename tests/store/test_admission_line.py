"""The ceiling on a real Valkey: first come, first served; and any history agrees with counting."""
# ruff: noqa: F811 - an imported fixture is an argument of the same name

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from bot.store.admission_store import AdmissionStore, AdmissionTimes, Admitted
from bot.turns import Turn
from tests.support.admission import NO_LIMITS, Open, decisions, opened, question  # noqa: F401
from tests.support.valkey import keys_without_ttl

# The line ---------------------------------------------------------------------------------------------


async def test_the_ceiling_lets_turns_wait_in_the_order_they_came(opened: Open) -> None:
    """Nobody is refused; each place that becomes free moves everybody up by one."""
    store = opened(global_at_once=2)
    turns = [question(number) for number in range(6)]
    for turn in turns:
        assert await store.admit(turn) == Admitted()
    assert [await store.position(turn) for turn in turns] == [None, None, 1, 2, 3, 4]
    assert [await store.hold(turn) for turn in turns] == [None, None, 1, 2, 3, 4]

    await store.free(turns[1])

    assert await store.hold(turns[3]) == 1  # asks first, but came later
    assert await store.hold(turns[2]) is None
    assert [await store.position(turn) for turn in turns[2:]] == [None, 1, 2, 3]


async def test_a_turn_no_worker_asks_for_leaves_no_seat_empty(opened: Open) -> None:
    """The second question of a busy thread came earlier than another thread's first, which may start."""
    store = opened(global_at_once=2)
    for number in range(3):
        await store.admit(question(number))
    assert await store.hold(question(0)) is None

    assert await store.hold(question(2)) is None
    assert await store.hold(question(1)) == 1


async def test_somebody_in_line_whose_worker_died_does_not_hold_up_the_others(opened: Open) -> None:
    """And comes back to its old place when it is taken over."""
    store = opened(AdmissionTimes(asks=0.3), global_at_once=1)
    turns = [question(number) for number in range(4)]
    for turn in turns:
        await store.admit(turn)
    assert [await store.hold(turn) for turn in turns] == [None, 1, 2, 3]
    await asyncio.sleep(0.35)
    await store.hold(turns[3])
    await store.hold(turns[2])
    assert await store.hold(turns[1]) == 1

    await asyncio.sleep(0.35)
    await store.free(turns[0])

    assert await store.hold(turns[2]) is None


async def test_a_turn_taken_over_finds_its_seat_again(opened: Open) -> None:
    """Another run of the same turn does not queue up behind those who waited."""
    one, two = opened(global_at_once=1), opened(global_at_once=1)
    for number in (1, 2):
        await one.admit(question(number))
    assert await one.hold(question(1)) is None
    assert await one.hold(question(2)) == 1

    assert await two.hold(question(1)) is None
    assert await two.hold(question(2)) == 1


async def test_never_more_than_the_ceiling_are_seated(opened: Open) -> None:
    """Forty turns and three seats, asked for at random times by their workers."""
    store = opened(AdmissionTimes(poll=0.01), global_at_once=3)
    turns = [question(number) for number in range(40)]
    for turn in turns:
        await store.admit(turn)
        await store.hold(turn)
    seated: set[str] = set()
    started: list[int] = []
    most = 0

    async def work(number: int, turn: Turn) -> None:
        nonlocal most
        while await store.hold(turn) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        seated.add(turn.turn_id)
        started.append(number)
        most = max(most, len(seated))
        await asyncio.sleep(0.005)
        seated.remove(turn.turn_id)
        await store.free(turn)

    await asyncio.gather(*(work(number, turn) for number, turn in enumerate(turns)))

    assert most == 3
    # A free seat is kept for the first in line; three may take theirs, and say so, in any order.
    assert all(number - place < 2 * 3 for place, number in enumerate(started))


async def test_without_a_ceiling_nobody_waits(opened: Open) -> None:
    """None is no limit."""
    store = opened()
    turns = [question(number) for number in range(20)]
    await decisions(store, turns)

    assert [await store.hold(turn) for turn in turns] == [None] * 20
    assert await store.position(turns[-1]) is None


# Anything -----------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "again", "hold", "end", "fail"]),
        st.integers(0, 30),
        st.sampled_from(["U1", "U2", "U3"]),
        st.sampled_from(["T1", "T2"]),
    ),
    max_size=60,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user_at_once=st.integers(1, 3),
    user_hour=st.integers(1, 6),
    team_at_once=st.integers(1, 5),
    team_hour=st.integers(1, 9),
    ceiling=st.integers(1, 4),
    steps=STEPS,
)
async def test_any_order_of_questions_and_ends_agrees_with_counting_by_hand(
    redis: Redis,
    namespace: str,
    user_at_once: int,
    user_hour: int,
    team_at_once: int,
    team_hour: int,
    ceiling: int,
    steps: list[tuple[str, int, str, str]],
) -> None:
    """Deliveries, repetitions, workers' words and ends in any order: every decision is that of plain
    counting.
    """
    policy = replace(
        NO_LIMITS,
        per_user_at_once=user_at_once,
        per_user_hour=user_hour,
        per_workspace_at_once=team_at_once,
        per_workspace_hour=team_hour,
        global_at_once=ceiling,
    )
    prefix = f"{namespace}:{time.monotonic_ns()}"
    store = AdmissionStore(redis, policy, prefix=prefix)
    verdicts: dict[str, bool] = {}
    running: dict[str, Turn] = {}
    hours: defaultdict[str, set[str]] = defaultdict(set)
    seated: set[str] = set()

    for deed, number, user, team in steps:
        turn = question(number, user, team)
        key = f"{team}:{user}"
        if deed in ("ask", "again"):
            verdict = isinstance(await store.admit(turn), Admitted)
            if turn.turn_id not in verdicts:
                of_user = [t for t in running.values() if (t.team_id, t.user_id) == (team, user)]
                of_team = [t for t in running.values() if t.team_id == team]
                verdicts[turn.turn_id] = (
                    len(of_user) < user_at_once
                    and len(of_team) < team_at_once
                    and len(hours[key]) < user_hour
                    and len(hours[team]) < team_hour
                )
                if verdicts[turn.turn_id]:
                    running[turn.turn_id] = turn
                    hours[key].add(turn.turn_id)
                    hours[team].add(turn.turn_id)
            assert verdict == verdicts[turn.turn_id]
        elif deed == "hold" and turn.turn_id in running:
            if await store.hold(turn) is None:
                seated.add(turn.turn_id)
            assert len(seated) <= ceiling
        elif deed in ("end", "fail") and turn.turn_id in verdicts and verdicts[turn.turn_id]:
            await store.free(turn, forgive=deed == "fail")
            running.pop(turn.turn_id, None)
            seated.discard(turn.turn_id)
            if deed == "fail":
                hours[key].discard(turn.turn_id)
                hours[team].discard(turn.turn_id)
        positions = [await store.position(turn) for turn in running.values()]
        waiting = [position for position in positions if position is not None]
        assert waiting == list(range(1, len(waiting) + 1))

    assert await keys_without_ttl(redis, f"{prefix}:*") == []

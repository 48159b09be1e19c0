"""Admission in tests: stores that share a test's keys, and questions of people in workspaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.store.admission_store import AdmissionPolicy, AdmissionStore, AdmissionTimes, Admitted, Refused
from bot.turns import TeamId, Turn, UserId
from tests.support.valkey import keys_without_ttl, turn_in

__all__ = ["NO_LIMITS", "Open", "admitted", "decisions", "opened", "question"]

NO_LIMITS = AdmissionPolicy(
    per_user_at_once=None,
    per_user_hour=None,
    per_workspace_at_once=None,
    per_workspace_hour=None,
    workspace_tokens_day=None,
    workspace_money_day=None,
    global_at_once=None,
)

Open = Callable[..., AdmissionStore]


@pytest.fixture
async def opened(redis: Redis, namespace: str) -> AsyncIterator[Open]:
    """Makes stores that share the test's keys, as replicas do; no key may be left without an end."""

    def store(times: AdmissionTimes | None = None, **limits: Any) -> AdmissionStore:
        return AdmissionStore(redis, replace(NO_LIMITS, **limits), times=times, prefix=namespace)

    yield store
    assert await keys_without_ttl(redis, f"{namespace}:*") == []


def question(number: int, user: str = "U1", team: str = "T1") -> Turn:
    """The turn of the user's message of that number."""
    turn = turn_in(f"{1_700_000_000 + number}.000100")
    return replace(turn, turn_id=f"{team}-{user}-{number}", user_id=UserId(user), team_id=TeamId(team))


async def decisions(store: AdmissionStore, turns: list[Turn]) -> list[Admitted | Refused]:
    return list(await asyncio.gather(*(store.admit(turn) for turn in turns)))


def admitted(verdicts: list[Admitted | Refused]) -> int:
    return sum(isinstance(verdict, Admitted) for verdict in verdicts)

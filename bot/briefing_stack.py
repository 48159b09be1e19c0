"""The parts of briefings, put together for one app: what runs them, and what people do with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.admission import Admission
from bot.assessment.lexicon import LEXICONS
from bot.briefings.briefing import Briefing
from bot.briefings.composing import Composing, Desktop, OpenPoints
from bot.briefings.days_off import public_holidays_of
from bot.briefings.office import BriefingOffice
from bot.briefings.ports import Clock, WallClock
from bot.briefings.posting import Posting
from bot.briefings.runner import BriefingRunner, BriefingTimes
from bot.evidence.items import EvidenceDesk
from bot.metering import MeteredModel
from bot.retrying import RetryPolicy
from bot.settings import Settings
from bot.slack.api import AppIdentity, SlackApi
from bot.store.briefing_store import BriefingStore
from bot.turns import Question, ThreadTs, Turn
from personas.desk import Desk

__all__ = ["Briefings", "BudgetOfTheDay", "Surroundings", "briefings_of"]


@dataclass(frozen=True, slots=True)
class BudgetOfTheDay:
    """The workspace's budget, shared with questions (``bot.briefings.composing.Allowance``)."""

    admission: Admission
    meter: MeteredModel

    async def is_left(self, team_id: str) -> bool:
        """See ``bot.briefings.composing.Allowance``."""
        store = self.admission.store
        policy = store.policy
        if policy.workspace_tokens_day is None and policy.workspace_money_day is None:
            return True
        used = await store.usage_today(team_id)
        tokens_left = policy.workspace_tokens_day is None or used.tokens < policy.workspace_tokens_day
        return tokens_left and (policy.workspace_money_day is None or used.money < policy.workspace_money_day)

    async def charge(self, briefing: Briefing, name: str) -> None:
        """See ``bot.briefings.composing.Allowance``."""
        for model, usage in self.meter.take(name).items():
            await self.admission.charge(_as_turn(briefing, name), usage, model, call=model)


def _as_turn(briefing: Briefing, name: str) -> Turn:
    """What is charged is charged to a turn: a briefing's is asked by its owner, and never queued."""
    return Turn(
        turn_id=name,
        app_id=briefing.app_id,
        team_id=briefing.team_id,
        channel=briefing.channel,
        thread_ts=ThreadTs(""),
        message_ts="",
        user_id=briefing.owner,
        user_team_id=briefing.team_id,
        persona=briefing.personas[0],
        format="briefing",
        question=Question(""),
        asked_at=0.0,
    )


@dataclass(frozen=True, slots=True)
class Briefings:
    """One app's briefings."""

    runner: BriefingRunner
    office: BriefingOffice


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an app's briefings are made with."""

    identity: AppIdentity
    settings: Settings
    store: BriefingStore
    api: SlackApi
    desk: Desk
    evidence: EvidenceDesk | None
    admission: Admission
    meter: MeteredModel
    points: OpenPoints
    written: bool
    """By the model; without, briefings are ranked headlines."""


def briefings_of(
    around: Surroundings, *, clock: Clock | None = None, times: BriefingTimes | None = None
) -> Briefings:
    """Construct them. ``clock`` and ``times``: for tests."""
    settings, identity = around.settings, around.identity
    clock = clock or WallClock()
    store = around.store
    lexicon = LEXICONS[settings.lexicon]
    budget = BudgetOfTheDay(around.admission, around.meter)
    desktop = Desktop(
        desk=around.desk,
        evidence=around.evidence,
        model=around.meter if around.written else None,
        points=around.points,
        allowance=budget,
        organisation=settings.organisation,
        retries=RetryPolicy(settings.model_attempts, settings.model_retry_seconds),
    )
    composing = Composing(desktop, store, clock)
    posting = Posting(around.api, around.desk, lexicon)
    runner = BriefingRunner(
        store,
        composing,
        posting,
        clock,
        app_id=identity.key,
        days_off=public_holidays_of,
        times=times or BriefingTimes(grace=timedelta(hours=settings.briefing_grace_hours)),
    )
    office = BriefingOffice(
        app_id=identity.key,
        bot_user_id=identity.bot_user_id,
        bot_name=identity.bot_user,
        store=store,
        runner=runner,
        composing=composing,
        posting=posting,
        api=around.api,
        clock=clock,
    )
    return Briefings(runner, office)

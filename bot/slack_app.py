"""One Slack app of ours at work: who it is, what it takes, and who answers. Several may run in one process,
and share everything that is not Slack's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import structlog

from bot.admission import Admission
from bot.answering import Answering
from bot.app_list import DESK, SlackAppConfig
from bot.assessment.engine import Engine
from bot.assessment.formats import Format
from bot.briefing_stack import Briefings, Surroundings, briefings_of
from bot.briefings.open_points import RecordedPoints
from bot.choosing import Choosing
from bot.conversations import Conversations
from bot.desk_threads import DeskThreads
from bot.doorkeeper import Doorkeeper, DoorPolicy
from bot.evidence.items import EvidenceDesk
from bot.exporting import Exports
from bot.home import HomeTab
from bot.jobs import Queue, TurnRun, queue_name
from bot.metering import MeteredModel
from bot.model_stack import NotConfiguredError
from bot.opening import ThreadOpening
from bot.pane import AgentPane
from bot.reception import Reception
from bot.scopes import COMMANDS_SCOPE, JOIN_SCOPE, PEOPLE_SCOPE
from bot.settings import Settings
from bot.slack.api import AppIdentity, SlackApi
from bot.slack.limits import WriterLimits, slack_budgets
from bot.slack.private_words import PrivateWords
from bot.slack.receipts import Receipts
from bot.slack.uploads import Uploads
from bot.slack.ways_in import WaysIn
from bot.store.briefing_store import BriefingStore
from bot.store.choice_store import ChoiceStore
from bot.store.connection import Redis
from bot.store.feedback_store import FeedbackStore
from bot.store.governor import Budget, Governor
from bot.store.keys import app_prefix
from bot.store.sealing import seal_for
from bot.store.stored_turns import Outcome
from bot.store.thread_store import Seal, ThreadStore
from bot.store.turn_store import TurnStore
from personas.desk import Desk

__all__ = ["SharedParts", "SlackApp", "SlackPace", "identify", "open_slack_app"]

log = structlog.get_logger()

TOKEN_DIGITS = 16
"""Hexadecimal digits of a token's SHA-256 that tell it from others; the token cannot be had from them."""


@dataclass(frozen=True, slots=True)
class SlackPace:
    """How fast Slack is written to: Slack's own limits. A test's workspace may run faster than Slack."""

    limits: WriterLimits = field(default_factory=WriterLimits)
    budgets: Mapping[str, Budget] = field(default_factory=slack_budgets)


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What all apps of a process have in common."""

    settings: Settings
    pace: SlackPace
    desk: Desk
    redis_url: str
    redis: Redis
    session: aiohttp.ClientSession
    """Connections to Slack."""
    engine: Engine
    meter: MeteredModel
    admission: Admission
    formats: Callable[[str], Format]
    evidence: EvidenceDesk | None
    briefings_written: bool
    """By the model; without, briefings are ranked headlines."""


@dataclass(frozen=True, slots=True)
class SlackApp:
    """The running parts of one Slack app."""

    config: SlackAppConfig
    identity: AppIdentity
    reception: Reception
    answering: Answering
    opening: ThreadOpening
    briefings: Briefings

    @property
    def queue(self) -> Queue:
        """Where its questions wait."""
        return self.reception.queue

    async def work(self) -> None:
        """Answer questions until the queue is drained."""
        await self.queue.run_worker(self._work, give_up=self._give_up)

    async def brief(self) -> None:
        """Post the briefings that are due, until cancelled."""
        await self.briefings.runner.run_forever()

    async def _work(self, run: TurnRun) -> Outcome:
        return await (self.answering.answer(run) if run.turn.opening is None else self.opening.open(run))

    async def _give_up(self, run: TurnRun, reason: str) -> None:
        give_up = self.answering.give_up if run.turn.opening is None else self.opening.give_up
        await give_up(run, reason)


async def identify(shared: SharedParts, config: SlackAppConfig) -> AppIdentity:
    """Who the app's token speaks for. Raises ``NotConfiguredError`` where that is another app."""
    token = config.bot_token.get_secret_value()
    # Which app and workspace that is, is the question: until then replicas share the budget of the token.
    whoever = f"token-{hashlib.sha256(token.encode()).hexdigest()[:TOKEN_DIGITS]}"
    api = SlackApi(
        token,
        Governor(shared.redis, whoever, "unknown", shared.pace.budgets),
        shared.session,
        base_url=shared.settings.slack_api_url,
    )
    identity = await api.identity()
    if config.app_id and identity.app_id not in {"", config.app_id}:
        raise NotConfiguredError(
            f"The bot token of {config.name} belongs to another app ({identity.app_id}) than the list says "
            f"({config.app_id})."
        )
    return identity


def thread_store_of(shared: SharedParts, identity: AppIdentity) -> ThreadStore:
    """What an app remembers of threads."""
    settings = shared.settings
    return ThreadStore(
        shared.redis,
        prefix=app_prefix(identity.key),
        words_days=settings.words_days,
        assessments_days=settings.assessments_days,
        seal=_seal_of(settings),
    )


def _seal_of(settings: Settings) -> Seal:
    return seal_for(settings.encryption_keys.get_secret_value() if settings.encryption_keys else "")


async def open_slack_app(
    shared: SharedParts,
    config: SlackAppConfig,
    identity: AppIdentity,
    stack: AsyncExitStack,
    *,
    everyone: Sequence[AppIdentity] = (),
) -> SlackApp:
    """Construct one app; ``stack`` closes it. ``everyone``: all apps of the process."""
    settings, desk = shared.settings, shared.desk
    colleagues = [each for each in everyone if each is not identity]
    other_turns = tuple(TurnStore(shared.redis, prefix=app_prefix(each.key)) for each in colleagues)
    store = TurnStore(shared.redis, prefix=app_prefix(identity.key))
    queue = await Queue.open(
        shared.redis_url,
        store=store,
        name=queue_name(identity.key),
        lease_seconds=settings.lease_seconds,
        concurrency=settings.turns_at_once,
        others=other_turns,
    )
    stack.push_async_callback(queue.aclose)
    governor = Governor(shared.redis, identity.key, identity.team_id, shared.pace.budgets)
    api = SlackApi(
        config.bot_token.get_secret_value(),
        governor,
        shared.session,
        base_url=settings.slack_api_url,
        limits=shared.pace.limits,
    )
    ways_in, words = WaysIn(api), PrivateWords(shared.session)
    bound = _bound_persona(desk, config, identity)
    pane = AgentPane.of(identity, ways_in, desk, bound)
    threads = thread_store_of(shared, identity)
    desk_threads = DeskThreads(threads, tuple(thread_store_of(shared, each) for each in colleagues))
    briefings = briefings_of(
        Surroundings(
            identity=identity,
            settings=settings,
            store=BriefingStore(shared.redis),
            api=api,
            desk=desk,
            evidence=shared.evidence,
            admission=shared.admission,
            meter=shared.meter,
            points=RecordedPoints(threads, identity.url),
            written=shared.briefings_written,
        )
    )
    receipts = Receipts(api, store.running)
    stack.push_async_callback(receipts.aclose)
    exports = Exports(Uploads(api, shared.session), words, desk)
    stack.push_async_callback(exports.aclose)
    choosing = Choosing(ChoiceStore(shared.redis), api, desk, identity.bot_user_id, identity.bot_user, bound)
    reception = Reception(
        app_id=identity.key,
        desk=desk,
        bot_user_id=identity.bot_user_id,
        bot_name=identity.bot_user,
        colleagues=frozenset(each.bot_user_id for each in everyone),
        door=Doorkeeper(ways_in, _door_policy(settings), scopes=identity.scopes),
        bound=bound,
        api=api,
        ways_in=ways_in,
        words=words,
        pane=pane,
        receipts=receipts,
        queue=queue,
        store=store,
        admission=shared.admission,
        office=briefings.office,
        home=HomeTab(
            ways_in,
            store,
            briefings.office,
            choosing,
            desk,
            identity.url,
            has_commands=not identity.scopes or COMMANDS_SCOPE in identity.scopes,
            others=other_turns if choosing.bound is None else (),
        ),
        choosing=choosing,
        question_limit=settings.question_limit,
        edit_window_seconds=settings.edit_window_seconds,
        threads=desk_threads,
        exports=exports,
        feedback=FeedbackStore(
            shared.redis,
            prefix=app_prefix(identity.key),
            words_days=settings.words_days,
            seal=_seal_of(settings),
        ),
    )
    conversations = Conversations(
        desk_threads,
        ways_in,
        context_tokens=settings.context_tokens,
        own_bot=identity.bot_user_id,
    )
    answering = Answering(
        api, store, shared.engine, desk, shared.admission, shared.meter, shared.formats, pane, conversations
    )
    opening = ThreadOpening(
        api=api,
        ways_in=ways_in,
        words=words,
        store=store,
        queue=queue,
        admission=shared.admission,
        desk=desk,
        formats=shared.formats,
        bot_name=identity.bot_user,
        can_join=JOIN_SCOPE in identity.scopes,
    )
    if settings.guests == "refuse" and identity.scopes and PEOPLE_SCOPE not in identity.scopes:
        log.warning("guests.not_recognised", serves=config.name, missing_scope=PEOPLE_SCOPE)
    log.info(
        "app.ready",
        serves=config.name,
        app_id=config.app_id or identity.app_id,
        team=identity.team_id,
        personas=len(desk.personas),
    )
    return SlackApp(config, identity, reception, answering, opening, briefings)


def _door_policy(settings: Settings) -> DoorPolicy:
    channels = (channel.strip() for channel in settings.channels.split(","))
    return DoorPolicy(
        strangers=settings.strangers == "answer",
        guests=settings.guests == "answer",
        channels=frozenset(filter(None, channels)),
    )


def _bound_persona(desk: Desk, config: SlackAppConfig, identity: AppIdentity) -> str | None:
    """The persona that the bot user is: the list says so, or of a single app its name (``@cn-01``)."""
    if config.serves:
        return None if config.serves == DESK else config.serves
    name = identity.bot_user.replace("_", "-").replace(" ", "-")
    persona = desk.by_code(name) or desk.by_code(f"{name[:2]}-{name[2:]}")
    return persona.code if persona else None

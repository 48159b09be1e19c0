"""The composition root: everything is constructed here, in order, and closed in reverse."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.admission import Admission, AdmissionPolicy
from bot.answering import Answering
from bot.assessment.demo import demo
from bot.assessment.engine import Engine, EngineSettings
from bot.assessment.formats import FORMATS, Format
from bot.assessment.lexicon import LEXICONS
from bot.briefing_stack import Briefings, NothingOpen, Surroundings, briefings_of
from bot.doorkeeper import Doorkeeper, DoorPolicy
from bot.evidence.items import EvidenceDesk
from bot.evidence_stack import evidence_desk
from bot.jobs import Queue, TurnRun, queue_name
from bot.llm.pacing import ProviderPause
from bot.model_stack import DemoModel, ModelStack, NotConfiguredError, model_stack
from bot.opening import ThreadOpening
from bot.pane import AgentPane
from bot.prices import load_prices
from bot.reception import Reception
from bot.retrying import RetryPolicy
from bot.scopes import JOIN_SCOPE, PEOPLE_SCOPE
from bot.settings import Settings
from bot.slack.api import AppIdentity, SlackApi, slack_session
from bot.slack.limits import WriterLimits, slack_budgets
from bot.slack.private_words import PrivateWords
from bot.slack.ways_in import WaysIn
from bot.store.admission_store import AdmissionStore
from bot.store.briefing_store import BriefingStore
from bot.store.connection import open_redis
from bot.store.embedded import EmbeddedStore
from bot.store.governor import Budget, Governor
from bot.store.keys import app_prefix
from bot.store.model_governor import SharedPause
from bot.store.stored_turns import Outcome
from bot.store.turn_store import TurnStore
from bot.transports import HttpApp, HttpTransport, SocketTransport, Transport, bolt_app
from handlers.registration import register
from personas.desk import Desk
from personas.loader import load_personas

__all__ = [
    "DEMO_LABEL",
    "Application",
    "DemoModel",
    "NotConfiguredError",
    "SlackPace",
    "application",
    "door_policy_of",
    "engine_of",
    "format_for",
    "policy_of",
    "serve",
    "store_url",
]

log = structlog.get_logger()

DEMO_LABEL = "Demo model, not an assessment."


@dataclass(frozen=True, slots=True)
class SlackPace:
    """How fast Slack is written to: Slack's own limits. A test's workspace may run faster than Slack."""

    limits: WriterLimits = field(default_factory=WriterLimits)
    budgets: Mapping[str, Budget] = field(default_factory=slack_budgets)


def engine_of(
    settings: Settings,
    local: DemoModel | None,
    pause_of: Callable[[str], ProviderPause] | None = None,
    *,
    evidence: EvidenceDesk | None = None,
) -> tuple[Engine, ModelStack]:
    """The engine and the models behind it; close those. ``pause_of``: see ``model_stack``; ``evidence``:
    where sources come from (``None``: nowhere, and answers say so).
    """
    models = model_stack(settings, local, pause_of)
    engine_settings = EngineSettings(
        organisation=settings.organisation,
        lexicon=LEXICONS[settings.lexicon],
        calls_at_once=1 if local else settings.calls_at_once,
        retries=RetryPolicy(settings.model_attempts, settings.model_retry_seconds),
        demo_label=DEMO_LABEL if local else "",
        search_seconds=settings.search_seconds if local is None else 0.0,  # a small model reads no sources
        sources_wanted=settings.evidence_items,
    )
    return Engine(models.meter, engine_settings, evidence), models


def policy_of(settings: Settings) -> AdmissionPolicy:
    """The limits of the settings, where 0 is none."""
    return AdmissionPolicy(
        per_user_at_once=settings.per_user_at_once or None,
        per_user_hour=settings.per_user_hour or None,
        per_workspace_at_once=settings.per_workspace_at_once or None,
        per_workspace_hour=settings.per_workspace_hour or None,
        workspace_tokens_day=settings.workspace_tokens_day or None,
        workspace_money_day=settings.workspace_money_day or None,
        currency=settings.currency,
        global_at_once=settings.global_at_once or None,
    )


def door_policy_of(settings: Settings) -> DoorPolicy:
    """Who is answered, and where."""
    channels = (channel.strip() for channel in settings.channels.split(","))
    return DoorPolicy(
        strangers=settings.strangers == "answer",
        guests=settings.guests == "answer",
        channels=frozenset(filter(None, channels)),
    )


def format_for(settings: Settings, local: DemoModel | None) -> Callable[[str], Format]:
    """Formats by key, fitted to the model in use."""

    def fitted(key: str) -> Format:
        format_ = FORMATS[key]
        if local is not None:
            return demo(format_, section_tokens=local.section_tokens)
        sections = tuple(
            replace(spec, max_tokens=min(spec.max_tokens, settings.section_tokens)) if spec.words else spec
            for spec in format_.sections
        )
        return replace(format_, sections=sections, plan_tokens=min(format_.plan_tokens, settings.plan_tokens))

    return fitted


@dataclass(frozen=True, slots=True)
class Application:
    """The running parts of one Slack app."""

    identity: AppIdentity
    queue: Queue
    answering: Answering
    opening: ThreadOpening
    briefings: Briefings
    transport: Transport

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Take and answer questions until ``stop``; hand over what is running then. ``ready`` is called
        once questions are taken.
        """
        worker = asyncio.create_task(self.queue.run_worker(self._work, give_up=self._give_up), name="worker")
        briefings = asyncio.create_task(self.briefings.runner.run_forever(), name="briefings")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            await self.transport.start()
            if ready is not None:
                ready()
            await asyncio.wait({worker, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self.transport.aclose()
            self.queue.drain()
            briefings.cancel()
            stopped.cancel()
            await asyncio.gather(briefings, self.briefings.office.aclose(), return_exceptions=True)
            await worker

    async def _work(self, run: TurnRun) -> Outcome:
        return await (self.answering.answer(run) if run.turn.opening is None else self.opening.open(run))

    async def _give_up(self, run: TurnRun, reason: str) -> None:
        give_up = self.answering.give_up if run.turn.opening is None else self.opening.give_up
        await give_up(run, reason)


@asynccontextmanager
async def application(
    settings: Settings,
    *,
    local: DemoModel | None = None,
    pace: SlackPace | None = None,
    evidence: EvidenceDesk | None = None,
) -> AsyncIterator[Application]:
    """Construct everything; raises a ``CountryAgentsError`` that says what is missing or wrong.
    ``evidence``: where sources come from.
    """
    if settings.slack_bot_token is None:
        raise NotConfiguredError(
            "COUNTRY_AGENTS_SLACK_BOT_TOKEN is not set. The README says where to find it."
        )
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise NotConfiguredError(
            "Set COUNTRY_AGENTS_SLACK_APP_TOKEN for Socket Mode, or COUNTRY_AGENTS_SLACK_SIGNING_SECRET for "
            "HTTP."
        )
    pace = pace or SlackPace()
    token = settings.slack_bot_token.get_secret_value()
    desk = Desk(load_personas(settings.personas_dir))
    async with AsyncExitStack() as stack:
        url = await store_url(settings, stack)
        redis = open_redis(url)
        stack.push_async_callback(redis.aclose)
        if evidence is None:
            evidence = await stack.enter_async_context(evidence_desk(settings, url, desk.personas))
        engine, models = engine_of(settings, local, partial(SharedPause, redis), evidence=evidence)
        stack.push_async_callback(models.aclose)
        models.open()
        prices = load_prices(settings.prices, currency=settings.currency)
        admission = Admission(AdmissionStore(redis, policy_of(settings)), prices)
        session = await stack.enter_async_context(slack_session(pace.limits))
        # Who we are decides which rate budget we share, so it is asked before there is one.
        unknown = Governor(redis, "unknown", "unknown", {})
        identity = await SlackApi(token, unknown, session, base_url=settings.slack_api_url).identity()
        store = TurnStore(redis, prefix=app_prefix(identity.key))
        queue = await Queue.open(
            url,
            store=store,
            name=queue_name(identity.key),
            lease_seconds=settings.lease_seconds,
            concurrency=settings.turns_at_once,
        )
        stack.push_async_callback(queue.aclose)
        governor = Governor(redis, identity.key, identity.team_id, pace.budgets)
        api = SlackApi(token, governor, session, base_url=settings.slack_api_url, limits=pace.limits)
        ways_in, words = WaysIn(api), PrivateWords(session)
        pane = AgentPane.of(identity, ways_in, desk)
        briefings = briefings_of(
            Surroundings(
                identity=identity,
                settings=settings,
                store=BriefingStore(redis),
                api=api,
                desk=desk,
                evidence=evidence,
                admission=admission,
                meter=models.meter,
                points=NothingOpen(),
                written=local is None,
            )
        )
        reception = Reception(
            app_id=identity.key,
            desk=desk,
            bot_user_id=identity.bot_user_id,
            bot_name=identity.bot_user,
            door=Doorkeeper(ways_in, door_policy_of(settings), scopes=identity.scopes),
            bound=_bound_persona(desk, identity),
            api=api,
            ways_in=ways_in,
            words=words,
            pane=pane,
            queue=queue,
            store=store,
            admission=admission,
            office=briefings.office,
            question_limit=settings.question_limit,
            edit_window_seconds=settings.edit_window_seconds,
        )
        # Without a token: Bolt gets it from ``authorize`` and would complain of two.
        client = AsyncWebClient(base_url=settings.slack_api_url, session=session)
        formats = format_for(settings, local)
        answering = Answering(api, store, engine, desk, admission, models.meter, formats, pane)
        opening = ThreadOpening(
            api=api,
            ways_in=ways_in,
            words=words,
            store=store,
            queue=queue,
            admission=admission,
            desk=desk,
            formats=formats,
            bot_name=identity.bot_user,
            can_join=JOIN_SCOPE in identity.scopes,
        )
        secret = settings.slack_signing_secret.get_secret_value() if settings.slack_signing_secret else ""
        app = bolt_app(identity, token=token, signing_secret=secret, client=client)
        register(app, reception)
        transport: Transport
        if settings.slack_app_token is not None:
            transport = SocketTransport(app, settings.slack_app_token.get_secret_value(), client)
        else:
            reached = HttpApp(app, secret, identity.app_id)
            transport = HttpTransport([reached], host=settings.http_host, port=settings.http_port)
        if settings.guests == "refuse" and identity.scopes and PEOPLE_SCOPE not in identity.scopes:
            log.warning("guests.not_recognised", missing_scope=PEOPLE_SCOPE)
        log.info("app.ready", app_id=identity.app_id, team=identity.team_id, personas=len(desk.personas))
        yield Application(identity, queue, answering, opening, briefings, transport)


async def serve(
    settings: Settings, *, local: DemoModel | None = None, ready: Callable[[], None] | None = None
) -> None:
    """Run until SIGINT or SIGTERM; ``ready`` is called once questions are taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with application(settings, local=local) as running:
        await running.run(stop, ready)


async def store_url(settings: Settings, stack: AsyncExitStack) -> str:
    """The Redis of the settings, or the embedded Valkey."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    embedded = await EmbeddedStore.start(settings.data_dir)
    stack.push_async_callback(embedded.aclose, shutdown=True)
    return embedded.url


def _bound_persona(desk: Desk, identity: AppIdentity) -> str | None:
    """The persona that the bot user is, when its name is a code (``@cn-01``)."""
    name = identity.bot_user.replace("_", "-").replace(" ", "-")
    persona = desk.by_code(name) or desk.by_code(f"{name[:2]}-{name[2:]}")
    return persona.code if persona else None

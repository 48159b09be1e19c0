"""The composition root: everything is constructed here, in order, and closed in reverse."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.admission import Admission, AdmissionPolicy
from bot.app_list import app_list
from bot.assessment.assisted_desk import AssistedDesk
from bot.assessment.demo import demo
from bot.assessment.engine import Engine, EngineSettings
from bot.assessment.formats import FORMATS, Format
from bot.assessment.lexicon import LEXICONS
from bot.evidence.items import EvidenceDesk
from bot.evidence_stack import evidence_desk
from bot.llm.pacing import ProviderPause
from bot.model_stack import DemoModel, ModelStack, NotConfiguredError, model_stack
from bot.prices import load_prices
from bot.retrying import RetryPolicy
from bot.settings import Settings
from bot.slack.api import SlackApi, slack_session
from bot.slack.limits import WriterLimits, slack_budgets
from bot.slack_app import SharedParts, SlackApp, SlackPace, identify, open_slack_app
from bot.store.admission_store import AdmissionStore
from bot.store.connection import open_redis
from bot.store.embedded import EmbeddedStore
from bot.store.governor import Governor
from bot.store.model_governor import SharedPause
from bot.transports import HttpApp, HttpTransport, SocketTransport, Transport, bolt_app
from handlers.registration import register
from personas.desk import Desk
from personas.loader import load_personas
from personas.persona import Persona

__all__ = [
    "DEMO_LABEL",
    "Application",
    "DemoModel",
    "NotConfiguredError",
    "Role",
    "SlackPace",
    "application",
    "engine_of",
    "format_for",
    "pace_of",
    "policy_of",
    "serve",
    "store_url",
]

log = structlog.get_logger()

DEMO_LABEL = "Demo model, not an assessment."


def engine_of(
    settings: Settings,
    local: DemoModel | None,
    pause_of: Callable[[str], ProviderPause] | None = None,
    *,
    evidence: EvidenceDesk | None = None,
    personas: Sequence[Persona] | None = None,
) -> tuple[Engine, ModelStack]:
    """The engine and the models behind it; close those. ``pause_of``: see ``model_stack``; ``evidence``:
    where sources come from (``None``: nowhere, and answers say so), in which the model helps to search;
    ``personas``: those of the desk, if they are at hand.
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
        model_cutoff=settings.model_cutoff if local is None else None,
    )
    if evidence is not None and local is None:
        evidence = AssistedDesk(
            evidence,
            load_personas(settings.personas_dir) if personas is None else personas,
            proposing=models.meter if settings.search_terms else None,
            searching=models.search if settings.web_search != "off" else None,
            required=settings.web_search == "on",
        )
    return Engine(models.meter, engine_settings, evidence), models


def pace_of(settings: Settings) -> SlackPace:
    """Slack's limits, with the two times that an operator, or a test, may change."""
    limits, age = WriterLimits(), settings.slack_stream_seconds
    softly = age * limits.rotate_softly_seconds / limits.rotate_seconds
    return SlackPace(
        replace(limits, rotate_seconds=age, rotate_softly_seconds=softly),
        slack_budgets(settings.slack_window_seconds),
    )


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


Role = Literal["all", "web", "worker"]
"""What a process does: takes questions and answers them, takes them only, or answers them only."""


@dataclass(frozen=True, slots=True)
class Application:
    """The running parts of the process: its Slack apps, and how they are reached."""

    apps: tuple[SlackApp, ...]
    transports: tuple[Transport, ...]

    async def run(
        self, stop: asyncio.Event, ready: Callable[[], None] | None = None, *, role: Role = "all"
    ) -> None:
        """Take and answer questions until ``stop``, or do only one of them; hand over what is running then.
        ``ready`` is called once that is done.
        """
        working = self.apps if role != "web" else ()
        transports = self.transports if role != "worker" else ()
        workers = [asyncio.create_task(app.work(), name=f"worker of {app.config.name}") for app in working]
        briefings = [asyncio.create_task(app.brief(), name="briefings") for app in working]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            for transport in transports:
                await transport.start()
            if ready is not None:
                ready()
            await asyncio.wait({*workers, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await asyncio.gather(*(transport.aclose() for transport in transports))
            for app in self.apps:
                app.queue.drain()
            for task in (*briefings, stopped):
                task.cancel()
            offices = (app.briefings.office.aclose() for app in self.apps)
            await asyncio.gather(*briefings, *offices, return_exceptions=True)
            await asyncio.gather(*workers)


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
    pace = pace or pace_of(settings)
    desk = Desk(load_personas(settings.personas_dir))
    configs = app_list(settings, desk)
    async with AsyncExitStack() as stack:
        url = await store_url(settings, stack)
        redis = open_redis(url)
        stack.push_async_callback(redis.aclose)
        if evidence is None:
            evidence = await stack.enter_async_context(evidence_desk(settings, url, desk.personas))
        engine, models = engine_of(
            settings, local, partial(SharedPause, redis), evidence=evidence, personas=desk.personas
        )
        stack.push_async_callback(models.aclose)
        models.open()
        prices = load_prices(settings.prices, currency=settings.currency)
        shared = SharedParts(
            settings=settings,
            pace=pace,
            desk=desk,
            redis_url=url,
            redis=redis,
            session=await stack.enter_async_context(slack_session(pace.limits)),
            engine=engine,
            meter=models.meter,
            admission=Admission(AdmissionStore(redis, policy_of(settings)), prices),
            formats=format_for(settings, local),
            evidence=evidence,
            briefings_written=local is None,
        )
        identities = [await identify(shared, config) for config in configs]
        apps = [
            await open_slack_app(shared, config, identity, stack, everyone=identities)
            for config, identity in zip(configs, identities, strict=True)
        ]
        yield Application(tuple(apps), tuple(_transports(apps, shared)))


def _transports(apps: Sequence[SlackApp], shared: SharedParts) -> Iterator[Transport]:
    """A socket for each app with a token for one, and one server for all the others."""
    settings = shared.settings
    over_http: list[HttpApp] = []
    for app in apps:
        config = app.config
        # Without a token: Bolt gets it from ``authorize`` and would complain of two.
        client = AsyncWebClient(base_url=settings.slack_api_url, session=shared.session)
        secret = config.signing_secret.get_secret_value() if config.signing_secret else ""
        bolt = bolt_app(
            app.identity, token=config.bot_token.get_secret_value(), signing_secret=secret, client=client
        )
        register(bolt, app.reception)
        if config.app_token is not None:
            opener = SlackApi(
                config.app_token.get_secret_value(),
                Governor(shared.redis, app.identity.key, app.identity.team_id, shared.pace.budgets),
                shared.session,
                base_url=settings.slack_api_url,
                limits=shared.pace.limits,
            )
            yield SocketTransport(bolt, opener, client, connections=settings.slack_sockets)
        else:
            over_http.append(HttpApp(bolt, secret, config.app_id or app.identity.app_id))
    if over_http:
        yield HttpTransport(over_http, host=settings.http_host, port=settings.http_port)


async def serve(
    settings: Settings,
    *,
    local: DemoModel | None = None,
    ready: Callable[[], None] | None = None,
    role: Role = "all",
) -> None:
    """Run until SIGINT or SIGTERM; ``ready`` is called once questions are taken (``role``: or answered)."""
    if role != "all" and settings.redis_url is None:
        raise NotConfiguredError(
            "serve --role needs COUNTRY_AGENTS_REDIS_URL: the processes that take questions and those that "
            "answer them meet in one Redis."
        )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with application(settings, local=local) as running:
        await running.run(stop, ready, role=role)


async def store_url(settings: Settings, stack: AsyncExitStack) -> str:
    """The Redis of the settings, or the embedded Valkey."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    embedded = await EmbeddedStore.start(settings.data_dir)
    stack.push_async_callback(embedded.aclose, shutdown=True)
    return embedded.url

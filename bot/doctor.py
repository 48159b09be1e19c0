"""``country-agents doctor``: everything a running desk leans on, tried out, told in the operator's words.

Each check asks the real thing (Slack, Redis, model server, clock, folder) once and briefly.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import re
import shutil
import tempfile
from dataclasses import replace

import aiohttp

from bot.app_list import DESK, SlackAppConfig, app_list, settings_of
from bot.findings import CLOCK_SKEW_SECONDS, Finding, Verdict, clock_is_off, print_findings
from bot.model_stack import NotConfiguredError
from bot.prices import PricesError, load_prices, price_findings
from bot.scopes import DESK_SCOPES
from bot.settings import Settings, unknown_variables, variable
from bot.store.connection import probe
from bot.store.embedded import EmbeddedStore
from bot.store.errors import StoreError
from bot.web_checks import ANSWER_SECONDS, check_bot_token, check_model, check_way_in
from personas.desk import Desk
from personas.loader import PersonaError, load_personas

__all__ = ["Finding", "Verdict", "examine", "print_findings"]

LEAST_FREE_BYTES = 200 * 1024 * 1024
"""Room in the data folder for the append-only file and one rewrite of it, generously."""

OLDEST_SERVER = (6, 2)
"""Oldest Redis the job queue was run on (6.2.5)."""

BOLT_VARIABLES = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")
"""What Bolt picks up from the environment by itself."""


async def examine(settings: Settings) -> list[Finding]:
    """Try everything these settings lead to. Never raises for what is wrong outside; takes at most about
    20 seconds, when nothing answers.
    """
    findings = [*_names(), *_personas(settings), *_data_folder(settings)]
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        parts = await asyncio.gather(
            _slack(session, settings),
            _store(settings),
            check_model(session, settings),
        )
    return [*findings, *(finding for part in parts for finding in part), *_prices(settings)]


async def _slack(session: aiohttp.ClientSession, settings: Settings) -> list[Finding]:
    """Token and way in of the app, or of each that is listed."""
    if settings.apps_file is None:
        token, way_in = await asyncio.gather(
            check_bot_token(session, settings), check_way_in(session, settings)
        )
        return [*token, *way_in]
    try:
        configs = app_list(settings, Desk(load_personas(settings.personas_dir)))
    except NotConfiguredError as error:
        return [Finding("Slack apps", Verdict.FAIL, str(error), "Correct it in that file.")]
    except PersonaError:
        return []  # told already
    parts = await asyncio.gather(*(_listed_app(session, config, settings) for config in configs))
    found = [finding for part in parts for finding in part]
    # All of them heard the same clock.
    clocks = [finding for finding in found if finding.name == "clock"]
    return [finding for finding in found if finding.name != "clock"] + clocks[:1]


async def _listed_app(
    session: aiohttp.ClientSession, config: SlackAppConfig, settings: Settings
) -> list[Finding]:
    own = settings_of(config, settings)
    spared = frozenset[str]() if config.serves == DESK else DESK_SCOPES
    token, way_in = await asyncio.gather(
        check_bot_token(session, own, spared=spared), check_way_in(session, own)
    )
    return [
        finding if finding.name == "clock" else replace(finding, name=f"{config.name}: {finding.name}")
        for finding in (*token, *way_in)
    ]


def _prices(settings: Settings) -> list[Finding]:
    if not settings.workspace_money_day:
        return []
    try:
        prices = load_prices(settings.prices, currency=settings.currency)
    except PricesError as error:
        return [Finding("prices", Verdict.FAIL, str(error), f"Correct {variable('prices')}.")]
    models = {settings.plan_model or settings.model, settings.section_model or settings.model}
    if settings.fallback_model is not None:
        models.add(settings.fallback_model)
    return price_findings(prices, sorted(models), money_limited=True)


def _names() -> list[Finding]:
    found: list[Finding] = []
    known = [variable(name) for name in Settings.model_fields]
    for name in unknown_variables():
        near = difflib.get_close_matches(name, known, n=1)
        advice = (
            f"Did you mean {near[0]}?" if near else "Remove it, or look for the right name in the README."
        )
        found.append(
            Finding("settings", Verdict.WARN, f"{name} is set, but there is no such setting.", advice)
        )
    stray = [name for name in BOLT_VARIABLES if os.environ.get(name)]
    if stray:
        sentence = f"{' and '.join(stray)} set: the Slack library reads such names by itself; we do not."
        found.append(
            Finding("settings", Verdict.WARN, sentence, "Unset them; ours begin with COUNTRY_AGENTS_.")
        )
    return found


def _personas(settings: Settings) -> list[Finding]:
    try:
        personas = load_personas(settings.personas_dir)
    except PersonaError as error:
        return [
            Finding(
                "personas", Verdict.FAIL, f"{problem}.".replace("..", "."), "Correct that field in that file."
            )
            for problem in error.problems
        ]
    codes = ", ".join(persona.code for persona in personas)
    return [Finding("personas", Verdict.OK, f"The desk has {len(personas)} country agents: {codes}.")]


def _data_folder(settings: Settings) -> list[Finding]:
    folder, name = settings.data_dir, variable("data_dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        sentence = f"The data folder {folder} cannot be written to ({error.strerror})."
        return [
            Finding(
                "data folder", Verdict.FAIL, sentence, f"Make it writable, or set {name} to another folder."
            )
        ]
    if free < LEAST_FREE_BYTES:
        sentence = f"The data folder {folder} has only {free // 2**20} MB left."
        return [
            Finding("data folder", Verdict.WARN, sentence, f"Make room, or set {name} to a folder with more.")
        ]
    return [Finding("data folder", Verdict.OK, f"{folder} can be written to.")]


async def _store(settings: Settings) -> list[Finding]:
    try:
        if settings.redis_url is not None:
            return await _server("Redis", settings.redis_url.get_secret_value())
        store = await EmbeddedStore.start(settings.data_dir)
        try:
            return await _server("embedded store", store.url)
        finally:
            await store.aclose(shutdown=True)
    except StoreError as error:
        sentence, _, advice = str(error).partition(". ")
        advice = advice or "Start it, or unset the variable to use the embedded store."
        return [Finding("store", Verdict.FAIL, sentence.removesuffix(".") + ".", advice)]


async def _server(name: str, url: str) -> list[Finding]:
    health = await probe(url)
    found: list[Finding] = []
    version = tuple(int(part) for part in re.findall(r"\d+", health.server)[:2])
    if version and version < OLDEST_SERVER:
        advice = f"Use Redis {OLDEST_SERVER[0]}.{OLDEST_SERVER[1]} or newer, or Valkey."
        found.append(Finding(name, Verdict.FAIL, f"{health.server} is too old for the job queue.", advice))
    if health.eviction_policy not in {None, "noeviction"}:
        sentence = f"{health.server} may throw jobs away (maxmemory-policy {health.eviction_policy})."
        found.append(Finding(name, Verdict.FAIL, sentence, "Set its maxmemory-policy to noeviction."))
    if health.append_only is False:
        sentence = f"{health.server} keeps no append-only file: a restart of it loses running assessments."
        found.append(Finding(name, Verdict.WARN, sentence, "Set its appendonly to yes."))
    if abs(health.clock_skew_seconds) > CLOCK_SKEW_SECONDS:
        found.append(clock_is_off("Redis", -health.clock_skew_seconds))
    if not found:
        milliseconds = health.answer_seconds * 1000
        found.append(Finding(name, Verdict.OK, f"{health.server} answers in {milliseconds:.1f} ms."))
    return found

"""What the commands do. Only here, in ``__main__`` and in ``findings`` is anything printed."""
# ruff: noqa: T201

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import SecretStr

from bot import app
from bot.app_list import DESK, secret_references
from bot.assessment.checks.table import check_record
from bot.assessment.engine import Assignment
from bot.assessment.events import CardChanged, Finished, Part, Withdrawn
from bot.briefing_report import briefing_lines
from bot.check_report import is_sound, load_record, result_lines
from bot.demo_workspace import demo_workspace, list_apps
from bot.doctor import examine, print_findings
from bot.errors import CountryAgentsError
from bot.evidence.items import EvidenceDesk
from bot.evidence.registry import registry
from bot.evidence_stack import evidence_desk
from bot.llm.local_server import LocalServer, Threads
from bot.llm.port import ModelError
from bot.llm.progress import TerminalProgress
from bot.llm.weights import DEFAULT_WEIGHTS, load_specs, resolve
from bot.manifests import EXAMPLE_ADDRESS
from bot.parked_turns import ParkedTurns, parked_line
from bot.provisioning import LIST, Unpaced, write_manifests
from bot.provisioning import provision as provisioned
from bot.sandbox import Sandbox, WorkspaceConfig
from bot.settings import Settings, variable
from bot.slack.api import SlackApi, slack_session
from bot.source_report import checked_sources, source_line, status_line, summary_lines
from bot.store.briefing_store import BriefingStore
from bot.store.connection import open_redis
from bot.store.errors import StoreError
from bot.store.feedback_store import reasons, tallies
from bot.store.keys import PREFIX
from bot.store.news_store import NewsStore
from bot.store.sealing import seal_for
from bot.store.turn_store import TurnStore
from bot.turns import Question, turn_id_for
from personas.desk import BRIEF, IN_DEPTH, Desk
from personas.loader import load_personas
from personas.persona import Persona

__all__ = [
    "SANDBOX_PORT",
    "ask",
    "briefings",
    "check",
    "check_sources",
    "doctor",
    "manifests",
    "provision",
    "sandbox",
    "serve",
    "sources_status",
    "turns",
]

SANDBOX_PORT = 8370
"""Default port of the sandbox's page; any free one where it is taken."""
DEMO_SECTION_TOKENS = 140
"""Tokens of a section the demo model writes (model-facts.md: a complete answer within four minutes)."""
DEMO_SAMPLING = {"temperature": 0.3, "min_p": 0.06, "repeat_penalty": 1.1}
"""What keeps a small model on topic: without the penalty its JSON runs in circles (measured)."""


class UnknownPersonaError(CountryAgentsError):
    """Nobody on the desk goes by that name."""

    user_message = "Nobody on the desk goes by that name."


class NotAnsweredError(CountryAgentsError):
    """The model did not give an assessment; the message says why, for people and for operators."""


async def serve(settings: Settings, *, role: app.Role = "all") -> int:
    """Run in the configured Slack workspace until interrupted."""
    await app.serve(settings, role=role)
    return 0


async def briefings(settings: Settings, *, runs: int) -> int:
    """Print the briefings of all apps on this store, each with its last runs."""
    async with AsyncExitStack() as stack:
        url = await app.store_url(settings, stack)
        redis = open_redis(url)
        stack.push_async_callback(redis.aclose)
        store = BriefingStore(redis)
        count = 0
        for app_id in await store.apps():
            for armed in await store.briefings(app_id):
                count += 1
                last = await store.runs(app_id, armed.briefing.briefing_id, most=runs)
                print("\n".join(briefing_lines(armed, last)))
        if not count:
            print("There are no briefings. People make them with /briefing in Slack.")
    return 0


async def feedback(settings: Settings) -> int:
    """Print what people thought of answers: thumbs by persona and month, and the reasons still kept."""
    async with AsyncExitStack() as stack:
        redis = open_redis(await app.store_url(settings, stack))
        stack.push_async_callback(redis.aclose)
        keys = settings.encryption_keys.get_secret_value() if settings.encryption_keys else ""
        counts = await tallies(redis)
        told = [
            f"{each.persona}  {each.thumb}  {' '.join(each.reason.split())}"
            for each in await reasons(redis, seal_for(keys))
        ]
    lines = [f"{each.persona}  {each.month}  up {each.up}  down {each.down}" for each in counts]
    print("\n".join(lines) or "Nobody has pressed a thumb yet.")
    if told:
        print("\n".join(["", "Reasons:", *told]))
    return 0


async def turns(settings: Settings, deed: str, turn_id: str | None) -> int:
    """List the parked turns of all apps on this store, ask one again, or drop it."""
    async with AsyncExitStack() as stack:
        url = await app.store_url(settings, stack)
        redis = open_redis(url)
        stack.push_async_callback(redis.aclose)
        parked = ParkedTurns(TurnStore(redis, prefix=PREFIX), url)
        if deed == "list" or turn_id is None:
            lines = [parked_line(stored, at) async for stored, at in parked.all()]
            print("\n".join(lines) or "No turns are parked.")
        elif deed == "retry":
            print(f"{turn_id} is asked again as {await parked.retry(turn_id)}.")
        else:
            await parked.drop(turn_id)
            print(f"{turn_id} is dropped.")
    return 0


async def doctor(settings: Settings) -> int:
    """Print what is missing or wrong."""
    return print_findings(await examine(settings))


async def sandbox(settings: Settings, *, port: int, codes: Sequence[str] = (), agents: bool = False) -> int:
    """A workspace on this machine, its page, and the desk in it. ``codes``: personas that are apps of their
    own there; ``agents``: the apps are declared as agents.
    """
    desk = Desk(load_personas(settings.personas_dir))
    own = [_on_desk(desk, code, "").code for code in codes]
    async with _model_for_demo(settings) as local:
        store = (
            settings.redis_url.get_secret_value().split("@")[-1] if settings.redis_url else "embedded Valkey"
        )
        model = f"{local.name} (demo model, not an assessment)" if local else f"{settings.model}"
        config = demo_workspace(desk, {"model": model, "store": store}, codes=own, agents=agents)
        with tempfile.TemporaryDirectory(prefix="country-agents-") as folder:
            async with _sandbox_on(config, port) as workspace:
                settings = settings.model_copy(
                    update=_ways_in(config, Path(folder)) | {"slack_api_url": workspace.api_url}
                )

                def welcome() -> None:
                    # Not before: a question typed earlier would wait a minute for its redelivery.
                    _print_welcome(workspace.page_url, model, store, demo=local is not None)

                await app.serve(settings, local=local, ready=welcome)
    return 0


def _ways_in(config: WorkspaceConfig, folder: Path) -> dict[str, object]:
    """The settings that lead to the workspace's one app, or to the list of several."""
    several = len(config.apps) > 1
    only = config.apps[0]
    secrets = {
        "slack_bot_token": only.bot_token,
        "slack_app_token": only.app_token,
        "slack_signing_secret": only.signing_secret,
    }
    return {
        "apps_file": list_apps(config, folder) if several else None,
        **{name: None if several else SecretStr(secret) for name, secret in secrets.items()},
    }


async def check(settings: Settings, file: Path) -> int:
    """Hold a stored assessment, or the text of one, against the standard; the exit code is 0 where nothing of
    weight was found.
    """
    record = load_record(file, organisation=settings.organisation, lexicon=settings.lexicon)
    persona = Desk(load_personas(settings.personas_dir)).by_code(record.persona)
    if persona is None:
        raise UnknownPersonaError(f"{file} is by {record.persona}, who is not on the desk.")
    results = check_record(record, persona)
    for line in result_lines(record, results):
        print(line)
    return 0 if is_sound(results) else 1


async def ask(
    settings: Settings, persona: str, question: str, *, brief: bool, save: Path | None = None
) -> int:
    """Print an assessment while it streams, and keep it as data in the file ``save``. Needs no Slack, no
    Redis.
    """
    desk = Desk(load_personas(settings.personas_dir))
    found = _on_desk(desk, persona, question)
    now = datetime.now(UTC)
    async with _model_for_demo(settings) as local, _sources(settings, desk.personas) as evidence:
        engine, model = app.engine_of(settings, local, evidence=evidence)
        format_ = app.format_for(settings, local)(BRIEF if brief else IN_DEPTH)
        turn_id = turn_id_for("terminal", "", str(os.getpid()), str(now.timestamp()))
        assignment = Assignment(turn_id, found, format_, Question(question), now)
        aside: tuple[str, ...] = ()
        parts: list[str] = []
        try:
            async with aclosing(engine.run(assignment)) as events:
                async for event in events:
                    if isinstance(event, Part):
                        print(event.text, end="", flush=True)
                        parts.append(event.text)
                    elif isinstance(event, Withdrawn):
                        # What a terminal has printed stays: say what of it must not be read.
                        _print_aside((f"Withdrawn, for {event.reason}: {parts[event.part].strip()}",))
                    elif isinstance(event, CardChanged):
                        # Each card tells the whole again.
                        card = (*event.banners, *filter(None, [event.evidence_line]))
                        _print_aside(tuple(line for line in card if line not in aside))
                        aside = (*aside, *card)
                    elif isinstance(event, Finished):
                        print()
                        if save is not None:
                            await asyncio.to_thread(save.write_text, event.record.to_json(), encoding="utf-8")
                        _print_aside((*event.report.problems, event.report.check_line, *event.report.notices))
                        return 1 if event.report.problems else 0
        except ModelError as error:
            raise NotAnsweredError(f"{error.user_message} ({error})") from error
        finally:
            await model.aclose()
    return 0


def _on_desk(desk: Desk, persona: str, question: str) -> Persona:
    """The persona of a code or another name."""
    found = desk.by_code(persona) or desk.address(f"{persona}: {question}").persona
    if found is None:
        codes = ", ".join(member.code for member in desk.personas)
        raise UnknownPersonaError(f"There is no {persona} on the desk. Ask one of: {codes}.")
    return found


@asynccontextmanager
async def _sources(settings: Settings, personas: tuple[Persona, ...]) -> AsyncIterator[EvidenceDesk | None]:
    """The desk's memory of the news, read for this question only; none where there is no place to keep it."""
    async with AsyncExitStack() as stack:
        evidence: EvidenceDesk | None = None
        if settings.evidence:
            try:
                url = await app.store_url(settings, stack)
                evidence = await stack.enter_async_context(
                    evidence_desk(settings, url, personas, collect=False)
                )
            except StoreError as error:
                _print_aside((f"Sources cannot be searched: {error}",))
        yield evidence


async def check_sources(settings: Settings, code: str | None) -> int:
    """Ask every source once, and print what lives; the exit code is 1 where nothing does."""
    personas = load_personas(settings.personas_dir)
    if code is not None:
        personas = (_on_desk(Desk(personas), code, ""),)
    answers = []
    async for answer in checked_sources(settings, personas):
        answers.append(answer)
        print(source_line(answer), flush=True)
    print("\n".join(summary_lines(answers, personas)))
    return 0 if any(not answer.reason for answer in answers) else 1


async def manifests(settings: Settings, names: Sequence[str], folder: Path, *, address: str | None) -> int:
    """Write the manifest of each app, for Socket Mode and for HTTP."""
    desk = Desk(load_personas(settings.personas_dir))
    where = address or EXAMPLE_ADDRESS
    for path in write_manifests(_app_names(settings, names), desk, folder, address=where):
        print(path)
    return 0


async def provision(settings: Settings, names: Sequence[str], folder: Path, *, address: str | None) -> int:
    """Make the apps, and say what is left to do by hand."""
    token = settings.slack_configuration_token
    if token is None:
        raise app.NotConfiguredError(
            f"{variable('slack_configuration_token')} is not set. Make one at https://api.slack.com/apps, "
            "Your App Configuration Tokens."
        )
    desk = Desk(load_personas(settings.personas_dir))
    async with slack_session() as session:
        api = SlackApi(token.get_secret_value(), Unpaced(), session, base_url=settings.slack_api_url)
        async for made in provisioned(_app_names(settings, names), desk, api, folder, address=address):
            print(f"{made.serves}: {made.app_id} {'made' if made.is_new else 'is there'}")
            if made.missing:
                print(f"  Install it: https://api.slack.com/apps/{made.app_id}/install-on-team")
            for path in made.missing:
                print(f"  Then put its {path.suffix[1:].replace('-', ' ')} into {path} (mode 0600)")
    print(f"Then set {variable('apps_file')}={folder / LIST}")
    return 0


def _app_names(settings: Settings, names: Sequence[str]) -> list[str]:
    """The apps named, or those of the list, or the desk's."""
    if names:
        return [name if name == DESK else name.upper() for name in names]
    if settings.apps_file is not None:
        return [str(entry.get("serves")) for entry in secret_references(settings.apps_file)]
    return [DESK]


async def sources_status(settings: Settings) -> int:
    """Print what the collector last found at each source; the exit code is 1 where nothing was ever read."""
    sources = registry(load_personas(settings.personas_dir))
    async with AsyncExitStack() as stack:
        redis = open_redis(await app.store_url(settings, stack))
        stack.push_async_callback(redis.aclose)
        states = await NewsStore(redis).source_states([source.id for source in sources])
    now = datetime.now(UTC)
    for source in sources:
        print(status_line(source, states[source.id], now))
    return 0 if any(state.succeeded_at for state in states.values()) else 1


@asynccontextmanager
async def _model_for_demo(settings: Settings) -> AsyncIterator[app.DemoModel | None]:
    """The local model, running, where no other one is configured."""
    if settings.model_key is not None or settings.model_url is not None:
        yield None
        return
    choice = DEFAULT_WEIGHTS if settings.local_model == "auto" else settings.local_model
    stop = threading.Event()
    try:
        path = await asyncio.to_thread(
            resolve, choice, settings.data_dir / "models", TerminalProgress(sys.stderr), stop=stop
        )
    finally:
        stop.set()
    threads = Threads.for_this_machine()
    if settings.local_threads is not None:
        threads = Threads(generation=settings.local_threads, prompt=settings.local_threads)
    log_path = settings.data_dir / "local-model.log"
    server = await LocalServer.start(path, threads=threads, log_path=log_path)
    try:
        yield app.DemoModel(
            url=server.url,
            key=server.key,
            name=_label(choice, path),
            extra=dict(DEMO_SAMPLING),
            section_tokens=DEMO_SECTION_TOKENS,
        )
    finally:
        await server.aclose()


def _label(choice: str, path: Path) -> str:
    spec = load_specs().get(choice)
    return spec.label if spec else path.stem


@asynccontextmanager
async def _sandbox_on(config: WorkspaceConfig, port: int) -> AsyncIterator[Sandbox]:
    """The sandbox on the wanted port, or on any free one."""
    workspace = Sandbox(config, port=port)
    try:
        await workspace.start()
    except OSError:
        structlog.get_logger().warning("sandbox.port_taken", port=port)
        workspace = Sandbox(config, port=0)
        await workspace.start()
    try:
        yield workspace
    finally:
        await workspace.aclose()


def _print_welcome(page_url: str, model: str, store: str, *, demo: bool) -> None:
    lines = [
        "",
        f"  The sandbox workspace is at  {page_url}",
        f"  Model: {model}",
        f"  Store: {store}",
        "",
        "  Type  @CN-01  and a question into the channel, and watch the thread.",
    ]
    if demo:
        lines.append("  A real model: start again with OPENAI_API_KEY set, or COUNTRY_AGENTS_MODEL_URL.")
    lines += [
        "  A real store: COUNTRY_AGENTS_REDIS_URL.",
        "  A real Slack: see the README, then `country-agents serve`.",
        "  Stop with Ctrl-C.",
        "",
    ]
    print("\n".join(lines), flush=True)


def _print_aside(lines: tuple[str, ...]) -> None:
    """Not part of the answer: goes to stderr, so that the answer can be piped."""
    with contextlib.suppress(BrokenPipeError):
        for line in lines:
            print(f"[{line}]", file=sys.stderr, flush=True)

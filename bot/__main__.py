"""The command line: ``country-agents serve``, ``sandbox``, ``doctor``, ``provision`` and the others."""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bot import commands
from bot.errors import CountryAgentsError
from bot.logs import configure
from bot.settings import Settings
from personas.loader import PersonaError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 where it did its work."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.load()
        if (
            options.command in {"ask", "briefings", "check", "sources", "turns"}
            and "log_level" not in settings.model_fields_set
        ):
            settings = settings.model_copy(update={"log_level": "WARNING"})  # its output is the answer
        configure(settings.log_level, settings.log_format)
        return asyncio.run(_command(options, settings))
    except (CountryAgentsError, PersonaError) as error:
        # The operator is told what to do, without a traceback.
        print(f"country-agents: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read us has seen enough (`ask … | head`); Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


async def _command(options: argparse.Namespace, settings: Settings) -> int:  # noqa: C901, PLR0912 - one case a command
    match options.command:
        case "serve":
            deed = commands.serve(settings, role=options.role)
        case "turns":
            deed = commands.turns(settings, options.deed, getattr(options, "turn_id", None))
        case "sandbox":
            deed = commands.sandbox(settings, port=options.port, codes=options.apps, agents=options.agents)
        case "doctor":
            deed = commands.doctor(settings)
        case "briefings":
            deed = commands.briefings(settings, runs=options.runs)
        case "sources":
            if options.deed == "status":
                deed = commands.sources_status(settings)
            else:
                deed = commands.check_sources(settings, options.persona)
        case "feedback":
            deed = commands.feedback(settings)
        case "manifests":
            deed = commands.manifests(settings, options.apps, options.to, address=options.address)
        case "provision":
            deed = commands.provision(settings, options.apps, options.to, address=options.address)
        case "check":
            deed = commands.check(settings, options.file)
        case _:
            deed = commands.ask(
                settings, options.persona, options.question, brief=options.brief, save=options.save
            )
    return await deed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="country-agents", description="A desk of country analysts inside Slack."
    )
    parser.set_defaults(command="help")
    commands_ = parser.add_subparsers(dest="command", required=True)
    serve = commands_.add_parser("serve", help="run the desk in your Slack workspace")
    serve.add_argument(
        "--role",
        choices=("all", "web", "worker"),
        default="all",
        help="web: take questions only; worker: answer them only; all: both (default)",
    )
    turns = commands_.add_parser("turns", help="questions given up after too many attempts")
    deeds = turns.add_subparsers(dest="deed", required=True)
    deeds.add_parser("list", help="where they were asked, and why they failed")
    for deed, what in (("retry", "ask one again in its thread"), ("drop", "take one off the list")):
        deeds.add_parser(deed, help=what).add_argument("turn_id")
    commands_.add_parser("feedback", help="what people thought of answers, by persona and month")
    sandbox = commands_.add_parser("sandbox", help="run the desk in a local workspace with a web page")
    sandbox.add_argument(
        "--port", type=int, default=commands.SANDBOX_PORT, help="port of the page; 0: any free one"
    )
    sandbox.add_argument(
        "--apps", nargs="+", default=[], metavar="CODE", help="personas that are Slack apps of their own"
    )
    sandbox.add_argument(
        "--agents", action="store_true", help="declare the apps as agents: suggested questions, titles"
    )
    commands_.add_parser("doctor", help="say what is missing or wrong")
    ask = commands_.add_parser("ask", help="print an assessment to the terminal")
    ask.add_argument("persona", help="code or country, for example CN-01")
    ask.add_argument("question")
    ask.add_argument("--brief", action="store_true", help="the short format")
    ask.add_argument("--save", type=Path, metavar="FILE", help="keep it as JSON too, for check")
    check_ = commands_.add_parser("check", help="hold an assessment against the standard, rule by rule")
    check_.add_argument("file", type=Path, help="JSON of a stored assessment, or the text of one")
    briefings = commands_.add_parser("briefings", help="the scheduled briefings and their last runs")
    briefings.add_argument("--runs", type=int, default=5, help="runs shown of each")
    sources = commands_.add_parser("sources", help="the personas' sources")
    deeds = sources.add_subparsers(dest="deed", required=True)
    deeds.add_parser("status", help="say what the collector last found at each source")
    check = deeds.add_parser("check", help="ask each source once and print what lives")
    check.add_argument("persona", nargs="?", help="only those of a code or country; all where left out")
    manifests = commands_.add_parser("manifests", help="write the Slack manifest of each app")
    provision = commands_.add_parser("provision", help="make the apps in Slack with a configuration token")
    for command in (manifests, provision):
        command.add_argument(
            "apps", nargs="*", metavar="APP", help='"desk" or a code; the listed ones where left out'
        )
    manifests.add_argument("--to", type=Path, default=Path("manifests"), help="folder to write to")
    provision.add_argument(
        "--to", type=Path, default=Path("slack-apps"), help="folder for what Slack returns"
    )
    manifests.add_argument("--address", help="your https://…/slack/events, for HTTP")
    provision.add_argument("--address", help="the same; Socket Mode where left out")
    return parser


if __name__ == "__main__":
    sys.exit(main())

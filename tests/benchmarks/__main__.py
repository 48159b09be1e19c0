"""``make bench``: all benchmarks, as a table and as ``build/bench.json``.

    python -m tests.benchmarks [--quick] [--only alone tiers events ceiling …]

Takes about twenty minutes; ``--quick`` measures everything once. Run it on a machine that does nothing else:
model server, sandbox and app share its cores with whatever runs there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import briefings, ceiling, collecting, comparing, cpu_per_token, events, follow_ups
from tests.benchmarks.assessments import (
    SINGLE_STREAM_SECONDS,
    Answer,
    Crowd,
    ask_alone,
    ask_at_once,
    idle_cpu,
)
from tests.benchmarks.processes import open_desk
from tests.benchmarks.rows import Row, row_of
from tests.benchmarks.watching import viewer

__all__ = ["main"]

RESULT = Path(__file__).parents[2] / "build" / "bench.json"
PARTS = (
    "cpu",
    "collector",
    "events",
    "alone",
    "repairs",
    "tiers",
    "follow-ups",
    "compared",
    "ceiling",
    "briefings",
)
MORE = {"events": events.measure, "compared": comparing.measure, "ceiling": ceiling.measure}
CROWD = 20
"""Assessments at once (issue 2, Speed)."""
RUNS = {"alone": 4, "repairs": 1, "tiers": 2, "collector": 40, "follow-ups": 20}
"""Answers; of the collector, questions."""

# Targets: issue 2, Speed.
CARD_MS = 300
HEADING_MS = 400
SENTENCE_MS = 1200
SHARE_OF_SINGLE_STREAM = 0.4
CROWD_TO_LONE = 1.5
CPU_TO_SDK = 0.4
BASE_MEGABYTES = 150
ASSESSMENT_MEGABYTES = 1
SLACK_CALLS = 60
"""Issue 3, Speed, of an answer of 16,000 characters; the script's is longer."""

CPU_A_TOKEN = ": cpu of the app a token"


async def _alone(runs: int) -> list[Row]:
    """Without rate limits: alone, then twenty at once."""
    async with open_desk(script="answer", rate_limits=False) as desk, viewer(desk.page_url) as person:
        base = desk.app.rss_megabytes
        idle = await idle_cpu(desk)
        answers = [await ask_alone(desk, person, idle=idle) for _ in range(runs)]
        crowd = await ask_at_once(desk, person, CROWD, idle=idle)
        warm = crowd.megabytes_before
        rows = [
            *_lone_rows("alone", answers),
            *_crowd_rows("twenty at once", crowd, answers),
            row_of("memory of the idle app", "MB", [base], target=BASE_MEGABYTES),
            row_of("memory of the app after lone answers", "MB", [warm], target=BASE_MEGABYTES),
            row_of(
                "memory a running assessment",
                "MB",
                [(crowd.megabytes_peak - warm) / CROWD],
                target=ASSESSMENT_MEGABYTES,
            ),
            row_of("cpu of the idle app", "% of a core", [100 * idle]),
        ]
        _report(desk.warnings())
        return rows


async def _repairs(runs: int) -> list[Row]:
    """Two sections come broken."""
    async with (
        open_desk(script="answer_with_two_repairs", rate_limits=False) as desk,
        viewer(desk.page_url) as person,
    ):
        idle = await idle_cpu(desk)
        answers = [await ask_alone(desk, person, idle=idle) for _ in range(runs)]
        _report(desk.warnings())
        return [
            *_lone_rows("two repairs", answers),
            row_of("two repairs: repairs made", "", [answer.repairs for answer in answers]),
        ]


async def _tiers(runs: int) -> list[Row]:
    """``serve`` as it is, in a workspace with Slack's rate tiers: alone, then twenty at once."""
    async with open_desk(script="answer", rate_limits=True) as desk, viewer(desk.page_url) as person:
        idle = await idle_cpu(desk)
        answers = [await ask_alone(desk, person, idle=idle) for _ in range(runs)]
        crowd = await ask_at_once(desk, person, CROWD, idle=idle)
        _report(desk.warnings())
        return [
            *_lone_rows("rate tiers", answers),
            *_crowd_rows("twenty through rate tiers", crowd, answers, compared=False),
        ]


def _lone_rows(name: str, answers: Sequence[Answer]) -> list[Row]:
    seconds = [answer.complete for answer in answers]
    shares = [value / SINGLE_STREAM_SECONDS for value in seconds]
    return [
        row_of(f"{name}: card after the event", "ms", [1e3 * a.card for a in answers], target=CARD_MS),
        row_of(f"{name}: model asked after the event", "ms", [1e3 * a.first_request for a in answers]),
        row_of(
            f"{name}: opening and heading 1 after the first token",
            "ms",
            [1e3 * a.heading for a in answers],
            target=HEADING_MS,
        ),
        row_of(
            f"{name}: first checked sentence after the first token",
            "ms",
            [1e3 * a.sentence for a in answers],
            target=SENTENCE_MS,
        ),
        row_of(f"{name}: last text after the event", "s", [a.last_text for a in answers]),
        row_of(f"{name}: complete after the event", "s", seconds, baseline=SINGLE_STREAM_SECONDS),
        row_of(f"{name}: complete, to one single stream", "ratio", shares, target=SHARE_OF_SINGLE_STREAM),
        row_of(f"{name}: characters shown", "", [len(a.text) for a in answers]),
        row_of(f"{name}: tokens of the model", "", [a.tokens for a in answers]),
        row_of(f"{name}: calls of the model", "", [a.model_calls for a in answers]),
        row_of(f"{name}: calls to Slack", "", [a.slack_calls for a in answers], target=SLACK_CALLS),
        row_of(f"{name}: corrections by the checks", "", [a.corrections for a in answers]),
        row_of(f"{name}: cpu of the app a token, each answer", "µs", [a.cpu_per_token for a in answers]),
        row_of(f"{name}{CPU_A_TOKEN}", "µs", [_average_cpu(answers)]),
    ]


def _crowd_rows(name: str, crowd: Crowd, lone: Sequence[Answer], *, compared: bool = True) -> list[Row]:
    """``compared``: held against the lone answers' time, which needs a Slack without limits."""
    seconds = [answer.complete for answer in crowd.answers]
    alone = row_of("", "", [answer.complete for answer in lone]).p50
    rows = [row_of(f"{name}: complete after the event", "s", seconds, baseline=alone)]
    if compared:
        rows.append(
            row_of(f"{name}: slowest to a lone one", "ratio", [max(seconds) / alone], target=CROWD_TO_LONE)
        )
    whole = sum(answer.text == lone[0].text for answer in crowd.answers)
    return [
        *rows,
        row_of(f"{name}: slowest card after the event", "ms", [1e3 * max(a.card for a in crowd.answers)]),
        row_of(f"{name}: threads without the complete text", "", [len(crowd.answers) - whole], target=0),
        row_of(f"{name}: refusals (429)", "", [crowd.rate_limited], target=0),
        row_of(f"{name}: calls to Slack, all", "", [sum(a.slack_calls for a in crowd.answers)]),
        row_of(f"{name}: corrections by the checks", "", [sum(a.corrections for a in crowd.answers)]),
        *(
            row_of(f"{name}: cpu of the {process}", "% of a core", [100 * share])
            for process, share in crowd.cpu_share.items()
        ),
        row_of(f"{name}{CPU_A_TOKEN}", "µs", [_average_cpu(crowd.answers)]),
    ]


def _average_cpu(answers: Sequence[Answer]) -> float:
    """µs a token over all of them."""
    return sum(a.cpu_per_token * a.tokens for a in answers) / sum(a.tokens for a in answers)


def _against_sdk(rows: Sequence[Row]) -> list[Row]:
    """The app's whole CPU a token, over all answers of a part, to what reading alone costs through the
    SDK's event objects.
    """
    sdk = next((row.p50 for row in rows if row.name == "cpu a token, sdk event objects"), None)
    if sdk is None:
        return []
    return [
        row_of(f"{row.name}, to sdk", "ratio", [row.value / sdk], target=CPU_TO_SDK)
        for row in rows
        if row.name.endswith(CPU_A_TOKEN)
    ]


def _report(warnings: Sequence[str]) -> None:
    for name in sorted(set(warnings)):
        print(f"  the app logged {name} {warnings.count(name)} times", flush=True)


def _print_table(rows: Sequence[Row]) -> None:
    width = max(len(row.name) for row in rows)
    print(f"{'':{width}}  {'value':>9}  {'p95':>9}  {'n':>3}  {'baseline':>9}  {'target':>8}")
    for row in rows:
        baseline = "" if row.baseline is None else f"{row.baseline:.2f}"
        target = "" if row.target is None else f"≤ {row.target:g}"
        met = {None: "", True: "met", False: "NOT MET"}[row.met]
        print(
            f"{row.name:{width}}  {row.value:9.2f}  {row.p95:9.2f}  {row.n:3}  {baseline:>9}  {target:>8}  "
            f"{row.unit:12}{met}"
        )


async def _measure(parts: Sequence[str], *, quick: bool) -> list[Row]:
    rows: list[Row] = []
    for part in PARTS:
        if part not in parts:
            continue
        print(f"{part} … (load {os.getloadavg()[0]:.2f})", flush=True)
        runs = 1 if quick else RUNS.get(part, 1)
        if part == "cpu":
            rows += await cpu_per_token.measure()
        elif part == "collector":
            rows += await collecting.measure(max(runs, 5))
        elif part == "follow-ups":
            rows += await follow_ups.measure(runs)
        elif part == "briefings":
            rows += await briefings.measure()
        elif part in MORE:
            rows += await MORE[part](quick=quick)
        else:
            rows += await {"alone": _alone, "repairs": _repairs, "tiers": _tiers}[part](runs)
    return [*rows, *_against_sdk(rows)]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Speed and memory")
    parser.add_argument("--quick", action="store_true", help="everything once")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS)
    )
    options = parser.parse_args()
    rows = asyncio.run(_measure(options.only, quick=options.quick))
    _print_table(rows)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([row.as_json() for row in rows], indent=2, ensure_ascii=False) + "\n")
    print(f"written to {RESULT.relative_to(Path.cwd()) if RESULT.is_relative_to(Path.cwd()) else RESULT}")


if __name__ == "__main__":
    main()

"""Briefings and their runs as lines for an operator: identifiers, times and states, no words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.briefings.briefing import Briefing, Run
from bot.store.briefing_store import Armed

__all__ = ["briefing_lines"]


def briefing_lines(armed: Armed, runs: Sequence[Run]) -> list[str]:
    """One line for the briefing, one for each of its runs, newest first."""
    briefing = armed.briefing
    schedule = briefing.schedule
    state = "paused" if briefing.paused else f"next {_utc(armed.due)}" if armed.due else "never due"
    head = (
        f"{briefing.briefing_id}  {briefing.app_id} {briefing.team_id} {briefing.channel}  "
        f"{','.join(briefing.personas)}  {schedule.at:%H:%M} {schedule.zone}  {state}"
    )
    return [head, *_run_lines(runs, briefing)]


def _run_lines(runs: Sequence[Run], briefing: Briefing) -> Iterator[str]:
    if not runs:
        yield "      not run yet"
    for run in runs:
        parts = [f"      {_utc(run.due)}", run.state.value, f"attempt {run.attempts}"]
        if run.reason:
            parts.append(run.reason)
        if run.lateness_seconds is not None:
            parts.append(f"ended {run.lateness_seconds:+.0f} s after its time")
        if run.headline_ts:
            parts.append(f"{briefing.channel}/{run.headline_ts}")
        yield "  ".join(parts)


def _utc(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"

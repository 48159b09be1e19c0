"""What people are told about briefings: lists, announcements, refusals. Pure functions of values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.briefings.briefing import Briefing, Run, RunState
from bot.slack.elements import Message, actions, button, context, notice, option, section
from bot.slack.text_safety import safe_mrkdwn, safe_plain
from bot.store.briefing_store import Armed

__all__ = [
    "ACTIONS",
    "MENU",
    "NEW",
    "deleted",
    "described",
    "listed",
    "moved_away",
    "none_here",
    "paused",
    "preview_begun",
    "preview_failed",
    "resumed",
    "running_now",
    "saved",
    "which_one",
]

NEW: Final = "briefing_new"
MENU: Final = "briefing_menu"
"""Action ids; a value of the menu is ``<verb>:<briefing id>``."""

ACTIONS: Final = {
    "edit": "Edit",
    "preview": "Preview, only to me",
    "run": "Run now",
    "pause": "Pause",
    "resume": "Resume",
    "delete": "Delete",
}

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STATES: Final = {
    RunState.PREPARING: "being prepared",
    RunState.POSTED: "posted",
    RunState.FAILED: "failed",
    RunState.SKIPPED: "skipped",
}


def described(briefing: Briefing) -> str:
    """``CN-01, US-01: weekdays at 07:00 (Europe/Berlin), on chips``."""
    schedule = briefing.schedule
    words = (
        f"{', '.join(briefing.personas)}: {_days(schedule.weekdays)} at {schedule.at:%H:%M} ({schedule.zone})"
    )
    interests = (*briefing.topics, *briefing.countries)
    if interests:
        words += f", on {', '.join(interests)}"
    if briefing.holidays_of:
        words += f", not on public holidays of {briefing.holidays_of}"
    return words


def listed(found: Sequence[tuple[Armed, Run | None]], *, elsewhere: bool = False) -> Message:
    """The briefings of a channel, each with its menu, next run and last result. ``elsewhere``: they are of
    several channels, and each is named.
    """
    blocks: list[dict[str, Any]] = []
    for armed, last in found:
        briefing = armed.briefing
        block = section(f"`{briefing.briefing_id}` {described(briefing)}")
        if elsewhere:
            block["text"]["text"] += f"\nin <#{briefing.channel}>"
        menu = [
            option(label, f"{verb}:{briefing.briefing_id}")
            for verb, label in ACTIONS.items()
            if verb not in ({"pause", "run"} if briefing.paused else {"resume"})
        ]
        block["accessory"] = {"type": "overflow", "action_id": MENU, "options": menu[:5]}
        blocks += [block, context(f"{_next(armed)} · {_last(last, briefing)}")]
    if not elsewhere:
        blocks.append(actions(button("New briefing", NEW, "new")))
    count = len(found)
    return Message(f"{count} {'briefing' if count == 1 else 'briefings'}", tuple(blocks))


def none_here(command: str) -> Message:
    """The channel has none."""
    return notice(f"This channel has no briefings. `{command}` alone opens the form for a new one.")


def which_one(command: str, verb: str, found: Sequence[tuple[Armed, Run | None]]) -> Message:
    """There are several, and nobody said which."""
    names = "\n".join(
        f"`{command} {verb} {armed.briefing.briefing_id}` — {described(armed.briefing)}" for armed, _ in found
    )
    return notice(f"Which briefing?\n{names}")


def preview_begun() -> Message:
    """It takes a moment."""
    return notice("I am writing it; only you will see it here, in about half a minute.")


def preview_failed() -> Message:
    """The preview could not be made."""
    return notice("The preview could not be made. Please try again in a minute; the log has the reason.")


# Announcements ----------------------------------------------------------------------------------------


def saved(briefing: Briefing, by: str, due: datetime | None, *, new: bool) -> Message:
    """A briefing was made or changed."""
    did = "scheduled a briefing" if new else f"changed the briefing `{briefing.briefing_id}`"
    return _announcement(by, f"{did}: {_escaped(described(briefing))}. {_when(briefing, due)}")


def moved_away(briefing: Briefing, by: str) -> Message:
    """It is posted to another channel from now on."""
    return _announcement(by, f"moved the briefing `{briefing.briefing_id}` to another channel.")


def paused(briefing: Briefing, by: str) -> Message:
    """It does not run."""
    return _announcement(
        by, f"paused the briefing `{briefing.briefing_id}`. `/briefing resume` starts it again."
    )


def resumed(briefing: Briefing, by: str, due: datetime | None) -> Message:
    """It runs again."""
    return _announcement(by, f"resumed the briefing `{briefing.briefing_id}`. {_when(briefing, due)}")


def running_now(briefing: Briefing, by: str) -> Message:
    """One run out of turn."""
    return _announcement(by, f"asked for the briefing `{briefing.briefing_id}` now. The planned ones stay.")


def deleted(briefing: Briefing, by: str) -> Message:
    """It is gone."""
    return _announcement(
        by, f"deleted the briefing `{briefing.briefing_id}` ({_escaped(described(briefing))})."
    )


def _announcement(by: str, words: str) -> Message:
    """Markup of ours around words that are safe already."""
    text = f"<@{by}> {words}"
    return Message(text, ({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]},))


def _escaped(words: str) -> str:
    return safe_mrkdwn(safe_plain(words).text).text


# Words ------------------------------------------------------------------------------------------------


def _days(weekdays: frozenset[int]) -> str:
    if weekdays == frozenset(range(1, 8)):
        return "every day"
    if weekdays == frozenset(range(1, 6)):
        return "Mon to Fri"
    return ", ".join(_DAYS[number - 1] for number in sorted(weekdays))


def _moment(moment: datetime, briefing: Briefing) -> str:
    local = moment.astimezone(ZoneInfo(briefing.schedule.zone))
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def _when(briefing: Briefing, due: datetime | None) -> str:
    return "No day is left on which it would run." if due is None else f"Next: {_moment(due, briefing)}."


def _next(armed: Armed) -> str:
    if armed.briefing.paused:
        return f"Paused. {armed.briefing.paused}".rstrip(".")
    return "Never runs" if armed.due is None else f"Next: {_moment(armed.due, armed.briefing)}"


def _last(run: Run | None, briefing: Briefing) -> str:
    if run is None:
        return "not run yet"
    reason = f" ({run.reason})" if run.reason else ""
    return f"last: {_moment(run.due, briefing)}, {_STATES[run.state]}{reason}"

"""The form behind ``/briefing``: who briefs, about what, when, where.

Ids and values here are what ``handlers.parsing_briefings`` reads back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from bot.briefings.briefing import Briefing, Length
from bot.briefings.schedule import WORKDAYS, Schedule
from bot.slack.briefing_messages import MOST_AGENTS
from bot.slack.cards import Listed
from bot.slack.elements import option, plain
from bot.slack.inputs import agents_select, channel_select, input_block, radio_buttons
from bot.slack.limits import OPTIONS
from bot.turns import ChannelId, TeamId, UserId

__all__ = [
    "AGENTS",
    "AT",
    "CHANNEL",
    "COUNTRIES",
    "FORM",
    "HOLIDAYS",
    "LENGTH",
    "NO_HOLIDAYS",
    "TOPICS",
    "WEEKDAYS",
    "ZONE",
    "briefing_form",
    "new_briefing",
]

FORM: Final = "briefing"
"""Callback id; the view's private metadata is the id of the briefing that is edited, or empty."""

AGENTS: Final = "agents"
TOPICS: Final = "topics"
COUNTRIES: Final = "countries"
AT: Final = "at"
ZONE: Final = "zone"
WEEKDAYS: Final = "weekdays"
LENGTH: Final = "length"
HOLIDAYS: Final = "holidays"
CHANNEL: Final = "channel"
"""Block ids; each input's action id is the same word."""

NO_HOLIDAYS: Final = "none"
"""Value of the holiday country that stands for none."""

INTEREST_CHARS: Final = 300
"""Characters of topics or countries: a dozen of them."""

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LENGTHS: Final = (
    ("Up to five items an agent", Length.STANDARD.value),
    ("Up to three items an agent", Length.SHORT.value),
)


def new_briefing(app_id: str, team: TeamId, channel: ChannelId, owner: UserId, zone: str) -> Briefing:
    """What a new form shows: workdays at seven, by the clock of who opens it."""
    known = zone if zone in available_timezones() else "UTC"
    return Briefing("", app_id, team, channel, owner, (), Schedule(time(7), known, WORKDAYS))


def briefing_form(
    personas: Sequence[Listed], shown: Briefing, *, countries: Mapping[str, str]
) -> dict[str, Any]:
    """The view for ``views.open``, filled with ``shown``. ``countries``: those with known holidays."""
    is_new = not shown.briefing_id
    return {
        "type": "modal",
        "callback_id": FORM,
        "title": {"type": "plain_text", "text": "New briefing" if is_new else "Change briefing"},
        "submit": {"type": "plain_text", "text": "Schedule" if is_new else "Save"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "private_metadata": shown.briefing_id,
        "blocks": [
            input_block(AGENTS, "Country agents", agents_select(personas, shown.personas, most=MOST_AGENTS)),
            _text(
                TOPICS,
                "Topics",
                shown.topics,
                "chips, rare earths, Taiwan",
                "Between commas. They come first.",
            ),
            _text(
                COUNTRIES,
                "Countries of interest",
                shown.countries,
                "Japan, Chile",
                "Besides the agents’ own.",
            ),
            input_block(
                AT,
                "Time",
                {"type": "timepicker", "initial_time": shown.schedule.at.isoformat("minutes")},
                hint="By the clock of the zone below, through daylight saving.",
            ),
            _zone(shown.schedule.zone),
            _weekdays(shown.schedule.weekdays),
            _length(shown.length),
            _holidays(shown.holidays_of, countries),
            input_block(
                CHANNEL,
                "Channel",
                channel_select(shown.channel),
                hint="Only people in the channel may change its briefings.",
            ),
        ],
    }


def _text(block_id: str, label: str, words: Sequence[str], example: str, hint: str) -> dict[str, Any]:
    element: dict[str, Any] = {
        "type": "plain_text_input",
        "max_length": INTEREST_CHARS,
        "placeholder": plain(example, 150),
    }
    if words:
        element["initial_value"] = ", ".join(words)[:INTEREST_CHARS]
    return input_block(block_id, label, element, hint=hint, optional=True)


def _zone(zone: str) -> dict[str, Any]:
    initial = option(zone, zone)
    groups = _zone_groups()
    if not any(initial in group["options"] for group in groups):
        groups = [{"label": plain("Current", 75), "options": [initial]}, *groups]
    element = {"type": "static_select", "option_groups": groups, "initial_option": initial}
    return input_block(ZONE, "Time zone", element)


@cache
def _zone_groups() -> list[dict[str, Any]]:
    """All zones by region; a menu's group takes a hundred."""
    regions: dict[str, list[str]] = {}
    for name in sorted(available_timezones()):
        region, _, place = name.partition("/")
        if name == "UTC" or (place and region in _REGIONS):
            regions.setdefault(region if place else "UTC", []).append(name)
    return _grouped(regions)


_REGIONS: Final = frozenset(
    {
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    }
)
"""The rest (``US/Eastern``, ``Etc/GMT+5``) are older names for the same clocks."""


def _grouped(
    names: Mapping[str, Iterable[str]], labels: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    groups = []
    for title, values in names.items():
        options = [option((labels or {}).get(value, value), value) for value in values]
        groups += [
            {"label": plain(title, 75), "options": options[start : start + OPTIONS]}
            for start in range(0, len(options), OPTIONS)
        ]
    return groups


def _weekdays(chosen: frozenset[int]) -> dict[str, Any]:
    options = [option(name, str(number)) for number, name in enumerate(_WEEKDAYS, 1)]
    element = {
        "type": "checkboxes",
        "options": options,
        "initial_options": [entry for entry in options if int(entry["value"]) in chosen],
    }
    return input_block(WEEKDAYS, "Weekdays", element)


def _length(length: Length) -> dict[str, Any]:
    options = [option(*entry) for entry in _LENGTHS]
    initial = next(index for index, entry in enumerate(options) if entry["value"] == length.value)
    return input_block(LENGTH, "Length", radio_buttons(options, initial))


def _holidays(chosen: str, countries: Mapping[str, str]) -> dict[str, Any]:
    by_letter: dict[str, list[str]] = {}
    for code, name in countries.items():
        by_letter.setdefault(name[0], []).append(code)
    groups = _grouped({"None": [NO_HOLIDAYS]} | by_letter, {NO_HOLIDAYS: "No holidays", **countries})
    known = chosen if chosen in countries else NO_HOLIDAYS
    initial = option({NO_HOLIDAYS: "No holidays", **countries}[known], known)
    element = {"type": "static_select", "option_groups": groups, "initial_option": initial}
    return input_block(HOLIDAYS, "Not on public holidays of", element)

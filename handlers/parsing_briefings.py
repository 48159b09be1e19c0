"""``/briefing`` and its form as frozen values; ``None`` for what is neither."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from zoneinfo import available_timezones

from bot.briefings.briefing import Length
from bot.slack import briefing_form as form
from bot.turns import ChannelId, TeamId, UserId
from handlers.fields import Payload, mapping, mappings, string

__all__ = [
    "BriefingCommand",
    "FilledBriefing",
    "MenuChoice",
    "parse_briefing_command",
    "parse_briefing_form",
    "parse_menu",
]

VERBS = ("list", "pause", "resume", "run", "edit", "delete", "preview", "help")
MOST_INTERESTS = 12
"""Topics or countries of one briefing: more would each get no item."""

_SEPARATORS = re.compile(r"[,;\n]+")


@dataclass(frozen=True, slots=True)
class BriefingCommand:
    """A person typed ``/briefing``."""

    command: str
    """As it is called here."""
    verb: str
    """One of ``VERBS``; empty: the form; ``?``: something else."""
    name: str
    """Id of the briefing that is meant; may be empty."""
    team_id: TeamId
    channel: ChannelId
    user_id: UserId
    trigger_id: str


@dataclass(frozen=True, slots=True)
class MenuChoice:
    """A person chose something in a briefing's menu, or pressed "New briefing" (verb ``new``)."""

    verb: str
    briefing_id: str
    team_id: TeamId
    channel: ChannelId
    """Where the list is shown; empty in App Home."""
    user_id: UserId
    trigger_id: str
    response_url: str
    """May be empty."""


@dataclass(frozen=True, slots=True)
class FilledBriefing:
    """The form was sent off."""

    briefing_id: str
    """Empty: a new one."""
    team_id: TeamId
    user_id: UserId
    personas: tuple[str, ...]
    topics: tuple[str, ...]
    countries: tuple[str, ...]
    at: time | None
    """``None`` where it cannot be read."""
    zone: str
    weekdays: frozenset[int]
    length: Length
    holidays_of: str
    channel: ChannelId


def parse_briefing_command(body: Payload) -> BriefingCommand | None:
    """``/briefing``, ``/briefing pause k7xq``, ``/briefing run now``."""
    command, trigger_id = string(body, "command"), string(body, "trigger_id")
    channel, user_id = string(body, "channel_id"), string(body, "user_id")
    if not (command.startswith("/") and trigger_id and channel and user_id):
        return None
    words = string(body, "text").casefold().split()
    verb = words[0] if words else ""
    rest = [word for word in words[1:] if word != "now"]
    return BriefingCommand(
        command=command,
        verb=verb if verb in VERBS or not verb else "?",
        name=rest[0].strip("`") if rest else "",
        team_id=TeamId(string(body, "team_id")),
        channel=ChannelId(channel),
        user_id=UserId(user_id),
        trigger_id=trigger_id,
    )


def parse_menu(body: Payload) -> MenuChoice | None:
    """A choice in a briefing's menu, or its button for a new one."""
    action = next(mappings(body.get("actions")), {})
    chosen = string(mapping(action, "selected_option"), "value") or string(action, "value")
    user = mapping(body, "user")
    user_id, trigger_id = string(user, "id"), string(body, "trigger_id")
    verb, _, briefing_id = chosen.partition(":")
    if not (verb and user_id and trigger_id):
        return None
    return MenuChoice(
        verb=verb,
        briefing_id=briefing_id,
        team_id=TeamId(string(mapping(body, "team"), "id") or string(user, "team_id")),
        channel=ChannelId(string(mapping(body, "channel"), "id")),
        user_id=UserId(user_id),
        trigger_id=trigger_id,
        response_url=string(body, "response_url"),
    )


def parse_briefing_form(body: Payload) -> FilledBriefing | None:
    """A submission of ``bot.slack.briefing_form``."""
    view, user = mapping(body, "view"), mapping(body, "user")
    user_id = string(user, "id")
    if string(body, "type") != "view_submission" or string(view, "callback_id") != form.FORM or not user_id:
        return None
    values = mapping(mapping(view, "state"), "values")

    def entry(block_id: str) -> Payload:
        return mapping(mapping(values, block_id), block_id)

    def chosen(block_id: str) -> str:
        return string(mapping(entry(block_id), "selected_option"), "value")

    def several(block_id: str) -> tuple[str, ...]:
        return tuple(string(each, "value") for each in mappings(entry(block_id).get("selected_options")))

    zone, holidays = chosen(form.ZONE), chosen(form.HOLIDAYS)
    return FilledBriefing(
        briefing_id=string(view, "private_metadata"),
        team_id=TeamId(string(mapping(body, "team"), "id") or string(user, "team_id")),
        user_id=UserId(user_id),
        personas=several(form.AGENTS),
        topics=_interests(string(entry(form.TOPICS), "value")),
        countries=_interests(string(entry(form.COUNTRIES), "value")),
        at=_time(string(entry(form.AT), "selected_time")),
        zone=zone if zone in available_timezones() else "",
        weekdays=frozenset(int(day) for day in several(form.WEEKDAYS) if day in set("1234567")),
        length=Length.SHORT if chosen(form.LENGTH) == Length.SHORT.value else Length.STANDARD,
        holidays_of="" if holidays == form.NO_HOLIDAYS else holidays,
        channel=ChannelId(string(entry(form.CHANNEL), "selected_conversation")),
    )


def _interests(text: str) -> tuple[str, ...]:
    words = (" ".join(word.split()) for word in _SEPARATORS.split(text))
    return tuple(dict.fromkeys(word for word in words if word))[:MOST_INTERESTS]


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None) if text else None
    except ValueError:
        return None

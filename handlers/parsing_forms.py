"""What was filled into the form of ``bot.slack.forms``, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from bot.slack import forms
from bot.turns import ChannelId, TeamId, UserId
from handlers.fields import Payload, mapping, mappings, string
from personas.desk import BRIEF, IN_DEPTH

__all__ = ["Filled", "parse_form"]

_LONGEST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class Filled:
    """A person sent the form off. Slack delivers it once; without an answer it stays open."""

    team_id: TeamId
    user_id: UserId
    view_id: str
    """Unique to this opening of the form."""
    personas: tuple[str, ...]
    """Codes, as chosen."""
    question: str
    """As typed: text inputs hold no markup."""
    format: str
    horizon_months: int
    place: str
    """``HERE``, ``IN_THREAD`` or ``PRIVATELY`` of ``bot.slack.forms``."""
    channel: ChannelId
    """May be empty, unless the place is a channel."""
    response_url: str
    """Reaches the person in the channel, or where the form was opened; may be empty."""
    draft: str
    """Id of the kept draft, of a form about a message; empty without one."""


def parse_form(body: Payload) -> Filled | None:
    """A submission of our form."""
    view, user = mapping(body, "view"), mapping(body, "user")
    user_id, view_id = string(user, "id"), string(view, "id")
    if string(body, "type") != "view_submission" or string(view, "callback_id") != forms.FORM:
        return None
    if not (user_id and view_id):
        return None
    values = mapping(mapping(view, "state"), "values")
    channel = string(_entry(values, forms.CHANNEL), "selected_conversation")
    place = _option(values, forms.PLACE)
    chosen = _entry(values, forms.PERSONAS).get("selected_options")
    metadata = _metadata(string(view, "private_metadata"))
    addresses = {
        string(entry, "channel_id"): string(entry, "response_url")
        for entry in mappings(body.get("response_urls"))
    }
    there = addresses.get(channel, "") if place == forms.HERE else ""
    return Filled(
        team_id=TeamId(string(mapping(body, "team"), "id") or string(user, "team_id")),
        user_id=UserId(user_id),
        view_id=view_id,
        personas=tuple(string(entry, "value") for entry in mappings(chosen)),
        question=string(_entry(values, forms.QUESTION), "value").strip(),
        format=BRIEF if _option(values, forms.DEPTH) == BRIEF else IN_DEPTH,
        horizon_months=_months(_option(values, forms.HORIZON)),
        place=place if place in {forms.HERE, forms.IN_THREAD} else forms.PRIVATELY,
        channel=ChannelId(channel),
        response_url=there or string(metadata, "response_url"),
        draft=string(metadata, "draft"),
    )


def _entry(values: Payload, block_id: str) -> Payload:
    return mapping(mapping(values, block_id), block_id)


def _option(values: Payload, block_id: str) -> str:
    return string(mapping(_entry(values, block_id), "selected_option"), "value")


def _months(value: str) -> int:
    return int(value) if value.isascii() and value.isdecimal() and int(value) <= _LONGEST_MONTHS else 0


def _metadata(text: str) -> Payload:
    try:
        metadata = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return metadata if isinstance(metadata, Mapping) else {}

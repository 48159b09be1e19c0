"""Public holidays of countries, from the ``holidays`` package: days on which nobody reads a briefing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache

import holidays
from holidays.registry import COUNTRIES

from bot.briefings.schedule import DayOff

__all__ = ["holiday_countries", "public_holidays_of"]


@cache
def holiday_countries() -> Mapping[str, str]:
    """English names of the countries whose holidays are known, by ISO 3166-1 alpha-2 code, in the order of
    the names. The registry is read, not the 250 modules behind it.
    """
    named = {codes[1]: _name(module) for module, codes in COUNTRIES.items() if len(codes[1]) == 2}
    return dict(sorted(named.items(), key=lambda entry: entry[1]))


@cache
def public_holidays_of(country: str) -> DayOff:
    """Whether a date is a public holiday in the whole country. Raises ``KeyError`` for an unknown code."""
    if country not in holiday_countries():
        raise KeyError(country)
    calendar = holidays.country_holidays(country)

    def is_off(day: date) -> bool:
        return day in calendar  # years are computed as they are asked for, and kept

    return is_off


def _name(module: str) -> str:
    small = {"and", "of", "the"}
    return " ".join(word if word in small else word.capitalize() for word in module.split("_"))

"""Numbers and dates in a text, in a form in which two texts can be compared.

"12 million tonnes", "12m" and "1200万吨" are one number, "10 November 2026", "Nov. 10, 2026" and
"2026年11月10日" one date. What cannot be read as a date stays what it is: numbers.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

__all__ = ["Amount", "Day", "Quantities", "day_of", "read_quantities"]


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as written: what stands there, and how many times it is meant."""

    figure: float
    scale: float = 1.0
    text: str = ""

    def stated_by(self, others: frozenset[Amount]) -> bool:
        """Whether another text has the number: the same value, or the same figure with its scale left out."""
        return any(
            _same(self.figure * self.scale, other.figure * other.scale)
            or (_same(self.figure, other.figure) and 1.0 in (self.scale, other.scale))
            for other in others
        )


@dataclass(frozen=True, slots=True)
class Day:
    """A date, as far as it is written."""

    month: int
    day: int | None = None
    year: int | None = None
    text: str = ""

    def stated_by(self, others: frozenset[Day]) -> bool:
        """Whether another text has the date: what both state must agree."""
        return any(
            self.month == other.month
            and (self.day is None or other.day is None or self.day == other.day)
            and (self.year is None or other.year is None or self.year == other.year)
            for other in others
        )


@dataclass(frozen=True, slots=True)
class Quantities:
    """What a text states in figures."""

    amounts: frozenset[Amount]
    """Numbers that are no part of a date."""
    days: frozenset[Day]
    figures: frozenset[Amount]
    """All numbers, those of dates included: what a date in another language may be held against."""


def day_of(value: date) -> Day:
    """A date as a value of this module."""
    return Day(value.month, value.day, value.year, value.isoformat())


_MONTHS = {
    1: "january jan январь января январе janvier enero januar gennaio يناير ינואר जनवरी มกราคม",
    2: "february feb февраль февраля феврале février febrero februar febbraio فبراير פברואר फरवरी กุมภาพันธ์",
    3: "march mar март марта марте mars marzo märz مارس מרץ मार्च มีนาคม",
    4: "april apr апрель апреля апреле avril abril aprile أبريل إبريل אפריל अप्रैल เมษายน",
    5: "may май мая мае mai mayo maggio مايو מאי मई พฤษภาคม",
    6: "june jun июнь июня июне juin junio juni giugno يونيو יוני जून มิถุนายน",
    7: "july jul июль июля июле juillet julio juli luglio يوليو יולי जुलाई กรกฎาคม",
    8: "august aug август августа августе août agosto أغسطس אוגוסט अगस्त สิงหาคม",
    9: "september sept sep сентябрь сентября сентябре septembre septiembre settembre سبتمبر ספטמבר सितंबर "
    "กันยายน",
    10: "october oct октябрь октября октябре octobre octubre oktober ottobre أكتوبر אוקטובר अक्टूबर ตุลาคม",
    11: "november nov ноябрь ноября ноябре novembre noviembre نوفمبر נובמבר नवंबर พฤศจิกายน",
    12: "december dec декабрь декабря декабре décembre diciembre dezember dicembre ديسمبر דצמבר दिसंबर ธันวาคม",
}
"""By number: names of the month in the languages of our sources, with the case endings dates use. Source:
Unicode CLDR 48, gregorian months, format and stand-alone."""
_NUMBER_OF = {name: number for number, names in _MONTHS.items() for name in names.split()}
_NAME = "|".join(sorted(map(re.escape, _NUMBER_OF), key=len, reverse=True))
_YEAR = r"(?:19|20)\d\d"
_PREFIX = r"(?:[בלמהו]|و)?"
"""Hebrew and Arabic write "in", "of" and "and" into the word."""
_DATE_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d)(?P<year>{_YEAR})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)",
        rf"(?<!\d)(?P<year>{_YEAR})\s?[年년]\s?(?P<month>\d{{1,2}})\s?[月월](?:\s?(?P<day>\d{{1,2}})\s?[日号號일])?",
        r"(?<!\d)(?P<month>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日号號일]",
        (
            rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th|-го)?\.?\s(?:of |de )?{_PREFIX}(?P<name>{_NAME})\b\.?"
            rf"(?:,?\s(?:de |של )?(?P<year>{_YEAR}))?"
        ),
        (
            rf"\b{_PREFIX}(?P<name>{_NAME})\b\.?\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)"
            rf"(?:,?\s(?P<year>{_YEAR}))?"
        ),
        rf"\b{_PREFIX}(?P<name>{_NAME})\b\.?,?\s(?:of |de )?(?P<year>{_YEAR})(?!\d)",
        rf"(?<!\d)(?P<day>\d{{1,2}})[./](?P<month>\d{{1,2}})[./](?P<year>{_YEAR})(?!\d)",
    )
)
_SCALES = {
    1e3: "thousand тысяч тыс tausend mille mil 千 천 हज़ार हजार พัน ألف אלף",
    1e4: "万 萬 만 หมื่น",
    1e5: "lakh lakhs लाख แสน",
    1e6: "million millions mn mln m миллион миллиона миллионов млн millones millionen مليون מיליון ล้าน",
    1e7: "crore crores करोड़",
    1e8: "亿 億 억",
    1e9: "billion billions bn b миллиард миллиарда миллиардов млрд milliard milliards مليار מיליארד अरब",
    1e12: "trillion trillions tn trn триллион триллионов трлн 兆 조 تريليون טריליון",
}
"""By factor: words that stand behind a figure."""
_SCALE_OF = {word: factor for factor, words in _SCALES.items() for word in words.split()}
_SCALE = "|".join(sorted(map(re.escape, _SCALE_OF), key=len, reverse=True))
_FIGURE = re.compile(
    r"(?<![A-Za-z0-9_])(?<!\d[.,])(?P<figure>\d{1,3}(?:[,\u00a0\u202f ’']\d{3})+(?:[.]\d+)?|\d+(?:[.,]\d+)?)"
    rf"(?:\s?(?P<scale>{_SCALE})(?![a-zа-яё]))?",
    re.IGNORECASE,
)
_SPELLED = re.compile(
    r"\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|double|twice)\b", re.IGNORECASE
)
_SPELLED_VALUE = {
    "half": 0.5,
    "one": 1.0,
    "two": 2.0,
    "double": 2.0,
    "twice": 2.0,
    "three": 3.0,
    "four": 4.0,
    "five": 5.0,
    "six": 6.0,
    "seven": 7.0,
    "eight": 8.0,
    "nine": 9.0,
    "ten": 10.0,
    "eleven": 11.0,
    "twelve": 12.0,
}
_CLOSE = 1e-9
_DIGIT = re.compile(r"[0-9]")


@lru_cache(maxsize=128)
def read_quantities(text: str) -> Quantities:
    """The numbers and dates of a text in any of our sources' languages."""
    text = _with_plain_digits(text)
    spelled = {Amount(_SPELLED_VALUE[match[1].lower()], 1.0, match[1]) for match in _SPELLED.finditer(text)}
    # Neither a date nor an amount goes over the end of a line, and most lines have no digit.
    text = "\n".join(line for line in text.splitlines() if _DIGIT.search(line))
    if not text:
        return Quantities(frozenset(), frozenset(), frozenset(spelled))
    days: set[Day] = set()
    rest = text
    for pattern in _DATE_PATTERNS:
        for match in pattern.finditer(rest):
            found = _day(match)
            if found:
                days.add(found)
        rest = pattern.sub(lambda match: " " * len(match[0]) if _day(match) else match[0], rest)
    return Quantities(frozenset(_amounts(rest)), frozenset(days), frozenset({*_amounts(text), *spelled}))


def _amounts(text: str) -> set[Amount]:
    return {
        Amount(figure, _SCALE_OF.get((match["scale"] or "").lower(), 1.0), match[0].strip())
        for match in _FIGURE.finditer(text)
        if (figure := _value(match["figure"])) is not None
    }


def _value(figure: str) -> float | None:
    plain = re.sub(r"(?<=\d)[,\u00a0\u202f ’'](?=\d{3}(?!\d))", "", figure).replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def _day(match: re.Match[str]) -> Day | None:
    parts = match.groupdict()
    name = parts.get("name")
    month = _NUMBER_OF[name.lower()] if name else int(parts["month"])
    day = int(parts["day"]) if parts.get("day") else None
    year = int(parts["year"]) if parts.get("year") else None
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    return Day(month, day, year, match[0].strip())


def _with_plain_digits(text: str) -> str:
    """Digits of every script as 0 to 9; full-width forms as plain ones."""
    text = unicodedata.normalize("NFKC", text)
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.digit(char)) if char.isdigit() and not char.isascii() else char for char in text
    )


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _CLOSE * max(abs(one), abs(other), 1.0)

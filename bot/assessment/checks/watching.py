"""WA1, WA2, WA4, FQ1, FQ2: what is to be watched can be seen, what is forecast can be settled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from bot.assessment.checks.finding import ON_OUTLOOK, ON_WATCH, Check, Fault, Severity
from bot.assessment.checks.quantities import read_quantities
from bot.assessment.checks.structure import fold_marks
from bot.assessment.checks.subject import Stage, Subject
from bot.assessment.checks.support import is_breaking
from bot.assessment.checks.wordlists import wordlist
from bot.assessment.dialect import Kind

__all__ = ["CHECKS"]

LONGEST_WATCH = timedelta(days=549)
"""18 months (WA2)."""
SOON, SOON_ITEMS = timedelta(days=30), 2
VERY_SOON = timedelta(days=7)
"""Two items fall due within 30 days, for breaking news one within 7 (WA2)."""
_RESOLVABLE = re.compile(r"\bby (\d{4}-\d{2}-\d{2})\?$")


def _observable(subject: Subject) -> Iterator[Fault]:
    items, place = subject.record.watch.items, subject.place("watch_items")
    if not items:
        yield Fault("There is no watch item with a threshold, a place to look and a date.", place)
        section = subject.record.section(place) if subject.stage is Stage.RECORD else None
        for number, unit in enumerate(section.units if section else ()):
            why = _unobservable(unit.text, "") if unit.kind is Kind.BULLET else ""
            if why:
                yield Fault(f"{why}: “{unit.text}”", place, number)
    for item in items:
        why = _unobservable(item.observable, item.threshold)
        if why:
            yield Fault(
                f"{item.id}: {why[0].lower()}{why[1:]}.",
                place,
                item=item.id,
                repair=f"Give {item.id} something that can be seen, with a number, a date or a document as "
                f"threshold: {item.observable}",
            )


def _unobservable(observable: str, threshold: str) -> str:
    """Why nobody could say whether it has been seen, or an empty string."""
    text = f"{observable} {threshold}"
    vague = wordlist("unobservable").find(text)
    if vague:
        return f"Not observable (“{vague[0]}”)"
    if not threshold:
        return "Not observable, for it has no threshold"
    read = read_quantities(threshold)
    if not (read.figures or read.days or wordlist("document_types").find(threshold)):
        return "Not observable, for its threshold names no number, date or document"
    return ""


def _due(subject: Subject) -> Iterator[Fault]:
    items, place = subject.record.watch.items, subject.place("watch_items")
    today = subject.record.as_of.date()
    if not items:
        yield Fault("No watch item says by when.", place)
        return
    for item in items:
        if not today <= item.by <= today + LONGEST_WATCH:
            yield Fault(
                f"The window of {item.id} does not end between the question and 18 months after it.",
                place,
                item=item.id,
                repair=f"Give {item.id} a date within 18 months.",
            )
    soon = sum(item.by <= today + SOON for item in items)
    if soon < SOON_ITEMS:
        yield Fault(
            f"{soon} watch items fall due within {SOON.days} days instead of {SOON_ITEMS}.",
            place,
            repair=f"Let two watch items fall due by {(today + SOON).isoformat()}.",
        )
    if is_breaking(subject) and not any(item.by <= today + VERY_SOON for item in items):
        yield Fault(
            "No watch item falls due within a week, although this is breaking news.",
            place,
            repair=f"Let one watch item fall due by {(today + VERY_SOON).isoformat()}.",
        )


def _both_ways(subject: Subject) -> Iterator[Fault]:
    directions = {item.confirms for item in subject.record.watch.items}
    if len(directions) < 2:
        only = {True: "confirm", False: "speak against"}[next(iter(directions))] if directions else ""
        yield Fault(
            f"All watch items {only} the judgments." if only else "There are no watch items.",
            subject.place("watch_items"),
            repair="Name signs that would confirm a judgment and signs that would speak against one."
            if directions
            else "",
        )


def _settled(subject: Subject) -> Iterator[Fault]:
    forecasts = subject.record.outlook.forecasts
    if not forecasts:
        yield Fault("There is no forecast that can be settled.")
    for forecast in forecasts:
        ask = f"Ask {forecast.id} as “Will … by YYYY-MM-DD?”, so that a named source settles it."
        match = _RESOLVABLE.search(forecast.question)
        if not match or _iso(match[1]) != forecast.resolves_by:
            yield Fault(
                f"{forecast.id} does not end in “by {forecast.resolves_by}?”.", item=forecast.id, repair=ask
            )
        if not forecast.resolution_source:
            yield Fault(f"No source is named that settles {forecast.id}.", item=forecast.id, repair=ask)
        vague = wordlist("vague_outcomes").find(forecast.question)
        if vague:
            yield Fault(f"{forecast.id} asks what is “{vague[0]}”.", item=forecast.id, repair=ask)


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _base_rates(subject: Subject) -> Iterator[Fault]:
    forecasts = subject.record.outlook.forecasts
    if not forecasts:
        yield Fault("There is no forecast that could have a base rate.")
    for forecast in forecasts:
        if not fold_marks(forecast.base_rate):
            yield Fault(
                f"{forecast.id} has neither a base rate nor a reason why there is none.",
                item=forecast.id,
                repair=f"Give {forecast.id} a base rate (how often such things happened), or the reason "
                "why there is none.",
            )


CHECKS = (
    Check(
        "WA1",
        "Every watch item can be seen: a threshold with a number, a date or a document, and no vague words.",
        Severity.P1,
        _observable,
        ON_WATCH,
        ("7",),
    ),
    Check(
        "WA2",
        "Watch items end within 18 months, two of them within 30 days, for breaking news one within 7.",
        Severity.P1,
        _due,
        ON_WATCH,
        ("7",),
    ),
    Check(
        "WA4",
        "Some watch items confirm, some speak against.",
        Severity.P1,
        _both_ways,
        ON_WATCH,
        ("7",),
    ),
    Check(
        "FQ1",
        "A forecast ends in “by YYYY-MM-DD?”, names the source that settles it, and uses no vague word.",
        Severity.P0,
        _settled,
        ON_OUTLOOK,
        full_only=True,
    ),
    Check(
        "FQ2",
        "A forecast has a base rate, or a reason why there is none.",
        Severity.P1,
        _base_rates,
        ON_OUTLOOK,
        full_only=True,
    ),
)

"""What a reader is told of the evidence: shares, ages, banners."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.assessment.premise import contradiction_units, is_breaking, premise_banner, premise_units
from bot.assessment.standing import Standing, banners, evidence_line, is_up_to_date, searching_line
from bot.assessment.values import Contradiction, Plan
from bot.evidence.items import EvidenceItem, Retrieved, SourceClass, SourceFailure
from bot.evidence.table import table_of_claims
from bot.turns import Question
from tests.assessment.doubles import AS_OF
from tests.support.evidence_desk import NOW, item, truce_items

SINCE = timedelta(hours=1)


def standing(
    items: Iterable[EvidenceItem] = (),
    *,
    searched: Retrieved | None = None,
    citations: dict[str, int] | None = None,
) -> Standing:
    """The standing of a question with these items; S2 is the first of them."""
    table = table_of_claims(Question("A truce.")).with_items(items)
    return Standing(table, AS_OF, searched or Retrieved(), citations)


def said(rests_on: Standing, plan: Plan | None = None) -> str:
    """All banners."""
    return "\n".join(banners(rests_on, plan or Plan(), ""))


def test_good_evidence_has_no_banner() -> None:
    """Six sources of five owners, hours old, a third of them interested."""
    assert banners(standing(truce_items()), Plan(), "") == ()
    assert is_up_to_date(standing(truce_items()))


@pytest.mark.parametrize(
    ("searched", "why"),
    [
        (None, "background knowledge, and is not up to date."),
        (Retrieved(stored_items=5_000), "(nothing in 5,000 stored items matched the question)"),
        (
            Retrieved(stored_items=12, sources_total=3),
            "(nothing in 12 stored items and 3 sources matched the question)",
        ),
        (
            Retrieved(sources_total=1, failures=(SourceFailure("Xinhua", "timed out"),)),
            "(none of the 1 source asked could be read)",
        ),
    ],
)
def test_nothing_retrieved_says_why(searched: Retrieved | None, why: str) -> None:
    """No match is not the same as no answer."""
    line = said(standing(searched=searched)).splitlines()[0]
    assert line.startswith("No source was retrieved")
    assert why in line
    assert evidence_line(standing()) == "No source retrieved"


def test_the_end_of_the_models_knowledge_is_told_where_it_is_known() -> None:
    """On the banner that says that the answer rests on that knowledge."""
    dated = replace(standing(), model_cutoff=date(2026, 6, 30))
    assert "background knowledge, which ends with June 2026, and is not up to date" in said(dated)


def test_background_data_is_no_news() -> None:
    """A country baseline alone is not up to date, and is never the newest source."""
    baseline = item(1, source_class=SourceClass.BASELINE, published_at=NOW)
    assert "only background data" in said(standing([baseline]))
    old = [item(n, published_at=NOW - timedelta(days=30)) for n in range(2, 8)]
    assert standing([baseline, *old]).newest() == timedelta(days=30, minutes=30)
    assert not is_up_to_date(standing([baseline]))


@pytest.mark.parametrize(
    ("number", "group", "thin"), [(5, "", False), (4, "", True), (5, "one", True), (1, "", True)]
)
def test_thin_evidence_is_called_thin(number: int, group: str, *, thin: bool) -> None:
    """Fewer than five sources, or one owner."""
    items = [item(n, owner_group=group or f"g{n}") for n in range(1, number + 1)]
    assert ("Thin evidence" in said(standing(items))) is thin


@pytest.mark.parametrize(
    ("age", "event_date", "stale"),
    [
        (timedelta(hours=71), "2026-11-18", False),
        (timedelta(hours=73), "2026-11-18", True),
        (timedelta(hours=73), "2026-10-30", False),
        (timedelta(hours=73), "", False),
        (timedelta(days=13), "", False),
        (timedelta(days=15), "", True),
    ],
)
def test_old_sources_are_called_stale(age: timedelta, event_date: str, *, stale: bool) -> None:
    """The newest older than 72 hours for a breaking event, than 14 days otherwise."""
    items = [item(n, published_at=AS_OF - age - timedelta(days=n - 1)) for n in range(1, 7)]
    text = said(standing(items), Plan(event_date=event_date, premise="holds"))
    assert ("Stale sources" in text) is stale


def test_undated_sources_are_no_fresh_ones() -> None:
    """Where none carries a date, the reader is told; where some do, they are counted."""
    items = [item(n, published_at=None) for n in range(1, 7)]
    assert "None of the sources carries a date" in said(standing(items))
    assert "none dated" in evidence_line(standing(items))
    assert "newest 22 h · 6 undated" in evidence_line(standing([*items, item(7)]))
    assert not is_up_to_date(standing(items))


@pytest.mark.parametrize(("interested", "said_so"), [(3, False), (4, True)])
def test_mostly_state_media_and_official_is_said(interested: int, *, said_so: bool) -> None:
    """More than half, not half."""
    classes = [SourceClass.OFFICIAL, SourceClass.STATE_MEDIA] * 2
    items = [item(n, source_class=classes[n - 1]) for n in range(1, interested + 1)]
    items += [item(n) for n in range(interested + 1, 7)]
    assert ("Mostly official sources and state media" in said(standing(items))) is said_so


def test_in_the_end_citations_count() -> None:
    """What is not cited is not used."""
    rests_on = standing(truce_items(), citations={"S1": 9, "S2": 3, "S4": 1})
    assert (
        evidence_line(rests_on) == "2 sources · 2 independent · 75 % official · 0 % state media · newest 4 h"
    )
    assert "Thin evidence: 2 sources of 2 independent groups." in said(rests_on)
    uncited = standing(truce_items(), citations={"S1": 4})
    assert "6 sources retrieved, and none of them is cited." in said(uncited)
    assert evidence_line(uncited) == "No retrieved source cited"


def test_quarantined_passages_are_counted() -> None:
    """Over all sources, cited or not."""
    items = [replace(one, quarantined=number) for number, one in enumerate(truce_items())]
    assert "15 passages in the sources that read like instructions to a model were taken out" in said(
        standing(items)
    )
    assert "1 passage in the sources that reads like" in said(standing(items[:2]))


def test_many_failures_are_named_in_part() -> None:
    """Four by name, the others by number."""
    failures = tuple(SourceFailure(f"Feed {n}", "timed out.") for n in range(6))
    line = said(standing(truce_items(), searched=Retrieved(sources_total=14, failures=failures)))
    assert line == (
        "6 of 14 sources could not be read: Feed 0 (timed out), Feed 1 (timed out), Feed 2 (timed out), "
        "Feed 3 (timed out) and 2 more."
    )


def test_a_search_is_told_in_words() -> None:
    """With what the desk says of it, or without."""
    assert searching_line(Retrieved(searching="the web …")) == "Searching: the web …"
    assert searching_line(Retrieved()) == "Searching for sources …"


def test_the_premise_without_sources_since_says_that_too() -> None:
    """Nobody says what has happened: that is what the reader must know."""
    plan = Plan(event_date="2025-10-30", premise="unclear")
    rests_on = standing(truce_items())
    (unit,) = premise_units(plan, rests_on.evidence, AS_OF.date())
    assert unit.text.endswith("None of the retrieved sources says what has happened since.")
    assert "not known from any source" in premise_banner(plan, rests_on.evidence, AS_OF.date())
    (unit,) = premise_units(plan, standing().evidence, AS_OF.date())
    assert "No source was retrieved" in unit.text
    unsourced = replace(plan, since="The deal was renewed")
    (unit,) = premise_units(unsourced, rests_on.evidence, AS_OF.date())
    assert unit.text.endswith("Since then: The deal was renewed (no source).")


def test_a_contradiction_needs_a_source() -> None:
    """An id that is not in the table names nobody."""
    plan = Plan(contradictions=(Contradiction("S2", "It was extended."), Contradiction("S40", "No.")))
    (unit,) = contradiction_units(plan, standing(truce_items()).evidence)
    assert unit.text == "**Contradicts the question:** Ministry of Commerce says: It was extended [S2]."


def test_breaking_is_a_week() -> None:
    """An event without a date is not breaking."""
    today = AS_OF.date()
    assert is_breaking(Plan(event_date="2026-11-13"), today)
    assert not is_breaking(Plan(event_date="2026-11-12"), today)
    assert not is_breaking(Plan(), today)

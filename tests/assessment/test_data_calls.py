"""Reading the JSON calls: any JSON becomes values whose invariants hold."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.assessment.data_calls import (
    LONGEST_WATCH,
    LONGEST_WINDOW,
    DataReader,
    outlook_schema,
    plan_schema,
    watch_schema,
)
from bot.assessment.formats import IN_DEPTH
from bot.assessment.loose_json import iso_date, parse_object, percent, records, strings
from bot.assessment.values import Plan
from bot.assessment.wording import Tables
from bot.evidence.table import table_of_claims
from bot.turns import Question, Quoted
from tests.assessment.doubles import AS_OF, persona, tables

TODAY = AS_OF.date()


def reader() -> DataReader:
    return DataReader(IN_DEPTH, persona(), tables(), TODAY, Counter())


def plan_of(**judgment: Any) -> Plan:
    statement = "Beijing keeps the suspended announcements suspended"
    return reader().plan(
        {"judgments": [{"statement": statement, **judgment}], "hypotheses": ["One", "Two way"]}
    )


SEED_PLAN = {
    "bottom_line": "Beijing buys time cheaply and keeps its hold on refining.",
    "counterparty": "United States",
    "stance": "agree",
    "judgments": [
        {"statement": "Beijing keeps the announcements suspended", "low": 60, "point": 70, "high": 79},
        {"statement": "Washington restores no tariff on Chinese goods", "low": 50, "point": 55, "high": 60},
    ],
    "hypotheses": ["A tactical pause for both", "A step to a wider bargain", "Friction goes on as before"],
    "linchpin": "Refining stays in China through 2027.",
}


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        ({"low": 60, "point": 70, "high": 79}, (60, 70, 79)),
        ({"low": 0.6, "point": "70 %", "high": "79"}, (60, 70, 79)),
        ({"low": 90, "point": 70, "high": 10}, (10, 70, 90)),
        ({"point": 70}, (60, 70, 80)),
        ({"point": 1000, "low": -5}, (1, 99, 99)),
        ({}, (40, 50, 60)),
        ({"low": float("nan"), "point": float("inf"), "high": float("-inf")}, (1, 99, 99)),
    ],
)
def test_a_likelihood_is_put_in_order_around_its_point(
    given_: dict[str, Any], read: tuple[int, int, int]
) -> None:
    """Whatever the model calls a percentage."""
    likelihood = plan_of(**given_).judgments[0].likelihood
    assert (likelihood.low, likelihood.point, likelihood.high) == read


@pytest.mark.parametrize(
    ("until", "read"),
    [
        ("2027-11-10", date(2027, 11, 10)),
        ("by 2027-11-10 at the latest", date(2027, 11, 10)),
        ("2020-01-01", TODAY + timedelta(days=30)),
        ("2099-01-01", TODAY + LONGEST_WINDOW),
        ("next spring", TODAY + timedelta(days=365)),
        (None, TODAY + timedelta(days=365)),
    ],
)
def test_a_window_ends_after_today_and_within_24_months(until: object, read: date) -> None:
    """A date that is out is moved to the nearest that is in."""
    assert plan_of(until=until).judgments[0].until == read


def test_statements_hold_no_likelihood_and_no_reference() -> None:
    """They are printed with one, and in places where nothing is resolved."""
    plan = reader().plan(
        {
            "bottom_line": "With high confidence, Beijing [S1] will probably wait {Q1}.",
            "judgments": [{"statement": "Beijing will likely keep {T1} the pause [S1]"}],
        }
    )
    assert plan.bottom_line == "Beijing may wait."
    assert plan.judgments[0].statement == f"Beijing may keep {persona().glossary[0].english} the pause"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("United States", "the United States"),
        ("The United States", "the United States"),
        ("EU", "the EU"),
        ("Japan", "Japan"),
        ("China", ""),
        ("Beijing", ""),
        ("<!channel>", ""),
        ("https://evil.example", ""),
        (5, ""),
    ],
)
def test_the_counterparty_is_a_name(name: object, shown: str) -> None:
    """It stands in a title."""
    assert reader().plan({"counterparty": name}).counterparty == shown


def test_twin_judgments_are_one() -> None:
    """A model that repeats itself has judged once."""
    twin = {"statement": "Beijing keeps the announcements suspended", "point": 70}
    assert len(reader().plan({"judgments": [twin, twin]}).judgments) == 1


def test_probabilities_of_hypotheses_sum_to_one_hundred() -> None:
    """Those not weighed share what is left; the most probable comes first."""
    plan = reader().plan(SEED_PLAN)
    outlook = reader().outlook({"hypotheses": [{"id": "H2", "probability": 60}]}, plan)
    assert [(hypothesis.id, share) for hypothesis, share, _ in outlook.probabilities] == [
        ("H2", 60),
        ("H1", 20),
        ("H3", 20),
    ]
    assert sum(share for _, share, _ in outlook.probabilities) == 100


def test_hypotheses_that_nobody_weighed_have_no_probabilities() -> None:
    """An outlook that is missing is not made up."""
    assert reader().outlook({}, reader().plan(SEED_PLAN)).probabilities == ()


def test_the_linchpin_comes_first_and_only_once() -> None:
    """The plan names it, the outlook says what follows if it is wrong."""
    assumptions = [
        {
            "statement": "Refining stays in China through 2027.",
            "if_wrong": "The lever weakens within a year.",
        },
        {"statement": "Both leaders stay in office."},
    ]
    first, second = reader().outlook({"assumptions": assumptions}, reader().plan(SEED_PLAN)).assumptions
    assert (first.id, first.linchpin, first.if_wrong) == ("A1", True, "The lever weakens within a year.")
    assert (second.id, second.linchpin) == ("A2", False)


def test_a_judgment_names_what_bears_it_out_and_what_speaks_against_it() -> None:
    """However the ids are spelled; unknown ones are left out, and nothing is on both sides."""
    question = Question("A truce.", (Quoted("Reuters", "They said it."), Quoted("MOFCOM", "We did.")))
    known = Tables(table_of_claims(question), {}, {}, "")
    read = DataReader(IN_DEPTH, persona(), known, TODAY, Counter())
    entry = {
        "statement": "Beijing keeps the pause",
        "evidence": ["[S1]", "S 2", "-S3", "−S1", "S9", "-S8", 4],
    }
    judgment = read.plan({"judgments": [entry]}).judgments[0]
    assert (judgment.sources, judgment.contrary) == (("S1", "S2"), ("S3",))


def test_hypotheses_are_rated_against_sources() -> None:
    """On the scale of an analysis of competing hypotheses; what is not on it is no rating."""
    plan = reader().plan(SEED_PLAN)
    entries = [
        {"id": "H1", "probability": 60, "evidence": ["S1 CC", "S7 II"]},
        {"id": "H2", "probability": 20, "evidence": ["S1: II"]},
        {"id": "H3", "probability": 20, "evidence": ["S1 maybe", None]},
    ]
    outlook = reader().outlook(
        {"hypotheses": entries, "status_quo": "H3", "lead_reason": "It is cheaper."}, plan
    )
    assert outlook.ratings == {"H1": {"S1": "CC"}, "H2": {"S1": "II"}}
    assert (outlook.status_quo, outlook.lead_reason) == ("H3", "It is cheaper.")
    assert reader().outlook({"hypotheses": entries, "status_quo": "H9"}, plan).status_quo == ""


def test_an_assumption_says_what_supports_it_and_what_falls_with_it() -> None:
    """Where the model does not say, the fields are empty."""
    assumptions = [
        {"statement": "Refining stays in China through 2027.", "support": "caveated", "judgment": "J2"},
        {"statement": "Both leaders stay in office.", "support": "perhaps", "judgment": "J9"},
    ]
    first, second = reader().outlook({"assumptions": assumptions}, reader().plan(SEED_PLAN)).assumptions
    assert (first.linchpin, first.support, first.judgment_id) == (True, "caveated", "J2")
    assert (second.support, second.judgment_id) == ("", "")


def test_the_linchpin_is_tied_to_the_watch_item_that_was_numbered() -> None:
    """Also where an item before it was left out as a repetition."""
    items = [{"what": what} for what in ("A notice is out", "A notice is out", "The court has ruled on it")]
    plan = reader().plan(SEED_PLAN)
    assert reader().watch({"items": items, "linchpin_item": 3}, plan).linchpin_item == "W2"
    assert reader().watch({"items": items, "linchpin_item": 2}, plan).linchpin_item == ""
    assert reader().watch({"items": items, "linchpin_item": "W1"}, plan).linchpin_item == ""


def test_what_is_exposed_and_how_often_things_happen_is_read() -> None:
    """Of implications and of forecasts."""
    plan = reader().plan(SEED_PLAN)
    implication = {
        "audience": "Treasurer",
        "exposure": "import duties",
        "implication": "Hedge the tariff relief",
    }
    assert reader().watch({"implications": [implication]}, plan).implications[0].exposure == "Import duties"
    forecast = {"question": "Will it end by 2027-01-01?", "base_rate": "Twice in the last ten years."}
    assert reader().outlook({"forecasts": [forecast]}, plan).forecasts[0].base_rate == forecast["base_rate"]


def test_the_closing_question_begins_where_our_words_end() -> None:
    """A model that repeats "Does China" or "or does it" says it only once."""
    data = {
        "question_does": "Does China use the respite well?",
        "question_or": "or does it drift into bargains",
    }
    watch = reader().watch(data, reader().plan(SEED_PLAN))
    assert (watch.either, watch.or_else) == ("use the respite well", "drift into bargains")


def test_an_unknown_epigraph_becomes_the_first() -> None:
    """An epigraph is always printed from the persona's file."""
    watch = reader().watch({"epigraph": "xx-none-1"}, reader().plan(SEED_PLAN))
    assert watch.epigraph_id == persona().epigraphs[0].id


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        'Sure! {see} below:\n```json\n{"a": 1}\n```\nBye {now}.',
        '{"a": 1,}',
        '// plan\n{"a": /* one */ 1, // last\n}',
        '{"a": 1, "b": "cut off he',
        '[{"a": 1}]',
        '{"b": "x"} and then {"a": 2}',
    ],
)
def test_an_object_is_found_however_it_is_wrapped(text: str) -> None:
    """Prose, fences, comments, trailing commas, a cut."""
    assert parse_object(text)


@pytest.mark.parametrize("text", ["", "none", "[1, 2]", "{", "}{", "{]", '{"a": ' + "[" * 5000])
def test_no_object_is_none_or_empty(text: str) -> None:
    """And nothing raises."""
    assert not any((parse_object(text) or {}).values())


def test_loose_values() -> None:
    """Values of the wrong type are read as far as they can be."""
    assert [percent(value) for value in (0, 100, True, "x", None, 10**400, [], 0.5, 1)] == [
        *(1, 99, 50, 50, 50, 99, 50, 50, 1)
    ]
    assert iso_date("on 2027-02-30") == ""
    assert records({"a": 1}) == [{"a": 1}]
    assert strings(["a", {"name": "b"}, 3, None]) == ["a", "b"]


def test_schemas_are_strict_and_name_the_choices() -> None:
    """Every object closed, every property required."""
    plan = reader().plan(SEED_PLAN)
    schemas = (
        plan_schema(IN_DEPTH, persona()),
        outlook_schema(IN_DEPTH, plan),
        watch_schema(IN_DEPTH, plan, persona()),
    )
    for schema in schemas:
        for part in _objects(schema.schema):
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])
    assert '"H3"' in json.dumps(schemas[1].schema)


def _objects(schema: Any) -> list[Any]:
    if isinstance(schema, dict):
        own = [schema] if schema.get("type") == "object" else []
        return own + [part for value in schema.values() for part in _objects(value)]
    return []


KEYS = st.sampled_from(
    [
        *("judgments", "hypotheses", "sections", "items", "implications", "gaps", "assumptions", "forecasts"),
        *(
            "statement",
            "low",
            "point",
            "high",
            "until",
            "by",
            "probability",
            "id",
            "what",
            "question",
            "point",
        ),
        *(
            "bottom_line",
            "counterparty",
            "confidence",
            "question_does",
            "question_or",
            "linchpin",
            "commitments",
        ),
        *(
            "section",
            "line",
            "gap",
            "implication",
            "audience",
            "if_wrong",
            "would_change_if",
            "judgment",
            "where",
        ),
    ]
)
WORDS = st.sampled_from(
    [
        "H1",
        "H2",
        "J1",
        "2027-01-01",
        "0000-13-99",
        "60 %",
        "Beijing will likely wait for the court",
        "<!here>",
        "2",
        "",
    ]
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), WORDS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(KEYS, inner, max_size=8)),
    max_leaves=40,
)


@given(*[st.dictionaries(KEYS, JSON, max_size=10)] * 3, st.booleans())
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_json_becomes_values_whose_invariants_hold(
    planned: dict[str, Any], looked: dict[str, Any], watched: dict[str, Any], from_seed: bool
) -> None:
    """No JSON makes a reader raise, or gives a value out of range."""
    plan = reader().plan(SEED_PLAN if from_seed else planned)
    outlook, watch = reader().outlook(looked, plan), reader().watch(watched, plan)
    assert len(plan.judgments) <= IN_DEPTH.judgments[1]
    for judgment in plan.judgments:
        likelihood = judgment.likelihood
        assert 1 <= likelihood.low <= likelihood.point <= likelihood.high <= 99
        assert TODAY < judgment.until <= TODAY + LONGEST_WINDOW
        assert judgment.statement
    assert len(plan.hypotheses) <= 4
    shares = [share for _, share, _ in outlook.probabilities]
    assert not shares or sum(shares) == 100
    assert all(share >= 1 for share in shares)
    assert len(outlook.assumptions) <= 5
    assert all(1 <= forecast.probability <= 99 for forecast in outlook.forecasts)
    assert len(watch.items) <= IN_DEPTH.watch_items[1]
    assert all(TODAY < item.by <= TODAY + LONGEST_WATCH for item in watch.items)
    assert all(implication.by > TODAY for implication in watch.implications)
    assert persona().epigraph(watch.epigraph_id)


@given(st.one_of(st.text(max_size=200), JSON.map(lambda value: json.dumps(value)[:150])))
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_text_is_looked_through_for_an_object(text: str) -> None:
    """Cut JSON, prose, anything."""
    assert isinstance(parse_object(text) or {}, dict)

"""Agreement and disagreement of views: arithmetic that holds whatever the views are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.assessment.comparison import (
    Comparison,
    Gap,
    Spread,
    View,
    exhaustive,
    gaps,
    meeting,
    ranked_alike,
    ranked_first,
    ranks,
    spreads,
)
from bot.assessment.lexicon import LEXICONS, Likelihood
from bot.assessment.shares import LEAST_PROBABILITY, to_hundred
from bot.assessment.values import Hypothesis

CODES = ("CN-01", "US-01", "JP-01", "RU-01", "IN-01", "EU-01")
Scores = Sequence[tuple[int, int, int]]

weights = st.lists(st.integers(0, 99), min_size=1, max_size=8)
numbers = st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99)).map(sorted).map(tuple)
scored = st.integers(2, 5).flatmap(
    lambda size: st.lists(st.lists(numbers, min_size=size, max_size=size), min_size=1, max_size=6)
)


def hypotheses(number: int) -> tuple[Hypothesis, ...]:
    """H1, H2 …"""
    return tuple(Hypothesis(f"H{n}", f"Outcome {n}") for n in range(1, number + 1))


def compared(*scores: Scores) -> Comparison:
    """Views with these ranges, as they stand."""
    views = tuple(
        View(
            code,
            {f"H{n}": Likelihood(*numbers) for n, numbers in enumerate(own, 1)},
            "It holds.",
            (),
            "low",
        )
        for code, own in zip(CODES, scores, strict=False)
    )
    return Comparison(CODES[: len(scores)], hypotheses(len(scores[0])), date(2027, 11, 1), views)


def test_views_that_differ_are_told_apart() -> None:
    """Who leads, what is ranked alike, whose ranges lie apart and by how much, and the spread."""
    comparison = compared(
        [(55, 60, 70), (5, 10, 15), (25, 30, 40)],
        [(30, 35, 40), (5, 15, 20), (45, 50, 55)],
        [(56, 58, 60), (8, 12, 20), (25, 30, 40)],
    )
    assert ranked_first(comparison) == {"H1": ("CN-01", "JP-01"), "H3": ("US-01",)}
    assert ranked_alike(comparison) == ("H2",)
    assert gaps(comparison) == (
        Gap("H1", ("US-01",), ("CN-01", "JP-01"), 15),
        Gap("H3", ("CN-01", "JP-01"), ("US-01",), 5),
    )
    assert spreads(comparison)[0] == Spread("H1", 35, 60, ("US-01",), ("CN-01",))
    assert [meeting(comparison, f"H{n}") for n in (1, 2, 3)] == [None, (8, 15), None]
    assert spreads(comparison)[2].highest == ("US-01",)
    assert spreads(comparison)[2].lowest == ("CN-01", "JP-01")


def test_ranges_that_touch_overlap() -> None:
    """Bands share their ends: 45–55 and 55–80 are no disagreement."""
    comparison = compared([(45, 50, 55), (45, 50, 55)], [(55, 60, 80), (30, 40, 45)])
    assert gaps(comparison) == ()
    assert meeting(comparison, "H1") == (55, 55)


def test_one_view_agrees_with_nobody() -> None:
    """Where all but one failed, nothing is called agreement."""
    comparison = compared([(60, 70, 80), (20, 30, 40)])
    assert ranked_alike(comparison) == ()
    assert gaps(comparison) == ()
    assert [spread.width for spread in spreads(comparison)] == [0, 0]


@given(scored)
def test_every_pair_apart_is_told_once(scores: list[Scores]) -> None:
    """And nobody else; ranges have something in common exactly where no pair is apart."""
    comparison = compared(*scores)
    told = gaps(comparison)
    for hypothesis in comparison.hypotheses:
        ranges = {view.persona: view.likelihoods[hypothesis.id] for view in comparison.views}
        apart = sorted(pair for pair in permutations(ranges, 2) if ranges[pair[0]].high < ranges[pair[1]].low)
        own = [gap for gap in told if gap.hypothesis_id == hypothesis.id]
        assert sorted((low, high) for gap in own for low in gap.below for high in gap.above) == apart
        assert (meeting(comparison, hypothesis.id) is None) == bool(apart)
        assert all(gap.points > 0 for gap in own)


@given(scored)
def test_a_spread_holds_every_point_and_is_reached(scores: list[Scores]) -> None:
    """Whoever is named at its ends stands there."""
    comparison = compared(*scores)
    for spread in spreads(comparison):
        points = {view.persona: view.likelihoods[spread.hypothesis_id].point for view in comparison.views}
        assert set(points.values()) <= set(range(spread.low, spread.high + 1))
        assert {code for code, point in points.items() if point == spread.low} == set(spread.lowest)
        assert {code for code, point in points.items() if point == spread.high} == set(spread.highest)


@given(scored)
def test_ranks_follow_the_points(scores: list[Scores]) -> None:
    """Somebody is first in every view; what is ranked alike is ranked so in each."""
    comparison = compared(*scores)
    every = {code for codes in ranked_first(comparison).values() for code in codes}
    assert every == {view.persona for view in comparison.views}
    for name in ranked_alike(comparison):
        assert len({ranks(view)[name] for view in comparison.views}) == 1


@given(weights)
def test_shares_sum_to_100_and_keep_the_order(weighed: list[int]) -> None:
    """However odd the weights: none below the least, none overtakes a greater one."""
    shares = to_hundred(weighed)
    assert sum(shares) == 100
    assert min(shares) >= LEAST_PROBABILITY
    for one, other in permutations(range(len(weighed)), 2):
        if weighed[one] > weighed[other]:
            assert shares[one] >= shares[other]
        if weighed[one] == weighed[other]:
            assert abs(shares[one] - shares[other]) <= 1


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(("H1", "H2", "H3", "H4", "H9")), numbers), st.integers(2, 5))
def test_scores_become_one_likelihood_for_each(scores: dict[str, tuple[int, int, int]], number: int) -> None:
    """Points sum to 100, and the range holds its point within the band of the point's term."""
    lexicon = LEXICONS["icd203"]
    given_ = {name: Likelihood(*each) for name, each in scores.items()}
    likelihoods = exhaustive(given_, hypotheses(number), lexicon)
    assert list(likelihoods) == [each.id for each in hypotheses(number)]
    assert sum(each.point for each in likelihoods.values()) == 100
    for each in likelihoods.values():
        band = lexicon.band(each.point)
        assert band.low <= each.low <= each.point <= each.high <= band.high
        assert lexicon.phrase(each)[1] is False


@pytest.mark.parametrize("key", LEXICONS)
def test_scores_that_are_consistent_stay(key: str) -> None:
    """What sums to 100 and lies in its bands is not touched."""
    given_ = {"H1": Likelihood(57, 60, 70), "H2": Likelihood(25, 28, 34), "H3": Likelihood(10, 12, 18)}
    assert exhaustive(given_, hypotheses(3), LEXICONS[key]) == given_

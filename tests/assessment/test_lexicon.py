"""Lexicons: the term of a point, and the range inside the term's band."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.assessment.lexicon import LEXICONS, Likelihood

ICD203 = {
    **dict.fromkeys((1, 3, 4), "almost no chance"),
    **dict.fromkeys((5, 6, 19), "very unlikely"),
    **dict.fromkeys((20, 21, 44), "unlikely"),
    **dict.fromkeys((45, 50, 54), "roughly even chance"),
    **dict.fromkeys((55, 56, 79), "likely"),
    **dict.fromkeys((80, 81, 94), "very likely"),
    **dict.fromkeys((95, 96, 99), "almost certain"),
}
PHIA = {
    **dict.fromkeys((1, 5, 7), "remote chance"),
    **dict.fromkeys((8, 10, 20, 22), "highly unlikely"),
    **dict.fromkeys((23, 25, 35, 37), "unlikely"),
    **dict.fromkeys((38, 40, 49, 51), "realistic possibility"),
    **dict.fromkeys((53, 55, 75, 77), "likely"),
    **dict.fromkeys((78, 80, 90, 92), "highly likely"),
    **dict.fromkeys((93, 95, 99), "almost certain"),
}


@pytest.mark.parametrize(("point", "term"), ICD203.items())
def test_icd_203_bands_edge_by_edge(point: int, term: str) -> None:
    """Where two bands touch, the upper one begins."""
    assert LEXICONS["icd203"].band(point).term == term


@pytest.mark.parametrize(("point", "term"), PHIA.items())
def test_phia_bands_and_gaps(point: int, term: str) -> None:
    """In the yardstick's deliberate gaps the nearer band counts."""
    assert LEXICONS["phia"].band(point).term == term


@pytest.mark.parametrize(
    ("likelihood", "phrase", "clipped"),
    [
        (Likelihood(60, 70, 75), "likely (60–75 %)", False),
        (Likelihood(40, 60, 90), "likely (55–80 %)", True),
        (Likelihood(70, 70, 70), "likely (70 %)", False),
        (Likelihood(90, 97, 99), "almost certain (95–99 %)", True),
        (Likelihood(1, 3, 4), "almost no chance (1–4 %)", False),
    ],
)
def test_a_phrase_is_term_and_clipped_range(likelihood: Likelihood, phrase: str, clipped: bool) -> None:
    """The numbers in parentheses never contradict the term."""
    assert LEXICONS["icd203"].phrase(likelihood) == (phrase, clipped)


@given(st.sampled_from(sorted(LEXICONS)), st.lists(st.integers(1, 99), min_size=3, max_size=3).map(sorted))
def test_every_phrase_stays_inside_one_band(key: str, numbers: list[int]) -> None:
    """For every possible likelihood."""
    lexicon = LEXICONS[key]
    phrase, _ = lexicon.phrase(Likelihood(*numbers))
    band = lexicon.band(numbers[1])
    shown = [int(number) for number in phrase.partition("(")[2].rstrip(" %)").split("–")]
    assert phrase.startswith(band.term)
    assert all(band.low <= number <= band.high for number in shown)

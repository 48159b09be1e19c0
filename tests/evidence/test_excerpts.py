"""Excerpts: what bears on the question, in its order, within the budget."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.evidence.excerpts import MOST_TOKENS, Excerpter, estimated_tokens, shares, text_of
from bot.evidence.ranking import Concept
from tests.support.stored_news import stored

FILLER = " ".join(f"Visitors admired the old harbour on its day number {number}." for number in range(60))
RARE_EARTHS = Excerpter([Concept(("rare earth", "稀土", "レアアース", "แร่หายาก", "희토류"))])


def test_the_telling_sentence_deep_in_a_text_is_kept() -> None:
    """A long article is cut to its first sentence and those on the topic; the gaps are marked."""
    text = f"The minister spoke. {FILLER} Rare earth licences lapse on 10 November. They were new. {FILLER}"
    cut = RARE_EARTHS.excerpt(text, 60)
    assert cut.startswith("The minister spoke.")
    assert " […] Rare earth licences lapse on 10 November. They were new." in cut
    assert cut.endswith(" […]")
    assert estimated_tokens(cut) <= 60


@pytest.mark.parametrize(
    ("filler", "telling"),
    [
        ("会议强调要加强文化建设。", "商务部宣布稀土管制延长一年。"),
        ("大会は三日間にわたり開かれた。", "政府はレアアースの備蓄を増やす。"),
        ("축제는 사흘 동안 열렸다. ", "정부는 희토류 비축을 늘린다. "),
        ("ประชาชนร่วมงานเทศกาลอย่างคึกคัก ", "จีนระงับการส่งออกแร่หายาก "),
    ],
)
def test_texts_without_spaces_or_full_stops_are_cut_too(filler: str, telling: str) -> None:
    """Whatever the script, the sentence that matters survives and the budget holds."""
    cut = RARE_EARTHS.excerpt(filler * 60 + telling + filler * 60, 150)
    assert telling.strip() in cut
    assert estimated_tokens(cut) <= 150


def test_a_text_that_fits_stays_whole() -> None:
    """Nothing is cut that need not be."""
    assert RARE_EARTHS.excerpt("One. Two.\nThree.", 300) == "One. Two.\nThree."


def test_abbreviations_do_not_end_sentences() -> None:
    """“U.S.” and “Mr.” are not torn from what they belong to."""
    text = f"{FILLER} U.S. Trade Representative Mr. Smith said rare earth talks go on. {FILLER}"
    assert "U.S. Trade Representative Mr. Smith said rare earth talks go on." in RARE_EARTHS.excerpt(text, 60)


def test_short_texts_leave_their_share_to_long_ones() -> None:
    """The budget is one for all documents; none takes more than its most."""
    assert shares([50, 400, 4_000], 900) == [50, 400, 450]
    assert shares([4_000, 50], 2_000) == [MOST_TOKENS, 50]
    assert sum(shares([300] * 12, 3_600)) == 3_600
    assert shares([], 100) == []


def test_a_summary_that_the_body_repeats_is_not_said_twice() -> None:
    """Feeds put the beginning of an article into its summary, with dots; others write one of their own."""
    assert text_of(stored("T", "First things. Then more.", summary="First things …")) == (
        "First things. Then more."
    )
    assert text_of(stored("T", "Body.", summary="A summary.")) == "A summary.\nBody."
    assert text_of(stored("T", "", summary="A summary.")) == "A summary."
    assert text_of(stored("Only a title")) == "Only a title"


@settings(deadline=None)
@given(st.text(max_size=2_000), st.integers(min_value=20, max_value=200))
def test_no_text_breaks_the_budget(text: str, budget: int) -> None:
    """Any text is cut to any budget."""
    assert estimated_tokens(RARE_EARTHS.excerpt(text, budget)) <= budget

"""The blocks printed from data, and the frame around the sections."""

from __future__ import annotations

from datetime import date

import pytest

from bot.assessment.dialect import Kind
from bot.assessment.printing import Data, closing_lines, day, epigraph_lines, print_block, source_call
from bot.assessment.reporting import report
from bot.assessment.standing import Standing, banners
from bot.assessment.values import Gap, Hypothesis, Implication, Outlook, Plan, Watch, WatchItem
from bot.evidence.table import table_of_claims
from bot.llm.port import Usage
from bot.turns import Question
from tests.assessment.doubles import AS_OF, judgment, persona
from tests.support.seed_script import QUESTION

EMPTY = Data(Plan(), Outlook(), Watch())
BY = date(2027, 2, 9)
BLOCKS = ("assumptions", "hypotheses", "judgments", "watch_items", "implications", "gaps", "bottom_line")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_without_data_prints_nothing(name: str) -> None:
    """No heading stands over an empty list."""
    assert print_block(name, EMPTY) == []


def test_blocks_know_the_call_they_wait_for() -> None:
    """So that a section waits for no more than it needs."""
    assert [source_call(name) for name in BLOCKS] == [
        *("outlook", "outlook", "outlook", "watch", "watch", "watch", "plan"),
    ]


def test_a_judgment_has_likelihood_window_and_confidence_in_two_sentences() -> None:
    """Likelihood and confidence never share one (ICD 203)."""
    heading, bullet = print_block("judgments", Data(Plan(judgments=(judgment(1),)), Outlook(), Watch()))
    assert heading.kind is Kind.HEADING
    assert bullet.text == "**J1:** Beijing keeps the pause — {J1}, until 1 November 2027. _Confidence: low._"


def test_a_watch_item_says_what_it_would_mean() -> None:
    """Threshold, place, direction and date."""
    items = (
        WatchItem("W1", "Notice No. 70 is renewed", "one notice", "Ministry notices", BY, True, "J1"),
        WatchItem("W2", "Exports fall", "", "", BY, False, "J2"),
    )
    first, second = print_block("watch_items", Data(Plan(), Outlook(), Watch(items)))
    assert first.text == (
        "**W1:** Notice No. 70 is renewed. _Threshold:_ one notice. _Where:_ Ministry notices. Confirms J1. "
        "_By_ 9 February 2027."
    )
    assert second.text == "**W2:** Exports fall. Speaks against J2. _By_ 9 February 2027."


def test_hypotheses_implications_and_gaps() -> None:
    """Each with what belongs to it."""
    outlook = Outlook(probabilities=((Hypothesis("H1", "A pause"), 58, "A notice appears"),))
    watch = Watch(
        implications=(Implication("Treasurer", "Hedge it", BY),), gaps=(Gap("The text", "Notices"),)
    )
    data = Data(Plan(), outlook, watch)
    assert print_block("hypotheses", data)[1].text == (
        "**58 %** — **H1:** A pause. _Would change if:_ A notice appears."
    )
    assert print_block("implications", data)[1].text == "**Treasurer:** Hedge it. _By_ 9 February 2027."
    assert print_block("gaps", data)[1].text == "The text. _Where to look:_ Notices."
    assert day(date(2027, 11, 9)) == "9 November 2027"


def test_the_closing_question_needs_both_halves() -> None:
    """Half a question is none."""
    plainest = "Does China hold to its present course — or does it change it?"
    assert closing_lines(Watch(either="wait"), persona()) == [
        f"In the coming year, the question will be: {plainest}"
    ]
    assert closing_lines(Watch(either="wait", or_else="act"), persona()) == [
        "In the coming year, the question will be: Does China wait — or does it act?"
    ]


@pytest.mark.parametrize("code", ["CN-01", "US-01", "RU-01", "IN-01", "JP-01"])
def test_epigraphs_are_printed_byte_for_byte(code: str) -> None:
    """Native line, translation where there is one, attribution."""
    for epigraph in persona(code).epigraphs:
        lines = epigraph_lines(epigraph)
        assert lines[0] == f"“{epigraph.native}”"
        assert len(lines) == (3 if epigraph.translation else 2)
        assert lines[-1].startswith(f"— {epigraph.author}")
        assert lines[-1].endswith(epigraph.year)


def test_banners_say_what_a_reader_must_know_first() -> None:
    """The demo model, no sources, an overtaken premise."""
    standing = Standing(table_of_claims(Question(QUESTION)), AS_OF)
    plan = Plan(premise="overtaken", event_date="2025-10-30")
    demo, overtaken, nothing = banners(standing, plan, "Demo model, not an assessment")
    assert demo == "Demo model, not an assessment"
    assert "is of 30 October 2025" in overtaken
    assert "overtaken" in overtaken
    assert "not up to date" in nothing


def test_the_report_counts_in_words() -> None:
    """One judgment, two corrections."""
    accounts = report(
        Standing(table_of_claims(Question(QUESTION)), AS_OF, citations={}),
        Data(Plan(judgments=(judgment(1),)), Outlook(), Watch()),
        {"url": 1, "quotation": 1},
        Usage(),
        problems=["Section 3 is incomplete."],
        demo_label="",
        model_name="scripted",
    )
    assert accounts.check_line == (
        "No source retrieved · 1 judgment with likelihood · 2 corrections before display · "
        "as of 20 Nov 2026 09:30 UTC"
    )
    assert accounts.problems == ("Section 3 is incomplete.",)
    assert any("not an official position" in notice for notice in accounts.notices)

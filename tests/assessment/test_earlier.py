"""What a follow-up is told of its thread: within a budget of tokens, and never cut without a word."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.assessment.assessment_record import AssessmentRecord, SectionRecord
from bot.assessment.earlier import Earlier, Talk, account_of
from bot.assessment.values import Plan
from bot.turns import Question

SENTENCE = "Point {number} of section {key} rests on the licences that were granted in spring."
NOTES_CHARS = 200
"""Room for the lines that say what is shortened, beyond the budget."""


def record(lines: int = 30) -> AssessmentRecord:
    """An assessment of eight sections, each so many lines long."""
    sections = tuple(
        SectionRecord(
            key,
            f"{key}. Title",
            text="\n\n".join(
                [f"## {key}. Title", *(SENTENCE.format(number=n, key=key) for n in range(lines))]
            ),
        )
        for key in "12345678"
    )
    return AssessmentRecord(
        turn_id="t1",
        persona="CN-01",
        format="in-depth",
        question=Question("What now?"),
        as_of=datetime(2026, 11, 30, tzinfo=UTC),
        organisation="Three",
        plan=Plan(bottom_line="Beijing keeps its lever."),
        sections=sections,
    )


def talk(number: int, length: int = 20) -> Talk:
    """A question and an answer of so many sentences, both telling their number."""
    answer = f"Answer {number} is short. " + " ".join(
        f"Detail {n} of answer {number}." for n in range(length)
    )
    return Talk("CN-01", f"Question {number}?", answer)


def test_what_fits_is_told_whole() -> None:
    """Nothing is shortened within the budget."""
    account = account_of(Earlier(record(lines=3), (talk(1), talk(2)), budget_tokens=20_000))
    assert "shortened" not in account
    assert all(SENTENCE.format(number=n, key=key) in account for n in range(3) for key in "12345678")
    assert "Detail 19 of answer 1." in account
    assert account.index("Question 1?") < account.index("Question 2?")


@pytest.mark.parametrize("exchanges", [1, 6, 40])
def test_the_oldest_exchanges_are_summarised_first(exchanges: int) -> None:
    """The newest are whole; older ones keep question and first sentence, and say that they are shortened; the
    oldest are counted. Every exchange is accounted for.
    """
    since = tuple(talk(number) for number in range(1, exchanges + 1))
    account = account_of(Earlier(record(lines=1), since, budget_tokens=1_500))
    whole = [n for n in range(1, exchanges + 1) if f"Detail 19 of answer {n}." in account]
    shortened = [
        n
        for n in range(1, exchanges + 1)
        if f"Asked CN-01 (shortened): Question {n}?\nAnswered: Answer {n} is short." in account
    ]
    counted = re.search(r"\((\d+) earlier exchanges are not repeated here\.\)", account)
    left = int(counted[1]) if counted else 0
    assert [*range(1, left + 1), *shortened, *whole] == list(range(1, exchanges + 1))
    assert exchanges in whole, "the newest is not shortened"
    assert (left > 0) is (exchanges == 40)
    assert bool(shortened) is (exchanges > 1)


def test_the_longest_sections_are_told_by_their_first_sentences() -> None:
    """Each one that is shortened says so, with what it was shortened from; the bottom line stays."""
    account = account_of(Earlier(record(), (), budget_tokens=2_500))
    assert len(account) <= 2_500 * 4 + NOTES_CHARS
    assert "Bottom line: Beijing keeps its lever." in account
    for key in "12345678":
        assert f"## {key}. Title" in account
        whole = SENTENCE.format(number=29, key=key) in account
        section = account.partition(f"## {key}. Title")[2].partition("\n##")[0]
        assert whole is not ("(shortened from 31 lines)" in section)
    assert "(shortened from 31 lines)" in account


@pytest.mark.parametrize("budget_tokens", [400, 1_000, 3_000, 6_000])
def test_the_account_stays_within_its_budget(budget_tokens: int) -> None:
    """Whatever there is to tell; a question of any length is shortened, too."""
    long = replace(talk(9), question="Why " * 2_000)
    since = (*(talk(number, length=200) for number in range(1, 9)), long)
    account = account_of(Earlier(record(lines=6), since, budget_tokens=budget_tokens))
    shortest = account_of(Earlier(record(lines=6), (), budget_tokens=0))
    assert len(account) <= max(4 * budget_tokens, len(shortest)) + NOTES_CHARS + 4 * budget_tokens // 3

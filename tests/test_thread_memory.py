"""What a thread remembers: which answer a question goes on from, and what may be built on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.comparison import Comparison
from bot.assessment.earlier import Earlier
from bot.assessment.formats import FOLLOW_UP
from bot.threads import GivenAssessment, ThreadMemory, with_words, without_words
from bot.turns import Question, Quoted
from tests.assessment.doubles import AS_OF, assignment

COMPARED = Comparison(("CN-01", "US-01"), (), date(2027, 11, 1))


def record(turn_id: str, persona: str, comparison: Comparison | None = None) -> AssessmentRecord:
    """An answer to a question about a message alone."""
    question = Question("", (Quoted("Kim", "Beijing halts exports."),))
    return AssessmentRecord(
        turn_id, persona, "in-depth", question, AS_OF, "Three Corporate", comparison=comparison
    )


def memory(*records: AssessmentRecord) -> ThreadMemory:
    """A thread with these, in this order."""
    return ThreadMemory(
        assessments=tuple(GivenAssessment(f"{number}.0", each) for number, each in enumerate(records))
    )


def test_a_question_goes_on_from_ones_own_assessment_then_from_a_comparison_one_is_in() -> None:
    """Else from whatever came last."""
    compared, own, other = record("t1", "CN-01", COMPARED), record("t2", "CN-01"), record("t3", "JP-01")
    thread = memory(compared, own, other)
    for code, expected in (("CN-01", own), ("US-01", compared), ("JP-01", other), ("RU-01", other)):
        assert thread.assessment_for(code) == expected
    assert thread.comparisons == (compared,)


def test_what_rests_on_an_answer_needs_the_words_it_was_asked_with() -> None:
    """Forwarded words are words; once they are forgotten, a new search is made."""
    kept = record("t1", "CN-01", COMPARED)
    assert memory(kept).usable("t1") == kept
    assert memory(kept).usable("t2") is None
    forgotten = with_words(without_words(kept), None)
    assert memory(forgotten).usable("t1") is None


def test_what_changed_since_a_comparison_is_searched_for_by_its_question() -> None:
    """It has no judgments to score again; another question is searched for by its own words."""
    compared = replace(record("t1", "CN-01", COMPARED), question=Question("Does the deal hold?"))
    asked = replace(assignment(FOLLOW_UP, "what changed since?"), earlier=Earlier(compared))
    assert asked.searched_for == compared.question
    why = replace(asked, question=Question("Why does Japan differ?"))
    assert why.searched_for == why.question

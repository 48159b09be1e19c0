"""The evidence table of a question without retrieval."""

from __future__ import annotations

from bot.evidence.items import SourceClass
from bot.evidence.table import EXCERPT_WORDS, fold, percentages, table_of_claims
from bot.turns import Question, Quoted
from tests.support.seed_script import QUESTION


def test_the_question_and_what_was_forwarded_are_claims() -> None:
    """S1 is the question, S2 what somebody else wrote; nothing was retrieved."""
    table = table_of_claims(Question("A truce.", (Quoted("Reuters", "They said it."), Quoted("", "x"))))
    assert [(source.id, source.publisher, source.source_class) for source in table.sources] == [
        ("S1", "the person asking", SourceClass.USER_CLAIM),
        ("S2", "Reuters", SourceClass.FORWARDED),
        ("S3", "unknown author", SourceClass.FORWARDED),
    ]
    assert table.retrieved == ()


def test_quotations_in_the_question_are_stored() -> None:
    """Of at most 25 words, without the full stop inside."""
    table = table_of_claims(Question(QUESTION))
    assert [(excerpt.id, excerpt.source_id, excerpt.text) for excerpt in table.excerpts] == [
        ("Q1", "S1", "negotiated every year")
    ]
    assert table_of_claims(Question(f"“{'word ' * (EXCERPT_WORDS + 1)}”")).excerpts == ()


def test_unknown_ids_resolve_to_nothing() -> None:
    """And known ones to their row."""
    table = table_of_claims(Question(QUESTION))
    assert table.source("S9") is None
    assert table.excerpt("Q9") is None
    assert table.source("S1") is table.sources[0]


def test_percentages_are_one_number_in_any_spelling() -> None:
    """With a blank, with a word, as points."""
    assert percentages("57 %, 57%, 57 per cent, 57 percent, 57 percentage points") == {"57"}
    assert percentages("4,5 % and 4.5%") == {"4.5"}


def test_folding_makes_texts_comparable() -> None:
    """Case, quotes, dashes and blanks do not matter."""
    assert fold("“A  DEAL” — ok’s") == fold('"a deal" - ok\'s')

"""Facts: where a bullet of a factual section came from."""

from __future__ import annotations

from collections import Counter

from bot.assessment.facts import as_fact, attribute
from tests.assessment.doubles import tables


def test_a_bullet_in_the_words_of_a_source_gets_it() -> None:
    """By construction, in front of its full stop."""
    text = "The US and China have reached a one-year trade deal on rare earths and critical minerals."
    assert attribute(text, tables()) == f"{text[:-1]} [S1]."
    assert attribute("In return the United States is cutting tariffs on China", tables()).endswith(
        "China [S1]"
    )


def test_a_bullet_in_its_own_words_gets_none() -> None:
    """What the model knows or guesses is no source."""
    text = "Japan worries about its supply of magnets this winter."
    assert attribute(text, tables()) == text
    assert attribute("It holds.", tables()) == "It holds."


def test_a_cited_bullet_stays_as_it_is() -> None:
    """One source is enough, a quotation is one."""
    for text in ("The US and China have reached a deal [S1].", "The agreement will be {Q1}."):
        assert attribute(text, tables()) == text


def test_a_question_is_no_fact() -> None:
    """A bullet that asks is dropped and counted."""
    counts: Counter[str] = Counter()
    assert as_fact("What is the most up-to-date assessment of the deal?", tables(), counts) is None
    assert as_fact("Does the US cut tariffs on China? [S1]", tables(), counts) is None
    assert counts["question_for_fact"] == 2
    assert (
        as_fact("The US is cutting tariffs on China.", tables(), counts)
        == "The US is cutting tariffs on China [S1]."
    )
    assert counts["source_attributed"] == 1

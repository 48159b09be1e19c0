"""Headline, opening and section titles, from the user's own words."""

from __future__ import annotations

import pytest

from bot.assessment.titles import event_name, headline, opening_sentence, title_slots
from bot.turns import Question, Quoted
from tests.assessment.doubles import persona
from tests.support.seed_script import QUESTION


@pytest.mark.parametrize(
    ("question", "title"),
    [
        (QUESTION, "China, U.S. Strike Rare Earths Truce"),
        ("What follows from the truce? And what else?", "What follows from the truce?"),
        ("one two three four five six seven eight nine ten eleven twelve thirteen", None),
        ("*Bold* <@U1> `code` https://evil.example/x truce", "Bold U1 code truce"),
        ("\u202eTruce\u200b now", "Truce now"),
        ("\n\n  A truce.\nMore", "A truce"),
        ("https://www.example.com/a?b\n— — —\nWhat of it?", "What of it?"),
        ("<https://www.example.com/a?b>", "A linked page"),
    ],
)
def test_the_headline_is_the_first_line_or_sentence(question: str, title: str | None) -> None:
    """At most twelve words, without markup, addresses or invisible characters."""
    shown = headline(Question(question))
    if title is not None:
        assert shown == title
    assert len(shown.removesuffix(" …").split()) <= 12


def test_a_forwarded_message_gives_the_headline_where_the_question_has_none() -> None:
    """Its first line."""
    assert headline(Question("", (Quoted("A", "Truce signed\nmore"),))) == "Truce signed"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("China, U.S. Strike Rare Earths Truce", "the truce"),
        ("Washington raises tariffs", "the move on tariffs"),
        ("What about Taiwan?", "the question at hand"),
        ("", "the question at hand"),
        ("Beijing and Moscow", "“Beijing and Moscow”"),
    ],
)
def test_titles_name_the_event(title: str, name: str) -> None:
    """In the singular, or by the headline itself."""
    assert event_name(title) == name


def test_the_opening_claims_to_be_up_to_date_only_with_sources() -> None:
    """Evidence before opinion."""
    assert "most up-to-date" in opening_sentence(persona(), "Truce", up_to_date=True)
    assert "up-to-date" not in opening_sentence(persona(), "Truce", up_to_date=False)


def test_title_slots_have_a_name_for_everything() -> None:
    """Even where the plan names no counterparty."""
    slots = title_slots(persona(), title="Truce", organisation="Holdings")
    assert slots["counterparty"] == "the other side"
    assert slots["possessive_organisation"] == "Holdings’"
    assert title_slots(persona(), title="", organisation="Firm")["possessive_organisation"] == "Firm’s"

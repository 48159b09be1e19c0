"""The dialect's parser: which units a text has, however it is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.assessment.dialect import MAX_UNIT_CHARS, Kind, SectionParser, Unit, split_sentences

LINES = st.sampled_from(
    [
        *(
            "### A. Title",
            "## 2. Extra",
            "# Extra",
            "**B. Bold title**",
            "- bullet one",
            "* bullet",
            "1. first",
            "- 1. x",
        ),
        *(
            "Plain text. It goes on",
            "with the U.S. The rest",
            "| a | b |",
            "|---|---|",
            "```",
            "---",
            "> quoted",
            "",
        ),
        *(
            "- ",
            "###",
            "  - deep",
            "Label: text",
            "No. 70 holds. e.g. this",
            "…",
            "\r",
            "\t",
            "\u2028",
            "a" * 400,
        ),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(LINES, max_size=12).map("\n".join),
    st.lists(LINES, max_size=12).map("\r\n".join),
)


def units_of(*chunks: str) -> list[Unit]:
    parser = SectionParser()
    units = [unit for chunk in chunks for unit in parser.feed(chunk)]
    return [*units, *parser.close()]


def test_a_section_becomes_headings_bullets_and_sentences() -> None:
    """The whole dialect in one text."""
    text = "Lead one. Lead two.\n\n### A. Title\n\n- first\n- second\n  goes on\n\nA paragraph.\n"
    assert units_of(text) == [
        Unit(Kind.PARAGRAPH, "Lead one."),
        Unit(Kind.SENTENCE, "Lead two."),
        Unit(Kind.HEADING, "Title"),
        Unit(Kind.BULLET, "first"),
        Unit(Kind.BULLET, "second goes on"),
        Unit(Kind.PARAGRAPH, "A paragraph."),
    ]


def test_a_sentence_is_given_out_when_the_next_one_begins() -> None:
    """Nobody waits for the end of the paragraph."""
    parser = SectionParser()
    assert parser.feed("The first one is done. And") == [Unit(Kind.PARAGRAPH, "The first one is done.")]
    assert parser.feed(" the second. Third") == [Unit(Kind.SENTENCE, "And the second.")]


def test_a_bullet_is_given_out_when_the_next_line_begins() -> None:
    """A list mark is proof enough."""
    parser = SectionParser()
    assert parser.feed("- the first\n") == []
    assert parser.feed("- ") == [Unit(Kind.BULLET, "the first")]


def test_abbreviations_do_not_end_a_sentence() -> None:
    """But one before a new sentence does."""
    text = "The U.S. and No. 70 matter, e.g. for Mr. Li. It was done by the U.S. The deal holds."
    assert split_sentences(text) == [
        "The U.S. and No. 70 matter, e.g. for Mr. Li.",
        "It was done by the U.S.",
        "The deal holds.",
    ]


def test_a_second_list_mark_is_taken_off() -> None:
    """Models number bullets."""
    assert units_of("- 1. text\n- – other\n* * third") == [
        Unit(Kind.BULLET, "text"),
        Unit(Kind.BULLET, "other"),
        Unit(Kind.BULLET, "third"),
    ]


def test_what_is_not_of_the_dialect_becomes_the_nearest_unit_or_is_counted() -> None:
    """Tables become bullets, bold lines headings; fences, rules and section titles go."""
    parser = SectionParser()
    text = "# Title\n**A. Interests**\n| a | b |\n|---|---|\n```\n> - quoted\n***\n"
    assert [*parser.feed(text), *parser.close()] == [
        Unit(Kind.HEADING, "Interests"),
        Unit(Kind.BULLET, "a — b"),
        Unit(Kind.BULLET, "quoted"),
    ]
    assert parser.dropped == {"extra_heading": 1, "table": 1, "rule": 2, "code_fence": 1}


def test_a_line_without_end_is_cut() -> None:
    """Memory and the screen stay bounded."""
    units = units_of(*["word " * 20] * 100)
    assert max(len(unit.text) for unit in units) <= MAX_UNIT_CHARS


@given(TEXTS, st.lists(st.integers(0, 400), max_size=12))
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_text_in_any_chunks_gives_the_same_units(text: str, cuts: list[int]) -> None:
    """The parser accepts any text, and the chunking does not matter."""
    places = sorted({min(cut, len(text)) for cut in cuts})
    chunks = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert units_of(*chunks) == units_of(text) == units_of(*text)


@given(TEXTS, st.integers(0, 400))
@hypothesis_settings(max_examples=60, deadline=None)
def test_units_given_out_are_never_taken_back(text: str, cut: int) -> None:
    """What a prefix has given out begins what the whole gives out."""
    shown = SectionParser().feed(text[:cut])
    assert units_of(text)[: len(shown)] == shown

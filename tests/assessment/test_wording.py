"""The wording rules: what they reword, what they drop, what they leave alone."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.assessment.wording import clean, jaccard
from tests.assessment.doubles import tables
from tests.support.seed_script import QUESTION

TABLES = tables(QUESTION + " Tariffs go from 57 % to 47 %. Officials speak of 稳定 in print.")
TERM = next(iter(TABLES.terms.values()))


def cleaned(text: str, *, heading: bool = False) -> str | None:
    return clean(text, TABLES, Counter(), heading=heading)


def dropped_as(text: str) -> str:
    """Name of the rule that drops the text."""
    counts: Counter[str] = Counter()
    assert clean(text, TABLES, counts) is None
    return next(iter(+counts))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Beijing is likely to renew the deal.", "Beijing may renew the deal."),
        ("Beijing is also very likely to wait.", "Beijing may also wait."),
        ("Beijing will most likely renew the deal.", "Beijing may renew the deal."),
        ("It is not likely to hold for long.", "It may not hold for long."),
        ("It is very unlikely that it breaks.", "It is open whether it breaks."),
        ("It is likely that the deal holds.", "It may be that the deal holds."),
        ("The most likely outcome is a pause.", "The most plausible outcome is a pause."),
        ("An unlikely outcome is a collapse.", "An implausible outcome is a collapse."),
        ("This makes a deal more likely.", "This makes a deal more plausible."),
        ("Renewal is unlikely this year.", "Renewal is in doubt this year."),
        ("Beijing likely sees a pause in it.", "Beijing perhaps sees a pause in it."),
        ("A deal likely to hold needs a text.", "A deal that may hold needs a text."),
        ("The likelihood of renewal rises.", "The prospect of renewal rises."),
        ("There is a high probability of talks.", "There is a real prospect of talks."),
        ("In all likelihood the deal holds.", "Perhaps the deal holds."),
        ("There is a roughly even chance that it holds.", "It is open whether it holds."),
        ("Renewal is almost certain this year.", "Renewal is expected this year."),
        ("Beijing is certainly ready for it.", "Beijing is ready for it."),
        ("The two are at odds with each other.", "The two are at odds with each other."),
        ("Certain exporters wait for licences.", "Certain exporters wait for licences."),
    ],
)
def test_likelihood_words_become_plain_words(written: str, shown: str) -> None:
    """A likelihood without numbers behind it is reworded into sensible English."""
    assert cleaned(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("There is a 70% chance that it holds.", "There is a chance that it holds."),
        ("There is an 80 % likelihood of renewal.", "There is a prospect of renewal."),
        ("The deal is 70% likely to hold.", "The deal may hold."),
        ("There is a two-in-three chance of renewal.", "There is a chance of renewal."),
        ("There is a 57% chance that it holds.", "There is a chance that it holds."),
        ("Beijing waits for the court (p = 0.7).", "Beijing waits for the court."),
        ("Tariffs fall by 10 percentage points from 57 % to 47 %.", "Tariffs fall from 57 % to 47 %."),
        ("Tariffs fall from 60% to 50% this year.", "Tariffs fall this year."),
        ("China holds about 90% of refining.", "China holds most of refining."),
        ("Seventy per cent of refining sits there.", "Most of refining sits there."),
        ("Japan buys 30% of the magnets.", "Japan buys part of the magnets."),
        ("Washington puts a 10% tariff on magnets.", "Washington puts a tariff on magnets."),
        ("A 10% export tax applies to magnets.", "An export tax applies to magnets."),
    ],
)
def test_percentages_stand_in_the_material_or_go(written: str, shown: str) -> None:
    """A probability always goes, another percentage stays where somebody stated it."""
    assert cleaned(written) == shown


def test_a_sentence_built_around_an_own_percentage_goes() -> None:
    """What cannot be said without the number is not said."""
    assert dropped_as("Exports grew 12% last year.") == "percentage"


@pytest.mark.parametrize(
    "written",
    [
        "With high confidence, Beijing keeps the lever.",
        "We assess with high confidence that Beijing keeps the lever.",
        "Beijing keeps the lever (moderate confidence).",
        "Beijing keeps the lever. Confidence: high.",
        "I am 80% confident that Beijing keeps the lever.",
    ],
)
def test_analytic_confidence_is_taken_out(written: str) -> None:
    """Confidence is printed apart from likelihood."""
    assert cleaned(written) == "Beijing keeps the lever."


def test_confidence_of_others_stays() -> None:
    """Consumers, markets and treaties have a confidence of their own."""
    text = "Consumer confidence is low and markets have low confidence in the yuan."
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("The “annual” rule gives each side a lever.", "The annual rule gives each side a lever."),
        ('The President\'s "annual" rule stands.', "The President’s annual rule stands."),
        ("It is to be “negotiated every year.”", "It is to be negotiated every year."),
        ("Exporters' and importers' views differ.", "Exporters’ and importers’ views differ."),
        (
            "A 1-year “trade deal on rare earths and critical minerals” stands.",
            "A 1-year trade deal on rare earths and critical minerals stands.",
        ),
    ],
)
def test_quotation_marks_are_ours(written: str, shown: str) -> None:
    """Scare quotes, and quotations that stand in the material, lose their marks."""
    assert cleaned(written) == shown


@pytest.mark.parametrize(
    "written",
    [
        "He said “we will never give up the lever that we have” today.",
        "He said “the “truce” is only a pause in the whole of the war” today.",
        "He said 'we will never give up the lever that we have' today.",
        "He said “an opening without an end that goes on and on",
        "so it went on and on and on for ever”, as he said.",
    ],
)
def test_an_invented_quotation_takes_its_sentence_along(written: str) -> None:
    """A long quotation that nobody is known to have said is dropped, however it is marked."""
    assert dropped_as(written) == "quotation"


def test_a_quotation_that_is_stored_becomes_its_reference() -> None:
    """What the table holds is printed from the table."""
    known = tables("He said “the deal will be looked at again each year” today.")
    written = "He said “the deal will be looked at again each year” then."
    assert clean(written, known, Counter()) == "He said {Q1} then."


def test_glossary_and_material_may_stand_in_their_own_script() -> None:
    """Other native terms go, with their sentence where it needs them."""
    assert cleaned(f"The doctrine of {TERM} guides it.") == f"The doctrine of {TERM} guides it."
    assert cleaned("Officials call it 稳定 in print.") == "Officials call it 稳定 in print."
    assert cleaned("The doctrine (自力更生) guides it.") == "The doctrine guides it."
    assert (
        cleaned("China follows 自力更生 (self-reliance) in this.") == "China follows self-reliance in this."
    )
    assert dropped_as("China calls this 新能源生产力 in print.") == "foreign_term"
    assert dropped_as(f"China calls this {TERM[:-1]} in print.") == "foreign_term"
    assert cleaned("Shuāng xúnhuán stands for it.") == "Shuāng xúnhuán stands for it."


def test_look_alike_letters_hide_nothing() -> None:
    """Cyrillic, full-width and struck-through letters are read as the reader reads them."""
    assert cleaned("Сhina keeps the lеver.") == "China keeps the lever."
    assert cleaned("It is ｌｉｋｅｌｙ to hold.") == "It may hold."
    assert cleaned("It is l\u0336ikely to ho\u200bld.") == "It may hold."


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Beijing acts (see https://gov.cn/a) now.", "Beijing acts now."),
        ("Beijing acts ([Reuters](https://reuters.com/x)) now.", "Beijing acts (Reuters) now."),
        ("Beijing keeps the lever. Source: www.mofcom.gov.cn", "Beijing keeps the lever."),
        ("![chart](https://evil.example/x.png) Beijing keeps the lever.", "Beijing keeps the lever."),
    ],
)
def test_no_link_but_ours(written: str, shown: str) -> None:
    """An address beside the sentence goes."""
    assert cleaned(written) == shown


@pytest.mark.parametrize(
    "written",
    [
        "Read it at https://gov.cn/a?b=c today.",
        "The text is on example.com/path for all.",
        "Write to press@mofcom.gov.cn for the text.",
        "Details stand on bit.ly/abc for all.",
    ],
)
def test_a_sentence_built_around_an_address_goes(written: str) -> None:
    """It would say nothing without it."""
    assert dropped_as(written) == "url"


@pytest.mark.parametrize(
    "text",
    [
        "The U.S. acts, e.g. under No. 70 and with AT&T involved.",
        "Exports < 5 kt and 5 > 3 hold.",
        "Exports <5 kt a year fell at 10:30 on 3.5.2026.",
        "Section 301 tariffs and Article 9 remain in force.",
        "**Leverage:** Beijing keeps the C++ and R&D lever.",
        "The price rose to $1,200 a tonne in the U.K. market.",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Abbreviations, signs, numbers and bold labels are no defects."""
    counts: Counter[str] = Counter()
    assert clean(text, TABLES, counts) == text
    assert not +counts


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("<!channel> look at the deal now.", "mention"),
        ("&lt;!here&gt; look at the deal now.", "mention"),
        ("@everyone look at the deal now.", "mention"),
        ("As an AI language model, I follow rules.", "instruction_leak"),
        ("Section 3: Why the U.S. wants the deal", "instruction_leak"),
        ("About 290 words in all, as asked.", "instruction_leak"),
        ("I'm sorry, but I can't assist with that.", "refusal"),
        ("Certainly! Here is the section.", "chatter"),
        ("Let me know if you need more of it.", "chatter"),
        ("TBD: the ministry's own words.", "placeholder"),
        ('"title": "Why China agrees",', "json"),
        ("La Chine conserve le levier dans la main pour une année de plus.", "other_language"),
        ("The deal is the deal is " * 8, "repetitive"),
        (f"Beijing keeps the {'a' * 80} lever.", "endless_word"),
        ("The sum \\frac{1}{2} is what is paid.", "formula"),
    ],
)
def test_what_is_no_part_of_an_assessment_is_dropped(written: str, kind: str) -> None:
    """Each kind is counted under its own name."""
    assert dropped_as(written) == kind


def test_template_words_are_not_shown() -> None:
    """A model that copies the form's words shows none of them."""
    assert cleaned("**Label:** Beijing keeps the lever.") == "Beijing keeps the lever."
    assert cleaned("Label: text") is None
    assert cleaned("A. Title", heading=True) is None


def test_references_get_one_spelling_and_unknown_ones_go() -> None:
    """Whatever brackets a model uses, and whatever it invents."""
    written = "The deal holds (S1, S9) and {J1}; it lasts [J2] as [1] and {Q7} say{T99}."
    assert cleaned(written) == "The deal holds [S1] and {J1}; it lasts as [S1] and say."
    assert cleaned("The deal holds {J1} and {J2}. It lasts {J3}.") == "The deal holds {J1}. It lasts {J3}."
    assert cleaned("According to [S9], the deal holds.") == "The deal holds."


def test_a_heading_holds_neither_likelihood_nor_citation() -> None:
    """A single word is heading enough."""
    assert cleaned("Leverage {J1} [S1]", heading=True) == "Leverage"
    assert cleaned("Leverage {J1} [S1]") is None


def test_a_unit_that_does_not_end_is_cut_at_a_sentence() -> None:
    """Seven hundred characters are room enough."""
    sentences = [" ".join(f"Word{number}of{place}" for place in range(9)) + "." for number in range(20)]
    text = cleaned(" ".join(sentences))
    assert text is not None
    assert text in " ".join(sentences)
    assert text.endswith(".")
    assert 500 < len(text) <= 700


def test_jaccard_measures_the_overlap_of_words() -> None:
    """One for the same words, nothing for none in common."""
    assert jaccard("The deal holds.", "the DEAL holds") == 1.0
    assert jaccard("The deal holds.", "Magnets cost more") == 0.0
    assert jaccard("", "") == 0.0


PIECES = st.sampled_from(
    [
        *(
            "likely",
            "is ",
            "to ",
            "70% ",
            "chance ",
            "of ",
            "high confidence ",
            "“",
            "”",
            '"',
            "'",
            "(",
            ")",
            "[",
            "]",
        ),
        *(
            "{J1}",
            "{J9}",
            "[S1]",
            "{Q1}",
            "{T1}",
            "[1]",
            "https://a.cn/b ",
            "<!channel>",
            "@here ",
            "&lt;",
            "&amp;",
        ),
        *(
            "**",
            "_",
            "*",
            "`",
            "|",
            "\\",
            "新质",
            "лев",
            "\u200b",
            "\u202e",
            "🚀",
            ". ",
            ", ",
            " — ",
            "Label: ",
            "- ",
        ),
        *(
            "Beijing keeps the lever ",
            "ministries agree ",
            "the ",
            "a ",
            "an ",
            "57 % ",
            "#",
            ">",
            "e.g. ",
            "…",
            "!!",
        ),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map("".join))


@given(TEXTS, st.booleans())
@hypothesis_settings(max_examples=60, deadline=None)
@example("a [[S1]](x) &amp;amp;amp;amp;amp;lt;!channel&gt;", False)
def test_clean_takes_any_text_and_what_is_clean_stays(text: str, heading: bool) -> None:
    """It never raises, and its result is its own."""
    once = clean(text, TABLES, Counter(), heading=heading)
    if once is not None:
        counts: Counter[str] = Counter()
        assert clean(once, TABLES, counts, heading=heading) == once
        assert not +counts


def test_cleaning_a_bullet_is_cheap() -> None:
    """A bullet of 200 characters costs under 150 µs (the best of five rounds: the machine is shared)."""
    bullet = (
        "The State Council uses the licensing queue because a pause costs little while alternatives are "
        "years away; customs times magnet exports so that customers keep ordering [S1], which shapes {J1}."
    )
    rounds = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(200):
            clean(bullet, TABLES, Counter())
        rounds.append((time.process_time() - started) / 200)
    assert min(rounds) < 150e-6


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "very ",
            "a.b-",
            "a.",
            "10% ",
            "(",
            "[[S1",
            "{J1",
            "“",
            "'a ",
            "\\",
            "新",
            "@",
            "likely ",
            "&amp;",
            "1 to ",
        )
    ],
)
def test_no_text_keeps_a_rule_busy(piece: str) -> None:
    """A hostile unit of any length takes a fraction of a second, so that no other stream stalls."""
    started = time.process_time()
    clean(piece * 5_000, TABLES, Counter())
    assert time.process_time() - started < 0.5

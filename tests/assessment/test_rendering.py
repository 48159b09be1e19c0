"""The renderer: likelihoods, links, quotations and terms as they are printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.assessment.dialect import Kind, SectionParser, Unit
from bot.assessment.events import Cut
from bot.assessment.formats import IN_DEPTH
from bot.assessment.lexicon import LEXICONS
from bot.assessment.references import Tables
from bot.assessment.rendering import SectionRenderer, heading_part
from bot.assessment.wording import clean
from bot.evidence.items import SourceClass
from bot.evidence.table import EvidenceTable, Excerpt, Source
from tests.assessment.doubles import judgment, persona, tables
from tests.assessment.recogniser import forbidden
from tests.assessment.test_dialect import TEXTS as LINES
from tests.assessment.test_wording import TEXTS as PIECES
from tests.support.seed_script import QUESTION

URL = "https://www.mofcom.gov.cn/70"
TERM = persona().glossary[0]


def renderer(
    known: Tables | None = None, *, factual: bool = False, lexicon: str = "icd203"
) -> SectionRenderer:
    return SectionRenderer("2", known or tables(), persona(), LEXICONS[lexicon], Counter(), factual=factual)


def printed(text: str, **how: object) -> str:
    return renderer(**how).render(Unit(Kind.BULLET, text)).text.removeprefix("\n\n- ")  # type: ignore[arg-type]


def retrieved() -> Tables:
    """Tables with one retrieved source."""
    source = Source("S1", "Notice No. 70", "Ministry of Commerce", "official", "The notice suspends it.", URL)
    evidence = EvidenceTable((source,), (Excerpt("Q1", "S1", "suspends it"),))
    return Tables(evidence, {"J1": judgment(1)}, {TERM.id: TERM.native}, "the notice suspends it.")


def test_a_likelihood_stands_behind_a_dash_unless_a_verb_leads_into_it() -> None:
    """The sentence reads as a sentence."""
    assert printed("Beijing keeps the pause {J1}.") == "Beijing keeps the pause — likely (60–79 %)."
    assert printed("Beijing keeps the pause. {J1}") == "Beijing keeps the pause — likely (60–79 %)."
    assert printed("Beijing keeps the pause — {J1}.") == "Beijing keeps the pause — likely (60–79 %)."
    assert printed("Beijing is {J1} to keep the pause.") == "Beijing is likely (60–79 %) to keep the pause."
    assert printed("{J1}: Beijing keeps the pause.") == "Likely (60–79 %): Beijing keeps the pause."


def test_a_range_that_leaves_its_band_is_clipped_and_counted_once() -> None:
    """The term and the numbers never disagree."""
    known = replace(tables(), judgments={"J1": judgment(1, 40, 60, 95)})
    section = renderer(known)
    for _ in range(2):
        assert "likely (55–80 %)" in section.render(Unit(Kind.BULLET, "It holds {J1}.")).text
    assert section.counts["range_clipped"] == 1


def test_the_lexicon_is_a_setting() -> None:
    """PHIA's yardstick has other terms."""
    known = replace(tables(), judgments={"J1": judgment(1, 80, 85, 90)})
    assert printed("It holds {J1}.", known=known, lexicon="phia") == "It holds — highly likely (80–90 %)."
    assert printed("It holds {J1}.", known=known) == "It holds — very likely (80–90 %)."


def test_a_source_is_linked_at_first_use_in_a_section_and_a_number_after() -> None:
    """Only addresses of our own table are printed."""
    section = renderer(retrieved())
    assert (
        section.render(Unit(Kind.BULLET, "It is suspended [S1].")).text
        == f"\n\n- It is suspended [1]({URL})."
    )
    assert section.render(Unit(Kind.BULLET, "It is over [S1].")).text == "\n- It is over [1]."


def test_a_claim_is_marked_as_one() -> None:
    """The asking person's word is no finding: in the section of facts every time, elsewhere at first use."""
    facts, section = renderer(factual=True), renderer()
    for _ in range(2):
        assert facts.render(Unit(Kind.BULLET, "It holds [S1]")).text.endswith("It holds [1: user’s claim]")
    assert section.render(Unit(Kind.BULLET, "It holds [S1]")).text.endswith("[1: user’s claim]")
    assert section.render(Unit(Kind.BULLET, "It lasts [S1]")).text.endswith("It lasts [1]")


def test_a_claim_is_one_until_a_source_supports_it() -> None:
    """Cited together with a retrieved source it is marked no more; where it stands alone it is."""
    source = Source(
        "S2", "Notice No. 70", "Ministry of Commerce", SourceClass.OFFICIAL, "It suspends it.", URL
    )
    known = tables()
    known = replace(known, evidence=EvidenceTable((*known.evidence.sources, source)))
    facts, section = renderer(known, factual=True), renderer(known)
    backed = Unit(Kind.BULLET, "It is suspended [S1] [S2].")
    assert facts.render(backed).text.endswith(f"It is suspended [1] [2]({URL}).")
    assert facts.render(Unit(Kind.BULLET, "It lasts [S1].")).text.endswith("It lasts [1: user’s claim].")
    half = Unit(Kind.BULLET, "It was signed [S1]. It is suspended [S2].")
    assert facts.render(half).text.endswith("It was signed [1: user’s claim]. It is suspended [2].")
    section.render(backed)
    assert section.render(Unit(Kind.BULLET, "It lasts [S1].")).text.endswith("It lasts [1: user’s claim].")
    assert (facts.supported, section.supported) == ({"S1": {"S2"}}, {"S1": {"S2"}})


def test_a_fact_without_a_source_says_so() -> None:
    """And is counted."""
    section = renderer(factual=True)
    assert section.render(Unit(Kind.BULLET, "It holds.")).text == "\n\n- It holds. _(no source)_"
    assert section.counts["fact_without_source"] == 1


def test_a_stored_quotation_is_printed_with_its_source() -> None:
    """Byte for byte, and linked."""
    assert printed("The notice {Q1}.", known=retrieved()) == f"The notice “suspends it” [1]({URL})."


def test_a_glossary_term_is_printed_in_english_with_its_native_form_at_first_use() -> None:
    """The model never spells it."""
    section = renderer()
    first = section.render(Unit(Kind.BULLET, f"It is {{{TERM.id}}} again")).text
    second = section.render(Unit(Kind.BULLET, f"It is {{{TERM.id}}} again")).text
    assert first.endswith(f"It is {TERM.english} ({TERM.native}) again")
    assert second.endswith(f"It is {TERM.english} again")


def test_an_unknown_reference_prints_nothing() -> None:
    """Even if one got past the wording rules."""
    assert printed("It holds {J9}, {Q9} and [S9].") in ("It holds —, and.", "It holds, and.")


def test_lettered_parts_are_lettered_by_us() -> None:
    """In order, whatever the model wrote."""
    section = renderer()
    assert section.render(Unit(Kind.HEADING, "One")).text == "\n\n### A. One"
    assert section.render(Unit(Kind.HEADING, "Two")).text == "\n\n### B. Two"


def test_a_part_says_how_well_a_message_may_begin_with_it() -> None:
    """Sections before paragraphs before bullets before sentences."""
    section = renderer()
    kinds = (Kind.PARAGRAPH, Kind.SENTENCE, Kind.BULLET, Kind.BULLET)
    parts = [section.render(Unit(kind, "It holds.")) for kind in kinds]
    assert [part.cut for part in parts] == [Cut.PARAGRAPH, Cut.NONE, Cut.LINE, Cut.LINE]
    assert [part.text for part in parts] == [
        "\n\nIt holds.",
        " It holds.",
        "\n\n- It holds.",
        "\n- It holds.",
    ]
    assert heading_part("1. Facts", section="1", section_bytes=9).cut is Cut.SECTION


TEXTS = st.lists(st.one_of(LINES, PIECES), min_size=1, max_size=4).map("\n".join)
NATIVES = [term.native for term in persona().glossary]


def rendered(text: str, cuts: list[int], *, closed: bool = True) -> list[str]:
    """Everything shown after each chunk: parser, wording rules, renderer."""
    parser, section, shown, document = SectionParser(), renderer(), [], ""
    places = sorted({min(cut, len(text)) for cut in cuts})
    batches = [parser.feed(text[a:b]) for a, b in pairwise([0, *places, len(text)])]
    for units in [*batches, *([parser.close()] if closed else [])]:
        for unit in units:
            words = clean(unit.text, section.tables, Counter(), heading=unit.kind is Kind.HEADING)
            if words is not None:
                document += section.render(Unit(unit.kind, words)).text
        shown.append(document)
    return shown


@given(TEXTS, st.lists(st.integers(0, 500), max_size=8), st.integers(0, 500))
@hypothesis_settings(max_examples=60, deadline=None)
def test_the_rendering_of_a_prefix_is_a_prefix_of_the_rendering(
    text: str, cuts: list[int], prefix: int
) -> None:
    """For any text in any chunks: what readers have seen stays as it is."""
    *growing, whole = rendered(text, cuts)
    assert all(whole.startswith(shown) for shown in growing)
    assert rendered(text, [])[-1] == whole
    assert whole.startswith(rendered(text[:prefix], cuts, closed=False)[-1])


@given(TEXTS)
@hypothesis_settings(max_examples=60, deadline=None)
def test_nothing_forbidden_is_ever_rendered(text: str) -> None:
    """No address, likelihood word, foreign script, invented quotation or mention is left."""
    material = QUESTION + "".join(excerpt.text for excerpt in tables().evidence.excerpts)
    assert forbidden(rendered(text, [])[-1], material=material, own_words=NATIVES) == []


def test_formats_fit_the_seed() -> None:
    """Eight sections, numbered one to eight."""
    assert [spec.key for spec in IN_DEPTH.sections] == list("12345678")

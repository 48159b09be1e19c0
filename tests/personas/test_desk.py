"""Whom a mention addresses, in which format, and what remains of the question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personas.desk import BRIEF, IN_DEPTH, Address, Desk
from personas.loader import load_personas
from personas.wording import folded, normalised

DESK = Desk(load_personas())

CODES = [persona.code for persona in DESK.personas]
WORDS = sorted({name for persona in DESK.personas for name in (persona.code, persona.iso, *persona.names)})
PIECES = [
    *WORDS,
    "brief",
    "quick take",
    "the ",
    "@",
    ":",
    ", ",
    " - ",
    "—",
    "*",
    "\n",
    " ",
    "’s ",
    "and ",
    "will ",
]


def said(address: Address) -> tuple[str | None, str, str]:
    """Code, format and remaining text."""
    return (address.persona.code if address.persona else None, address.format, address.text)


@pytest.mark.parametrize(
    "text",
    [
        "CN-01 why now?",
        "cn-01 why now?",
        "CN01 why now?",
        "cn01: why now?",
        "CN 01, why now?",
        "CN–01: why now?",
        "CN\u201101 why now?",
        "ＣＮ－０１：why now?",
        "@CN-01 why now?",
        "*CN-01*: why now?",
        "*CN-01:* why now?",
        "`CN-01` why now?",
        "(CN-01) why now?",
        "“CN-01” why now?",
        "CN-01 - why now?",
        "CN-01 — why now?",
        "CN-01... why now?",
        "CN-01\nwhy now?",
        "CN-01, China Agent: why now?",
        "  CN-01\u00a0 why   now? ",
        "\u200bCN-01 why now?",
        "Hey @CN-01, why now?",
        "Please ask CN-01: why now?",
    ],
)
def test_code_is_taken_off(text: str) -> None:
    """However a code is written, set off or formatted, the rest is the question."""
    assert said(DESK.address(text)) == ("CN-01", IN_DEPTH, "why now?")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("china: why now?", "CN-01"),
        ("China, why now?", "CN-01"),
        ("China — why now?", "CN-01"),
        ("China\nwhy now?", "CN-01"),
        ("China Agent: why now?", "CN-01"),
        ("CN: why now?", "CN-01"),
        ("cn: why now?", "CN-01"),
        ("CN - why now?", "CN-01"),
        ("prc: why now?", "CN-01"),
        ("People's Republic of China: why now?", "CN-01"),
        ("people’s republic of china, why now?", "CN-01"),
        ("中国：why now?", "CN-01"),
        ("中国，why now?", "CN-01"),
        ("中华人民共和国: why now?", "CN-01"),
        ("United States - why now?", "US-01"),
        ("the United States: why now?", "US-01"),
        ("U.S.: why now?", "US-01"),
        ("us: why now?", "US-01"),
        ("USA, why now?", "US-01"),
        ("America: why now?", "US-01"),
        ("in: why now?", "IN-01"),
        ("भारत: why now?", "IN-01"),
        ("Россия: why now?", "RU-01"),
        ("рф, why now?", "RU-01"),
        ("The Kremlin: why now?", "RU-01"),
        ("日本、why now?", "JP-01"),
        ("にほん：why now?", "JP-01"),
    ],
)
def test_name_set_off_by_punctuation_is_taken_off(text: str, code: str) -> None:
    """Country, alias, native name and ISO code address when punctuation sets them off."""
    assert said(DESK.address(text)) == (code, IN_DEPTH, "why now?")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("China will retaliate, or will it?", "CN-01"),
        ("China’s export controls: what next?", "CN-01"),
        ("Chinese exports are falling. Why?", "CN-01"),
        ("The Chinese government has cut rates.", "CN-01"),
        ("Beijing has answered.", "CN-01"),
        ("China, Brazil Sign Soy Deal", "CN-01"),
        ("China, 5 others leave the pact", "CN-01"),
        ("China-based firms complain", "CN-01"),
        ("PRC firms complain", "CN-01"),
        ("CN-01's view on tariffs?", "CN-01"),
        ("中国将如何应对？", "CN-01"),
        ("中国人民银行降息", "CN-01"),
        ("US tariffs rise", "US-01"),
        ("U.S. tariffs rise", "US-01"),
        ("America First, again?", "US-01"),
        ("भारतीय अर्थव्यवस्था", "IN-01"),
        ("日本はどう動くか", "JP-01"),
        ("China quick to retaliate", "CN-01"),
        ("Hi China will you answer?", "CN-01"),
        ("China and Brazil sign", "CN-01"),
        ("Россия и Бразилия", "RU-01"),
    ],
)
def test_name_that_begins_the_sentence_stays_in_it(text: str, code: str) -> None:
    """A question that opens with a country asks its agent, and loses no word by it."""
    assert said(DESK.address(text)) == (code, IN_DEPTH, text)


@pytest.mark.parametrize(
    "text",
    [
        "What will China do?",
        "Tell us about China",
        "us tariffs will rise",
        "In the coming year, what will Beijing do?",
        "IN THE EVENT OF WAR?",
        "Chinatown is busy",
        "Indiana votes",
        "CNN reports a deal",
        "US-10 yields are up",
        "CN-011 what?",
        "CN-1: what?",
        "भारती एयरटेल",
        "",
        ":",
        "*",
    ],
)
def test_text_that_does_not_begin_with_a_country_addresses_nobody(text: str) -> None:
    """A country mentioned further on, a word that looks like a code, and no words at all: nobody is asked."""
    assert said(DESK.address(text)) == (None, IN_DEPTH, text)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("China, U.S. Strike Rare Earths Truce", ["CN-01", "US-01"]),
        ("US-China trade talks", ["US-01", "CN-01"]),
        ("China and Japan sign", ["CN-01", "JP-01"]),
        ("China’s and India’s border", ["CN-01", "IN-01"]),
        ("Russia vs. the United States", ["RU-01", "US-01"]),
        ("中国和日本", ["CN-01", "JP-01"]),
        ("CN-01 and US-01: compare", ["CN-01", "US-01"]),
        ("CN-01, US-01: compare", ["CN-01", "US-01"]),
    ],
)
def test_two_countries_at_the_beginning_address_neither(text: str, codes: list[str]) -> None:
    """Which of the two is asked cannot be told; both are offered."""
    address = DESK.address(text)
    assert said(address) == (None, IN_DEPTH, text)
    assert [persona.code for persona in address.nearest] == codes


def test_country_after_the_code_belongs_to_the_question() -> None:
    """The seed's headline keeps both its countries."""
    headline = "China, U.S. Strike Rare Earths Truce\n\nPresident Trump announces …"
    assert said(DESK.address(f"CN-01 {headline}")) == ("CN-01", IN_DEPTH, headline)


@pytest.mark.parametrize(
    "text",
    [
        "CN-01 brief What happens?",
        "CN-01 brief: What happens?",
        "CN-01, brief: What happens?",
        "CN-01: quick take: What happens?",
        "CN-01 quick take — What happens?",
        "CN-01 quick What happens?",
        "CN-01 *brief* What happens?",
        "CN-01 in brief: What happens?",
        "CN-01 briefly, What happens?",
        "CN brief What happens?",
        "brief CN What happens?",
        "China brief: What happens?",
        "China: brief: What happens?",
        "China, quick question: What happens?",
        "brief CN-01 What happens?",
        "brief: CN-01: What happens?",
        "Brief, China: What happens?",
        "quick: CN-01 What happens?",
        "Quick take, @CN-01: What happens?",
        "a quick look: china: What happens?",
    ],
)
def test_brief_is_asked_for_before_or_after_the_name(text: str) -> None:
    """The words "brief" and "quick" choose the format and are no part of the question."""
    assert said(DESK.address(text)) == ("CN-01", BRIEF, "What happens?")


@pytest.mark.parametrize(
    ("text", "format", "rest"),
    [
        ("CN-01 brief me on tariffs", BRIEF, "brief me on tariffs"),
        ("CN-01 quick overview of tariffs", BRIEF, "quick overview of tariffs"),
        ("brief China will cut", BRIEF, "China will cut"),
        ("CN-01 quickly rising prices", IN_DEPTH, "quickly rising prices"),
        ("CN-01 briefing of today?", IN_DEPTH, "briefing of today?"),
        ("CN-01 what is your brief?", IN_DEPTH, "what is your brief?"),
        ("CN-01 -5 % growth", IN_DEPTH, "-5 % growth"),
        ("CN-01", IN_DEPTH, ""),
        ("CN-01?", IN_DEPTH, ""),
        ("CN-01 brief", BRIEF, ""),
        ("China", IN_DEPTH, ""),
        ("China?!", IN_DEPTH, ""),
        ("CN", IN_DEPTH, ""),
        ("CN-01 one\n\n  two  three \r\nfour", IN_DEPTH, "one\n\ntwo three\nfour"),
    ],
)
def test_what_remains_is_the_question(text: str, format: str, rest: str) -> None:  # noqa: A002
    """Words of the sentence stay, blanks are evened out, line breaks are kept, and nothing may be left."""
    assert said(DESK.address(text)) == ("CN-01", format, rest)


@pytest.mark.parametrize(
    ("text", "format", "rest"),
    [
        ("what happens?", IN_DEPTH, "what happens?"),
        ("CN-01 what happens?", IN_DEPTH, "what happens?"),
        ("cn01: what happens?", IN_DEPTH, "what happens?"),
        ("China: what happens?", IN_DEPTH, "what happens?"),
        ("brief what happens?", BRIEF, "what happens?"),
        ("CN-01 brief: what happens?", BRIEF, "what happens?"),
        ("quick: CN-01 what happens?", BRIEF, "what happens?"),
        ("China, Brazil sign a deal", IN_DEPTH, "China, Brazil sign a deal"),
        ("China, will you answer?", IN_DEPTH, "China, will you answer?"),
        ("US-01 said so", IN_DEPTH, "US-01 said so"),
        ("Japan: yes or no?", IN_DEPTH, "Japan: yes or no?"),
        ("", IN_DEPTH, ""),
    ],
)
def test_bot_user_that_is_a_persona_needs_no_code(text: str, format: str, rest: str) -> None:  # noqa: A002
    """It is always the one addressed; its own code is taken off, another's belongs to the question."""
    assert said(DESK.address(text, bound="CN-01")) == ("CN-01", format, rest)


def test_bot_user_of_nobody_on_the_desk_is_a_mistake() -> None:
    """A persona that was removed while its bot user stayed is an error of the installation."""
    with pytest.raises(ValueError, match="no persona KR-01"):
        DESK.address("why?", bound="KR-01")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("CN-1 why?", ["CN-01"]),
        ("CN-02: why?", ["CN-01"]),
        ("cn2 why?", ["CN-01"]),
        ("NC-01 why?", ["CN-01"]),
        ("chna: why?", ["CN-01"]),
        ("Rusia why?", ["RU-01"]),
        ("Untied States, why?", ["US-01"]),
        ("What will China do with Japan?", ["CN-01", "JP-01"]),
        ("Tell us what India wants", ["IN-01"]),
        ("Why now, CN-01?", ["CN-01"]),
        ("hello there", []),
        ("", []),
        ("ZZ-99 why?", []),
    ],
)
def test_nearest_match_is_offered(text: str, codes: list[str]) -> None:
    """A slip of the finger, or a country named further on, is what the refusal suggests."""
    address = DESK.address(text)
    assert address.persona is None
    assert [persona.code for persona in address.nearest] == codes


def test_suggestions_fit_one_line() -> None:
    """A text that names everybody does not suggest everybody."""
    address = DESK.address("What will Japan, India, China, Russia and the United States do?")
    assert [persona.code for persona in address.nearest] == ["JP-01", "IN-01", "CN-01"]


def test_code_is_found_in_any_case() -> None:
    """Codes come from people and from buttons."""
    found = DESK.by_code("cn-01")
    assert found is not None
    assert found.code == "CN-01"
    assert DESK.by_code("XX-01") is None


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=8).map("".join)))
def test_address_never_raises_and_invents_no_text(text: str) -> None:
    """Whatever is written, the question is a piece of it; a persona or suggestions come back."""
    address = DESK.address(text)
    assert address.text in normalised(text)
    assert address.persona is None or not address.nearest
    for code in CODES:
        assert DESK.address(text, bound=code).text in normalised(text)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    """The text of an address can be addressed again."""
    assert normalised(normalised(text)) == normalised(text)


@given(st.text())
def test_folding_keeps_places(text: str) -> None:
    """A place in the folded text is the same place in the text."""
    assert len(folded(text)) == len(text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text", ["-" * 50_000 + "x", "CN-01" + ": " * 20_000 + "x", "US " * 20_000, "(" * 50_000]
)
def test_long_odd_text_takes_no_time(text: str) -> None:
    """Nobody can keep a worker busy with punctuation."""
    assert DESK.address(text).text in normalised(text)

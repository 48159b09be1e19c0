"""One way of cutting for every script: stems of words, overlapping characters where words run together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.evidence.segmentation import Script, main_script, pieces, tokens

SAME = [
    ("tariffs", "Tariff’s"),
    ("U.S.", "USA"),
    ("São Paulo", "SAO PAULO"),
    ("санкции", "санкциями"),
    ("ёлки", "елка"),
    ("редкоземельные металлы", "редкоземельных металлов"),
    ("हिन्दी", "हिंदी"),
    ("रिज़र्व", "रिजर्व"),
    ("प्रतिबंध", "प्रतिबंधों"),
    ("الولايات المتحدة", "بالولايات المتحدة"),
    ("الاتفاق النووي", "والاتفاق النووى"),
    ("ایران", "الإيرانية"),
    ("ארה״ב", 'בארה"ב'),
    ("הסכם הגרעין", "בהסכם גרעיני"),
    ("מלחמה", "במלחמת"),
    ("희토류", "희토류를"),
    ("미국", "미국과의"),
    ("수출 통제", "수출을 통제했다"),
    ("ｱﾒﾘｶ", "アメリカ"),
    ("１２３", "123"),
    ("١٢٣", "123"),
    ("1,250", "1250"),
]
DIFFERENT = [
    ("US", "us"),
    ("稀土", "新能源"),
    ("Iran", "Iraq"),
    ("Австрия", "Австралия"),
    ("الصين", "الهند"),
    ("ישראל", "איראן"),
    ("북한", "한국"),
    ("ไทย", "จีน"),
    ("भारत", "चीन"),
]
WITHIN = [
    ("稀土", "中美就稀土出口达成协议"),
    ("レアアース", "中国のレアアース輸出規制"),
    ("経済安全保障", "高市政権の経済安全保障政策"),
    ("통제", "대중국수출통제를"),
    ("ภาษี", "สหรัฐขึ้นภาษีนำเข้าสินค้าจีน"),
    ("rare earth", "China’s rare-earth magnets"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    """Case, inflection, particles, prefixes and ways of writing do not hide a word."""
    assert tokens(one) == tokens(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_words_stay_different(one: str, other: str) -> None:
    """Folding does not go so far that countries and terms become one."""
    assert not set(tokens(one)) & set(tokens(other))


@pytest.mark.parametrize(("term", "text"), WITHIN)
def test_a_term_is_a_phrase_of_the_text_it_stands_in(term: str, text: str) -> None:
    """The term's tokens stand side by side in the text, spaces or not."""
    assert f" {' '.join(tokens(term))} " in f" {' '.join(tokens(text))} "


def test_a_text_knows_how_it_is_written() -> None:
    """By most of its letters, so that a name in Latin letters does not turn a Chinese text."""
    assert main_script("中国商务部回应 Nvidia 芯片") is Script.HAN
    assert main_script("Минторг КНР ответил 商务部") is Script.CYRILLIC
    assert [piece.script for piece in pieces("미국 ไทย 中国")] == [Script.HANGUL, Script.THAI, Script.HAN]


@settings(deadline=None)
@given(st.text())
def test_any_text_has_tokens_fit_for_a_query(text: str) -> None:
    """Never an error, and nothing in a token that could end it: no space, no quotation mark, no control."""
    for token in tokens(text):
        assert token
        assert token == token.strip()
        assert not set(token) & set(" \t\r\n\"'*():^\0")


@settings(deadline=None)
@given(st.text(alphabet="中国和美國のアメリカ한국미국ไทยกขا لبוישראлрусский हिंदी abcABC123-.'’\u064b\u0301"))
def test_cutting_is_settled(text: str) -> None:
    """The same text gives the same tokens however much white space stands around it."""
    assert tokens(f"\n {text}\t") == tokens(text)

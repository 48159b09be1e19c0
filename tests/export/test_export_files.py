"""What goes into a file: hostile text stays text, and every script has its letters."""

from __future__ import annotations

import io

from fontTools.ttLib import TTFont

from bot.export.document import Block, Document, Run, Style, plain, runs_of
from bot.export.fonts import fonts_for
from bot.export.markdown import markdown
from bot.export.scripts import faces_in, pieces

SCRIPTS = {
    "Noto Sans": "Жизнь Ελλάδα Łódź",
    "Noto Sans Arabic": "السلام",
    "Noto Sans Hebrew": "שלום",
    "Noto Sans Devanagari": "सत्यमेव",
    "Noto Sans Thai": "สวัสดี",
    "Noto Sans CJK JP": "日本のかな 한국어",
}


def test_every_script_has_an_upright_font_with_its_letters_and_its_own_name() -> None:
    """One font each, cut down to kilobytes; Chinese characters in the shapes of the text's language."""
    fonts = {(font.face.name, font.style): font.data for font in fonts_for(" ".join(SCRIPTS.values()), "ja")}
    assert {name for name, _ in fonts} == set(SCRIPTS)
    for name, text in SCRIPTS.items():
        font = TTFont(io.BytesIO(fonts[name, ""]))
        assert "glyf" in font
        assert set(map(ord, text)) <= set(font.getBestCmap())
        assert font["name"].getDebugName(1) == name
        assert len(fonts[name, ""]) < 60_000
    assert ("Noto Sans", "B") in fonts


def test_text_is_cut_where_its_script_changes_and_nowhere_else() -> None:
    """Spaces stay with what is before them; put together again it is the same text."""
    text = "Wang Anshi (王安石), שלום עולם"
    cut = [(face.name, piece) for face, piece in pieces(text, "zh-Hant")]
    assert "".join(piece for _, piece in cut) == text
    assert ("Noto Sans CJK TC", "王安石") in cut
    assert cut[-1] == ("Noto Sans Hebrew", "שלום עולם")
    assert len(faces_in("plain", "zh")) == 1


def test_a_link_that_is_none_of_our_sources_is_text() -> None:
    """Its label stays, its address goes, also inside bold text; ours keeps both."""
    ours = "https://news.example/a"
    runs = runs_of(f"**See [1]({ours})** or _[free](https://evil.example/x)_", {ours})
    assert [(run.text, run.url) for run in runs if run.url] == [("[1]", ours)]
    assert "evil" not in "".join(run.text + run.url for run in runs)
    assert runs[0] == Run("See ", bold=True)


def test_markup_in_words_stays_words_in_markdown() -> None:
    """Nothing a person or a source wrote becomes a heading, a list, HTML or a link."""
    words = ("# no heading", "1. no list", "<b>no HTML</b>", "[no](https://evil.example) link", "a*b_c`d")
    blocks = tuple(plain(Style.PARAGRAPH, text) for text in words)
    text = markdown(Document("*T*", "CN-01", "Firm", "zh", "by", blocks)).decode()
    assert text.startswith("# \\*T\\*\n")
    for expected in ("\\# no", "1\\. no", "\\<b\\>no", "[no\\](https", "a\\*b\\_c\\`d"):
        assert expected in text


def test_what_no_file_can_hold_is_left_out() -> None:
    """Control characters and halves of pairs would make a Word file that does not open."""
    assert plain(Style.SMALL, "a\x00b\x0bc\ud800d") == Block(Style.SMALL, (Run("abcd"),))

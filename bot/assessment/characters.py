"""Characters of a unit: invisible ones, look-alikes, and scripts other than Latin."""

from __future__ import annotations

import html
import re
import unicodedata

from bot.assessment.references import Review
from bot.evidence.table import fold

__all__ = ["foreign_runs", "normalise", "remove_foreign_terms"]

UNESCAPE_ROUNDS = 4
"""Times that ``&amp;amp;lt;`` is resolved: deeper nesting is an attack, and its rest stays inert text."""

_SHAPED = re.compile("[\uff01-\uff5e\ufe50-\ufe6f\u24b6-\u24e9\U0001d400-\U0001d7ff\U0001f130-\U0001f189]+")
"""Full-width, small, circled and mathematical forms: "ｌｉｋｅｌｙ" is "likely" to a reader."""
_JOINERS = re.compile("(?<![\u0600-\u0dff])[\u200c\u200d]+|[\u200c\u200d]+(?![\u0600-\u0dff])")
"""Joiners, but where Arabic and Indic spelling needs them."""
_MARKS = re.compile("[\u0300-\u036f\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f]+")
"""Combining marks that compose with no letter: what is left of struck-through or piled-up writing."""
_EMOJI = re.compile("[\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]+|:[a-z][a-z0-9_+-]*:")
"""Signs and pictures, and Slack's names for them, which it would draw."""
_PLAIN_SPACES = str.maketrans(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u2011",
    " " * 16 + "-",
)
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])|(?<=s)'(?=\s|$)")
_SPACES = re.compile(r"\s{2,}|[^\S ]")

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufffd")
"""Characters that Unicode counts as letters or signs but that show nothing, and the sign for bytes that
were no text."""


def normalise(text: str, review: Review) -> str:
    """The text as a reader sees it, in one spelling of its characters."""
    for _ in range(UNESCAPE_ROUNDS):
        if "&" not in text:
            break
        text = html.unescape(text)
    if not text.isascii():
        text = _visible(text, review)
    elif not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    if "'" in text:
        text = _APOSTROPHE.sub("’", text)
    if ":" in text or not text.isascii():
        text = review.corrected("emoji", text, _EMOJI.sub("", text))
    return _SPACES.sub(" ", text).strip()


def _visible(text: str, review: Review) -> str:
    plain = unicodedata.normalize("NFC", text).translate(_PLAIN_SPACES)
    shown = _MARKS.sub("", _JOINERS.sub("", plain))
    if not shown.isprintable() or not _BLANK.isdisjoint(shown):
        shown = "".join(_shown(char) for char in shown)
    shown = _SHAPED.sub(lambda match: unicodedata.normalize("NFKC", match[0]), shown)
    return review.corrected("invisible", plain, unicodedata.normalize("NFC", shown))


def _shown(char: str) -> str:
    if char in "\u200c\u200d":
        return char
    if char in _BLANK:
        return ""
    category = unicodedata.category(char)
    if category not in _INVISIBLE:
        return char
    return "" if category in ("Cf", "Cs", "Co", "Cn") else " "


_LATIN = "\u0000-\u02ff\u1d00-\u1dbf\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f\ufb00-\ufb06"
_FOREIGN = rf"(?:(?![{_LATIN}])[^\W\d_])"
_ANY_FOREIGN = re.compile(_FOREIGN)
_SIGNS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u064b-\u065f\u0900-\u0dff\u0e31-\u0e4e\u200c\u200d"
_RUN = re.compile(rf"{_FOREIGN}(?:[{_SIGNS}]|{_FOREIGN}|[\s·・-]+(?={_FOREIGN}))*+")
"""A stretch of letters outside the Latin script, its marks and inner spaces included. Possessive: an Indic or
Thai letter is in both classes, and taking each one back in two ways would take for ever."""
_PARENTHESISED = re.compile(r"\s*[(（\[]([^()（）\[\]]*)[)）\]]")
_TRANSLATED = re.compile(rf"({_RUN.pattern})\s*[(（]([^()（）]+)[)）]")
_WORD = re.compile(r"[^\W\d_]+")
_LOOKALIKES = str.maketrans(
    "АВЕЅЗІЈКМНОРСТУХЬаеѕіјкморстухьԁԛԝһΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχ",
    "ABESZIJKMHOPCTYXbaesijkmopctyxbdqwhABEZHIKMNOPTYXaiknopux",
)
"""Cyrillic and Greek letters that look like Latin ones."""


def foreign_runs(text: str) -> list[str]:
    """The stretches of letters outside the Latin script."""
    return [] if text.isascii() else [run.strip() for run in _RUN.findall(text)]


def remove_foreign_terms(text: str, review: Review) -> str | None:
    """Native terms come from the glossary, so that 新能源生产力 never stands for 新质生产力. A word of the
    material may stay, in its own script; a Latin word with foreign letters in it is respelled. Another
    term goes where its sentence can do without it, and takes the sentence along where it cannot.
    """
    if text.isascii() or not _ANY_FOREIGN.search(text):
        return text
    text = review.corrected("lookalike", text, _WORD.sub(_respelled, text))
    natives = {run for native in review.tables.terms.values() for run in _RUN.findall(native)}

    def known(run: str) -> bool:
        return run in natives or fold(run) in review.tables.material

    def parenthesised(match: re.Match[str]) -> str:
        return match[0] if all(map(known, _RUN.findall(match[1]))) else ""

    def translated(match: re.Match[str]) -> str:
        return match[0] if known(match[1]) else match[2]

    without = text
    if "(" in text or "（" in text or "[" in text:
        without = _TRANSLATED.sub(translated, _PARENTHESISED.sub(parenthesised, text))
    without = review.corrected("foreign_term", text, without)
    if all(map(known, _RUN.findall(without))):
        return without
    review.counts["foreign_term"] += 1
    return None


def _respelled(match: re.Match[str]) -> str:
    word = match[0]
    if word.isascii():
        return word
    respelled = word.translate(_LOOKALIKES)
    return respelled if not _ANY_FOREIGN.search(respelled) and _is_mixed(word) else word


def _is_mixed(word: str) -> bool:
    return any(not _ANY_FOREIGN.match(char) for char in word)

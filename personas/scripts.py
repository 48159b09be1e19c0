"""Which Unicode scripts a text is written in."""

from __future__ import annotations

import unicodedata

__all__ = ["KNOWN_SCRIPTS", "scripts_of"]

_SCRIPT_OF_NAME_START = {
    "ARABIC": "Arabic",
    "ARMENIAN": "Armenian",
    "BENGALI": "Bengali",
    "CJK": "Han",
    "CYRILLIC": "Cyrillic",
    "DEVANAGARI": "Devanagari",
    "ETHIOPIC": "Ethiopic",
    "FEMININE": "Latin",
    "FULLWIDTH": "Latin",
    "GEORGIAN": "Georgian",
    "GREEK": "Greek",
    "GUJARATI": "Gujarati",
    "GURMUKHI": "Gurmukhi",
    "HALFWIDTH": "Katakana",
    "HANGUL": "Hangul",
    "HEBREW": "Hebrew",
    "HIRAGANA": "Hiragana",
    "IDEOGRAPHIC": "Han",
    "KANNADA": "Kannada",
    "KATAKANA": "Katakana",
    "KHMER": "Khmer",
    "LAO": "Lao",
    "LATIN": "Latin",
    "MALAYALAM": "Malayalam",
    "MASCULINE": "Latin",
    "MONGOLIAN": "Mongolian",
    "MYANMAR": "Myanmar",
    "SINHALA": "Sinhala",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "THAI": "Thai",
    "TIBETAN": "Tibetan",
}
# Python's unicodedata has no script property, but a letter's name begins with its script (Unicode Standard,
# 4.8): enough to tell scripts apart, and no dependency.

_SCRIPTLESS_LETTERS = ("MODIFIER LETTER", "KATAKANA-HIRAGANA")
"""Letters every script may use: the modifier apostrophe of transliterations, the kana length mark."""

KNOWN_SCRIPTS: frozenset[str] = frozenset(_SCRIPT_OF_NAME_START.values())
"""Names a persona may list in ``scripts``."""


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of the letters in ``text``; a letter of a script we have no name for counts as ``Other``.
    Marks, digits, punctuation and symbols belong to every script.
    """
    scripts = set()
    for letter in {character for character in text if character.isalpha()}:
        name = unicodedata.name(letter, "")
        if not name.startswith(_SCRIPTLESS_LETTERS):
            scripts.add(_SCRIPT_OF_NAME_START.get(name.partition(" ")[0], "Other"))
    return frozenset(scripts)

"""Which language a text is in, from its letters: sources declare one and send another.

Scripts decide between families; letters of their own between languages of one script; the commonest little
words between those that share the Latin alphabet. A headline of three words may stay undecided.
"""

from __future__ import annotations

import re
from collections import Counter

from personas.scripts import scripts_of

__all__ = ["SCRIPTS_OF_LANGUAGE", "detected_language", "primary"]

SCRIPTS_OF_LANGUAGE: dict[str, frozenset[str]] = {
    "ar": frozenset({"Arabic"}),
    "fa": frozenset({"Arabic"}),
    "he": frozenset({"Hebrew"}),
    "hi": frozenset({"Devanagari"}),
    "ja": frozenset({"Han", "Hiragana", "Katakana"}),
    "ko": frozenset({"Hangul", "Han"}),
    "ru": frozenset({"Cyrillic"}),
    "th": frozenset({"Thai"}),
    "uk": frozenset({"Cyrillic"}),
    "ur": frozenset({"Arabic"}),
    "zh": frozenset({"Han"}),
}
"""Scripts of languages that are not written in Latin letters."""

_SAMPLE_LETTERS = 600
"""Letters looked at: a paragraph decides."""

_CLEAR_SHARE = 0.3
"""Share of letters from which a script counts as the text's own: a Chinese text may be full of company names
in Latin letters."""

_BY_SCRIPT = {
    "Han": "zh",
    "Hangul": "ko",
    "Hebrew": "he",
    "Thai": "th",
    "Devanagari": "hi",
    "Bengali": "bn",
    "Greek": "el",
    "Cyrillic": "ru",
    "Arabic": "ar",
    "Latin": "",
}
_OWN_LETTERS = {
    "Cyrillic": (("uk", frozenset("іїєґІЇЄҐ")),),
    "Arabic": (("ur", frozenset("ٹڈڑںےۓ")), ("fa", frozenset("پچژگ"))),
}

_LITTLE_WORDS = {
    "de": "der die das und ist von mit für auf den dem ein eine nicht zu im des sich werden auch",
    "en": "the of and to in is that for on with as by at from has have was it its are will be this",
    "es": "el la los las de del que y en por con para una un es al su se más como",
    "fr": "le la les des du et est que en pour dans une un sur au aux par pas qui ce avec",
    "id": "yang dan di dengan untuk dari pada ini itu akan tidak dalam oleh ke adalah",
    "it": "il lo gli di che è per una un con del della sono non nel alla dei",
    "pl": "w z na do się nie że jest i o po przez dla od jak",
    "pt": "o os as de que e do da em um uma para com não por mais dos das ao",
    "tr": "ve bir bu için ile olarak da de olan daha sonra kadar gibi",
    "vi": "của và là các có cho được trong với những một không người",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {
    word: tuple(language for language, own in _LITTLE_WORDS.items() if word in own.split())
    for words in _LITTLE_WORDS.values()
    for word in words.split()
}


def primary(tag: str) -> str:
    """The language of a BCP 47 tag without script and region: ``zh-Hans`` -> ``zh``."""
    return tag.partition("-")[0].lower()


def detected_language(text: str, declared: str = "") -> str:
    """The BCP 47 tag of ``text``: ``declared`` where the text agrees or does not tell, else what it is in
    (``zh``, ``hi``); empty where neither tells.
    """
    found = _language_of(text)
    return declared if not found or primary(declared) == found else found


def _language_of(text: str) -> str:
    letters = [character for character in text if character.isalpha()][:_SAMPLE_LETTERS]
    counts = Counter[str]()
    for letter, number in Counter(letters).items():
        for script in scripts_of(letter):
            counts[script] += number
    kana = counts["Hiragana"] + counts["Katakana"]
    if kana > 0.1 * len(letters):
        return "ja"
    for script, language in _BY_SCRIPT.items():
        if counts[script] and counts[script] >= _CLEAR_SHARE * len(letters):
            return _of_own_letters(script, frozenset(letters)) or language or _latin(text)
    return ""


def _of_own_letters(script: str, letters: frozenset[str]) -> str:
    """The language of a script that only it writes with these letters."""
    return next((language for language, own in _OWN_LETTERS.get(script, ()) if letters & own), "")


def _latin(text: str) -> str:
    """The language with the most little words; nothing where two are level or there are fewer than two."""
    votes = Counter[str]()
    for word in re.findall(r"[^\W\d_]+", text[:4000].lower()):
        votes.update(_LANGUAGES_OF.get(word, ()))
    ranked = votes.most_common(2)
    if not ranked or ranked[0][1] < 2 or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return ""
    return ranked[0][0]

"""Characters that a reader does not see or takes for others: taken out, or folded before text is judged."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["skeleton", "visible"]

_TAGS = re.compile("[\U000e0000-\U000e007f]+")
"""Unicode's tag characters: a whole sentence of ASCII that nobody sees. In flag emoji they follow a black
flag; a news text loses nothing without them."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0100-\U000e01ef]"
)
"""Default-ignorable characters (Unicode, DerivedCoreProperties) without the two joiners: soft hyphen, zero
widths, direction overrides, fillers, variation selectors."""

_JOINERS = re.compile("[\u200c\u200d]")
_JOINING_SCRIPTS = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufb50-\ufdff\ufe70-\ufefc]"
)
"""Arabic, the Indian scripts, Burmese and Khmer: there the joiners shape words."""

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")

_LOOKS_LIKE = str.maketrans(
    "аеорсухіјѕԁһԛԝАВЕКМНОРСТУХІЈЅαεικνορτυχγηΑΕΒΖΗΙΚΜΝΟΡΤΥΧɡɑɩıℓ",
    "aeopcyxijsdhqwABEKMHOPCTYXIJSaeikvoptuxynAEBZHIKMNOPTYXgaiil",
)
"""Cyrillic, Greek and other letters that look like Latin ones (the everyday part of Unicode's
confusables)."""

_DIGITS = str.maketrans("0134578@$", "oieastbas")
_SPELT_OUT = re.compile(r"(?<!\w)(?:\w[ .\-_*]{1,2}){4,}\w(?!\w)")
_WORD_WITH_DIGITS = re.compile(r"\b(?=\w*[a-z])(?=\w*[0134578@$])[\w@$]{4,}", re.ASCII)


def visible(text: str) -> tuple[str, int]:
    """The text that a reader sees, NFC, and how many passages were hidden in it (runs of tag characters that
    spell something).
    """
    hidden = sum(len(run) >= 4 for run in _TAGS.findall(text))
    text = _INVISIBLE.sub("", _TAGS.sub("", text))
    text = _JOINERS.sub(_kept_joiner, text)
    return unicodedata.normalize("NFC", _CONTROLS.sub(" ", text)), hidden


def _kept_joiner(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    return match[0] if _JOINING_SCRIPTS.match(before) and _JOINING_SCRIPTS.match(after) else ""


def skeleton(text: str) -> str:
    """A form to judge text by, never to show: compatibility letters, accents, look-alikes, digits for letters
    and l-e-t-t-e-r-s apart are folded away; lower case.
    """
    folded = unicodedata.normalize("NFKD", text)
    folded = "".join(character for character in folded if not unicodedata.combining(character))
    words = re.split(r"(\s+)", unicodedata.normalize("NFC", folded))
    folded = "".join(_latin_if_disguised(word) for word in words).lower()
    folded = _SPELT_OUT.sub(lambda match: re.sub(r"[ .\-_*]", "", match[0]), folded)
    return _WORD_WITH_DIGITS.sub(lambda match: match[0].translate(_DIGITS), folded)


def _latin_if_disguised(word: str) -> str:
    """A word whose letters all look Latin is read as Latin; a real Russian or Greek one has others, too."""
    read = word.translate(_LOOKS_LIKE)
    return read if all(character.isascii() for character in read if character.isalpha()) else word

"""Text of any script as a sequence of search tokens: what is indexed and what is asked are cut alike.

Scripts that put spaces between words give stems. Chinese, Japanese, Korean and Thai give overlapping runs of
characters, which find a word wherever it stands in an unspaced text (``tests/evidence`` compares them with
words cut by hand). A term is then a phrase: its tokens, adjacent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache, lru_cache
from typing import Final, NamedTuple

import snowballstemmer  # type: ignore[import-untyped]

__all__ = ["GRAM_LENGTH", "Piece", "Script", "main_script", "pieces", "tokens", "without_particle"]


class Script(Enum):
    """What a run of letters is written in, as far as cutting goes."""

    LATIN = "Latin"
    """And every script that is not named here."""
    CYRILLIC = "Cyrillic"
    ARABIC = "Arabic"
    HEBREW = "Hebrew"
    DEVANAGARI = "Devanagari"
    HAN = "Han"
    """With kana: Chinese and Japanese, without spaces."""
    HANGUL = "Hangul"
    """With spaces, but particles and compounds are written together."""
    THAI = "Thai"
    """And Lao, Khmer and Burmese, without spaces."""
    DIGITS = "digits"


class Piece(NamedTuple):
    """A run of letters or digits of one script, not yet cut."""

    text: str
    """NFKC, lower case."""
    script: Script


GRAM_LENGTH: Final = {Script.HAN: 2, Script.HANGUL: 2, Script.THAI: 3}
"""Characters a token, in the scripts that are cut into overlapping runs. Two is the usual length of a word in
Chinese and Korean; a syllable of Thai takes about three.
"""

KNOWN_WORDS: Final = 50_000
"""Words whose stem is remembered: about the vocabulary of 5,000 articles in eight languages, some 10 MB."""

_HAN: Final = (
    "\u3005\u3006\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_HANGUL: Final = "\uac00-\ud7a3"
_THAI: Final = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u104f\u1780-\u17d3"
_MARKS: Final = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0903\u093a-\u094f"
    "\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u0b82\u0bbe-\u0bcd\u200c\u200d"
)
"""Belong to the letter before them, but are no letters to ``re``."""
_RUNS: Final = re.compile(
    rf"[{_HAN}]+|[{_HANGUL}]+|[{_THAI}]+|\d+(?:[.,]\d+)*"
    rf"|(?:[^\W\d_{_HAN}{_HANGUL}{_THAI}]|[{_MARKS}])+"
)
_BLOCKS: Final = (
    ("\u0400", "\u052f", Script.CYRILLIC),
    ("\u0590", "\u05ff", Script.HEBREW),
    ("\u0600", "\u077f", Script.ARABIC),
    ("\u0900", "\u097f", Script.DEVANAGARI),
    ("\u0e00", "\u0eff", Script.THAI),
    ("\u1000", "\u109f", Script.THAI),
    ("\u1780", "\u17ff", Script.THAI),
    ("\u3005", "\u30ff", Script.HAN),
    ("\u3400", "\u9fff", Script.HAN),
    ("\uac00", "\ud7a3", Script.HANGUL),
    ("\uf900", "\ufaff", Script.HAN),
    ("\U00020000", "\U000323af", Script.HAN),
)
"""First and last character; what is in none of them is written like Latin."""
_DOTTED: Final = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_UNITED_STATES: Final = re.compile(r"\bUSA?\b|\bU\.\s?S\.(?:\s?A\.)?")
"""In capitals only: in lower case it is a pronoun."""
_HEBREW_QUOTES: Final = re.compile(r"(?<=[א-ת])[\"'״׳”“’](?=[א-ת])")
_POSSESSIVE: Final = re.compile(r"(?<=\w)[’']s?\b", re.I)
_JOINERS: Final = re.compile(r"[\u200b-\u200f\u00ad\u2060\ufeff]")


def tokens(text: str) -> list[str]:
    """The search tokens of a text, in order: lower case, without spaces or quotation marks. Any text has
    tokens, if only none; never raises.
    """
    return [token for run in _RUNS.findall(_folded(text)) for token in _cut(run)]


def pieces(text: str) -> Iterator[Piece]:
    """The runs of a text that are searched for, before they are cut into tokens."""
    for run in _RUNS.findall(_folded(text)):
        yield Piece(run, _script(run))


def main_script(text: str) -> Script:
    """What most of a text is written in."""
    lengths = dict.fromkeys(Script, 0)
    for piece in pieces(text):
        lengths[piece.script] += len(piece.text)
    return max(lengths, key=lengths.__getitem__)


def without_particle(word: str) -> str:
    """A Korean word without what is written onto it."""
    return _PARTICLE.sub("", word, count=1)


def _script(run: str) -> Script:
    first = run[0]
    if first.isdigit():
        return Script.DIGITS
    if first < "\u0400":
        return Script.LATIN
    return next((script for start, end, script in _BLOCKS if start <= first <= end), Script.LATIN)


def _folded(text: str) -> str:
    text = _UNITED_STATES.sub(" usa ", text)
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _JOINERS.sub("", text)
    text = _HEBREW_QUOTES.sub("", text)
    text = _DOTTED.sub(lambda match: match[0].replace(".", "") + " ", text)
    return _POSSESSIVE.sub("", text)


def _cut(run: str) -> tuple[str, ...]:
    script = _script(run)
    length = GRAM_LENGTH.get(script)
    if length is None:
        return _stem(run, script)
    if script is Script.HANGUL:
        run = without_particle(run)
    return tuple([run[start : start + length] for start in range(max(1, len(run) - length + 1))])


# Words


@lru_cache(maxsize=KNOWN_WORDS)
def _stem(word: str, script: Script) -> tuple[str, ...]:
    """One stem, or none where a word is nothing but marks."""
    stem = _STEMMERS[script](word)
    return (stem,) if stem else ()


def _number(word: str) -> str:
    return "".join(_digit(character) for character in word if character != ",")


def _digit(character: str) -> str:
    """A digit of any script as the one on our keyboards."""
    return str(unicodedata.digit(character, character))


@cache
def _snowball(language: str) -> Callable[[str], str]:
    stem: Callable[[str], str] = snowballstemmer.stemmer(language).stemWord
    return stem


def _without_marks(word: str) -> str:
    """``são`` and ``sao`` are one word, as most people type it."""
    return "".join(
        character for character in unicodedata.normalize("NFD", word) if not unicodedata.combining(character)
    )


_HINDI_NASALS: Final = re.compile("[ङञणनम]\u094d(?=[क-ह])|\u0901")
"""A nasal before a consonant may be written as a letter or as a dot: हिन्दी, हिंदी."""


def _hindi(word: str) -> str:
    word = word.replace("\u093c", "").replace("\u200d", "").replace("\u200c", "")
    return _snowball("hindi")(_HINDI_NASALS.sub("\u0902", word))


_ARABIC_LETTERS: Final = str.maketrans("یکەہھےۀٱأإآىةؤئ", "يكهههيهاااايهوي")
"""Letters that are often written for one another, and Persian and Urdu ones, as their plain Arabic form."""


_ARABIC_MARKS: Final = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200c]")
_ARABIC_PREFIX: Final = re.compile("^(?:وال|بال|كال|فال|ال|لل|و)(?=.{3})")
_ARABIC_SUFFIX: Final = re.compile("(?<=.{3})(?:ها|ان|ات|ون|ين|يه|ه|ي)$")
"""Articles and “and”, and common endings; three letters, a root, stay."""


def _arabic(word: str) -> str:
    """Light stemming in the way of Larkey, Ballesteros and Connell: what is written onto a word goes, its
    pattern stays. Snowball's stemmer gives الولايات and بالولايات different stems.
    """
    word = _ARABIC_MARKS.sub("", word).translate(_ARABIC_LETTERS)
    return _worn_down(_ARABIC_SUFFIX, _worn_down(_ARABIC_PREFIX, word))


_HEBREW_POINTS: Final = re.compile("[\u0591-\u05c7]")
_HEBREW_FINALS: Final = str.maketrans("ךםןףץ", "כמנפצ")
_HEBREW_PREFIX: Final = re.compile("^[והבכלמש](?=.{3})")
"""And, the, in, as, to, from, that: written as part of the next word, several at once."""
_HEBREW_SUFFIX: Final = re.compile("(?<=.{3})(?:ייה|יות|יים|ות|ים|ית|ה|ת|י)$")


def _hebrew(word: str) -> str:
    """No stemmer of Hebrew is maintained. Taking off everything that may be a prefix or an ending merges some
    words that have nothing in common, but gives each word the same stem in all its forms.
    """
    word = _HEBREW_SUFFIX.sub("", _HEBREW_POINTS.sub("", word))
    return _worn_down(_HEBREW_PREFIX, word).translate(_HEBREW_FINALS)


def _worn_down(affix: re.Pattern[str], word: str) -> str:
    while (shorter := affix.sub("", word)) != word:
        word = shorter
    return word


SHORTEST_STEMMED: Final = 4
"""Letters of a Russian word from which it has an ending: “ИИ”, artificial intelligence, is not “и”, and."""


def _russian(word: str) -> str:
    word = word.replace("ё", "е")
    return _snowball("russian")(word) if len(word) >= SHORTEST_STEMMED else word


def _english(word: str) -> str:
    return _snowball("english")(_without_marks(word))


_STEMMERS: Final[dict[Script, Callable[[str], str]]] = {
    Script.LATIN: _english,
    Script.CYRILLIC: _russian,
    Script.ARABIC: _arabic,
    Script.HEBREW: _hebrew,
    Script.DEVANAGARI: _hindi,
    Script.DIGITS: _number,
}


# Korean

_PARTICLE: Final = re.compile(
    "(?<=..)(?:들?(?:은|는|이|가|을|를|의|에|와|과|도|만|로|으로|에서|에게|한테|께|까지|부터|보다|처럼|마다|조차|밖에|나|이나"
    "|라도|에는|에도|에서는|에서의|으로는|으로의|로의|로는|와의|과의|와는|과는|에게는|까지의|라고|이라고|이며|이고|이다)|들"
    "|했다|한다|하는|하고|하며|하기|했던|한|할|해|된|된다|됐다|되는|됐던|될)$"
)
"""What follows a noun of two syllables or more inside its word: particles; 하다 and 되다 that make verbs."""

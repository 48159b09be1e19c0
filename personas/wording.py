"""How people open a question: the blanks, letters and little words around an address."""

from __future__ import annotations

import re
import unicodedata

from personas.scripts import scripts_of

__all__ = [
    "AFTER_CODE",
    "AFTER_NAME",
    "CODE",
    "CODE_LIKE",
    "COLON",
    "COMMA",
    "JOINED",
    "NOTHING_MORE",
    "OPENING",
    "POSSESSIVE",
    "after",
    "asks",
    "brief_end",
    "brief_set_off",
    "ends_word",
    "folded",
    "in_depth_end",
    "normalised",
]

# All patterns read folded text (below): lower case, ASCII punctuation, one apostrophe, one hyphen.
_CLOSING = r"[)\]}*_~`\"”“»'’]*"
_SPACED_DASH = r"[-–—]+(?=\s|$)"
"""A dash ends an address only before a space: "CN-01 -5% growth" keeps its minus."""

OPENING = re.compile(
    r"[\s@#(\[{*_~`\"“”«'‘]*(?:(?:ask|dear|hello|hey|hi|ok|okay|please|thanks)[,!]?[ \n]+[@(\[*_`\"“]*)*"
)
"""Brackets, emphasis and courtesies before an address: "Hey @CN-01, …"."""
CODE = re.compile(r"([a-z]{2})[-_ –—]?(\d{2})(?!\w)")
CODE_LIKE = re.compile(r"([a-z]{2,3})[-_–—]?\d{1,3}(?!\w)")
"""What somebody who half remembers a code types: ``CN-1``, ``CN-02``, ``usa-01``."""
AFTER_CODE = re.compile(rf"{_CLOSING}(?:\s|[:;,.!?|、。]|{_SPACED_DASH})*{_CLOSING}\s*")
AFTER_NAME = re.compile(rf"{_CLOSING}\s*(?:[:;|.!]+|\n|\s{_SPACED_DASH}|—){_CLOSING}\s*")
COLON = re.compile(rf"{_CLOSING}\s*:{_CLOSING}\s*")
COMMA = re.compile(r"\s*[,、]\s*")
NOTHING_MORE = re.compile(r"[\W_]*$")
POSSESSIVE = re.compile(r"'s?(?!\w)")
JOINED = re.compile(
    r"(?:'s?)?\s*(?:[-–—/,、&+]|(?:and|or|vs\.?|versus|und|et|и|और)(?!\w)|和|与|與|と)\s*(?:the )?"
)
"""What stands between two countries that a text names in one breath."""

_ASKING = re.compile(
    r"(?:am|are|assess|can|could|describe|did|do|does|explain|give|has|have|how|in|is|please|should|tell|"
    r"was|were|what|when|where|which|who|whom|whose|why|will|would|your)(?!\w)"
)
_KINDS = "answer|assessment|look|question|read|take|view"
_BRIEF = re.compile(rf"(?:(?:a|in) )?(?:briefly|(?:quick|brief)(?: (?:{_KINDS}))?)(?![\w-])")
_IN_DEPTH = re.compile(rf"(?:an? )?in[- ]depth(?: (?:{_KINDS}))?(?![\w-])")
_AFTER_BRIEF = re.compile(rf"{_CLOSING}(?:\s|[:;,.!|、。]|{_SPACED_DASH})*{_CLOSING}\s*")
_BRIEF_SET_OFF = re.compile(rf"{_CLOSING}\s*(?:[:;,|、]|{_SPACED_DASH}|\n|$)")
_BRIEF_IN_SENTENCE = re.compile(r" (?:me|us|on|about|of|for|to|and|note|overview|summary|history)(?!\w)")
"""After these, "brief" is a word of the sentence ("brief me on …", "quick overview of …") and stays."""

_SPACELESS_SCRIPTS = frozenset({"Han", "Hangul", "Hiragana", "Katakana", "Khmer", "Lao", "Myanmar", "Thai"})
"""Scripts in which the next word (or a particle) follows without a space: no word boundary to look for."""

_SAME_AS = {"’": "'", "ʼ": "'", "‐": "-", "\u2011": "-", "‒": "-", "−": "-", "\u3000": " "}
_FULL_WIDTH_DISTANCE = ord("！") - ord("!")
"""Unicode's full-width block, which Chinese and Japanese keyboards type, mirrors ASCII at this distance."""


def normalised(text: str) -> str:
    """Runs of blanks as one space, none around line breaks or at the ends; line breaks are kept."""
    text = re.sub(r"[\u200b\u2060\ufeff]", "", text)  # invisible, pasted along by editors and phones
    text = re.sub(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]", "\n", text)
    return re.sub(r" *\n *", "\n", re.sub(r"[^\S\n]+", " ", text)).strip()


def folded(text: str) -> str:
    """Lower case, ASCII for full-width forms, one kind of apostrophe and hyphen. As long as ``text``, so that
    a place in one is a place in the other.
    """
    return "".join(map(_folded_character, text))


def _folded_character(character: str) -> str:
    if "！" <= character <= "～":
        character = chr(ord(character) - _FULL_WIDTH_DISTANCE)
    character = _SAME_AS.get(character, character)
    lower = character.lower()
    return lower if len(lower) == 1 else character


def after(pattern: re.Pattern[str], words: str, at: int) -> int:
    """The end of ``pattern`` at ``at``, or ``at`` where it does not match."""
    match = pattern.match(words, at)
    return match.end() if match else at


def asks(words: str, at: int) -> bool:
    """Whether a question or a request begins at ``at``."""
    return _ASKING.match(words, at) is not None


def brief_end(words: str, at: int) -> int | None:
    """Where the question goes on after "brief" or "quick" at ``at``; ``None`` if neither stands there."""
    brief = _BRIEF.match(words, after(OPENING, words, at))
    if brief is None:
        return None
    if _BRIEF_IN_SENTENCE.match(words, brief.end()):
        return at
    return after(_AFTER_BRIEF, words, brief.end())


def in_depth_end(words: str, at: int) -> int | None:
    """Where the question goes on after "in depth" and a mark at ``at``; ``None`` if it is not there."""
    deep = _IN_DEPTH.match(words, after(OPENING, words, at))
    if deep is None or not _BRIEF_SET_OFF.match(words, deep.end()):
        return None
    return after(_AFTER_BRIEF, words, deep.end())


def brief_set_off(words: str, at: int) -> bool:
    """Whether "brief" or "quick" stands at ``at`` with punctuation behind it: "China brief: …"."""
    brief = _BRIEF.match(words, at)
    return brief is not None and _BRIEF_SET_OFF.match(words, brief.end()) is not None


def ends_word(words: str, end: int) -> bool:
    """Whether a word that ends at ``end`` is whole there."""
    if end >= len(words) or scripts_of(words[end - 1]) & _SPACELESS_SCRIPTS:
        return True
    following = words[end]
    # A vowel sign is no letter to Python, but भारत is not a word of its own in भारतीय.
    return not (following.isalnum() or unicodedata.category(following).startswith("M"))

"""Single characters that do not mean what they look like: invisible, directional, disguised ones.

The first step of ``bot.slack.text_safety``. Afterwards a text holds only characters a reader can
see, in the form a pattern can recognise.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["plain_characters"]

_FULLWIDTH: Final = {
    ord(wide): chr(ord(wide) - 0xFEE0)
    for wide in "＜＞＠＃＆．／＼＿－｜［］｀"
    + "".join(map(chr, range(0xFF10, 0xFF1A)))  # digits
    + "".join(map(chr, range(0xFF21, 0xFF3B)))  # capitals
    + "".join(map(chr, range(0xFF41, 0xFF5B)))  # small letters
}
"""Fullwidth forms of letters, digits and of the signs Slack gives a meaning to. Fullwidth
punctuation that Chinese and Japanese use (，：；！？（）) is left alone.
"""
_SMALL_FORMS: Final = {ord("﹤"): "<", ord("﹥"): ">", ord("﹫"): "@", ord("﹟"): "#", ord("﹠"): "&"} | {
    ord("﹨"): "\\",
    ord("﹒"): ".",
    ord("․"): ".",
    ord("｡"): "。",
    0xFF5C: "|",
}
_LINES: Final = {0x2028: "\n", 0x2029: "\n", 0x0B: "\n", 0x0C: "\n", 0x85: "\n", 0x0D: "\n", 0x09: " "}
_MAPPED: Final = _FULLWIDTH | _SMALL_FORMS | _LINES

_BLANK: Final = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u034f\u2800")
"""Letters and marks by category that show nothing."""

_JOINERS: Final = "\u200c\u200d"
_JOINING_SCRIPTS: Final = (
    "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff"  # Arabic, and Persian, Urdu, Pashto, Uyghur in it
    "\u0700-\u074f\u0780-\u07bf"  # Syriac, Thaana
    "\u0900-\u0dff"  # Devanagari to Sinhala
    "\u1000-\u109f\u1780-\u17ff\u1800-\u18af"  # Myanmar, Khmer, Mongolian
    "\ufb50-\ufdff\ufe70-\ufeff"  # Arabic presentation forms
)
_USEFUL_JOINER: Final = re.compile(f"(?<=[{_JOINING_SCRIPTS}])[{_JOINERS}](?=[{_JOINING_SCRIPTS}])")
_ORDINARY: Final = re.compile(
    r"[\n\x20-\x7e\u00a0\u00b7\u00c0-\u024f\u2010-\u2014\u2018-\u201d\u2022\u2026]*"
)
"""Text nobody needs to look at closer: most of what is written in English."""


def _is_pictograph(char: str) -> bool:
    return (
        unicodedata.category(char) == "So"
        or char in "\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
    )


def _kept_invisible(text: str, index: int) -> bool:
    """Whether an invisible character does visible work where it stands: joins letters of a script
    that needs it, or the parts of one emoji.
    """
    char = text[index]
    before = text[index - 1] if index else ""
    after = text[index + 1] if index + 1 < len(text) else ""
    if char == "\ufe0f":
        return bool(before) and unicodedata.category(before) == "So"
    if (
        char == "\u200d"
        and before
        and after
        and _is_pictograph(before)
        and unicodedata.category(after) == "So"
    ):
        return True
    return char in _JOINERS and _USEFUL_JOINER.match(text, index) is not None


def _is_invisible(char: str) -> bool:
    if char == "\n":
        return False
    category = unicodedata.category(char)
    if category in {"Cc", "Cf", "Cs"} or char in _BLANK:
        return True
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0000" <= char <= "\U000e0fff"


def _is_styled(char: str) -> bool:
    """Letters in disguise: mathematical bold, script, double-struck …, circled ones."""
    return "\U0001d400" <= char <= "\U0001d7ff" or "\u24b6" <= char <= "\u24e9"


def plain_characters(text: str) -> tuple[str, int]:
    """The text without invisible, directional and control characters and with disguised ASCII
    undisguised; and how many characters were taken out.

    Tabs become spaces, every kind of line end a newline. Joiners stay between letters of the
    scripts that are written with them.
    """
    if _ORDINARY.fullmatch(text):
        return text, 0
    text = text.replace("\r\n", "\n").translate(_MAPPED)
    removed = 0
    # A removed character can leave a joiner beside a letter it does nothing for: until nothing changes.
    while True:
        kept = [char for i, char in enumerate(text) if not _is_invisible(char) or _kept_invisible(text, i)]
        if len(kept) == len(text):
            break
        removed += len(text) - len(kept)
        text = "".join(kept)
    if any(map(_is_styled, text)):
        text = "".join(unicodedata.normalize("NFKC", char) if _is_styled(char) else char for char in text)
    return text, removed

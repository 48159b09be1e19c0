"""The last layer before any text of a model or a person leaves for Slack.

Whatever the text says, what leaves holds nothing that Slack, or anything that decodes, unescapes or
normalises it on the way, could take for a mention, a ping, or a link that is not ours. Dangerous
forms become visible, inert ones ("@ channel", "‹!here›", "example[.]com", "(link removed)"), so
that a reader sees what was written and an operator can count it.

Applied to one unit of text at a time. A unit never ends in the first half of a dangerous form, so
units can be joined.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Final

from bot.slack.characters import plain_characters
from bot.slack.domains import is_live_domain

__all__ = ["ADDRESS_REMOVED", "LINK_REMOVED", "SafeText", "safe_markdown", "safe_mrkdwn", "safe_plain"]

LINK_REMOVED: Final = "(link removed)"
ADDRESS_REMOVED: Final = "(address removed)"

_ROUNDS: Final = 12
"""Removing one thing can uncover another; real text settles in two rounds, an attack in a few."""


@dataclass(frozen=True, slots=True)
class SafeText:
    """Text that may leave, and how many things had to be changed for it."""

    text: str
    removed: int


_AMPERSANDS: Final = re.compile(r"&(?:(?:amp|AMP|#0*38|#[xX]0*26);)+")
_ENTITY: Final = re.compile(
    r"&(?:#\d{1,8};?|#[xX][0-9a-fA-F]{1,7};?|(?:lt|gt|LT|GT);?|[A-Za-z][A-Za-z0-9]{1,31};)"
)

_ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_KEPT_ESCAPES: Final = "\\*_~`"
"""Escapes that only keep formatting literal; any other would hide a dangerous sign from us."""

_LINK: Final = re.compile(
    r"!?\[(?P<label>[^\[\]\n]*)\]\("
    r"[ ]*<?(?P<url>[^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:[ ]+[\"'][^\"'\n]*[\"'])?[ ]*\)"
)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,31}[:：]//[^\s<>\"”»，。；、（）《》「」『』]*")
_NAKED_SCHEME: Final = re.compile(
    r"\b(?:mailto|tel|sms|sip|sips|skype|callto|facetime|javascript|vbscript|slack|file|data|https?|ftp)[:：]"
    r"(?=[^\s])[^\s<>]*",
    re.IGNORECASE,
)
_EMAIL: Final = re.compile(
    # Bounded as addresses are (RFC 5321), so that a long text without spaces costs no more than another.
    r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{1,253}\.[^\s@<>()\[\],;:\".]{2,63}"
)
_WWW: Final = re.compile(r"(?<!\w)www[.。][^\s<>\"”»]+", re.IGNORECASE)
_DOTTED: Final = re.compile(r"(?<![\w\-])[\w\-]+(?:[.。][\w\-]+)+")
_AT: Final = re.compile(r"@(?=[\w<!#&])")
_OPENING: Final = re.compile(r"<(?![=\d~≈$€£¥.]|[ \u00a0\u202f\u2009](?![!@#/\s]|$))")
_LINK_JOINTS: Final = re.compile(r"\](?=[(\[:])")
_ANGLES: Final = "‹"


class _Cleaner:
    """One unit on its way through the rules; counts what they change."""

    def __init__(self, allowed_urls: Set[str]) -> None:
        self.allowed = allowed_urls
        self.removed = 0

    def _replaced(
        self, text: str, pattern: re.Pattern[str], new: str | Callable[[re.Match[str]], str]
    ) -> str:
        text, count = pattern.subn(new, text)
        self.removed += count
        return text

    def clean(self, text: str) -> str:
        """All rules, again and again until nothing changes."""
        for _ in range(_ROUNDS):
            cleaned = self._round(text)
            if cleaned == text:
                return text
            text = cleaned
        # Nobody writes like this by accident: keep letters, digits, spaces and harmless punctuation.
        self.removed += 1
        return "".join(char for char in text if char.isalnum() or char in " \n,;-'()*")

    def _round(self, text: str) -> str:
        text, invisible = plain_characters(text)
        self.removed += invisible
        text = self._decoded(text)
        text = _ESCAPE.sub(self._escape, text)
        pieces: list[str] = []
        position = 0
        for link in _LINK.finditer(text):
            pieces.append(self._segment(text[position : link.start()]))
            pieces.append(self._link(link))
            position = link.end()
        pieces.append(self._segment(text[position:]))
        return "".join(pieces)

    def _decoded(self, text: str) -> str:
        if "&" not in text:
            return text
        text = _AMPERSANDS.sub("&", text)
        return _ENTITY.sub(lambda match: html.unescape(match[0]), text)

    def _escape(self, match: re.Match[str]) -> str:
        return match[0] if match[1] in _KEPT_ESCAPES else match[1]

    def _link(self, match: re.Match[str]) -> str:
        label = match["label"]
        if match["url"] in self.allowed and not match[0].startswith("!"):
            return f"[{self._segment(label)}]({match['url']})"
        self.removed += 1
        # A source's number stays recognisable as one.
        return f"[{label}]" if label.isdecimal() else label or LINK_REMOVED

    def _url(self, match: re.Match[str]) -> str:
        # Closing punctuation belongs to the sentence. An asterisk may close bold text around the link.
        address = match[0].rstrip(".,;:!?*_~)]")
        tail = match[0][len(address) :]
        for kept in (match[0], address):
            if kept in self.allowed:
                return match[0]
        self.removed += 1
        return LINK_REMOVED + tail

    def _domain(self, match: re.Match[str]) -> str:
        if not is_live_domain(match[0]):
            return match[0]
        self.removed += 1
        return re.sub("[.。]", "[.]", match[0])

    def _segment(self, text: str) -> str:
        """Rules for text between links."""
        kept = ""
        if ":" in text or "：" in text:
            pieces: list[str] = []
            position = 0
            for match in _URL.finditer(text):
                pieces.append(self._words(text[position : match.start()]))
                pieces.append(self._url(match))
                position = match.end()
            kept, text = "".join(pieces), text[position:]
        return kept + self._words(text)

    def _words(self, text: str) -> str:
        """Rules for text in which no URL with "//" is left."""
        text = self._replaced(text, _NAKED_SCHEME, LINK_REMOVED)
        if "@" in text:
            text = self._replaced(text, _EMAIL, ADDRESS_REMOVED)
            text = self._replaced(text, _AT, "@ ")
        text = self._replaced(text, _WWW, LINK_REMOVED)
        if "." in text or "。" in text:
            text = _DOTTED.sub(self._domain, text)
        text = self._replaced(text, _OPENING, _ANGLES)
        return self._replaced(text, _LINK_JOINTS, "] ")


def safe_markdown(text: str, *, allowed_urls: Set[str] = frozenset()) -> SafeText:
    """Text for ``markdown_text`` and Markdown blocks. Links stay only where the address is, letter for
    letter, one of ``allowed_urls``; a link's label stays always. Applying it again changes nothing.
    """
    cleaner = _Cleaner(allowed_urls)
    cleaned = cleaner.clean(text)
    return SafeText(cleaned, cleaner.removed)


def safe_mrkdwn(text: str) -> SafeText:
    """Text for ``mrkdwn`` objects and ``text`` arguments: no links at all, ``&``, ``<``, ``>`` escaped."""
    cleaned = safe_markdown(text)
    return SafeText(html.escape(cleaned.text, quote=False), cleaned.removed)


def safe_plain(text: str) -> SafeText:
    """One line for ``plain_text`` objects: headers, button labels, status lines, names."""
    cleaned = safe_markdown(" ".join(text.split()))
    return SafeText(" ".join(unicodedata.normalize("NFC", cleaned.text).split()), cleaned.removed)

"""What Slack would make live: an independent reader, written from Slack's formatting rules.

It shares no code with ``bot.slack.text_safety``. It looks at a text in every form it may take on the
way: as it is, entities decoded once and twice, backslash escapes resolved, compatibility characters
normalised, invisible characters gone.
"""

from __future__ import annotations

import html
import re
import unicodedata

SPECIAL = re.compile(r"<[!@#][^<>\n]*>?|<(?:https?|mailto|tel|ftp|slack)[^<>\n]*>?", re.IGNORECASE)
BROADCAST = re.compile(r"@(?:channel|here|everyone|group)", re.IGNORECASE)
NAME = re.compile(r"@\w")
URL = re.compile(r"[a-z][a-z0-9+.\-]*://[^\s]+", re.IGNORECASE)
MAILTO = re.compile(r"\b(?:mailto|tel|javascript):[^\s]", re.IGNORECASE)
EMAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}")
DOMAIN = re.compile(
    r"[A-Za-z0-9\-]+\.(?:com|org|net|cn|ru|io|co|uk|de|in|jp|us|app|dev)(?![A-Za-z0-9\-])", re.IGNORECASE
)
WWW = re.compile(r"\bwww\.[A-Za-z0-9]", re.IGNORECASE)
MARKDOWN_LINK = re.compile(r"\]\(|^ {0,3}\[[^\]\n]+\]:[ ]*\S", re.MULTILINE)
IMAGE = re.compile(r"!\[[^\]\n]*\]\(")


def _unescaped(text: str) -> str:
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def _visible(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cc", "Cs"} or c == "\n")


def forms(text: str) -> set[str]:
    """Every form the text may take before somebody recognises links and mentions in it."""
    seen = {text}
    for step in (
        html.unescape,
        _unescaped,
        _visible,
        lambda t: unicodedata.normalize("NFKC", t),
        html.unescape,
    ):
        seen |= {step(form) for form in seen}
    return seen


def live(text: str, *, allowed_urls: frozenset[str] = frozenset()) -> list[str]:
    """Everything live in the text, but links to allowed addresses. Empty is safe."""
    found: list[str] = []
    for form in forms(text):
        found += IMAGE.findall(form)
        for url in allowed_urls:
            form = form.replace(f"]({url})", "]").replace(f"({url})", "").replace(url, " ")  # noqa: PLW2901
        for pattern in (SPECIAL, BROADCAST, NAME, URL, MAILTO, EMAIL, DOMAIN, WWW, MARKDOWN_LINK):
            found += [f"{pattern.pattern[:20]}: {match[0]}" for match in pattern.finditer(form)]
    return found

"""Markup in a unit: links, mentions, HTML, LaTeX, emphasis. Only references and bold labels may stay."""

from __future__ import annotations

import re

from bot.assessment.references import Review

__all__ = ["remove_links", "remove_markup", "remove_mentions"]

_IMAGE = re.compile(r"!\[([^\]]*)\](?:\([^)]*\)?|\[[^\]]*\])?")
_LINK = re.compile(r"\[([^\]\[]*)\]\(([^)]*)\)?")
_GENERIC = "com|org|net|gov|edu|info|int|mil|biz|app|dev|news|site|online|xyz|top|cloud|blog|press|media|asia"
_NATIONAL = "cn|ru|uk|de|jp|fr|eu|co|io|ly|kr|tw|hk|nl|ch|br|au|ca|tv|ai|ua|ir|il|sg|za|es|pl"
_WORDS_TOO = "in|us|me"
"""Endings that are words: in "the deal.In spring" a blank is missing, so they count in lower case only."""
_LEADING_TO = (
    r"(?:\b(?:(?:read more|more|available|published|posted|online|details)\s+)?"
    r"(?:at|on|via|from|see|visit|under|source:|link:)\s+)?"
)
_ADDRESS = re.compile(
    rf"{_LEADING_TO}(?:"
    r"(?:\b[a-z][a-z0-9+.-]{1,15}:/{1,3}|\bwww\.)\S*[^\s.,;:!?)\]}»”]"
    r"|\b(?:mailto|javascript|data|tel|sms|file|slack|vbscript):(?=\S)\S*[^\s.,;:!?)\]}»”]"
    r"|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    rf"|\b(?:[a-z0-9-]{{1,63}}\.){{1,8}}(?:{_GENERIC})\b(?:[:/]\S*[^\s.,;:!?)\]])?"
    rf"|\b(?:[a-z0-9-]{{1,63}}\.){{0,8}}[a-z0-9-]{{1,63}}\.(?:{_NATIONAL}|(?-i:{_WORDS_TOO}))\b(?:[:/]\S*[^\s.,;:!?)\]])?"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b(?:[:/]\S*[^\s.,;:!?)\]])?"
    r"|\bxn--\S+)",
    re.IGNORECASE,
)
_SCHEME_LEFT = re.compile(r"[\w.+-]*:/{2,}")
_DOT_INSIDE = re.compile(r"\w\.\w")


_IN_PARENTHESES = re.compile(
    rf"\s*[(\[](?:[^()\[\]]{{0,40}}\s)?{_ADDRESS.pattern}[^()\[\]]{{0,40}}[)\]]", re.IGNORECASE
)
_AT_THE_END = re.compile(rf"(?P<before>[.;,:!?–—-]|\bsources?)\s+{_ADDRESS.pattern}[.\s]*$", re.IGNORECASE)


def remove_links(text: str, review: Review) -> str | None:
    """No link but ours. An address in parentheses or behind the last sentence goes; a sentence that is
    built around one goes with it.
    """
    plain = text
    if "](" in plain or "![" in plain:
        plain = _LINK.sub(_label, _IMAGE.sub("", plain))
    if "@" in plain or ":" in plain or _DOT_INSIDE.search(plain):
        plain = _AT_THE_END.sub(_stop, _IN_PARENTHESES.sub("", plain))
        if _ADDRESS.search(plain):
            review.counts["url"] += 1
            return None
        plain = _SCHEME_LEFT.sub("", plain)
    return review.corrected("url", text, plain)


def _stop(match: re.Match[str]) -> str:
    return match["before"] if match["before"] in ".!?" else "."


def _label(match: re.Match[str]) -> str:
    label = match[1].strip()
    return f"[{label}]" if re.fullmatch(r"\^?[SQJT]?\d{1,3}", label) else label


_CONTROL = re.compile(r"<[!@#/?a-zA-Z][^<>]{0,200}>|<(?=[!@#/?a-zA-Z])")
"""Tags of HTML and Slack's control sequences, closed or not; "<" before a space or a number is a sign."""
_PING = re.compile(r"@+\s?(?=\w)|(?<!\w)!(?=\s?(?:channel|here|everyone|subteam)\b)", re.IGNORECASE)
_BROADCAST = re.compile(r"<[!@#]\w|[@!]\s?(?:channel|here|everyone|group|subteam)\b", re.IGNORECASE)
"""Nobody is called by an assessment: a unit that tries to is not one about its question."""


def remove_mentions(text: str, review: Review) -> str | None:
    """No mention, no ping, no tag."""
    if "<" not in text and "@" not in text and "!" not in text:
        return text
    if _BROADCAST.search(text):
        review.counts["mention"] += 1
        return None
    return review.corrected("mention", text, _PING.sub("", _CONTROL.sub("", text)))


_FORMULA = re.compile(r"\\[a-zA-Z]{2,}|\$\$")
_ESCAPED = re.compile(r"\\[nrt](?![a-z])|\\")
_BRACES = re.compile(r"(\{[JQT]\d+\})|\{[^{}]*\}?|\}")
_BRACKETED_WORD = re.compile(
    r"\[(?:\^[^\]]*|[ xX]|citation needed|sources?|links?|refs?|reference|URL|date|name)\]", re.IGNORECASE
)
_ITALICS = re.compile(r"(?<![\w*])[*_]+(?=[\w“‘(])|(?<=[\w.,:;!?”’)%])[*_]+(?![\w*])|~~|(?<!\S)[*_]+(?!\S)")
_BOLD = re.compile(r"\*\*(?=\S)([^*]+?)(?<=\S)\*\*")
_KEPT_BOLD = "\ue000"
_MARKS = frozenset("{}`|\\[]*_~$")
_BRACKETS = re.compile(r"(\[S\d+\])(\(?)|(\[)|\]")


def remove_markup(text: str, review: Review) -> str | None:
    """What is left in braces is no reference; of emphasis only closed bold may stay, for labels. A
    formula is no prose.
    """
    if _MARKS.isdisjoint(text):
        return text
    if _FORMULA.search(text):
        review.counts["formula"] += 1
        return None
    plain = _ESCAPED.sub(" ", text) if "\\" in text else text
    plain = _BRACES.sub(lambda match: match[1] or "", plain)
    plain = _BRACKETS.sub(_bracket, _BRACKETED_WORD.sub("", plain))
    plain = plain.replace("`", "").replace("||", "").replace("|", "/")
    if "*" in plain or "_" in plain or "~" in plain:
        plain = _BOLD.sub(rf"{_KEPT_BOLD}\1{_KEPT_BOLD}", plain).replace("*", "")
        plain = _ITALICS.sub("", plain).replace(_KEPT_BOLD, "**")
    return review.corrected("stray_markup", text, plain)


def _bracket(match: re.Match[str]) -> str:
    """References stay, set apart from what would make a link of them; other brackets become round."""
    if match[1]:
        return f"{match[1]} (" if match[2] else match[1]
    return "(" if match[3] else ")"

"""What must never stand in a rendered document: an independent reader, written from the standard.

It shares no code with ``bot.assessment``: its own word lists, its own patterns, its own idea of a script.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

__all__ = ["PRINTED_LIKELIHOOD", "forbidden"]

PRINTED_LIKELIHOOD = re.compile(
    r"\b(?:almost no chance|very unlikely|unlikely|roughly even chance|likely|very likely|almost certain|"
    r"remote chance|highly unlikely|realistic possibility|highly likely)"
    r" \(\d{1,2}(?:–\d{1,2})? %\)",
    re.IGNORECASE,
)
"""A likelihood as only the renderer writes it."""

LIKELIHOOD_WORDS = re.compile(
    r"\b(?:likely|unlikely|likelihood|probable|probably|probability|improbable|almost certain(?:ly)?|"
    r"nearly certain|almost no chance|remote chance|even chance|even odds|realistic possibility|"
    r"undoubtedly|certainly)\b",
    re.IGNORECASE,
)
CONFIDENCE = re.compile(r"\b(?:high|moderate|medium|low) confidence\b|\bconfidence\s*:", re.IGNORECASE)
ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]+://|\bwww\.|\bmailto:|[\w.+-]+@[\w-]+\.\w|\b[a-z0-9-]+\.(?:com|org|net|gov|cn|io)\b",
    re.IGNORECASE,
)
MENTION = re.compile(r"<[!@#/a-zA-Z]|@\w|&(?:lt|gt|amp|#\d+);")
MARKUP = re.compile(r"```|`|\|\|?|\{|\}|\[S\d|!\[|\$\$|\\[a-zA-Z]|^#{4,}|\[\^|【", re.MULTILINE)
LEAK = re.compile(
    r"\b(?:as an AI|as an? (?:large )?language model)\b|system prompt|my instructions|I(?:’m| am) sorry|"
    r"I can(?:no|’)t (?:assist|help)|"
    r"^(?:- )?(?:certainly|sure)[!,]|here is the section|^(?:- )?\**label:|word count|about \d+ words|<\|",
    re.IGNORECASE | re.MULTILINE,
)
LINK = re.compile(r"\]\(([^)]*)\)")
PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?) ?(?:%|per cent|percent)")
OUR_PERCENTAGES = re.compile(r"\*\*\d{1,2} %\*\* — \*\*H\d|that sum to 100 %")
QUOTATION = re.compile(r"“([^”]{25,})”|\"([^\"]{25,})\"")
LONGEST_WORD = 60


def forbidden(
    document: str, *, material: str, own_words: Collection[str] = (), urls: Collection[str] = ()
) -> list[str]:
    """What a document holds that it may not; empty is well. ``material`` is the question; ``own_words`` are
    texts of the persona's file and stored excerpts, which may stand in it as they are.
    """
    found = [f"link to {url}" for url in LINK.findall(document) if url not in urls]
    bare = LINK.sub("]", document)
    for words in sorted(own_words, key=len, reverse=True):
        bare = bare.replace(words, "")
    found += [
        f"quotation {quoted[0]!r}"
        for quoted in QUOTATION.finditer(bare)
        if (quoted[1] or quoted[2]) not in material
    ]
    for line in bare.splitlines():
        found += _in_line(line, material)
    return found


def _in_line(line: str, material: str) -> list[str]:
    found = []
    for sentence in re.split(r"(?<=[.!?])[_*]*\s+", line):
        if CONFIDENCE.search(sentence) and PRINTED_LIKELIHOOD.search(sentence):
            found.append(f"confidence beside likelihood: {sentence!r}")
        if len(PRINTED_LIKELIHOOD.findall(sentence)) > 1:
            found.append(f"two likelihoods: {sentence!r}")
    rest = OUR_PERCENTAGES.sub("", PRINTED_LIKELIHOOD.sub("", line))
    for name, pattern in (
        ("likelihood", LIKELIHOOD_WORDS),
        ("address", ADDRESS),
        ("mention", MENTION),
        ("markup", MARKUP),
        ("leak", LEAK),
    ):
        found += [f"{name} {match[0]!r} in {line[:80]!r}" for match in pattern.finditer(rest)]
    stated = set(PERCENTAGE.findall(material))
    found += [f"percentage {number}" for number in PERCENTAGE.findall(rest) if number not in stated]
    if line.count("**") % 2:
        found.append(f"open bold in {line[:80]!r}")
    found += [f"character {char!r} in {line[:80]!r}" for char in rest if _is_foreign(char, material)]
    found += [f"endless word in {line[:80]!r}" for word in rest.split() if len(word) > LONGEST_WORD]
    return found


def _is_foreign(char: str, material: str) -> bool:
    """Whether a character is invisible, undrawable, or a letter of another script than Latin."""
    if char in material:
        return False
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return True
    name = unicodedata.name(char, "")
    return char.isalpha() and not name.startswith(
        ("LATIN", "MODIFIER LETTER", "FEMININE", "MASCULINE", "MICRO")
    )

"""The local checks of a unit: what the model may not write itself is taken out before anyone sees it.

Each rule rewords the unit, or drops it, and counts under its own name. Decision 2 of the design: a
likelihood, a percentage of an outcome, a URL, a quotation and a foreign term are printed by us, from
``{J1}``, ``[S3]``, ``{Q3}`` and ``{T2}``; what the model writes of these is a defect.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.assessment.values import Judgment
from bot.evidence.table import EvidenceTable, fold, percentages

__all__ = ["Reference", "Tables", "clean", "jaccard", "material_of"]

QUOTATION_CHARS = 25
"""Characters: from here on quotation marks claim that somebody said so; shorter ones are scare quotes
(analysis standard, SO3)."""
MIN_WORDS = 3
"""Words: what is left of a unit below this says nothing any more."""
LONG_UNIT_CHARS = 700
"""Characters: a bullet of the standard's 45 words has about 300; what is longer is cut at a sentence."""

Reference = re.compile(r"\[S\d+\]|\{[JQT]\d+\}")
"""A token of the dialect, in its one canonical spelling."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The ids a section may use, frozen when its call starts."""

    evidence: EvidenceTable
    judgments: Mapping[str, Judgment] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    """Glossary: term id to native text."""
    material: str = ""
    """Folded text of all sources: what numbers and quotations are held against."""

    def knows(self, reference: str) -> bool:
        """Whether a canonical reference resolves."""
        name = reference.strip("[]{}")
        match name[0]:
            case "S":
                return self.evidence.source(name) is not None
            case "Q":
                return self.evidence.excerpt(name) is not None
            case "J":
                return name in self.judgments
            case _:
                return name in self.terms


def clean(text: str, tables: Tables, counts: Counter[str], *, heading: bool = False) -> str | None:
    """The unit's text with nothing in it that is not the model's to write, or ``None`` if it must go.

    Counts each correction in ``counts``. References stay in, in canonical spelling. A heading may be a
    single word; anything else below three words says nothing.
    """
    text = _normalise(text, counts)
    for name, pattern in _FATAL:
        if pattern.search(text):
            counts[name] += 1
            return None
    for rule in _RULES:
        cleaned = rule(text, tables, counts)
        if cleaned is None:
            return None
        text = cleaned
    text = _tidy(text)
    words = [word for word in Reference.sub(" ", text).split() if any(map(str.isalnum, word))]
    if len(words) < (1 if heading else MIN_WORDS):
        counts["too_short"] += 1
        return None
    return text


def jaccard(one: str, other: str) -> float:
    """Token overlap of two texts, 0 to 1 (analysis standard, ST6)."""
    left, right = set(re.findall(r"\w+", one.casefold())), set(re.findall(r"\w+", other.casefold()))
    return len(left & right) / len(left | right) if left and right else 0.0


_FATAL = (
    (
        "instruction_leak",
        re.compile(
            r"\bas an AI\b|\b(?:large )?language model\b|\bsystem prompt\b|\b(?:my|your|the|these) instructions\b"
            r"|\brubric you asked\b|\bI (?:cannot|can't|can’t|am unable to) (?:assist|help|comply|provide)\b"
            r"|\bsection writers?\b|\bword (?:count|limit)\b|\bmaterial block\b|\bI was (?:told|asked|instructed) to\b"
            r"|<\|[a-z_]+\|>|\b(?:ignore|disregard) (?:all |any )?(?:previous|prior|above)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "placeholder",
        re.compile(r"\bTBD\b|\bTODO\b|\[insert\b|\blorem ipsum\b|\{\{|\}\}|\[your ", re.IGNORECASE),
    ),
    ("json", re.compile(r"^\s*[{\[]?\s*\"[\w ]+\"\s*:\s*|^\s*[}\]],?\s*$|^\s*[{\[]\s*$")),
)

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)


_PLAIN_SPACES = str.maketrans("\u00a0\u202f\u2009\u2011", "   -")


def _normalise(text: str, counts: Counter[str]) -> str:
    text = unicodedata.normalize("NFC", html.unescape(text))
    visible = _INVISIBLE.sub("", text)
    visible = "".join(
        c if c == " " or unicodedata.category(c) not in ("Cc", "Zl", "Zp") else " " for c in visible
    )
    if visible != text:
        counts["invisible"] += 1
    visible = visible.translate(_PLAIN_SPACES)
    return re.sub(r"\s+", " ", visible).strip()


_REFERENCE_GROUP = re.compile(r"[\[{(]\s*((?:[SJQT]\s?\d{1,3})(?:\s*[,;/&]\s*[SJQT]?\s?\d{1,3})*)\s*[\]})]")
_REFERENCE_NAME = re.compile(r"([SJQT]?)\s?(\d{1,3})")


def _references(text: str, tables: Tables, counts: Counter[str]) -> str:
    """One spelling for references; unknown ids go."""

    def spell(match: re.Match[str]) -> str:
        letter, spelled = "", []
        for name in _REFERENCE_NAME.finditer(match[1]):
            letter = name[1] or letter
            reference = f"[S{int(name[2])}]" if letter == "S" else f"{{{letter}{int(name[2])}}}"
            if tables.knows(reference):
                spelled.append(reference)
            else:
                counts["unknown_id"] += 1
        return "".join(spelled)

    return _REFERENCE_GROUP.sub(spell, text)


_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)?")
_LINK = re.compile(r"\[([^\]\[]*)\]\(([^)]*)\)")
_ANGLE = re.compile(r"<[^<>]{0,200}>?")
_URL = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.)\S+|\b(?:mailto|javascript|data|tel):\S+"
    r"|\b[\w.+-]+@[\w-]+\.[\w.-]+|\b(?:[a-z0-9-]+\.)+(?:com|org|net|gov|edu|cn|ru|io|info|int|mil)\b(?:/\S*)?",
    re.IGNORECASE,
)
_PING = re.compile(r"[@＠﹫]\s?(?=\w)|\b[!！](?=channel|here|everyone)", re.IGNORECASE)


def _links(text: str, tables: Tables, counts: Counter[str]) -> str:
    """No link but ours."""
    plain = _LINK.sub(r"\1", _IMAGE.sub("", text))
    plain = _URL.sub("", plain)
    if plain != text:
        counts["url"] += 1
    return plain


def _pings(text: str, tables: Tables, counts: Counter[str]) -> str:
    """No mention, no ping, no tag."""
    plain = _ANGLE.sub(lambda match: "<" if match[0][1:2] in ("", " ", "=") else "", text)
    plain = _PING.sub("", plain)
    if plain != text:
        counts["mention"] += 1
    return plain


_QUOTATION = re.compile(r"[“\"«„「『]([^“”\"«»„「」『』]*)[”\"»」』]")


def _quotations(text: str, tables: Tables, counts: Counter[str]) -> str | None:
    """Quotation marks are ours: a long quotation is an invented one, a short one loses its marks."""
    for match in _QUOTATION.finditer(text):
        if len(match[1]) >= QUOTATION_CHARS:
            counts["quotation"] += 1
            return None
    plain = _QUOTATION.sub(r"\1", text)
    plain = re.sub(r"[“”\"«»„「」『』]", "", plain)
    if plain != text:
        counts["quotation_marks"] += 1
    return plain


_PARENTHESISED = re.compile(r"\s*[(（\[]([^()（）\[\]]*)[)）\]]")


def _foreign_terms(text: str, tables: Tables, counts: Counter[str]) -> str:
    """Native terms come from the glossary, so that 新能源生产力 never stands for 新质生产力."""
    native = set(tables.terms.values())

    def keep(run: str) -> bool:
        return run in native or run in tables.material

    def parenthesised(match: re.Match[str]) -> str:
        runs = _foreign_runs(match[1])
        if all(keep(run) for run in runs):
            return match[0]
        counts["foreign_term"] += 1
        return ""

    text = _PARENTHESISED.sub(parenthesised, text)
    for run in _foreign_runs(text):
        if not keep(run):
            counts["foreign_term"] += 1
            text = text.replace(run, "", 1)
    return text


def _foreign_runs(text: str) -> list[str]:
    """Stretches of letters outside the Latin script, inner spaces included."""
    runs, run = [], ""
    for char in text:
        if (char.isalpha() and not _is_latin(char)) or (
            run and (char.isspace() or unicodedata.category(char) in ("Mn", "Mc", "Cf"))
        ):
            run += char
        elif run:
            runs.append(run.strip())
            run = ""
    return [*runs, run.strip()] if run else runs


def _is_latin(char: str) -> bool:
    return char < "\u0250" or unicodedata.name(char, "").startswith(
        ("LATIN", "MODIFIER LETTER", "FULLWIDTH LATIN")
    )


_CHANCE = re.compile(
    r"\s*\((?:about |around |roughly |c\. ?|≈ ?|~ ?)?\d+(?:[.,]\d+)?(?:\s?[-–—]\s?\d+(?:[.,]\d+)?)?\s*(?:%|per\s?cent|percent)"
    r"(?: (?:likelihood|probability|chance|confidence))?\)"
    r"|\b(?:an? |with )?(?:about |around |roughly )?\d+(?:[.,]\d+)?(?:\s?[-–—]\s?\d+(?:[.,]\d+)?)?\s*(?:%|per\s?cent|percent)"
    r" (?=chance|probability|likelihood|odds)",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"\b(?:about|around|roughly|approximately|some|over|nearly|almost|more than|less than|up to|at least)?\s*"
    r"(\d+(?:[.,]\d+)?)(?:\s?[-–—]\s?\d+(?:[.,]\d+)?)?\s*(?:%|per\s?cent\b|percent\b) of\b",
    re.IGNORECASE,
)


def _percentages(text: str, tables: Tables, counts: Counter[str]) -> str | None:
    """A percentage stands in the material or not in the answer."""
    stated = percentages(tables.material)

    def chance(match: re.Match[str]) -> str:
        if percentages(match[0]) <= stated and "chance" not in match[0]:
            return match[0]
        counts["own_probability"] += 1
        return "" if "(" in match[0] else "a "

    def share(match: re.Match[str]) -> str:
        if percentages(match[0]) <= stated:
            return match[0]
        counts["percentage"] += 1
        amount = float(match[1].replace(",", "."))
        return " most of" if amount > 50 else " part of"

    text = _SHARE.sub(share, _CHANCE.sub(chance, text))
    if not percentages(text) <= stated:
        counts["percentage"] += 1
        return None
    return text


_CONFIDENCE = re.compile(
    r"[\s,;–—-]*\(?\b(?:(?:we|i) (?:assess|judge|have|hold)[^.;]{0,20} )?(?:with |at )?(?:very )?"
    r"(?:high|moderate|medium|low|great|strong) confidence\b(?: that\b)?\)?,?",
    re.IGNORECASE,
)


def _confidence(text: str, tables: Tables, counts: Counter[str]) -> str:
    """Confidence and likelihood never share a sentence (ICD 203): confidence is printed apart."""
    plain = _CONFIDENCE.sub("", text)
    if plain != text:
        counts["confidence"] += 1
    return plain


def _reword(pattern: str, replacement: str) -> tuple[re.Pattern[str], str]:
    return re.compile(pattern, re.IGNORECASE), replacement


_BE = r"(?:is|are|was|were|be|seems?|appears?|remains?|looks?)"
_DEGREE = r"(?:(?:very|highly|quite|more|most|increasingly|extremely|fairly|rather) )?"
_LIKELIHOOD = (
    _reword(
        rf"\b{_BE} (?:almost certainly|almost certain|nearly certain|certain) to\b", "can be expected to"
    ),
    _reword(rf"\b(?:will|would|shall) {_DEGREE}(?:likely|probably|almost certainly|certainly)\b", "may"),
    _reword(rf"\b{_DEGREE}(?:likely|probably|almost certainly|certainly) (?:will|would)\b", "may"),
    _reword(rf"\b(?:will|would) {_DEGREE}be (?:likely|probable) to\b", "may"),
    _reword(rf"\b{_BE} {_DEGREE}unlikely to\b", "may not"),
    _reword(rf"\b{_BE} {_DEGREE}(?:likely|probable|apt) to\b", "may"),
    _reword(rf"\bit {_BE} {_DEGREE}(?:likely|probable|almost certain|certain) that\b", "it may be that"),
    _reword(rf"\bit {_BE} {_DEGREE}(?:unlikely|improbable|doubtful) that\b", "it is open whether"),
    _reword(r"\b(?:almost|nearly) no chance\b|\bremote chance\b", "little prospect"),
    _reword(r"\b(?:a )?roughly even (?:chance|odds)\b", "an open question"),
    _reword(r"\b(?:a )?realistic possibility\b", "a possibility"),
    _reword(rf"\b{_DEGREE}(?:likely|probable)\b", "possible"),
    _reword(rf"\b{_DEGREE}(?:unlikely|improbable|doubtful)\b", "remote"),
    _reword(r"\b(?:probably|most likely|almost certainly)\b", "perhaps"),
    _reword(r"\b(?:almost|nearly) certain\b", "expected"),
    _reword(r"\b(?:certainly|undoubtedly|inevitably|definitely|without (?:a )?doubt),? ?", ""),
)


def _likelihood_words(text: str, tables: Tables, counts: Counter[str]) -> str:
    """A likelihood word without numbers behind it is reworded to a plain "may"."""
    for pattern, replacement in _LIKELIHOOD:
        text, found = pattern.subn(_keeping_case(replacement), text)
        counts["likelihood_word"] += found
    return text


def _keeping_case(replacement: str) -> Callable[[re.Match[str]], str]:
    def replace(match: re.Match[str]) -> str:
        return replacement[:1].upper() + replacement[1:] if match[0][:1].isupper() else replacement

    return replace


def _braces(text: str, tables: Tables, counts: Counter[str]) -> str:
    """What is left in braces is no reference; backticks and pipes are no part of the dialect."""
    kept = re.sub(r"\{(?![JQT]\d+\})[^{}]*\}?|(?<![JQT\d])\}", "", text)
    kept = kept.replace("`", "").replace("|", "/")
    if kept != text:
        counts["stray_markup"] += 1
    return kept


def _emphasis(text: str, tables: Tables, counts: Counter[str]) -> str:
    """Bold and italics that do not close would run over the rest of the message."""
    for mark in ("**", "__", "~~"):
        if text.count(mark) % 2:
            text = text.replace(mark, "")
            counts["stray_markup"] += 1
    if text.replace("**", "").count("*") % 2:
        text = re.sub(r"(?<!\*)\*(?!\*)", "", text)
        counts["stray_markup"] += 1
    return text


def _length(text: str, tables: Tables, counts: Counter[str]) -> str | None:
    """A unit that does not end is cut after its last whole sentence."""
    if len(text) <= LONG_UNIT_CHARS:
        return text
    counts["too_long"] += 1
    end = max(text.rfind(mark, 0, LONG_UNIT_CHARS) for mark in (". ", "; ", "。", "? "))
    return text[: end + 1].rstrip(";") if end > 0 else None


_RULES: tuple[Callable[[str, Tables, Counter[str]], str | None], ...] = (
    _references,
    _links,
    _pings,
    _quotations,
    _foreign_terms,
    _percentages,
    _confidence,
    _likelihood_words,
    _braces,
    _emphasis,
    _length,
)


def _tidy(text: str) -> str:
    """Mend the seams that removals leave."""
    text = re.sub(r"\(\s*[,;]?\s*\)|\[\s*\]", "", text)
    text = re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s{2,}", " ", text))
    text = re.sub(r"([,;:])[,;:]+", r"\1", text)
    text = re.sub(r"\.\.(?!\.)", ".", text)
    text = text.strip().lstrip(",;:–— ").strip()
    return text[:1].upper() + text[1:] if text[:1].islower() else text


def material_of(table: EvidenceTable) -> str:
    """The folded text of all sources."""
    return fold(" ".join(source.text for source in table.sources))

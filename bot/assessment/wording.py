"""The local checks of a unit: what the model may not write itself is taken out before anyone sees it.

Each rule rewords the unit, or drops it, and counts under its own name. Decision 2 of the design: a
likelihood, a percentage of an outcome, a URL, a quotation and a foreign term are printed by us, from
``{J1}``, ``[S3]``, ``{Q3}`` and ``{T2}``; what the model writes of these is a defect.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from bot.assessment.characters import normalise, remove_foreign_terms
from bot.assessment.chatter import is_chatter, strip_template_words
from bot.assessment.hedging import remove_confidence, reword_likelihoods
from bot.assessment.markup import remove_links, remove_markup, remove_mentions
from bot.assessment.percentages import reword_percentages
from bot.assessment.quotations import remove_quotations
from bot.assessment.references import Reference, Review, Tables, spell_references, strip_references
from bot.evidence.table import EvidenceTable, fold

__all__ = ["Reference", "Tables", "clean", "jaccard", "material_of"]

MIN_WORDS = 3
"""Words: what is left of a unit below this says nothing any more."""
MOST_CHARS = 1_500
"""Characters looked at: the parser gives no longer unit, and the rules' patterns take time by the square."""
LONG_UNIT_CHARS = 700
"""Characters: a bullet of the standard's 45 words has about 300; what is longer is cut at a sentence."""
LONGEST_WORD_CHARS = 45
"""Characters: the longest word in English dictionaries; what is longer is noise."""
REPETITIVE_WORDS = 20
"""Words: from here on prose repeats a word now and then, but never ..."""
DISTINCT_SHARE = 0.35
"""... as much as this. Share of different words; the seed's bullets have 0.75 and more."""
PASSES = 4
"""A removal can uncover another defect: rules run until nothing changes. Real text needs two passes."""


def clean(text: str, tables: Tables, counts: Counter[str], *, heading: bool = False) -> str | None:
    """The unit's text with nothing in it that is not the model's to write, or ``None`` if it must go.

    Counts each correction in ``counts``. References stay in, in canonical spelling. A heading may be a
    single word; anything else below three words says nothing. What is clean stays as it is.
    """
    review = Review(tables, counts)
    text = text[:MOST_CHARS]
    for _ in range(PASSES):
        before = text
        for rule in _HEADING_RULES if heading else _RULES:
            cleaned = rule(text, review)
            if cleaned is None:
                return None
            text = cleaned
        if text == before:
            break
    else:
        counts["unsettled"] += 1
        return None
    words = [word for word in Reference.sub(" ", text).split() if any(map(str.isalpha, word))]
    if len(words) < (1 if heading else MIN_WORDS):
        counts["too_short"] += 1
        return None
    return text


@lru_cache(maxsize=512)
def _tokens(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def jaccard(one: str, other: str) -> float:
    """Token overlap of two texts, 0 to 1 (analysis standard, ST6)."""
    left, right = _tokens(one), _tokens(other)
    return len(left & right) / len(left | right) if left and right else 0.0


def material_of(table: EvidenceTable) -> str:
    """The folded text of all sources."""
    return fold(" ".join(source.text for source in table.sources))


def _drop_chatter(text: str, review: Review) -> str | None:
    return None if is_chatter(text, review) else text


FOREIGN_WORDS = 3
"""Function words of another language from which a unit with fewer English ones is not English."""
_FOREIGN_WORDS = frozenset(
    {
        *("de", "la", "el", "los", "las", "que", "una", "del", "por", "para", "con", "como", "está"),
        *("les", "des", "est", "dans", "pour", "avec", "sur", "qui", "une", "und", "der", "die", "das"),
        *("ist", "nicht", "für", "mit", "von", "dem", "den", "ein", "eine", "il", "che", "di", "della"),
        *("per", "sono", "não", "uma", "dos", "em", "och", "att", "het", "een", "van", "yang", "dan", "ve"),
    }
)
_ENGLISH_WORDS = frozenset(
    {
        *("the", "of", "and", "to", "that", "for", "with", "by", "its", "is", "are", "from", "this"),
        *("which", "not", "while", "when", "it", "as", "in", "on"),
    }
)


def _drop_noise(text: str, review: Review) -> str | None:
    """A unit in another language, of one word over and over, or with a word no reader can read."""
    words = text.split()
    if max(map(len, words), default=0) > LONGEST_WORD_CHARS and any(
        len(word) > LONGEST_WORD_CHARS for word in Reference.sub(" ", text).split()
    ):
        review.counts["endless_word"] += 1
        return None
    different = len({word.casefold() for word in words})
    if len(words) >= REPETITIVE_WORDS and different < DISTINCT_SHARE * len(words):
        review.counts["repetitive"] += 1
        return None
    foreign = 0 if review.tables.language else sum(word in _FOREIGN_WORDS for word in words)
    if foreign >= FOREIGN_WORDS and foreign > sum(word in _ENGLISH_WORDS for word in words):
        review.counts["other_language"] += 1
        return None
    return text


def _shorten(text: str, review: Review) -> str | None:
    """A unit that does not end is cut after its last whole sentence."""
    if len(text) <= LONG_UNIT_CHARS:
        return text
    review.counts["too_long"] += 1
    end = max(text.rfind(mark, 0, LONG_UNIT_CHARS) for mark in (". ", "; ", "。", "? "))
    return text[: end + 1].rstrip(";") if end > 0 else None


_SEAM = re.compile(
    r"[\s,;:–—-][,.;:!?]|[!?.]{2}|[\s(\[][)\]]|\(\W|\((?:sources?|see|via|cf|link)\b"
    r"|(?:to|as|in|per|cf\.)[,.;:)]| {2}"
)
_EMPTY_BRACKETS = re.compile(
    r"\s*\((?:\s|[,;:–—-]|sources?|see|via|cf\.?|link|available at|url|and)*\)|\[\s*\]", re.IGNORECASE
)
_LEFT_OVER_LEAD = re.compile(
    r",?\s*\b(?:according to|as (?:per|in|shown in)|cf\.)\s*(?=[,.;:)]|$)", re.IGNORECASE
)
_DANGLING_DASH = re.compile(r"\s*[—–]+\s*(?=[,.;:!?]|$)|\s-\s*(?=[,.;:!?]|$)")
_SPACE_BEFORE_MARK = re.compile(r"\s+([,.;:!?])(?!\d)")
_DOUBLE_MARK = re.compile(r"([,;:])(?:\s*[,;:])+")
_COMMA_BEFORE_STOP = re.compile(r"[,;:]+\s*([.!?])")
_SHOUTING = re.compile(r"([!?])[!?]+|\.{4,}")
_DOUBLE_STOP = re.compile(r"(?<!\.)\.\.(?!\.)")
_SPACES = re.compile(r" {2,}")
_LEADING = re.compile(r"(?:[\s,;:.!?–—#>+=/|\\)\]}-]|(?:[•◦▪‣·*]|\d{1,2}[.)])(?=\s))+")


def _mend_seams(text: str, _review: Review) -> str:
    """Mend the seams that removals leave, and begin with a capital."""
    if _SEAM.search(text) or text.endswith(("—", "–", "-", " ")):
        text = _LEFT_OVER_LEAD.sub("", _EMPTY_BRACKETS.sub("", text))
        text = _SPACE_BEFORE_MARK.sub(r"\1", _DANGLING_DASH.sub("", _SPACES.sub(" ", text)))
        text = _COMMA_BEFORE_STOP.sub(r"\1", _DOUBLE_MARK.sub(r"\1", text))
        text = _DOUBLE_STOP.sub(".", _SHOUTING.sub(lambda match: match[1] or "…", text))
    if leading := _LEADING.match(text):
        text = text[leading.end() :]
    text = text.strip()
    return text[:1].upper() + text[1:] if text[:1].islower() else text


_Rule = Callable[[str, Review], str | None]
_RULES: tuple[_Rule, ...] = (
    normalise,
    _drop_chatter,
    strip_template_words,
    remove_links,
    remove_mentions,
    spell_references,
    remove_markup,
    remove_quotations,
    remove_foreign_terms,
    reword_percentages,
    remove_confidence,
    reword_likelihoods,
    _drop_noise,
    _shorten,
    _mend_seams,
)
"""In this order: characters first, so that nothing hides from a rule; references before stray brackets go."""
_HEADING_RULES: tuple[_Rule, ...] = (*_RULES, strip_references)

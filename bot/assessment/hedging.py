"""Likelihood and confidence in a model's own words: reworded, because we print them.

A likelihood word without numbers behind it becomes a plain "may" or "plausible"; an analytic confidence
goes, because it never shares a sentence with a likelihood (ICD 203).
"""

from __future__ import annotations

import re

from bot.assessment.languages import LANGUAGES
from bot.assessment.references import Review
from bot.assessment.rewording import keeping_case, rewordings

__all__ = ["remove_confidence", "reword_likelihoods"]

_LEVEL = r"(?:high|moderate|medium|low|great|strong|limited|reasonable|considerable|full)(?:[- ]to[- ]\w+)?"
_OURS = r"(?:this|these|our|the (?:judg|assess))"
_STATED_CONFIDENCE = re.compile(
    # "we judge with high confidence that", "(moderate confidence)"; not "confidence in the yuan"
    r"[\s,;–—-]*\(?\b(?:(?:we|i) (?:assess|judge|have|hold|say|can say|state|believe)[^.;]{0,20} )?"
    rf"(?:with |at )?(?:an? )?(?:very )?{_LEVEL}(?: degree of| level of)?(?: analytic(?:al)?)? confidence\b"
    rf"(?!-| in (?!{_OURS})| of )(?: in (?:this|these|our|the) \w+)?(?: that\b)?\)?,?"
    # "Confidence: high."; not "consumer confidence is high"
    r"|(?:^|(?<=[.;:(—–] ))\(?(?:our |my |overall |the )?(?:analytic(?:al)? )?confidence(?: levels?)?"
    rf"(?: in (?:this|these|our|the) \w+)?\s?(?::|=|is|remains|stays)\s?\**(?:very )?{_LEVEL}\b\)?\.?"
    # "we are fairly confident that"
    r"|\b(?:we|i) (?:are|am|remain) (?:(?:very|highly|fairly|reasonably|quite|moderately) )?confident that\b",
    re.IGNORECASE,
)


def remove_confidence(text: str, review: Review) -> str:
    """Confidence is printed apart, with its reasons."""
    if "onfiden" not in text and "ONFIDEN" not in text:
        return text
    return review.corrected("confidence", text, _STATED_CONFIDENCE.sub("", text))


_BE = r"(?:is|are|was|were|be|been|seems?|appears?|remains?|looks?|becomes?)"
_ALSO = r"(?:(also|still|now|then|thus|therefore|never|both|all|perhaps) )?"
_DEGREE = (
    r"(?:(?:very|highly|quite|rather|fairly|extremely|increasingly|most|more|far more|much more|least|less|"
    r"far less|much less|somewhat|almost|nearly|all but) )*"
)
_STRONG = (
    r"(?:very )?(?:high|strong|significant|good|substantial|considerable|great|fair|reasonable|real|serious)"
)
_WEAK = r"(?:very )?(?:low|small|slim|remote|minimal|limited|negligible|slight)"
_CHANCE = r"(?:likelihood|probability|odds|chances?)"
_BEFORE_NOUN = "".join(
    f"(?<={word} )|"
    for word in (
        *("a", "an", "the", "any", "no", "one", "two", "three", "some", "other", "another"),
        *("its", "their", "this", "that", "these", "those", "our", "of", "as"),
    )
).rstrip("|")
_COMPARED = re.compile(r"(?:^|\s)((?:more|less|most|least|as|equally|so|too|how) )$", re.IGNORECASE)


def _plausible(match: re.Match[str]) -> str:
    """Drop the degree before a noun, but for a comparison: "very likely", "more likely"."""
    compared = _COMPARED.search(match[1])
    word = "implausible" if match[2].lower() in ("unlikely", "improbable") else "plausible"
    return (compared[1] if compared else "") + word


_ANY = "(likely|unlikely|probable|improbable)"
_LIKELIHOODS = rewordings(
    (
        # Whole clauses.
        (
            rf"\b(?:there is |there’s )?(?:an? )?(?:roughly |about |almost )?(?:even|equal) {_CHANCE} that\b",
            "it is open whether",
        ),
        (r"\b(?:the )?(?:chances|odds) are(?: good| high)?(?: that|,)?(?= )", "it may be that"),
        (r"\bin all (?:likelihood|probability),?(?= )", "perhaps"),
        (rf"\bit {_BE} {_ALSO}{_DEGREE}(?:likely|probable|certain) that\b", "it may be that"),
        (rf"\bit {_BE} {_ALSO}{_DEGREE}(?:unlikely|improbable) that\b", "it is open whether"),
        (r"\b(?:as|more) likely (?:as|than) not\b", "plausibly"),
        # "is likely to", "will probably": a plain "may".
        (
            rf"\b{_BE} {_ALSO}(?:almost certainly|{_DEGREE}(?:certain|sure|bound)) to\b",
            r"can \1 be expected to",
        ),
        (
            rf"\b(?:{_BE} not {_DEGREE}(?:likely|probable)|(?:isn|aren|wasn)’t {_DEGREE}likely) to\b",
            "may not",
        ),
        (rf"\b{_BE} {_ALSO}{_DEGREE}(?:unlikely|improbable) to\b", r"may \1 not"),
        (rf"\b{_BE} {_ALSO}{_DEGREE}likely not to\b", r"may \1 not"),
        (rf"\b{_BE} {_ALSO}{_DEGREE}(?:likely|probable) to\b", r"may \1"),
        (rf"\b(?:will|would) {_ALSO}{_DEGREE}be {_DEGREE}(?:likely|probable) to\b", r"may \1"),
        (rf"\b(?:will|would) {_ALSO}{_DEGREE}be {_DEGREE}(?:unlikely|improbable) to\b", r"may \1 not"),
        (rf"\b(?:will|would|shall|may|might|could) {_DEGREE}(?:likely|probably|certainly)\b", "may"),
        (rf"\b{_DEGREE}(?:likely|probably|certainly) (?:will|would)\b", "may"),
        (rf"\b{_DEGREE}unlikely to\b", "that may not"),
        (rf"(?<!how ){_DEGREE}\blikely to\b", "that may"),
        # Nouns.
        (rf"\b(?:almost|nearly|virtually) no {_CHANCE}\b", "little prospect"),
        (rf"\b(?:an? )?(?:roughly |about |almost )?(?:even|equal) {_CHANCE}\b", "an open question"),
        (r"\brealistic possibility\b", "possibility"),
        (rf"\b{_STRONG} {_CHANCE}\b", "real prospect"),
        (rf"\b{_WEAK} (?:{_CHANCE}|possibility)\b", "slim prospect"),
        (r"\b(?:likelihoods|probabilities)\b|\bodds(?= (?:of|that)\b)", "prospects"),
        (r"\b(?:likelihood|probability)\b", "prospect"),
        # Adjectives and adverbs.
        (rf"\b({_BE} (?:also |still |now |not )?){_DEGREE}(?:unlikely|improbable)\b", r"\1in doubt"),
        (rf"(?:{_BEFORE_NOUN})({_DEGREE}){_ANY}\b", _plausible),
        (
            (
                rf"\b({_BE} (?:also |still |now |not |only |just )?)(?:(?:very|highly|quite|most) )*"
                r"(?:likely|probable)\b(?! (?:because|a|an|the)\b)"
            ),
            r"\1plausible",
        ),
        (rf"\b((?:more|less|most|least|as|equally|so|too|how) ){_ANY}\b(?! [a-z]+s\b)", _plausible),
        (rf"\b{_DEGREE}(?:unlikely|improbable)\b", "implausible"),
        (r"\bimprobably\b", "implausibly"),
        (r"\bprobable\b", "plausible"),
        (rf"\b{_DEGREE}(?:likely|probably|almost certainly)\b", "perhaps"),
        (r"\b(?:almost|nearly|virtually|all but) certain(?:ly)?\b", "expected"),
        (
            (
                r"\b(?:certainly|undoubtedly|inevitably|definitely|surely|unquestionably|"
                r"without (?:a |any )?doubt)\b,? ?"
            ),
            "",
        ),
    )
)
_STEMS = (
    *("likel", "probab", "certain", "chance", "odds", "undoubt", "inevitab", "definite", "doubt"),
    *("realistic", "surely", "unquestion", "bound to", "sure to", "remote possib"),
)


def reword_likelihoods(text: str, review: Review) -> str:
    """A likelihood word of the model's own becomes a plain "may" or "plausible", or the like in the language
    that is written.
    """
    language = LANGUAGES.get(review.tables.language)
    for pattern, replacement in language.likelihoods if language else ():
        text, found = pattern.subn(keeping_case(replacement), text)
        review.counts["likelihood_word"] += found
    lowered = text.lower()
    if not any(stem in lowered for stem in _STEMS):
        return text
    for pattern, replacement in _LIKELIHOODS:
        text, found = pattern.subn(keeping_case(replacement), text)
        review.counts["likelihood_word"] += found
    return text

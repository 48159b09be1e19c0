"""What a model says of itself, of its instructions or to the asking person: never part of an assessment."""

from __future__ import annotations

import re

from bot.assessment.references import Review

__all__ = ["is_chatter", "leaks_instructions", "strip_template_words"]


def _rules(*rules: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((needle, re.compile(pattern, re.IGNORECASE)) for needle, pattern in rules)


_ANYWHERE = {
    "instruction_leak": _rules(
        (" ai", r"\bas an? AI\b"),
        ("artificial", r"\bas an artificial intelligence\b"),
        ("language model", r"\blanguage model\b"),
        ("prompt", r"\b(?:system|developer|user) prompt\b"),
        ("instructions", r"\b(?:my|your|the|these|those|previous|prior) instructions\b"),
        ("rubric you", r"\brubric you asked\b"),
        ("section writer", r"\bsection writers?\b"),
        ("word", r"\bword (?:count|limit)\b"),
        ("material block", r"\bmaterial block\b"),
        ("<", r"</?material\b|<\|[\w|]+\|?>"),
        ("ed to", r"\bI (?:was|am|have been) (?:asked|instructed|programmed|trained) to\b"),
        ("told to", r"\bI (?:was|am|have been) told to\b"),
        ("training data", r"\bmy training data\b"),
        ("cut", r"\bknowledge cut-?off\b"),
        ("previous", r"\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |your )?previous\b"),
        ("prior", r"\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |your )?prior\b"),
        ("above", r"\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |everything )?above\b"),
        # Our own prompts, copied.
        (" words", r"\b(?:about|at most|of|in|under|around) \d+(?:(?: to |–|-)\d+)? words\b"),
        ("rules of the house", r"rules of the house"),
        ("lead sentence", r"\b(?:one|a) lead sentence\b"),
        ("lettered part", r"\blettered parts?\b"),
        ("printed", r"\b(?:is|are) printed (?:for you|after your text)\b"),
        ("do not", r"\bdo not (?:list|repeat) them\b"),
        ("text of the section", r"\bonly the text of the section\b"),
        ("write only", r"\bwrite only\b"),
        ("written by id", r"\bwritten by id\b"),
        ("leave to the others", r"\bleave to the others what they argue\b"),
        ("lines so far", r"\bthe lines so far\b"),
        ("this section argues", r"\bthis section argues\b"),
        ("section so far", r"\bthe section so far\b"),
        ("come from the material", r"\bfacts come from the material\b"),
        ("reader already has", r"\bthe reader already has\b"),
        ("id it rests on", r"\bthe id it rests on\b"),
        ("stored quotation", r"\bstored quotations?\b"),
        ("plain markdown", r"\bplain markdown\b"),
    ),
    "refusal": _rules(
        (
            "i c",
            (
                r"\bI (?:cannot|can[’']t|can not|could not)\b.{0,30}"
                r"\b(?:assist|help|comply|provide|fulfil+|answer|continue|write|discuss|offer|generate|engage)\b"
            ),
        ),
        ("unable", r"\bI(?:[’']m| am) unable\b"),
        ("not able", r"\bI(?:[’']m| am) not able\b"),
        ("sorry", r"\bI(?:[’']m| am) (?:very |so )?sorry\b"),
        ("apolog", r"\b(?:my|sincere) apologies\b|\bI apologi[sz]e\b"),
        ("against my", r"\bagainst my (?:guidelines|polic(?:y|ies)|programming)\b"),
        ("must decline", r"\bI must decline\b"),
    ),
    "chatter": _rules(
        ("let me know", r"\blet me know\b"),
        ("feel free to", r"\bfeel free to\b"),
        ("hope", r"\bI hope (?:this|that|it)\b|\bhope this helps\b"),
        ("like me to", r"\bwould you like me to\b"),
        ("want me to", r"\bdo you want me to\b"),
        ("if you", r"\bif you (?:would like|want|need) (?:me|any|more|further)\b"),
        ("to help", r"\b(?:happy|glad) to help\b"),
        ("to assist", r"\b(?:happy|glad) to assist\b"),
        ("think", r"</?think(?:ing)?>"),
    ),
    "placeholder": _rules(
        ("tbd", r"\bTBD\b"),
        ("todo", r"\bTODO\b"),
        ("xxx", r"\bXXX\b"),
        ("lorem", r"\blorem ipsum\b"),
        ("{{", r"\{\{"),
        ("}}", r"\}\}"),
        ("[", r"\[(?:insert|your|add|fill|placeholder|specify|company|country)\b"),
    ),
    "json": _rules(
        ('":', r"^\s*[{\[]?\s*\"[\w -]+\"\s*:|\"\s*:\s*[\[{\"\d]"),
        ('" :', r"\"\s*:\s*[\[{\"\d]"),
    ),
}
"""By the name a find is counted under: a literal that must be there (a cheap test first), and the rule."""

_OPENINGS = {
    kind: re.compile(r"[\s*_>#]*(?:" + "|".join(patterns) + ")", re.IGNORECASE)
    for kind, patterns in {
        "instruction_leak": (
            r"(?:the )?plan\W+bottom line\b",
            r"(?:section|part) \d(?:\.\d)?\s*(?:[:.–—-]|\**$)",
        ),
        "refusal": (r"(?:sorry|apologies)\b",),
        "chatter": (
            (
                r"(?:certainly|sure|of course|absolutely|great question|okay|ok|understood|got it|alright)"
                r"\s*(?:[!.,:—–-]|$)"
            ),
            r"(?:thanks|thank you)\b",
            (
                r"here(?:[’']s| is| are| you go)\b.{0,60}"
                r"\b(?:section|text|bullets?|assessment|answer|response|draft|version|json|revision|output)\b"
            ),
            (
                r"(?:below|the following) (?:is|are)\b.{0,40}"
                r"\b(?:section|text|bullets?|assessment|answer|response|draft)\b"
            ),
            r"(?:note|disclaimer)\s*:.{0,80}\b(?:AI|information only|not (?:legal|financial|investment))\b",
            (
                r"(?:let[’']s|let us|I[’']ll|I will|I need to|we need to|the user)\b.{0,60}"
                r"\b(?:write|draft|produce|start|begin|wants?|asks?|section)\b"
            ),
        ),
        "json": (r"[\s{}\[\],:]+$",),
    }.items()
}
"""Rules for the beginning of a unit."""

_TEMPLATE_WORD = re.compile(
    (
        r"(?:[A-Z][.)]\s+)?\**(?:label|title|heading|subheading|bullet|paragraph|lead sentence|"
        r"text|sentence|point)"
        r"(?:\s+(?:\d{1,2}|[A-E]))?\**\s*(?::|…|\.{3}|$)\**\s*"
    ),
    re.IGNORECASE,
)


def is_chatter(text: str, review: Review) -> bool:
    """Whether the unit is not about the question at all; counted by kind."""
    kind = _kind_of_chatter(text)
    if kind:
        review.counts[kind] += 1
    return bool(kind)


def _kind_of_chatter(text: str) -> str:
    for kind, opening in _OPENINGS.items():
        if opening.match(text):
            return kind
    lowered = text.lower()
    for kind, rules in _ANYWHERE.items():
        for needle, pattern in rules:
            if needle in lowered and pattern.search(text):
                return kind
    return ""


def leaks_instructions(text: str) -> str:
    """The words that show what the model was told, or an empty string."""
    lowered = text.lower()
    for needle, pattern in _ANYWHERE["instruction_leak"]:
        if needle in lowered and (match := pattern.search(text)):
            return match[0]
    return ""


def strip_template_words(text: str, review: Review) -> str:
    """The unit without a word that only names its place in the form: "Label:", "Title"."""
    match = _TEMPLATE_WORD.match(text)
    return review.corrected("template_word", text, text[match.end() :] if match else text)

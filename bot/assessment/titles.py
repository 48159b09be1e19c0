"""Headline, opening sentence and section titles: from the user's own words and the persona's file.

None of it waits for the model: the opening and title 1 never come from the plan (design, decision 3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.assessment.dialect import split_sentences
from bot.turns import Question
from personas.persona import Persona

__all__ = ["event_kind", "event_name", "headline", "opening_sentence", "title_slots"]

HEADLINE_WORDS = 12
"""Words: the longest headline (design, decision 3)."""

_EVENT_NOUNS = frozenset(
    {
        *("truce", "ceasefire", "armistice", "deal", "agreement", "pact", "treaty", "accord", "framework"),
        *(
            "summit",
            "talks",
            "meeting",
            "visit",
            "tariff",
            "tariffs",
            "sanctions",
            "embargo",
            "ban",
            "controls",
        ),
        *(
            "curbs",
            "quota",
            "quotas",
            "election",
            "vote",
            "referendum",
            "coup",
            "strike",
            "strikes",
            "attack",
        ),
        *(
            "invasion",
            "exercise",
            "exercises",
            "drills",
            "launch",
            "test",
            "ruling",
            "verdict",
            "law",
            "bill",
        ),
        *("budget", "plan", "strategy", "reform", "cut", "cuts", "hike", "merger", "takeover", "default"),
        *("devaluation", "blockade", "protest", "protests", "crackdown", "withdrawal", "statement", "speech"),
        *("announcement", "decision", "proposal", "offer", "resolution", "dispute", "crisis", "war"),
    }
)
"""Nouns a headline names an event with; section titles call the event by them."""
_PLURALS = {
    "talks": "the round of talks",
    "exercises": "the round of exercises",
    "drills": "the round of drills",
    "strikes": "the wave of strikes",
    "protests": "the wave of protests",
    "tariffs": "the move on tariffs",
    "sanctions": "the move on sanctions",
    "controls": "the move on controls",
    "curbs": "the move on curbs",
    "quotas": "the move on quotas",
    "cuts": "the round of cuts",
}
"""The kernels of the titles want a singular: "What … says"."""
_QUESTION = re.compile(
    r"^(?:what|why|how|who|when|where|which|will|would|is|are|does|do|did|can|could|should|has|have|was|were)\b",
    re.I,
)


_ADDRESS = re.compile(r"https?://\S+")


def headline(question: Question) -> str:
    """The user's first line or sentence, at most twelve words, without markup or mentions."""
    text = question.text or (question.quoted[0].text if question.quoted else "")
    lines = (_plain(line) for line in text.splitlines())
    first_line = next((line for line in lines if any(map(str.isalnum, line))), "")
    if not first_line and _ADDRESS.search(text):
        return "A linked page"
    sentences = split_sentences(first_line)
    words = (sentences[0] if sentences else "").split()
    if len(words) > HEADLINE_WORDS:
        return " ".join(words[:HEADLINE_WORDS]).rstrip(",;:—–-") + " …"
    return " ".join(words).rstrip(".!,;: ")


def _plain(line: str) -> str:
    plain = re.sub(r"[<>*_~`#@|{}\[\]\\]", " ", _ADDRESS.sub(" ", line))
    plain = re.sub(r"[\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", "", plain)
    return " ".join(plain.split())


def event_name(title: str) -> str:
    """What section titles call the event: "the truce", or the headline itself in quotation marks."""
    return event_kind(title) or _in_quotation_marks(title)


def event_kind(title: str) -> str:
    """The event without the user's words: "the truce", "the question at hand"; empty where the headline names
    it by no noun of the list.
    """
    if _QUESTION.match(title) or title.endswith("?") or not title:
        return "the question at hand"
    words = [word.strip(".,;:!?’'\"“”()…").casefold() for word in title.split()]
    nouns = [word for word in words if word in _EVENT_NOUNS]
    if nouns:
        return _PLURALS.get(nouns[-1], f"the {nouns[-1]}")
    return ""


def opening_sentence(persona: Persona, title: str, *, up_to_date: bool) -> str:
    """The fixed first sentence. It claims to be up to date only where something was retrieved."""
    claim = "most up-to-date in-depth assessment" if up_to_date else "in-depth assessment"
    event = _in_quotation_marks(title) if title else "your question"
    return (
        f"Here is my {claim} of {event} — with a focus on the why, the how and what next, "
        f"from the perspective of {persona.possessive} strategic calculus."
    )


def _in_quotation_marks(title: str) -> str:
    bare = title.strip("“”\"' ")
    return f"“{bare}”"


def title_slots(
    persona: Persona, *, title: str, organisation: str, counterparty: str = "", stance: str = "act"
) -> Mapping[str, str]:
    """The names that title, lead and instruction templates may use."""
    return {
        "it": event_name(title),
        "country": persona.the_country,
        "the_country": persona.the_country,
        "possessive": persona.possessive,
        "capital": persona.capital,
        "counterparty": counterparty or "the other side",
        "stance": stance,
        "organisation": organisation,
        "possessive_organisation": organisation + ("’" if organisation.endswith("s") else "’s"),
    }

"""Who is meant: states by their names, capitals and adjectives, and sentences that say who owes what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from personas.persona import Persona

__all__ = ["OBLIGATION", "Owed", "actor_of", "actors_in", "content_words"]

_ACTORS = {
    "the United States": (
        r"(?:the )?(?:U\.?S\.?A?(?!\w)|United States|America|American|Washington|White House)"
    ),
    "China": r"(?:the )?(?:China|Chinese|Beijing|PRC|People’s Republic)",
    "the European Union": r"(?:the )?(?:EU|European Union|Europe|European|Brussels)",
    "Russia": r"(?:Russia|Russian|Moscow|(?:the )?Kremlin)",
    "India": r"(?:India|Indian|(?:New )?Delhi)",
    "Japan": r"(?:Japan|Japanese|Tokyo)",
    "Taiwan": r"(?:Taiwan|Taiwanese|Taipei)",
    "South Korea": r"(?:South Korean?|Seoul)",
    "North Korea": r"(?:North Korean?|Pyongyang)",
    "Ukraine": r"(?:Ukraine|Ukrainian|Kyiv)",
    "Iran": r"(?:Iran|Iranian|Tehran)",
    "Israel": r"(?:Israel|Israeli)",
    "Australia": r"(?:Australia|Australian|Canberra)",
    "the United Kingdom": r"(?:the )?(?:UK|U\.K\.|United Kingdom|Britain|British|London)",
    "Saudi Arabia": r"(?:Saudi Arabia|Saudi|Riyadh)",
}
"""By name: how a text speaks of the state. Adjectives stand for it in "Chinese purchases"."""
_ANY = "|".join(_ACTORS.values())
OBLIGATION = re.compile(
    rf"\b(?P<actor>{_ANY})(?:’s|')? "
    r"(?:commitments?|pledges?|promises?|obligations?|purchases|has committed|have committed|committed|"
    r"commits|has pledged|pledged|has promised|promised|has undertaken|undertook|must buy|owes)"
    r"(?: to| of)? (?P<what>[^;]{3,160})"
)
"""A sentence that says who owes what: "U.S. commitments (soybeans, …)", "China pledged to buy …"."""


def actor_of(text: str, persona: Persona) -> str:
    """The one state a short text names, by the name it has here; empty where there is none or several."""
    found = actors_in(text, persona)
    return found[0] if len(found) == 1 else ""


def actors_in(text: str, persona: Persona) -> list[str]:
    """The states a text names; the persona’s own is called as its file calls it."""
    own = {persona.country, persona.the_country, persona.capital, persona.adjective}
    known = dict(_ACTORS)
    if not any(re.fullmatch(pattern, persona.the_country) for pattern in known.values()):
        known[persona.the_country] = "|".join(map(re.escape, sorted(own, key=len, reverse=True)))
    return [name for name, pattern in known.items() if re.search(rf"(?<!\w)(?:{pattern})(?!\w)", text)]


_SAYING_NOTHING = frozenset(
    {
        *("about", "access", "agreement", "also", "annual", "arrangement", "commitment", "deal", "each"),
        *("from", "goods", "into", "linked", "more", "obligation", "other", "part", "pledge", "promise"),
        *("purchase", "side", "such", "supply", "term", "that", "their", "them", "these", "this", "under"),
        *("until", "which", "with", "year", "state", "united", "chinese", "american", "russian", "indian"),
        *("japanese", "european"),
    }
)
"""Words that two commitments may share without being one."""


def content_words(text: str) -> frozenset[str]:
    """What is owed, as words in the singular."""
    words = (word.removesuffix("s") for word in re.findall(r"[^\W\d_]{4,}", text.lower()))
    return frozenset(word for word in words if word not in _SAYING_NOTHING)


@dataclass(frozen=True, slots=True)
class Owed:
    """Who owes what, and where that is said."""

    actor: str
    what: frozenset[str]
    id: str

    def contradicts(self, others: Iterable[Owed], *, share: float) -> Owed | None:
        """What another owes and this one is said to owe, where nothing says that both do. ``share``: of the
        other’s words, how many must be the same.
        """
        others = list(others)
        for other in others:
            common = self.what & other.what
            if not common or len(common) < share * len(other.what) or other.actor == self.actor:
                continue
            if not any(mine.actor == self.actor and mine.what & common for mine in others):
                return other
        return None

"""Whose view a question in a thread asks for, where it names nobody at its beginning.

"How does Tokyo see it?" asks Japan; "how does it hit exports to Japan?" does not.
"""

from __future__ import annotations

import re

from personas.desk import Desk
from personas.persona import Persona
from personas.wording import folded, normalised

__all__ = ["view_asked_for"]

_SEES = r"(?:see|view|read|judge|think|take|feel|say|make|look|assess|weigh|perceive|react|respond|answer)s?"
_BEFORE = re.compile(
    r"(?:\b(?:do|does|did|would|will|might|could|should)|\bfrom|\baccording to|\bview (?:of|from|in)"
    r"|\bperspective of|\bposition of|\beyes of|\bhow about|\bwhat about|^and|^and in)\s+(?:the\s+)?$"
)
"""What stands before a country that is asked for its view."""
_AFTER = re.compile(
    rf"(?:\s+(?:government|leadership|side|itself)|\W?s\s+(?:government|leadership))?\s+{_SEES}\b"
)
_ITS_VIEW = re.compile(
    r"\W?s?\s+(?:own\s+)?(?:view|perspective|position|take|reading|eyes|standpoint|point of view|stance)\b"
)
_NOTHING_MORE = re.compile(r"\W*$")
_WHY = re.compile(r"\b(?:why|how|where|in what|on what)\s+(?:do|does|did|would|is|are)\s+(?:the\s+)?$")
_DIFFERS = re.compile(r"\s+(?:differ|disagree|deviate|diverge|stand apart|part ways|see it otherwise)s?\b")
"""Who differs is asked why, whomever they differ from."""
_WHOLE_CLAUSE = re.compile(r"(?:^and(?: in)?|\bhow about|\bwhat about|\bfrom|\baccording to)\s+(?:the\s+)?$")


def view_asked_for(text: str, desk: Desk) -> Persona | None:
    """The one persona whose view is asked for; ``None`` where there is none, or more than one."""
    text = normalised(text)
    words = folded(text)
    asked: set[str] = set()
    for persona, start, end in desk.named_in(text):
        before, after = words[:start], words[end:]
        if _WHY.search(before) and _DIFFERS.match(after):
            return persona
        if (
            _ITS_VIEW.match(after)
            or (_BEFORE.search(before) and _AFTER.match(after))
            or (_WHOLE_CLAUSE.search(before) and _NOTHING_MORE.match(after))
        ):
            asked.add(persona.code)
    return desk.by_code(asked.pop()) if len(asked) == 1 else None

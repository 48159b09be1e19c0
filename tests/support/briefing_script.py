"""A model that writes briefings, and answers questions as the fair script does."""

from __future__ import annotations

import json

from personas.desk import Desk
from personas.loader import load_personas
from tests.support.model_replies import ModelRequest, Reply
from tests.support.seed_script import answer

__all__ = ["briefing_answer"]

_PILLARS = {persona.code: persona.pillars[0].id for persona in Desk(load_personas()).personas}


def briefing_answer(request: ModelRequest) -> Reply:
    """One item of the first source, with a ping in it that must not ring."""
    if request.schema_name != "briefing":
        return answer(request)
    item = {
        "what": "The ministry raised the quota for magnets.",
        "sources": ["S1"],
        "so_what": "More room for exporters <!channel>.",
        "pillar": _PILLARS["CN-01"],
        "moves": "",
        "percent": 0,
    }
    return Reply(json.dumps({"items": [item], "to_watch": []}))

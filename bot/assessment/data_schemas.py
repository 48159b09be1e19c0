"""Strict schemas of the JSON calls: plan, outlook and watch.

Format and persona decide the choices; a compact format has fixed keys, because small models repeat or
forget the entries of an array (``model-facts.md``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.assessment.formats import Format
from bot.assessment.values import Plan
from bot.llm.port import JsonSchema
from personas.persona import Persona

__all__ = [
    "CONFIDENCES",
    "PREMISES",
    "STANCES",
    "VIEWPOINTS",
    "outlook_schema",
    "plan_schema",
    "watch_schema",
]

STANCES = ("agree", "act", "wait", "refuse", "respond", "escalate", "concede")
"""Verbs of section 2's title."""
VIEWPOINTS = ("persona_state", "counterparty", "third_party", "analyst")
"""Whose eyes a judgment is seen through."""
CONFIDENCES = ("low", "moderate", "high")
"""Analytical confidence, from the least on."""
PREMISES = ("holds", "overtaken", "unclear")
"""Whether what the question takes for granted is still so."""

_Schema = Mapping[str, Any]


def _object(**properties: _Schema) -> _Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


_TEXT: _Schema = {"type": "string"}
_PERCENT: _Schema = {"type": "integer", "description": "percent, 1 to 99"}
_DATE: _Schema = {"type": "string", "description": "YYYY-MM-DD"}


def _choice(values: Iterable[str]) -> _Schema:
    return {"type": "string", "enum": list(values)}


def plan_schema(format_: Format, persona: Persona) -> JsonSchema:
    """Schema of the plan call."""
    if format_.compact:
        keys: dict[str, _Schema] = {"bottom_line": _TEXT, "counterparty": _TEXT}
        for number in range(1, format_.judgments[1] + 1):
            keys |= {f"j{number}": _TEXT, f"p{number}": _PERCENT}
        return JsonSchema("plan", _object(**keys))
    judgment = _object(
        statement=_TEXT,
        low=_PERCENT,
        point=_PERCENT,
        high=_PERCENT,
        until=_DATE,
        confidence=_choice(CONFIDENCES),
        view=_choice(VIEWPOINTS),
        pillar=_choice(pillar.id for pillar in persona.pillars),
    )
    return JsonSchema(
        "plan",
        _object(
            bottom_line=_TEXT,
            event_date={"type": "string", "description": "YYYY-MM-DD, or empty when the material has none"},
            premise=_choice(PREMISES),
            counterparty={"type": "string", "description": "the other main actor, at most 4 words"},
            stance=_choice(STANCES),
            judgments=_array(judgment),
            hypotheses=_array(_TEXT),
            linchpin=_TEXT,
            sections=_array(_object(section=_TEXT, line=_TEXT, evidence=_array(_TEXT))),
        ),
    )


def outlook_schema(format_: Format, plan: Plan) -> JsonSchema:
    """Schema of the outlook call."""
    if format_.compact:
        keys: dict[str, _Schema] = {}
        for number in (1, 2, 3):
            keys |= {f"h{number}": _TEXT, f"p{number}": _PERCENT}
        keys |= {"a1": _TEXT, "a2": _TEXT, "a3": _TEXT}
        return JsonSchema("outlook", _object(**keys))
    hypotheses = [hypothesis.id for hypothesis in plan.hypotheses] or ["H1", "H2", "H3"]
    judgments = [judgment.id for judgment in plan.judgments] or ["J1"]
    return JsonSchema(
        "outlook",
        _object(
            hypotheses=_array(_object(id=_choice(hypotheses), probability=_PERCENT, would_change_if=_TEXT)),
            assumptions=_array(_object(statement=_TEXT, if_wrong=_TEXT)),
            commitments=_array(_object(obligor=_TEXT, what=_TEXT, expires=_TEXT)),
            confidence=_object(information_base=_TEXT, rigour=_TEXT, volatility=_TEXT),
            forecasts=_array(
                _object(
                    question=_TEXT,
                    probability=_PERCENT,
                    by=_DATE,
                    source=_TEXT,
                    judgment=_choice(judgments),
                )
            ),
        ),
    )


def watch_schema(format_: Format, plan: Plan, persona: Persona) -> JsonSchema:
    """Schema of the watch call."""
    if format_.compact:
        keys: dict[str, _Schema] = {}
        for number in range(1, format_.watch_items[1] + 1):
            keys |= {f"w{number}": _TEXT, f"t{number}": _TEXT}
        return JsonSchema(
            "watch",
            _object(**keys, client_should=_TEXT, unknown=_TEXT, question_does=_TEXT, question_or=_TEXT),
        )
    judgments = [judgment.id for judgment in plan.judgments] or ["J1"]
    item = _object(
        what=_TEXT,
        threshold=_TEXT,
        where=_TEXT,
        by=_DATE,
        means=_choice(("confirms", "disconfirms")),
        judgment=_choice(judgments),
    )
    return JsonSchema(
        "watch",
        _object(
            items=_array(item),
            implications=_array(_object(audience=_TEXT, implication=_TEXT, by=_DATE)),
            gaps=_array(_object(gap=_TEXT, where=_TEXT)),
            question_does=_TEXT,
            question_or=_TEXT,
            epigraph=_choice(epigraph.id for epigraph in persona.epigraphs),
        ),
    )

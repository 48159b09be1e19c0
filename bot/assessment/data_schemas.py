"""Strict schemas of the JSON calls: plan, outlook and watch. The demo model has its own (``demo``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.assessment.formats import Format
from bot.assessment.values import Plan
from bot.llm.port import JsonSchema
from personas.persona import Persona

__all__ = [
    "CONFIDENCES",
    "HEAD",
    "HEAD_ENDS_AT",
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

HEAD = ("event_date", "premise", "since", "since_sources", "contradictions")
"""The plan's first fields: whether the question is still about the present."""
HEAD_ENDS_AT = "bottom_line"
"""The field behind them."""

_Schema = Mapping[str, Any]


def _object(**properties: _Schema) -> _Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: _Schema, size: tuple[int, int] | None = None) -> _Schema:
    # The size as a description: strict mode of many servers knows no minItems.
    told = {"description": f"{size[0]} to {size[1]}"} if size else {}
    return {"type": "array", "items": items, **told}


_TEXT: _Schema = {"type": "string"}
_PERCENT: _Schema = {"type": "integer", "description": "percent, 1 to 99"}
_DATE: _Schema = {"type": "string", "description": "YYYY-MM-DD"}


def _choice(values: Iterable[str]) -> _Schema:
    return {"type": "string", "enum": list(values)}


def plan_schema(format_: Format, persona: Persona) -> JsonSchema:
    """Schema of the plan call."""
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
            # First, in this order: they are read while the rest is still being written.
            event_date={"type": "string", "description": "YYYY-MM-DD, or empty when it is not known"},
            premise=_choice(PREMISES),
            since={"type": "string", "description": "at most 25 words, or empty"},
            since_sources=_array({"type": "string", "description": "S2"}),
            contradictions=_array(
                _object(source={"type": "string", "description": "S2"}, says=_TEXT),
            ),
            bottom_line=_TEXT,
            counterparty={"type": "string", "description": "the other main actor, at most 4 words"},
            stance=_choice(STANCES),
            judgments=_array(judgment, format_.judgments),
            hypotheses=_array(_TEXT),
            linchpin=_TEXT,
            sections=_array(_object(section=_TEXT, line=_TEXT, evidence=_array(_TEXT))),
        ),
    )


def outlook_schema(format_: Format, plan: Plan) -> JsonSchema:  # noqa: ARG001 - called like the other two
    """Schema of the outlook call."""
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
            items=_array(item, format_.watch_items),
            implications=_array(_object(audience=_TEXT, implication=_TEXT, by=_DATE)),
            gaps=_array(_object(gap=_TEXT, where=_TEXT)),
            question_does=_TEXT,
            question_or=_TEXT,
            epigraph=_choice(epigraph.id for epigraph in persona.epigraphs),
        ),
    )

"""Strict schemas of the JSON calls: plan, outlook and watch. The demo model has its own (``demo``)."""

from __future__ import annotations

from collections.abc import Mapping

from bot.assessment.formats import Format
from bot.assessment.values import Plan
from bot.llm.port import JsonSchema
from bot.llm.schemas import DATE, PERCENT, TEXT, Schema, array, choice, record
from personas.persona import Persona

__all__ = [
    "CONFIDENCES",
    "HEAD",
    "HEAD_ENDS_AT",
    "HEAD_FIELDS",
    "PREMISES",
    "RATINGS",
    "STANCES",
    "SUPPORTS",
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
PREMISES = ("holds", "overtaken", "unclear", "hypothetical")
"""Whether what the question takes for granted is still so, or is only supposed."""
RATINGS = ("CC", "C", "N", "I", "II")
"""How a source agrees with a hypothesis, from very consistent to very inconsistent (analysis of competing
hypotheses)."""
SUPPORTS = ("solid", "caveated", "unsupported")
"""What an assumption rests on."""

HEAD = ("event_date", "premise", "since", "since_sources", "contradictions")
"""The plan's first fields: whether the question is still about the present."""
HEAD_FIELDS: Mapping[str, Schema] = {
    "event_date": {"type": "string", "description": "YYYY-MM-DD, or empty when it is not known"},
    "premise": choice(PREMISES),
    "since": {"type": "string", "description": "at most 25 words, or empty"},
    "since_sources": array({"type": "string", "description": "S2"}),
    "contradictions": array(record(source={"type": "string", "description": "S2"}, says=TEXT)),
}
"""Their schemas, in this order."""
HEAD_ENDS_AT = "bottom_line"
"""The field behind them."""


def plan_schema(format_: Format, persona: Persona) -> JsonSchema:
    """Schema of the plan call."""
    judgment = record(
        statement=TEXT,
        low=PERCENT,
        point=PERCENT,
        high=PERCENT,
        until=DATE,
        confidence=choice(CONFIDENCES),
        view=choice(VIEWPOINTS),
        pillar=choice(pillar.id for pillar in persona.pillars),
        evidence=array({"type": "string", "description": "S2; -S2 where it speaks against"}),
    )
    return JsonSchema(
        "plan",
        record(
            **HEAD_FIELDS,  # first: they are read while the rest is still being written
            bottom_line=TEXT,
            counterparty={"type": "string", "description": "the other main actor, at most 4 words"},
            stance=choice(STANCES),
            judgments=array(judgment, format_.judgments),
            hypotheses=array(TEXT),
            linchpin=TEXT,
            sections=array(record(section=TEXT, line=TEXT)),
        ),
    )


def outlook_schema(format_: Format, plan: Plan) -> JsonSchema:  # noqa: ARG001 - called like the other two
    """Schema of the outlook call."""
    hypotheses = [hypothesis.id for hypothesis in plan.hypotheses] or ["H1", "H2", "H3"]
    judgments = [judgment.id for judgment in plan.judgments] or ["J1"]
    return JsonSchema(
        "outlook",
        record(
            hypotheses=array(
                record(
                    id=choice(hypotheses),
                    probability=PERCENT,
                    would_change_if=TEXT,
                    evidence=array({"type": "string", "description": "S1 CC"}),
                )
            ),
            status_quo=choice(hypotheses),
            lead_reason={"type": "string", "description": "empty, or why it leads with more against it"},
            assumptions=array(
                record(
                    statement=TEXT,
                    if_wrong=TEXT,
                    support=choice(SUPPORTS),
                    judgment=choice(judgments),
                )
            ),
            commitments=array(record(obligor=TEXT, what=TEXT, expires=TEXT)),
            confidence=record(information_base=TEXT, rigour=TEXT, volatility=TEXT),
            forecasts=array(
                record(
                    question=TEXT,
                    probability=PERCENT,
                    by=DATE,
                    source=TEXT,
                    judgment=choice(judgments),
                    base_rate=TEXT,
                )
            ),
        ),
    )


def watch_schema(format_: Format, plan: Plan, persona: Persona) -> JsonSchema:
    """Schema of the watch call."""
    judgments = [judgment.id for judgment in plan.judgments] or ["J1"]
    item = record(
        what=TEXT,
        threshold=TEXT,
        where=TEXT,
        by=DATE,
        means=choice(("confirms", "disconfirms")),
        judgment=choice(judgments),
    )
    return JsonSchema(
        "watch",
        record(
            items=array(item, format_.watch_items),
            linchpin_item={"type": "integer", "description": "number of the item that would show it wrong"},
            implications=array(record(audience=TEXT, exposure=TEXT, implication=TEXT, by=DATE)),
            gaps=array(record(gap=TEXT, where=TEXT)),
            question_does=TEXT,
            question_or=TEXT,
            epigraph=choice(epigraph.id for epigraph in persona.epigraphs),
        ),
    )

"""The demo profile: the in-depth and brief formats cut to what a small model on two cores can write.

One call at a time, section 1 before the plan, a short prefix, sections of four labelled bullets, and
JSON with few fixed keys whose strings are held in shape by patterns: what a 1.5-billion-parameter
model was measured to do reliably in four minutes. ``expanded`` gives that JSON the shape of a large
model's, so that nothing behind the calls knows the difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.assessment.formats import Format, SectionSpec
from bot.evidence.table import EvidenceTable
from bot.llm.port import JsonSchema
from personas.persona import Persona

__all__ = [
    "HYPOTHESES",
    "context_text",
    "counterparty",
    "data_instruction",
    "data_schema",
    "demo",
    "expanded",
    "system_text",
]

QUESTION_CHARS = 900
"""Characters of the question a small model is given: prefix and question together stay near 250 tokens."""
RANGE = 10
"""Percentage points to each side of a point estimate: a small model gives no range of its own."""

_ACTORS = {
    "the United States": r"U\.?S\.?A?\b|United States|Washington|American?\b|Trump",
    "China": r"China|Chinese|Beijing|PRC\b",
    "the European Union": r"EU\b|European Union|Brussels|Europe",
    "Russia": r"Russia|Moscow|Kremlin",
    "India": r"India|Delhi",
    "Japan": r"Japan|Tokyo",
    "Taiwan": r"Taiwan|Taipei",
    "South Korea": r"South Korea|Seoul",
    "Ukraine": r"Ukrain|Kyiv",
    "Iran": r"Iran|Tehran",
    "Israel": r"Israel",
    "Australia": r"Australia|Canberra",
    "the United Kingdom": r"UK\b|United Kingdom|Britain|British",
    "Saudi Arabia": r"Saudi|Riyadh",
    "North Korea": r"North Korea|Pyongyang",
}
"""Who may stand on the other side, and how a question names them. Asked, a small model names anybody."""

_WORDS = "( [A-Za-z][A-Za-z-]{0,15})"
_DEEDS = "(keep|extend|delay|tighten|ease|raise|cut|seek|use|build|offer|demand|limit|approve)"
_PERCENT = {"type": "integer", "minimum": 5, "maximum": 95}

_SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "2": ("Explain {capital}’s motives", ("Stability at home", "Self-reliance", "Standing abroad", "Timing")),
    "3": (
        "Explain the motives of {counterparty} and its error about {the_country}",
        ("Need", "Gain at home", "Pressure on {capital}", "What it misreads"),
    ),
    "4": (
        "Explain what can go wrong for {the_country}",
        ("Lost leverage", "Tension at home", "Third countries", "Miscalculation"),
    ),
    "5": (
        "Explain what {capital} must decide next",
        ("Supply", "Rules and enforcement", "Partners abroad", "The next round of talks"),
    ),
    "6": ("Judge what this means for {the_country}", ("Posture", "Leverage", "Signal", "Risk")),
}
"""By section: its aim, and the labels of its bullets."""


def demo(format_: Format, *, section_tokens: int) -> Format:
    """The format, cut down."""
    return replace(
        format_,
        sections=tuple(_cut(spec, section_tokens) if spec.words else spec for spec in format_.sections),
        compact=True,
        plan_tokens=150,
        outlook_tokens=200,
        watch_tokens=200,
        judgments=(1, 3),
        watch_items=(1, 3),
    )


def _cut(spec: SectionSpec, tokens: int) -> SectionSpec:
    if spec.key in _SECTIONS:
        aim, labels = _SECTIONS[spec.key]
        return replace(
            spec,
            instruction=(
                f"Write the section “{spec.title}”, and nothing else. {aim} in four bullets: "
                + "; ".join(f"- {label}: ..." for label in labels)
                + ". Each bullet is one plain sentence of 10 to 20 words about the question above, with "
                "a reason. No headings, no percentages. Stop after the fourth bullet."
            ),
            prefill=f"- {labels[0]}:",
            subs=(0, 0),
            bullets=(1, 4),
            labelled=True,
            words=85,
            max_tokens=tokens,
        )
    if spec.factual:
        instruction = (
            "Write the first section, and nothing else. State only what the user’s text says: who, "
            "what, how long, "
            "what each side gives. Do not add anything. Three bullets, each one plain sentence of at "
            "most 24 words. "
            "No headings. Stop after the third bullet."
        )
        return replace(
            spec,
            instruction=instruction,
            prefill="- According to the user,",
            bullets=(1, 3),
            words=60,
            max_tokens=tokens,
        )
    return replace(
        spec,
        instruction=(
            "Write the verdict in three plain sentences, and nothing else: what this is and what it "
            "is not; what it means "
            "for {the_country}; what follows in the long run. No headings, no percentages."
        ),
        prefill="In summary: this is",
        words=70,
        max_tokens=tokens,
    )


def system_text(persona: Persona, organisation: str) -> str:
    """The prefix's first part."""
    pillars = "; ".join(pillar.name.lower() for pillar in persona.pillars)
    return (
        f"You are {persona.display_name}, an analyst of {persona.the_country} at {organisation}. You analyse "
        f"{persona.the_country}; you do not speak for it. Write in the third person, present tense, "
        f"in plain analytic "
        f"English, for a reader who is an expert. Judge everything by three pillars: {pillars}. Use "
        f"only what the "
        "user’s text says and general background that you are sure of. Never write numbers, dates, "
        "names, quotations "
        "or links that are not in the user’s text."
    )


def context_text(evidence: EvidenceTable, as_of: datetime) -> str:
    """The prefix’s second part: date and question."""
    claims = [source for source in evidence.sources if source.is_claim]
    question = "\n".join(" ".join(source.text.split()) for source in claims)[:QUESTION_CHARS]
    quoted = question.replace('"', "”")
    return f'Today is {as_of:%Y-%m-%d}, {as_of:%H:%M} UTC. The user writes:\n"{quoted}"'


def counterparty(evidence: EvidenceTable, persona: Persona) -> str:
    """The first other actor that the question names."""
    text = " ".join(source.text for source in evidence.sources if source.is_claim)
    named = {
        match.start(): actor
        for actor, pattern in _ACTORS.items()
        if actor != persona.the_country and (match := re.search(rf"\b(?:{pattern})", text))
    }
    return named[min(named)] if named else "the other side"


def data_instruction(name: str, persona: Persona, other: str) -> str:
    """What a JSON call is asked for; ``other`` is the counterparty."""
    country = persona.the_country
    match name:
        case "plan":
            return (
                f"Plan the assessment as JSON. bottom_line: what this means for {country} "
                f"and why, at most 16 words. j1: what {country} will do about it in the next twelve "
                f"months; j2: what "
                f"{other} will do; j3: what {country} will not do: each a concrete forecast of at "
                f"most 10 words. p1, "
                f"p2, p3: their probabilities in percent. {_shape('plan')}"
            )
        case "outlook":
            return (
                "Write the outlook for the next twelve months as JSON. h1: why things go on as they "
                "are; h2: why they get "
                "worse; h3: why they get better: at most 8 words after because. p1, p2, p3: their "
                "probabilities in "
                f"percent, together 100. a1, a2: what this takes for granted about {country} and "
                f"about {other}, at "
                f"most 9 words. {_shape('outlook')}"
            )
        case "view":
            first, second, third = HYPOTHESES
            return (
                f"Judge as JSON what will happen in the next twelve months. p1: {first.lower()}; p2: "
                f"{second.lower()}; p3: {third.lower()}: their probabilities in percent for {country}, "
                "together 100. judgment: what decides it, at most 10 words. reason: why p1 is as it is, at "
                f"most 10 words. {_shape('view')}"
            )
        case _:
            return (
                f"Write the watch list as JSON. w1, w2, w3: what to look for in {country}, in "
                f"{other}, in a third "
                "country, at most 7 words each. m1, m2, m3: what each would show, at most 6 words. "
                "gap: what is not "
                "known, at most 7 words. does, or: the two outcomes to choose between, at most 8 words each. "
                f"{_shape('watch')}"
            )


_KEYS = {
    "plan": ("bottom_line", "j1", "p1", "j2", "p2", "j3", "p3"),
    "outlook": ("h1", "p1", "h2", "p2", "h3", "p3", "a1", "a2"),
    "view": ("p1", "p2", "p3", "judgment", "reason"),
    "watch": ("w1", "m1", "w2", "m2", "w3", "m3", "gap", "does", "or"),
}


def _shape(name: str) -> str:
    members = ",".join(f'"{key}":{0 if key.startswith("p") else chr(34) * 2}' for key in _KEYS[name])
    return f"Format, on one line: {{{members}}}"


def data_schema(name: str, persona: Persona, other: str) -> JsonSchema:
    """A call's schema: without patterns small models write ``"j1": "True"``."""
    own = f"({persona.country}|{persona.capital})"
    theirs = other[:1].upper() + other[1:]
    third = "(Japan|Australia|India|Russia|Europe)"
    patterns = {
        "bottom_line": f"^For {persona.capital}, (the|this){_WORDS}{{5,26}}\\.$",
        "j1": f"^{own} will {_DEEDS}{_WORDS}{{3,18}}\\.$",
        "j2": f"^{theirs} will {_DEEDS}{_WORDS}{{3,18}}\\.$",
        "j3": f"^{own} will not {_DEEDS}{_WORDS}{{3,18}}\\.$",
        "h1": f"^The present course holds because{_WORDS}{{3,16}}\\.$",
        "h2": f"^Relations worsen because{_WORDS}{{3,16}}\\.$",
        "h3": f"^Relations improve because{_WORDS}{{3,16}}\\.$",
        "a1": f"^{own}{_WORDS}{{3,16}}\\.$",
        "a2": f"^{theirs}{_WORDS}{{3,16}}\\.$",
        "w1": f"^Whether {own}{_WORDS}{{2,16}}$",
        "w2": f"^Whether {other}{_WORDS}{{2,16}}$",
        "w3": f"^Whether {third}{_WORDS}{{2,16}}$",
        "judgment": f"^{own} will {_DEEDS}{_WORDS}{{3,18}}\\.$",
        "reason": f"^{own} (has|needs|fears|wants){_WORDS}{{3,16}}\\.$",
        "m": f"^It would show{_WORDS}{{2,16}}\\.$",
        "gap": f"^It is not known (whether|how|what){_WORDS}{{2,16}}\\.$",
        "does": f"^(use|keep|extend|seek|build|tighten|ease){_WORDS}{{2,14}}$",
        "or": f"^(give|lose|cut|accept|slow|wait|turn){_WORDS}{{2,14}}$",
    }

    def member(key: str) -> dict[str, Any]:
        if key.startswith("p"):
            return dict(_PERCENT)
        return {"type": "string", "pattern": patterns["m" if key.startswith("m") else key]}

    properties = {key: member(key) for key in _KEYS[name]}
    return JsonSchema(
        name,
        {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    )


def expanded(name: str, data: Mapping[str, Any], other: str) -> dict[str, Any]:
    """The call's JSON in the shape that a large model gives."""
    if name == "plan":
        judgments = [
            {"statement": data.get(f"j{n}"), **_range(data.get(f"p{n}")), "confidence": "low", "view": view}
            for n, view in ((1, "persona_state"), (2, "counterparty"), (3, "analyst"))
        ]
        hypotheses = list(HYPOTHESES)
        return {
            "bottom_line": data.get("bottom_line"),
            "counterparty": other,
            "judgments": judgments,
            "hypotheses": hypotheses,
        }
    if name == "outlook":
        hypotheses_ = [
            {"id": f"H{n}", "probability": data.get(f"p{n}"), "would_change_if": ""} for n in (1, 2, 3)
        ]
        assumptions = [{"statement": data.get(f"a{n}")} for n in (1, 2)]
        reasons = {f"H{n}": data.get(f"h{n}") for n in (1, 2, 3)}
        for hypothesis in hypotheses_:
            hypothesis["reason"] = reasons[str(hypothesis["id"])]
        return {"hypotheses": hypotheses_, "assumptions": assumptions}
    if name == "view":
        return {
            "likelihoods": [{"id": f"H{n}", **_range(data.get(f"p{n}"))} for n in (1, 2, 3)],
            "judgment": data.get("judgment"),
            "reasons": [{"hypothesis": "H1", "reason": data.get("reason")}],
            "confidence": "low",
        }
    items = [
        {"what": data.get(f"w{n}"), "threshold": data.get(f"m{n}"), "judgment": f"J{n}"} for n in (1, 2, 3)
    ]
    return {
        "items": items,
        "gaps": [{"gap": data.get("gap")}],
        "question_does": data.get("does"),
        "question_or": data.get("or"),
    }


HYPOTHESES = (
    "The present course holds",
    "Relations worsen and the course breaks off",
    "Relations improve beyond the present course",
)
"""What a small model weighs: its own would not exclude each other."""


def _range(point: Any) -> dict[str, Any]:  # noqa: ANN401 - a model's JSON
    if not isinstance(point, int):
        return {"point": point}
    return {"low": max(point - RANGE, 1), "point": point, "high": min(point + RANGE, 99)}

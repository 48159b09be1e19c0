"""The JSON calls: plan, outlook and watch. Their strict schemas, and reading what comes back.

Readers take any JSON at all. What is wrong but mendable (a range out of order, a date too late, a
likelihood word in a statement) is mended and counted; what is missing stays empty, and the caller
decides whether that is worth another call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pydantic_core import from_json

from bot.assessment.formats import Format
from bot.assessment.lexicon import Likelihood
from bot.assessment.values import (
    Assumption,
    Commitment,
    Confidence,
    Forecast,
    Gap,
    Hypothesis,
    Implication,
    Judgment,
    Outlook,
    Plan,
    Watch,
    WatchItem,
)
from bot.assessment.wording import Reference, Tables, clean, jaccard
from bot.llm.port import JsonSchema
from personas.persona import Persona

__all__ = ["DataReader", "outlook_schema", "parse_object", "plan_schema", "watch_schema"]

HORIZON = timedelta(days=365)
"""Window of a judgment whose end the model did not give."""
LONGEST_WINDOW = timedelta(days=730)
"""A judgment's window ends within 24 months (analysis standard, UN9)."""
LONGEST_WATCH = timedelta(days=540)
"""A watch item's window ends within 18 months (analysis standard, WA2)."""
LEAST_PROBABILITY = 2
"""Percent: no hypothesis of an exhaustive set has less (analysis standard, UN7)."""
SAME = 0.9
"""Token overlap from which two statements are one and the same."""

STANCES = ("agree", "act", "wait", "refuse", "respond", "escalate", "concede")
VIEWPOINTS = ("persona_state", "counterparty", "third_party", "analyst")
CONFIDENCES = ("low", "moderate", "high")
PREMISES = ("holds", "overtaken", "unclear")


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TEXT = {"type": "string"}
_PERCENT = {"type": "integer", "description": "percent, 1 to 99"}
_DATE = {"type": "string", "description": "YYYY-MM-DD"}


def _choice(values: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def plan_schema(format_: Format, persona: Persona) -> JsonSchema:
    """Schema of the plan call."""
    if format_.compact:
        # Fixed keys: small models repeat or forget the entries of an array (model-facts.md).
        keys: dict[str, Any] = {"bottom_line": _TEXT, "counterparty": _TEXT}
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
        keys: dict[str, Any] = {}
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
        keys: dict[str, Any] = {}
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


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in a model's answer, however it is wrapped; an object that was cut off is read
    as far as it goes. ``None`` where there is none.
    """
    start = text.find("{")
    if start < 0:
        return None
    body = text[start:]
    for candidate in (body, body[: body.rfind("}") + 1]):
        try:
            value = from_json(candidate.encode(errors="ignore"), allow_partial=True)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


@dataclass(slots=True)
class DataReader:
    """Turns JSON into values; mends and counts."""

    format_: Format
    persona: Persona
    tables: Tables
    today: date
    counts: Counter[str]

    def plan(self, data: Mapping[str, Any]) -> Plan:
        """The plan, as far as the data has one."""
        compact = self.format_.compact
        raw = self._numbered(data, "j", "p") if compact else _records(data.get("judgments"))
        hypotheses = [self._text(name, words=12) for name in _strings(data.get("hypotheses"))]
        return Plan(
            bottom_line=self._text(data.get("bottom_line"), words=60),
            event_date=_iso(data.get("event_date")),
            premise=_one_of(data.get("premise"), PREMISES, "unclear"),
            counterparty=self._counterparty(data.get("counterparty")),
            stance=_one_of(data.get("stance"), STANCES, "act"),
            judgments=self._judgments(raw),
            hypotheses=tuple(
                Hypothesis(f"H{number}", name)
                for number, name in enumerate(list(dict.fromkeys(filter(None, hypotheses)))[:4], 1)
            ),
            linchpin=self._text(data.get("linchpin"), words=30),
            section_lines={
                str(record.get("section", "")).strip(): line
                for record in _records(data.get("sections"))
                if (line := self._text(record.get("line"), words=30))
            },
        )

    def outlook(self, data: Mapping[str, Any], plan: Plan) -> Outlook:
        """The outlook; hypotheses not weighed by the model share what is left."""
        if self.format_.compact:
            weighed = [
                (Hypothesis(f"H{number}", text), probability, "")
                for number, (text, probability) in enumerate(self._pairs(data, "h", "p"), 1)
            ]
            assumptions: list[tuple[object, object]] = [(data.get(f"a{number}"), "") for number in (1, 2, 3)]
        else:
            by_id = {str(record.get("id")): record for record in _records(data.get("hypotheses"))}
            weighed = [
                (
                    hypothesis,
                    _percent(by_id.get(hypothesis.id, {}).get("probability")),
                    self._text(by_id.get(hypothesis.id, {}).get("would_change_if"), words=25),
                )
                for hypothesis in plan.hypotheses
            ]
            assumptions = [
                (record.get("statement"), record.get("if_wrong"))
                for record in _records(data.get("assumptions"))
            ]
        stated = [plan.linchpin] if plan.linchpin else []
        consequence = {}
        for statement, if_wrong in assumptions:
            text = self._text(statement, words=35)
            if not text:
                continue
            twin = next((known for known in stated if jaccard(known, text) >= SAME), None)
            consequence[twin or text] = self._text(if_wrong, words=30)
            if twin is None:
                stated.append(text)
        confidence = data.get("confidence")
        confidence = confidence if isinstance(confidence, dict) else {}
        return Outlook(
            probabilities=tuple(_exhaustive(weighed, self.counts)),
            assumptions=tuple(
                Assumption(f"A{number}", text, consequence.get(text, ""), linchpin=text == plan.linchpin)
                for number, text in enumerate(stated[:5], 1)
            ),
            commitments=tuple(
                Commitment(f"C{number}", self._name(record.get("obligor")), what, _iso(record.get("expires")))
                for number, record in enumerate(_records(data.get("commitments"))[:6], 1)
                if (what := self._text(record.get("what"), words=25))
            ),
            confidence=Confidence(
                self._text(confidence.get("information_base"), words=25),
                self._text(confidence.get("rigour"), words=25),
                self._text(confidence.get("volatility"), words=25),
            ),
            forecasts=tuple(self._forecasts(_records(data.get("forecasts")), plan)),
        )

    def watch(self, data: Mapping[str, Any], plan: Plan) -> Watch:
        """Watch items, implications, gaps and the halves of the closing question."""
        if self.format_.compact:
            records: list[Mapping[str, Any]] = [
                {"what": data.get(f"w{number}"), "threshold": data.get(f"t{number}")}
                for number in range(1, self.format_.watch_items[1] + 1)
            ]
            implications: list[Mapping[str, Any]] = [{"implication": data.get("client_should")}]
            gaps: list[Mapping[str, Any]] = [{"gap": data.get("unknown")}]
        else:
            records, implications = _records(data.get("items")), _records(data.get("implications"))
            gaps = _records(data.get("gaps"))
        known = {judgment.id for judgment in plan.judgments}
        items: list[WatchItem] = []
        for record in records[: self.format_.watch_items[1]]:
            observable = self._text(record.get("what"), words=35)
            if not observable or any(jaccard(item.observable, observable) >= SAME for item in items):
                continue
            judgment = str(record.get("judgment", ""))
            items.append(
                WatchItem(
                    id=f"W{len(items) + 1}",
                    observable=observable,
                    threshold=self._text(record.get("threshold"), words=25),
                    where=self._name(record.get("where"), words=10),
                    by=self._date(record.get("by"), LONGEST_WATCH),
                    confirms=record.get("means") != "disconfirms",
                    judgment_id=judgment if judgment in known else "",
                )
            )
        epigraph = str(data.get("epigraph", ""))
        return Watch(
            items=tuple(items),
            implications=tuple(
                Implication(
                    self._name(record.get("audience"), words=8), text, self._date(record.get("by"), HORIZON)
                )
                for record in implications[:4]
                if (text := self._text(record.get("implication"), words=40))
            ),
            gaps=tuple(
                Gap(text, self._name(record.get("where"), words=12))
                for record in gaps[:4]
                if (text := self._text(record.get("gap"), words=35))
            ),
            either=self._half_question(data.get("question_does")),
            or_else=self._half_question(data.get("question_or")),
            epigraph_id=epigraph if self.persona.epigraph(epigraph) else self.persona.epigraphs[0].id,
        )

    def _judgments(self, records: list[Mapping[str, Any]]) -> tuple[Judgment, ...]:
        judgments: list[Judgment] = []
        pillars = [pillar.id for pillar in self.persona.pillars]
        for record in records:
            statement = Reference.sub("", self._text(record.get("statement"), words=30)).strip()
            if not statement or any(jaccard(known.statement, statement) >= SAME for known in judgments):
                continue
            low, point, high = (_percent(record.get(key)) for key in ("low", "point", "high"))
            if not low <= point <= high:
                self.counts["range_out_of_order"] += 1
                low, point, high = sorted((low, point, high))
            judgments.append(
                Judgment(
                    id=f"J{len(judgments) + 1}",
                    statement=statement,
                    likelihood=Likelihood(low, point, high),
                    until=self._date(record.get("until"), LONGEST_WINDOW),
                    confidence=_one_of(record.get("confidence"), CONFIDENCES, "low"),
                    viewpoint=_one_of(record.get("view"), VIEWPOINTS, "analyst"),
                    pillar=_one_of(record.get("pillar"), pillars, pillars[len(judgments) % len(pillars)]),
                )
            )
        return tuple(judgments[: self.format_.judgments[1]])

    def _forecasts(self, records: list[Mapping[str, Any]], plan: Plan) -> Iterable[Forecast]:
        known = {judgment.id for judgment in plan.judgments}
        for number, record in enumerate(records[:5], 1):
            if question := self._text(record.get("question"), words=40):
                judgment = str(record.get("judgment", ""))
                yield Forecast(
                    id=f"P{number}",
                    question=question,
                    probability=_percent(record.get("probability")),
                    resolves_by=self._date(record.get("by"), LONGEST_WINDOW),
                    resolution_source=self._name(record.get("source"), words=10),
                    judgment_id=judgment if judgment in known else "",
                )

    def _numbered(self, data: Mapping[str, Any], text: str, percent: str) -> list[Mapping[str, Any]]:
        """The compact plan's judgments: a point only, from which the range is made."""
        records: list[Mapping[str, Any]] = []
        for statement, point in self._pairs(data, text, percent):
            records.append({"statement": statement, "low": point - 10, "point": point, "high": point + 10})
        return records

    def _pairs(self, data: Mapping[str, Any], text: str, percent: str) -> list[tuple[str, int]]:
        numbers = (key.removeprefix(text) for key in data if re.fullmatch(rf"{text}\d+", key))
        return [
            (cleaned, _percent(data.get(f"{percent}{number}")))
            for number in numbers
            if (cleaned := self._text(data.get(f"{text}{number}"), words=25))
        ]

    def _text(self, value: object, *, words: int) -> str:
        """A cleaned sentence of at most so many words, or an empty string."""
        if not isinstance(value, str) or not value.strip():
            return ""
        text = clean(value, self.tables, self.counts) or ""
        return _at_most(text, words)

    def _name(self, value: object, words: int = 6) -> str:
        """A short name: may be a single word, which ``clean`` would drop as saying nothing."""
        if not isinstance(value, str) or not value.strip():
            return ""
        padded = clean(f"It is named {value.strip()}", self.tables, self.counts)
        return _at_most((padded or "").removeprefix("It is named").strip(), words).strip(".…")

    def _counterparty(self, value: object) -> str:
        name = self._name(value, words=4)
        if not re.fullmatch(r"[^\W\d_][\w’' .&-]{1,40}", name) or name.casefold() in (
            self.persona.country.casefold(),
            self.persona.capital.casefold(),
        ):
            return ""
        article = r"(?i)^(?:u\.?s\.?a?\.?|united states.*|uk|united kingdom|eu|european union|netherlands|philippines)$"
        return f"the {name}" if re.match(article, name) else name

    def _half_question(self, value: object) -> str:
        text = self._text(value, words=30).strip(" ?.")
        text = re.sub(r"^(?:does|do|will|can|or)\s+", "", text, flags=re.IGNORECASE)
        text = re.sub(rf"^(?:{re.escape(self.persona.the_country)}|it)\s+", "", text, flags=re.IGNORECASE)
        return text[:1].lower() + text[1:]

    def _date(self, value: object, longest: timedelta) -> date:
        """A day after today and within the window."""
        iso = _iso(value)
        day = date.fromisoformat(iso) if iso else self.today + min(HORIZON, longest)
        if not self.today < day <= self.today + longest:
            self.counts["window"] += 1
            day = min(max(day, self.today + timedelta(days=30)), self.today + longest)
        return day


def _records(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _one_of(value: object, choices: Iterable[str], default: str) -> str:
    return value if isinstance(value, str) and value in choices else default


def _iso(value: object) -> str:
    """An ISO date found in the value, or an empty string."""
    match = re.search(r"\d{4}-\d{2}-\d{2}", value) if isinstance(value, str) else None
    try:
        return date.fromisoformat(match[0]).isoformat() if match else ""
    except ValueError:
        return ""


def _percent(value: object) -> int:
    """Percent from 1 to 99, out of 60, 0.6, "60" or "60 %"; 50 where there is no number."""
    if isinstance(value, str):
        match = re.search(r"\d+(?:\.\d+)?", value)
        value = float(match[0]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return 50
    percent = value * 100 if isinstance(value, float) and 0 < value < 1 else value
    return int(min(max(round(min(percent, 1e6)), 1), 99))


def _exhaustive(
    weighed: list[tuple[Hypothesis, int, str]], counts: Counter[str]
) -> list[tuple[Hypothesis, int, str]]:
    """The same hypotheses with whole percentages that sum to 100, the most probable first."""
    if not weighed:
        return []
    total = sum(probability for _, probability, _ in weighed)
    if total != 100:
        counts["probabilities_normalised"] += 1
    shares = [max(LEAST_PROBABILITY, round(100 * probability / total)) for _, probability, _ in weighed]
    shares[shares.index(max(shares))] += 100 - sum(shares)
    joined = [
        (hypothesis, share, change) for (hypothesis, _, change), share in zip(weighed, shares, strict=True)
    ]
    return sorted(joined, key=lambda entry: -entry[1])


def _at_most(text: str, words: int) -> str:
    """The text, cut at a word where it is longer."""
    split = text.split()
    return text if len(split) <= words else " ".join(split[:words]).rstrip(",;:—–-") + " …"

"""Reading what the JSON calls give: plan, outlook and watch.

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

from bot.assessment.data_schemas import (
    CONFIDENCES,
    PREMISES,
    RATINGS,
    STANCES,
    SUPPORTS,
    VIEWPOINTS,
    outlook_schema,
    plan_schema,
    watch_schema,
)
from bot.assessment.formats import Format
from bot.assessment.lexicon import Likelihood
from bot.assessment.loose_json import iso_date, one_of, parse_object, percent, records, strings
from bot.assessment.shares import LEAST_PROBABILITY, to_hundred
from bot.assessment.values import (
    Assumption,
    Commitment,
    Confidence,
    Contradiction,
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
from bot.evidence.quarantine import quarantined
from personas.persona import Persona

__all__ = ["DataReader", "Score", "outlook_schema", "parse_object", "plan_schema", "watch_schema"]

HORIZON = timedelta(days=365)
"""Window of a judgment whose end the model did not give."""
LONGEST_WINDOW = timedelta(days=730)
"""A judgment's window ends within 24 months (analysis standard, UN9)."""
LONGEST_WATCH = timedelta(days=540)
"""A watch item's window ends within 18 months (analysis standard, WA2)."""
SAME = 0.9
"""Token overlap from which two statements are one and the same."""

MOST_HYPOTHESES = 4
MOST_ASSUMPTIONS = 5
MOST_COMMITMENTS = 6
MOST_FORECASTS = 5
MOST_IMPLICATIONS = 4
MOST_GAPS = 4
MOST_CONTRADICTIONS = 3
"""Entries kept of each list: what the in-depth format has room for (analysis standard, 1.2); a model that
gives more has not weighed them."""
DEFAULT_RANGE = 10
"""Percentage points on either side of a point that comes without a range."""

_WITH_ARTICLE = re.compile(
    r"u\.?s\.?(?:a\.?)?|united (?:states|kingdom|nations|arab emirates)\b.*|uk|eu|uae|european union|"
    r"netherlands|philippines|gulf states",
    re.IGNORECASE,
)
"""Names of states and unions that English gives an article."""
_SIGNED_ID = re.compile(r"\s*([-−–])?\s*[\[{(]?S\s?(\d{1,3})\b")
"""A source's id as models write it, with a minus where it speaks against."""
_RATING = re.compile(rf"\s*[\[{{(]?S\s?(\d{{1,3}})\W{{0,4}}({'|'.join(RATINGS)})\b")


@dataclass(frozen=True, slots=True)
class Score:
    """A judgment's likelihood in the light of what is new."""

    judgment_id: str
    likelihood: Likelihood
    reason: str
    sources: tuple[str, ...]
    """Ids that the score rests on."""


@dataclass(slots=True)
class DataReader:
    """Turns JSON into values; mends and counts."""

    format_: Format
    persona: Persona
    tables: Tables
    today: date
    counts: Counter[str]

    def premise(self, data: Mapping[str, Any]) -> Plan:
        """The plan's head alone: the event's date, and whether the premise still holds."""
        since = self.text(data.get("since"), words=30)
        return Plan(
            event_date=self._past_day(data.get("event_date")),
            premise=one_of(data.get("premise"), PREMISES, "unclear"),
            since=since,
            since_sources=self._retrieved(strings(data.get("since_sources"))) if since else (),
            contradictions=self._contradictions(records(data.get("contradictions"))),
        )

    def plan(self, data: Mapping[str, Any]) -> Plan:
        """The plan, as far as the data has one."""
        head = self.premise(data)
        hypotheses = [self.text(name, words=12) for name in strings(data.get("hypotheses"))]
        sections = {spec.key for spec in self.format_.sections}
        return Plan(
            bottom_line=self.text(data.get("bottom_line"), words=60),
            event_date=head.event_date,
            premise=head.premise,
            since=head.since,
            since_sources=head.since_sources,
            contradictions=head.contradictions,
            counterparty=self._counterparty(data.get("counterparty")),
            stance=one_of(data.get("stance"), STANCES, "act"),
            judgments=self._judgments(records(data.get("judgments"))),
            hypotheses=tuple(
                Hypothesis(f"H{number}", name)
                for number, name in enumerate(dict.fromkeys(filter(None, hypotheses)), 1)
                if number <= MOST_HYPOTHESES
            ),
            linchpin=self.text(data.get("linchpin"), words=30),
            section_lines={
                section: line
                for record in records(data.get("sections"))
                if (section := _first_word(record.get("section"))) in sections
                and (line := self.text(record.get("line"), words=30))
            },
        )

    def outlook(self, data: Mapping[str, Any], plan: Plan) -> Outlook:
        """The outlook; hypotheses not weighed by the model share what is left, if any is weighed."""
        by_id = {str(record.get("id")): record for record in records(data.get("hypotheses"))}
        given = {
            hypothesis.id: percent(record["probability"])
            for hypothesis in plan.hypotheses
            if (record := by_id.get(hypothesis.id, {})).get("probability") is not None
        }
        rest = (100 - sum(given.values())) // max(len(plan.hypotheses) - len(given), 1)
        weighed = [
            (
                hypothesis,
                given.get(hypothesis.id, max(rest, LEAST_PROBABILITY)),
                self.text(by_id.get(hypothesis.id, {}).get("would_change_if"), words=25),
            )
            for hypothesis in (plan.hypotheses if given else ())
        ]
        assumptions = [
            (text, record)
            for record in records(data.get("assumptions"))
            if (text := self.text(record.get("statement"), words=35))
        ]
        stated = [plan.linchpin] if plan.linchpin else []
        told: dict[str, Mapping[str, Any]] = {}
        for text, record in assumptions:
            twin = next((known for known in stated if jaccard(known, text) >= SAME), None)
            told[twin or text] = record
            if twin is None:
                stated.append(text)
        judgments = {judgment.id for judgment in plan.judgments}
        confidence = data.get("confidence")
        confidence = confidence if isinstance(confidence, dict) else {}
        return Outlook(
            probabilities=tuple(_exhaustive(weighed, self.counts)),
            assumptions=tuple(
                Assumption(
                    f"A{number}",
                    text,
                    self.text(told.get(text, {}).get("if_wrong"), words=30),
                    linchpin=text == plan.linchpin,
                    support=one_of(told.get(text, {}).get("support"), SUPPORTS, ""),
                    judgment_id=one_of(told.get(text, {}).get("judgment"), judgments, ""),
                )
                for number, text in enumerate(stated[:MOST_ASSUMPTIONS], 1)
            ),
            commitments=tuple(
                Commitment(
                    f"C{number}", self._name(record.get("obligor")), what, iso_date(record.get("expires"))
                )
                for number, record in enumerate(records(data.get("commitments"))[:MOST_COMMITMENTS], 1)
                if (what := self.text(record.get("what"), words=25))
            ),
            confidence=Confidence(
                self.text(confidence.get("information_base"), words=25),
                self.text(confidence.get("rigour"), words=25),
                self.text(confidence.get("volatility"), words=25),
            ),
            forecasts=tuple(self._forecasts(records(data.get("forecasts")), plan)),
            status_quo=one_of(data.get("status_quo"), by_id.keys() & _ids(plan.hypotheses), ""),
            ratings={
                hypothesis.id: ratings
                for hypothesis in plan.hypotheses
                if (ratings := self._ratings(strings(by_id.get(hypothesis.id, {}).get("evidence"))))
            },
            lead_reason=self.text(data.get("lead_reason"), words=30),
        )

    def watch(self, data: Mapping[str, Any], plan: Plan) -> Watch:
        """Watch items, implications, gaps and the halves of the closing question."""
        items, implications = records(data.get("items")), records(data.get("implications"))
        gaps = records(data.get("gaps"))
        known = {judgment.id for judgment in plan.judgments}
        watched: list[WatchItem] = []
        linchpin_item = ""
        for number, record in enumerate(items[: self.format_.watch_items[1]], 1):
            observable = self.text(record.get("what"), words=35)
            if not observable or any(jaccard(item.observable, observable) >= SAME for item in watched):
                continue
            judgment = str(record.get("judgment", ""))
            watched.append(
                WatchItem(
                    id=f"W{len(watched) + 1}",
                    observable=observable,
                    threshold=self.text(record.get("threshold"), words=25),
                    where=self._name(record.get("where"), words=10),
                    by=self.day(record.get("by"), LONGEST_WATCH),
                    confirms=record.get("means") != "disconfirms",
                    judgment_id=judgment if judgment in known else "",
                )
            )
            if number == data.get("linchpin_item"):
                linchpin_item = watched[-1].id
        epigraph = str(data.get("epigraph", ""))
        return Watch(
            items=tuple(watched),
            implications=tuple(
                Implication(
                    self._name(record.get("audience"), words=8),
                    text,
                    self.day(record.get("by"), HORIZON),
                    self._name(record.get("exposure"), words=12),
                )
                for record in implications[:MOST_IMPLICATIONS]
                if (text := self.text(record.get("implication"), words=40))
            ),
            gaps=tuple(
                Gap(text, self._name(record.get("where"), words=12))
                for record in gaps[:MOST_GAPS]
                if (text := self.text(record.get("gap"), words=35))
            ),
            either=self._half_question(data.get("question_does")),
            or_else=self._half_question(data.get("question_or")),
            epigraph_id=epigraph if self.persona.epigraph(epigraph) else self.persona.epigraphs[0].id,
            linchpin_item=linchpin_item,
        )

    def _past_day(self, value: object) -> str:
        """The day of something that has happened, as an ISO date; empty where it lies in the future."""
        iso = iso_date(value)
        return iso if iso and date.fromisoformat(iso) <= self.today else ""

    def _retrieved(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the ids, however spelled, that are retrieved sources."""
        known = {source.id for source in self.tables.evidence.retrieved}
        ids = (f"S{digits[0]}" for name in names if (digits := re.search(r"\d+", name)))
        return tuple(dict.fromkeys(name for name in ids if name in known))

    def _contradictions(self, entries: list[Mapping[str, Any]]) -> tuple[Contradiction, ...]:
        """One each source; only a retrieved one can contradict what a person claims."""
        found: dict[str, Contradiction] = {}
        for record in entries:
            says = self.text(record.get("says"), words=30)
            for source_id in self._retrieved([str(record.get("source", ""))])[:1]:
                if says:
                    found.setdefault(source_id, Contradiction(source_id, says))
        return tuple(found.values())[:MOST_CONTRADICTIONS]

    def scores(self, data: Mapping[str, Any]) -> tuple[Score, ...]:
        """Judgments that were scored again; what has no point of its own is left out."""
        return tuple(
            Score(
                str(record.get("id")),
                self.likelihood(record),
                self.text(record.get("reason"), words=40),
                self.evidence(strings(record.get("evidence")))[0],
            )
            for record in records(data.get("judgments"))
            if record.get("point") is not None
        )

    def evidence(self, names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The sources named that there are: those for a judgment, and with a minus those against it."""
        found: tuple[dict[str, None], dict[str, None]] = ({}, {})
        for name in names:
            match = _SIGNED_ID.match(name)
            if match and self.tables.evidence.source(f"S{match[2]}"):
                found[bool(match[1])][f"S{match[2]}"] = None
        return tuple(found[False]), tuple(name for name in found[True] if name not in found[False])

    def _ratings(self, names: Iterable[str]) -> dict[str, str]:
        """How the sources named agree with a hypothesis."""
        matches = (match for name in names if (match := _RATING.match(name)))
        rated = {f"S{match[1]}": match[2] for match in matches}
        return {name: rating for name, rating in rated.items() if self.tables.evidence.source(name)}

    def _judgments(self, entries: list[Mapping[str, Any]]) -> tuple[Judgment, ...]:
        judgments: list[Judgment] = []
        pillars = [pillar.id for pillar in self.persona.pillars]
        for record in entries:
            statement = self.text(record.get("statement"), words=30)
            if not statement or any(jaccard(known.statement, statement) >= SAME for known in judgments):
                continue
            evidence, contrary = self.evidence(strings(record.get("evidence")))
            judgments.append(
                Judgment(
                    id=f"J{len(judgments) + 1}",
                    statement=statement,
                    likelihood=self.likelihood(record),
                    until=self.day(record.get("until"), LONGEST_WINDOW),
                    confidence=one_of(record.get("confidence"), CONFIDENCES, "low"),
                    viewpoint=one_of(record.get("view"), VIEWPOINTS, "analyst"),
                    pillar=one_of(record.get("pillar"), pillars, pillars[len(judgments) % len(pillars)]),
                    sources=evidence,
                    contrary=contrary,
                )
            )
        return tuple(judgments[: self.format_.judgments[1]])

    def likelihood(self, record: Mapping[str, Any]) -> Likelihood:
        """Low, point and high in order; the point, which gives the term, stays."""
        point = percent(record.get("point"))
        low, high = (
            percent(record[key]) if record.get(key) is not None else percent(min(max(other, 1), 99))
            for key, other in (("low", point - DEFAULT_RANGE), ("high", point + DEFAULT_RANGE))
        )
        if not low <= point <= high:
            self.counts["range_out_of_order"] += 1
            low, high = min(low, point, high), max(low, point, high)
        return Likelihood(low, point, high)

    def _forecasts(self, entries: list[Mapping[str, Any]], plan: Plan) -> Iterable[Forecast]:
        known = {judgment.id for judgment in plan.judgments}
        for number, record in enumerate(entries[:MOST_FORECASTS], 1):
            if question := self.text(record.get("question"), words=40):
                judgment = str(record.get("judgment", ""))
                yield Forecast(
                    id=f"P{number}",
                    question=question,
                    probability=percent(record.get("probability")),
                    resolves_by=self.day(record.get("by"), LONGEST_WINDOW),
                    resolution_source=self._name(record.get("source"), words=10),
                    judgment_id=judgment if judgment in known else "",
                    base_rate=self.text(record.get("base_rate"), words=25),
                )

    def text(self, value: object, *, words: int) -> str:
        """A cleaned sentence of at most so many words, without references, or an empty string."""
        if not isinstance(value, str) or not value.strip():
            return ""
        text = _at_most(self._plain(clean(value, self.tables, self.counts) or ""), words)
        return "" if self._is_order(text) else text

    def _name(self, value: object, words: int = 6) -> str:
        """A short name: unlike a sentence it may be a single word."""
        if not isinstance(value, str) or not value.strip():
            return ""
        name = clean(value, self.tables, self.counts, heading=True) or ""
        name = _at_most(self._plain(name), words).strip(".…: ")
        return "" if self._is_order(name) else name

    def _is_order(self, text: str) -> bool:
        """Whether it reads like an instruction to a model: the plan stands in the instructions of later
        calls, and what a source made one call say must not reach the next as an order.
        """
        found = bool(quarantined(text)[1])
        self.counts["instruction"] += found
        return found

    def _plain(self, text: str) -> str:
        """The text with glossary terms in English and without other references: data stands in places
        where nothing is resolved, such as the card.
        """
        if "{" not in text and "[" not in text:
            return text
        return " ".join(re.sub(r"\s+([.,;:?])", r"\1", Reference.sub(self._spelled_out, text)).split())

    def _spelled_out(self, match: re.Match[str]) -> str:
        term = self.persona.term(match[0].strip("[]{}"))
        return term.english if term else ""

    def _counterparty(self, value: object) -> str:
        name = re.sub(r"^the\s+", "", self._name(value, words=4), flags=re.IGNORECASE)
        own = (self.persona.country.casefold(), self.persona.capital.casefold())
        if not re.fullmatch(r"[^\W\d_][\w’' .&-]{1,40}", name) or name.casefold() in own:
            return ""
        return f"the {name}" if _WITH_ARTICLE.fullmatch(name) else name

    def _half_question(self, value: object) -> str:
        """What follows "Does China …" or "or does it …"."""
        text = re.sub(
            r"^(?:and |or )?(?:does|do|will|can)\s+",
            "",
            self.text(value, words=30).strip(" ?.…"),
            flags=re.I,
        )
        subjects = {self.persona.the_country, self.persona.country, self.persona.capital, "it"}
        text = re.sub(rf"^(?:{'|'.join(map(re.escape, subjects))})\s+", "", text, flags=re.IGNORECASE)
        return text[:1].lower() + text[1:]

    def day(self, value: object, longest: timedelta) -> date:
        """A day after today and within the window."""
        iso = iso_date(value)
        day = date.fromisoformat(iso) if iso else self.today + min(HORIZON, longest)
        if not self.today < day <= self.today + longest:
            self.counts["window"] += 1
            day = min(max(day, self.today + timedelta(days=30)), self.today + longest)
        return day


def _exhaustive(
    weighed: list[tuple[Hypothesis, int, str]], counts: Counter[str]
) -> list[tuple[Hypothesis, int, str]]:
    """The same hypotheses with whole percentages that sum to 100, the most probable first."""
    if not weighed:
        return []
    total = sum(probability for _, probability, _ in weighed)
    counts["probabilities_normalised"] += total != 100
    shares = to_hundred([probability for _, probability, _ in weighed])
    joined = [
        (hypothesis, share, change) for (hypothesis, _, change), share in zip(weighed, shares, strict=True)
    ]
    return sorted(joined, key=lambda entry: -entry[1])


def _ids(entries: Iterable[Hypothesis]) -> frozenset[str]:
    return frozenset(entry.id for entry in entries)


def _first_word(value: object) -> str:
    """The key in "2", "2." or "2 Why …"."""
    words = str(value).split(maxsplit=1) if isinstance(value, str | int) else []
    return words[0].rstrip(".:") if words else ""


def _at_most(text: str, words: int) -> str:
    """The text, cut at a word where it is longer."""
    split = text.split()
    return text if len(split) <= words else " ".join(split[:words]).rstrip(",;:—–-") + " …"

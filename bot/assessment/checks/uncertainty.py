"""UN1 to UN9: every likelihood has its word, its numbers and its window."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bot.assessment.checks.finding import (
    EVERYWHERE,
    ON_OUTLOOK,
    ON_PLAN,
    ON_SECTIONS,
    Check,
    Fault,
    Severity,
    at,
)
from bot.assessment.checks.subject import Stage, Subject, plain, sentences
from bot.assessment.checks.wordlists import wordlist
from bot.assessment.lexicon import LEXICONS
from bot.assessment.values import Judgment
from bot.assessment.wording import jaccard

__all__ = ["CHECKS"]

LONGEST_WINDOW = timedelta(days=730)
"""24 months (UN9)."""
OFF_ONE = 3
"""Percentage points by which an exhaustive set may miss 100 (UN7)."""
LEAST = 2
"""Percent each of its members has (UN7)."""
COHERENT = 5
"""Percentage points by which a statement and its opposite may miss 100 (UN8)."""
SAME_QUESTION = 0.8
"""Token overlap, dates apart, from which two statements are about the same."""
JUDGING_SECTIONS = ("6", "8")
"""Sections that judge: what is expected there carries its likelihood."""
_PRINTED = re.compile(r"([a-z][a-z ]*?[a-z]) \((\d{1,3})(?:–(\d{1,3}))? %\)", re.IGNORECASE)
_CONFIDENCE = re.compile(
    r"\b(?:high|moderate|medium|low|very high|very low)(?: analytic(?:al)?)? confidence\b"
    r"|\bconfidence(?: level)?(?: is|:) (?:high|moderate|medium|low)\b",
    re.IGNORECASE,
)
_WILL = re.compile(r"\b(?:will|won[’']t|shall|is going to|are going to)\b", re.IGNORECASE)
_DATES = re.compile(
    r"\bby \d{4}-\d{2}-\d{2}\b"
    r"|\b(?:by|before|until|in) (?:the end of )?(?:\d{1,2} )?(?:[A-Z][a-z]+ )?20\d\d\b"
)


def _bands(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    lexicon = LEXICONS.get(record.lexicon)
    if lexicon is None:
        yield Fault(f"The lexicon “{record.lexicon}” is not known.")
        return
    if not subject.judgments:
        yield Fault("No judgment carries a likelihood.")
    for judgment in subject.judgments.values():
        likelihood = judgment.likelihood
        if not likelihood.low <= likelihood.point <= likelihood.high:
            yield Fault(f"The range of {judgment.id} does not hold its point.", item=judgment.id)
            continue
        match = _PRINTED.fullmatch(lexicon.phrase(likelihood)[0])
        band = lexicon.band(likelihood.point)
        if not match or not band.low <= int(match[2]) <= int(match[3] or match[2]) <= band.high:
            yield Fault(f"{judgment.id} is printed outside the band of its word.", item=judgment.id)
    bands = {band.term: band for band in lexicon.bands}
    for line in subject.shown:
        for match in _PRINTED.finditer(line.text) if " %)" in line.text else ():
            term = _last_term(match[1])
            if term and term not in bands:
                yield at(line, f"“{match[0]}” is no likelihood of the lexicon {record.lexicon}.")
            elif (
                term and not bands[term].low <= int(match[2]) <= int(match[3] or match[2]) <= bands[term].high
            ):
                yield at(line, f"“{match[0]}” is outside the band of its word.")


def _last_term(words: str) -> str:
    """The word of likelihood that the words end with; empty where a percentage behind them is none."""
    found = wordlist("likelihood").find(words)
    return found[-1].lower() if found and words.endswith(found[-1]) else ""


def _one_term(subject: Subject) -> Iterator[Fault]:
    for passage in subject.prose:
        for sentence in sentences(passage.text):
            found = wordlist("likelihood").find(plain(sentence))
            beside = "beside a printed likelihood" if "{J" in sentence else "without numbers behind it"
            if sentence.count("{J") > 1:
                yield at(
                    passage,
                    "Two likelihoods in one sentence.",
                    "Write this so that each sentence holds one judgment id at most.",
                )
            elif found:
                yield at(
                    passage,
                    f"“{found[0]}” {beside}.",
                    f"Write this without “{found[0]}”; a judgment’s id prints a likelihood.",
                )
            else:
                continue
            break


def _apart(subject: Subject) -> Iterator[Fault]:
    for passage in subject.visible:
        for sentence in sentences(passage.text):
            if _CONFIDENCE.search(sentence) and _is_likelihood(sentence):
                yield at(
                    passage,
                    "A confidence and a likelihood stand in one sentence.",
                    "Write this without the degree of confidence." if passage.kind else "",
                )
                break


def _is_likelihood(sentence: str) -> bool:
    return bool("{J" in sentence or _PRINTED.search(sentence) or wordlist("likelihood").find(sentence))


def _reasons(subject: Subject) -> Iterator[Fault]:
    confidence, assumptions = subject.record.outlook.confidence, subject.record.outlook.assumptions
    for name, reason in (
        ("information base", confidence.information_base),
        ("rigour", confidence.rigour),
        ("volatility", confidence.volatility),
    ):
        if not reason:
            yield Fault(
                f"Why there is this much confidence is not said as to {name}.",
                subject.place("judgments"),
                item="confidence",
                repair=f"Give the reason for the confidence: {name}.",
            )
    for judgment in subject.judgments.values():
        weak = [
            assumption.id
            for assumption in assumptions
            if assumption.support not in ("solid", "caveated") and assumption.judgment_id == judgment.id
        ]
        if judgment.confidence == "high" and weak:
            yield Fault(
                f"{judgment.id} has high confidence and rests on {', '.join(weak)}, which nothing supports.",
                subject.place("judgments"),
                item=judgment.id,
                repair=f"Support {', '.join(weak)} from the material, or take it for unsupported.",
            )


def _unhedged(subject: Subject) -> Iterator[Fault]:
    """In judgments, and in sentences that carry one."""
    if subject.stage is not Stage.SECTION and not subject.judgments:
        yield Fault("There is no judgment to be read for hedges.")
    for judgment in subject.judgments.values() if subject.stage is not Stage.SECTION else ():
        found = wordlist("hedges").find(judgment.statement)
        if found:
            yield Fault(
                f"{judgment.id} is hedged: “{found[0]}”.",
                subject.place("judgments"),
                item=judgment.id,
                repair=f"State {judgment.id} so that it turns out true or false, without “{found[0]}”.",
            )
    for unit in subject.units:
        for sentence in sentences(unit.text):
            found = wordlist("hedges").find(plain(sentence)) if "{J" in sentence else []
            if found:
                yield at(
                    unit,
                    f"A judgment is hedged: “{found[0]}”.",
                    f"Write this without “{found[0]}”.",
                )
                break


def _uncertain(subject: Subject) -> Iterator[Fault]:
    for passage in subject.prose:
        found = wordlist("certainty").find(plain(passage.text))
        if found:
            yield at(passage, f"“{found[0]}” is too certain.", f"Write this without “{found[0]}”.")
    for unit in subject.units:
        if unit.section not in JUDGING_SECTIONS or not subject.is_full:
            continue
        for sentence in sentences(unit.text):
            if _WILL.search(sentence) and "{J" not in sentence and not _PRINTED.search(sentence):
                yield at(
                    unit,
                    "A sentence says what will be, and not how likely that is.",
                    "Tie what this expects to a judgment id, or write it in the present.",
                )
                break
    for place, percent in _probabilities(subject):
        if not 1 <= percent <= 99:
            yield Fault(f"{place} has a probability of {percent} %.", item=place)


def _probabilities(subject: Subject) -> Iterator[tuple[str, int]]:
    for judgment in subject.judgments.values():
        likelihood = judgment.likelihood
        yield from ((judgment.id, value) for value in (likelihood.low, likelihood.point, likelihood.high))
    for hypothesis, share, _ in subject.record.outlook.probabilities:
        yield hypothesis.id, share
    for forecast in subject.record.outlook.forecasts:
        yield forecast.id, forecast.probability


def _exhaustive(subject: Subject) -> Iterator[Fault]:
    place = subject.place("hypotheses")
    shares = [(hypothesis.id, share) for hypothesis, share, _ in subject.record.outlook.probabilities]
    if not shares:
        yield Fault("No probabilities are given to rival hypotheses.", place)
        return
    total = sum(share for _, share in shares)
    if abs(total - 100) > OFF_ONE:
        yield Fault(f"The hypotheses’ probabilities add up to {total} %.", place)
    yield from (Fault(f"{name} has {share} %.", place, item=name) for name, share in shares if share < LEAST)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A statement with its probability in percent and the end of its window."""

    id: str
    text: str
    percent: int
    by: date


def _coherent(subject: Subject) -> Iterator[Fault]:
    judgments = [
        _Claim(judgment.id, judgment.statement, judgment.likelihood.point, judgment.until)
        for judgment in subject.judgments.values()
    ]
    forecasts = [
        _Claim(forecast.id, forecast.question, forecast.probability, forecast.resolves_by)
        for forecast in subject.record.outlook.forecasts
    ]
    if not judgments:
        yield Fault("There are no judgments whose probabilities could be compared.")
    for claims in (judgments, forecasts):
        for place, one in enumerate(claims):
            yield from _contradictions(one, claims[place + 1 :])
    yield from _conjunctions(judgments)


def _contradictions(one: _Claim, others: Sequence[_Claim]) -> Iterator[Fault]:
    bare, negated = _core(one.text)
    for other in others:
        core, also_negated = _core(other.text)
        if jaccard(bare, core) < SAME_QUESTION:
            continue
        mend = f"Make the probabilities of {one.id} and {other.id} fit each other."
        if negated != also_negated and one.by == other.by:
            if abs(one.percent + other.percent - 100) > COHERENT:
                yield Fault(
                    f"{one.id} and its opposite {other.id} add up to {one.percent + other.percent} %.",
                    item=other.id,
                    repair=mend,
                )
        elif negated == also_negated and (one.by - other.by).days * (one.percent - other.percent) < 0:
            yield Fault(
                f"Of {one.id} and {other.id}, the one that has longer is less probable.",
                item=other.id,
                repair=mend,
            )


def _conjunctions(claims: Sequence[_Claim]) -> Iterator[Fault]:
    """A statement that joins two others is no more probable than either."""
    for joint in claims:
        halves = re.split(r"\band\b", joint.text, maxsplit=1)
        if len(halves) != 2:
            continue
        for other in claims:
            if other is joint or other.percent >= joint.percent or other.by < joint.by:
                continue
            if any(jaccard(half, other.text) >= SAME_QUESTION for half in halves):
                yield Fault(
                    f"{joint.id} is more probable than {other.id}, which it contains.",
                    item=joint.id,
                    repair=f"Make {joint.id} no more probable than {other.id}.",
                )


def _core(text: str) -> tuple[str, bool]:
    """The statement without its date and its negation, and whether it had one."""
    bare = _DATES.sub("", text)
    negations = wordlist("negations")
    return negations.pattern.sub(" ", bare), len(negations.find(bare)) % 2 == 1


def _windows(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    today = record.as_of.date()
    windows = [(judgment.id, judgment.until) for judgment in _judgments(subject)]
    if subject.stage is not Stage.PLAN:
        windows += [(forecast.id, forecast.resolves_by) for forecast in record.outlook.forecasts]
    if not record.plan.judgments:
        yield Fault("There is no judgment with a window.")
    for name, until in windows:
        if not today < until <= today + LONGEST_WINDOW:
            yield Fault(
                f"The window of {name}, until {until:%d %B %Y}, does not end within the next 24 months.",
                item=name,
            )


def _judgments(subject: Subject) -> tuple[Judgment, ...]:
    return subject.record.plan.judgments


CHECKS = (
    Check(
        "UN1",
        "Every judgment’s likelihood is a word of the lexicon with low ≤ point ≤ high inside its band.",
        Severity.P0,
        _bands,
        ON_PLAN,
        by_construction=True,
    ),
    Check(
        "UN2",
        "A sentence has one word of likelihood at most, and only the one printed with its numbers.",
        Severity.P1,
        _one_term,
        EVERYWHERE,
        by_construction=True,
    ),
    Check(
        "UN3",
        "Confidence and likelihood never stand in one sentence.",
        Severity.P1,
        _apart,
        EVERYWHERE,
        by_construction=True,
    ),
    Check(
        "UN4",
        "Confidence has its three reasons, and is not high on an unsupported assumption.",
        Severity.P1,
        _reasons,
        ON_OUTLOOK,
        full_only=True,
    ),
    Check(
        "UN5",
        "Judgments hold no free hedge.",
        Severity.P1,
        _unhedged,
        ON_PLAN | ON_SECTIONS,
    ),
    Check(
        "UN6",
        "No word of certainty, no probability of 0 or 100 %, no “will” in a judgment without its likelihood.",
        Severity.P1,
        _uncertain,
        EVERYWHERE,
    ),
    Check(
        "UN7",
        "Rival hypotheses’ probabilities add up to 100 %, none below 2 %.",
        Severity.P0,
        _exhaustive,
        ON_OUTLOOK,
        ("5",),
        by_construction=True,
        full_only=True,
    ),
    Check(
        "UN8",
        "Probabilities agree with each other: opposites, earlier and later dates, parts and wholes.",
        Severity.P1,
        _coherent,
        ON_PLAN | ON_OUTLOOK,
    ),
    Check(
        "UN9",
        "Every probability has a window that ends after the question and within 24 months.",
        Severity.P0,
        _windows,
        ON_PLAN | ON_OUTLOOK,
        by_construction=True,
    ),
)

"""LO1 to LO5, LO7, LO9, LO11 to LO13: what an answer is built of holds together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from bot.assessment.checks.actors import OBLIGATION, Owed, actor_of, content_words
from bot.assessment.checks.finding import (
    EVERYWHERE,
    ON_OUTLOOK,
    ON_PLAN,
    ON_SECTIONS,
    ON_WATCH,
    Check,
    Fault,
    Severity,
    at,
)
from bot.assessment.checks.quantities import Amount, Day, read_quantities
from bot.assessment.checks.subject import Passage, Stage, Subject, plain, sentences
from bot.assessment.checks.wordlists import wordlist
from bot.assessment.data_schemas import VIEWPOINTS
from bot.assessment.references import Reference
from bot.assessment.values import Outlook
from bot.evidence.table import fold

__all__ = ["CHECKS"]

HYPOTHESES = 3
ASSUMPTIONS = 3
INSTITUTIONS = 3
"""Least numbers in a full product (LO2, LO5, LO12)."""
OFFICE_HOLDER_AGE = timedelta(days=180)
"""Age of the newest source that may vouch for who holds an office (LO12)."""
PILLARS = 3
OWED_SHARE = 0.5
"""Share of a recorded commitment’s words from which a sentence is about it (LO9)."""
_AGAINST = {"CC": 0, "C": 0, "N": 0, "I": 1, "II": 2}
"""Weight of a rating as evidence against a hypothesis: what counts is inconsistency (Heuer)."""
_OFFICE = re.compile(
    r"\b(?:President|Premier|Prime Minister|Chancellor|Chairman|Treasury Secretary|Commerce Secretary"
    r"|Secretary of (?:State|Defen[cs]e|the Treasury)|Vice[- ]Premier|Vice[- ]President|Foreign Minister"
    r"|Defen[cs]e Minister|Commerce Minister|Trade Representative|General Secretary|Governor|Minister"
    r"|Secretary|Ambassador) ((?:[A-Z][\w’-]+)(?: [A-Z][\w’-]+){0,2})"
)
_NO_NAMES = frozenset({"of", "the", "and", "General", "Office", "Council", "Committee", "Ministry"})


def _references(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    known = {source.id for source in record.sources} | {excerpt.id for excerpt in record.excerpts}
    known |= set(subject.judgments) | {term.id for term in subject.persona.glossary}
    for unit in subject.units:
        for reference in Reference.findall(unit.text):
            name = reference.strip("[]{}")
            if name not in known:
                yield at(unit, f"{name} refers to nothing.", f"Write this without {reference}.")
    for owner, name, kind in _links(subject):
        ids = {
            "source": {source.id for source in record.sources},
            "judgment": set(subject.judgments),
            "hypothesis": {hypothesis.id for hypothesis in record.plan.hypotheses},
            "watch item": {item.id for item in record.watch.items},
        }[kind]
        if name not in ids:
            told = f"“{name}”, which is no {kind}" if name else f"no {kind}"
            yield Fault(f"{owner} is linked to {told}.", item=owner, repair=f"Link {owner} to a {kind}’s id.")
    for ids_ in (
        [source.id for source in record.sources],
        [judgment.id for judgment in record.plan.judgments],
        [item.id for item in record.watch.items],
        [forecast.id for forecast in record.outlook.forecasts],
    ):
        for twin in sorted({name for name in ids_ if ids_.count(name) > 1}):
            yield Fault(f"{twin} stands for two things.", item=twin)
    if subject.whole and not (record.plan.judgments and record.sources):
        yield Fault("There are no judgments or no sources, so nothing is linked to anything.")


def _links(subject: Subject) -> Iterator[tuple[str, str, str]]:
    """Who is linked to what: owner, id, kind of the id. Links point from later to earlier calls, so no cycle
    can arise.
    """
    record, stage = subject.record, subject.stage
    if stage in (Stage.PLAN, Stage.RECORD):
        for judgment in record.plan.judgments:
            for name in (*judgment.sources, *judgment.contrary):
                yield judgment.id, name, "source"
    if stage in (Stage.OUTLOOK, Stage.RECORD):
        yield from _outlook_links(record.outlook)
    if stage in (Stage.WATCH, Stage.RECORD):
        for item in record.watch.items:
            yield item.id, item.judgment_id, "judgment"
        if record.watch.linchpin_item:
            yield "the linchpin", record.watch.linchpin_item, "watch item"


def _outlook_links(outlook: Outlook) -> Iterator[tuple[str, str, str]]:
    for hypothesis, ratings in outlook.ratings.items():
        yield hypothesis, hypothesis, "hypothesis"
        yield from ((hypothesis, name, "source") for name in ratings)
    for assumption in outlook.assumptions:
        yield assumption.id, assumption.judgment_id, "judgment"
    for forecast in outlook.forecasts:
        yield forecast.id, forecast.judgment_id, "judgment"


def _hypotheses(subject: Subject) -> Iterator[Fault]:
    outlook, place = subject.record.outlook, subject.place("hypotheses")
    known = {hypothesis.id for hypothesis in subject.record.plan.hypotheses}
    if len(known) < HYPOTHESES:
        yield Fault(
            f"{len(known)} hypotheses are weighed instead of {HYPOTHESES} or more.",
            place,
            repair=f"Name at least {HYPOTHESES} rival hypotheses, one of them the status quo.",
        )
    if subject.stage is Stage.PLAN:
        return
    if outlook.status_quo not in known:
        yield Fault(
            "No hypothesis says that things go on as they are.",
            place,
            repair="Say which hypothesis is the status quo.",
        )
    diagnostic = [
        source.id
        for source in subject.record.sources
        if len({rated[source.id] for rated in outlook.ratings.values() if source.id in rated}) > 1
    ]
    if not diagnostic:
        yield Fault(
            "No source tells one hypothesis from another: none is rated differently for two of them.",
            place,
            repair="Rate the sources against each hypothesis (S1 CC, C, N, I or II), not all alike.",
        )


def _lead(subject: Subject) -> Iterator[Fault]:
    outlook, place = subject.record.outlook, subject.place("hypotheses")
    if not outlook.probabilities or not outlook.ratings:
        yield Fault(
            "Which hypothesis leads, and what speaks against it, is not there to be compared.",
            place,
            repair="Give each hypothesis a probability and its sources’ ratings.",
        )
        return
    lead = max(outlook.probabilities, key=lambda entry: entry[1])[0].id
    against = {
        hypothesis.id: _inconsistency(outlook.ratings.get(hypothesis.id, {}))
        for hypothesis, _, _ in outlook.probabilities
    }
    least = min(against.values())
    if against[lead] > least and not outlook.lead_reason:
        better = next(name for name, weight in against.items() if weight == least)
        yield Fault(
            f"{lead} is the most probable, and less speaks against {better}.",
            place,
            item=lead,
            repair=f"Say in lead_reason why {lead} leads although less evidence speaks against {better}, or "
            "weigh them anew.",
        )


def _inconsistency(ratings: Mapping[str, str]) -> int:
    return sum(_AGAINST.get(rating, 0) for rating in ratings.values())


def _contrary(subject: Subject) -> Iterator[Fault]:
    record = subject.record
    if not subject.judgments:
        yield Fault("There is no judgment that anything could speak against.")
    contrary = set(record.retrieval.contrary_queries)
    searched = bool(contrary) and contrary <= set(record.retrieval.queries)
    mendable = len(record.retrieved) > 1
    for judgment in subject.judgments.values():
        if not judgment.contrary and not searched:
            yield Fault(
                f"What speaks against {judgment.id} is neither listed nor searched for.",
                item=judgment.id,
                repair=f"Add to the evidence of {judgment.id} what speaks against it, as -S2."
                if mendable
                else "",
            )


def _assumptions(subject: Subject) -> Iterator[Fault]:
    assumptions, place = subject.record.outlook.assumptions, subject.place("assumptions")
    if subject.stage in (Stage.OUTLOOK, Stage.RECORD):
        if len(assumptions) < ASSUMPTIONS:
            yield Fault(
                f"{len(assumptions)} assumptions are named instead of {ASSUMPTIONS} or more.",
                place,
                repair=f"Name at least {ASSUMPTIONS} assumptions, the linchpin first.",
            )
        linchpins = [assumption for assumption in assumptions if assumption.linchpin]
        if not linchpins:
            yield Fault(
                "No assumption is the linchpin.", place, repair="Say which assumption is the linchpin."
            )
        for assumption in assumptions:
            if assumption.judgment_id not in subject.judgments:
                yield Fault(
                    f"{assumption.id} bears on no judgment.",
                    place,
                    item=assumption.id,
                    repair=f"Name the judgment that falls with {assumption.id}.",
                )
    if subject.stage in (Stage.WATCH, Stage.RECORD):
        watched = {item.id for item in subject.record.watch.items}
        if subject.record.watch.linchpin_item not in watched:
            yield Fault(
                "No watch item would show the linchpin wrong.",
                subject.place("watch_items"),
                item="linchpin",
                repair="Say which watch item (linchpin_item) would show the linchpin assumption wrong.",
            )


def _numbers(subject: Subject) -> Iterator[Fault]:
    plan = subject.record.plan
    if not plan.bottom_line:
        yield Fault("There is no bottom line.", "card", item="bottom line")
        return
    amounts: set[Amount] = set()
    days: set[Day] = set()
    texts = [f"{source.title} {source.text}" for source in subject.record.sources]
    texts += [fact.text for fact in subject.facts]
    texts += [f"{judgment.statement} {judgment.until.isoformat()}" for judgment in plan.judgments]
    texts += [plan.event_date]
    for text in texts:
        read = read_quantities(Reference.sub(" ", text))
        amounts |= read.figures
        days |= read.days
    for judgment in plan.judgments:
        likelihood = judgment.likelihood
        amounts |= {Amount(float(each)) for each in (likelihood.low, likelihood.point, likelihood.high)}
    stated = read_quantities(plan.bottom_line)
    unknown = [amount.text for amount in stated.amounts if not amount.stated_by(frozenset(amounts))]
    unknown += [day.text for day in stated.days if not day.stated_by(frozenset(days))]
    if unknown:
        told = ", ".join(sorted(unknown))
        yield Fault(
            f"The bottom line has {told}, which no fact or judgment states.",
            "card",
            item="bottom line",
            repair=f"Write the bottom line without {told}.",
        )


def _obligors(subject: Subject) -> Iterator[Fault]:
    """Who owes what is the same in the list of commitments and in every sentence."""
    commitments = subject.record.outlook.commitments
    if subject.whole and not commitments:
        yield Fault("Who owes what is not recorded, so no sentence can be held against it.")
    owed = []
    for commitment in commitments:
        actor = actor_of(commitment.obligor, subject.persona)
        if actor:
            owed.append(Owed(actor, content_words(commitment.what), commitment.id))
        else:
            yield Fault(
                f"Who owes {commitment.id} is not clear: “{commitment.obligor}”.",
                item=commitment.id,
                repair=f"Name the state that owes {commitment.id}.",
            )
    recorded = bool(owed)
    for unit in subject.units:
        for said in _obligations(unit, subject):
            other = said.contradicts(owed, share=OWED_SHARE if recorded else 0.0)
            if other:
                yield at(
                    unit,
                    f"{said.actor} is said to owe what {other.actor} owes ({other.id}): "
                    f"{', '.join(sorted(said.what & other.what))}.",
                    f"Correct who owes what ({other.actor} owes it).",
                )
            elif not recorded:
                owed.append(said)


def _obligations(unit: Passage, subject: Subject) -> Iterator[Owed]:
    for sentence in sentences(plain(unit.text)):
        for match in OBLIGATION.finditer(sentence):
            actor = actor_of(match["actor"], subject.persona)
            what = re.split(r"[;:—–]|\b(?:into|while|and then|which|because|so that)\b", match["what"])[0]
            if actor:
                yield Owed(actor, content_words(what), f"section {unit.section}")


def _pillars(subject: Subject) -> Iterator[Fault]:
    wanted = {pillar.id for pillar in subject.persona.pillars}
    used = {judgment.pillar for judgment in subject.judgments.values()}
    names = {pillar.id: pillar.name for pillar in subject.persona.pillars}
    for pillar in sorted(wanted - used):
        yield Fault(
            f"No judgment is about the pillar “{names[pillar]}”.",
            item=pillar,
            repair=f"Let one judgment be about the pillar {pillar}.",
        )
    for pillar in sorted(used - wanted):
        yield Fault(f"“{pillar}” is no pillar of {subject.persona.code}.", item=pillar)
    if len(wanted) != PILLARS:
        yield Fault(f"{subject.persona.code} has {len(wanted)} pillars instead of {PILLARS}.")


def _institutions(subject: Subject) -> Iterator[Fault]:
    text = fold(" ".join(passage.text for passage in (*subject.units, *subject.prose)))
    named = {
        institution.name
        for institution in subject.persona.institutions
        if any(
            re.search(rf"(?<!\w){re.escape(fold(name))}(?!\w)", text)
            for name in (institution.name, institution.short)
            if name
        )
    }
    if subject.whole and len(named) < INSTITUTIONS:
        yield Fault(f"{len(named)} institutions of the state are named instead of {INSTITUTIONS} or more.")
    recent = fold(
        " ".join(
            f"{source.title} {source.text}"
            for source in subject.record.sources
            if source.is_claim
            or (source.published and subject.record.as_of - source.published <= OFFICE_HOLDER_AGE)
        )
    )
    for unit in subject.units:
        for match in _OFFICE.finditer(plain(unit.text)):
            surname = match[1].split()[-1]
            if surname not in _NO_NAMES and fold(surname) not in recent:
                yield at(
                    unit,
                    f"That {match[0]} holds this office stands in no source of the last 180 days.",
                    "Name the office without the person.",
                )


def _viewpoints(subject: Subject) -> Iterator[Fault]:
    if subject.stage is not Stage.SECTION and subject.is_full:
        views = {judgment.viewpoint for judgment in subject.judgments.values()}
        missing = [view.replace("_", " ") for view in VIEWPOINTS if view not in views]
        if missing:
            yield Fault(
                f"No judgment is seen through the eyes of: {', '.join(missing)}.",
                repair=f"Let one judgment each be seen through the eyes of: {', '.join(missing)}.",
            )
    for passage in subject.prose:
        unquoted = re.sub(r"[“\"][^”\"]*[”\"]", "", passage.text)
        found = wordlist("first_person_state").find(plain(unquoted))
        if found:
            yield at(
                passage,
                f"“{found[0]}” speaks for the state.",
                "Write this in the third person.",
            )


CHECKS = (
    Check(
        "LO1",
        "Every id refers to something, none to two things, and none to itself by a detour.",
        Severity.P0,
        _references,
        EVERYWHERE,
        by_construction=True,
    ),
    Check(
        "LO2",
        "There are three hypotheses or more, one the status quo, and a source that tells them apart.",
        Severity.P1,
        _hypotheses,
        ON_PLAN | ON_OUTLOOK,
        ("5",),
        full_only=True,
    ),
    Check(
        "LO3",
        "The most probable hypothesis has the least evidence against it, or a reason is given.",
        Severity.P1,
        _lead,
        ON_OUTLOOK,
        ("5",),
        full_only=True,
    ),
    Check(
        "LO4",
        "For every judgment the evidence against it is listed, or was searched for.",
        Severity.P1,
        _contrary,
        ON_PLAN,
    ),
    Check(
        "LO5",
        "Three assumptions or more, each tied to a judgment; one is the linchpin and tied to a watch item.",
        Severity.P1,
        _assumptions,
        ON_OUTLOOK | ON_WATCH,
        ("4", "7"),
        full_only=True,
    ),
    Check(
        "LO7",
        "Numbers and dates in the bottom line are those of facts and judgments.",
        Severity.P0,
        _numbers,
        ON_PLAN,
        ("card",),
    ),
    Check(
        "LO9",
        "A commitment keeps its obligor everywhere.",
        Severity.P1,
        _obligors,
        ON_OUTLOOK | ON_SECTIONS,
        full_only=True,
    ),
    Check(
        "LO11",
        "Exactly the persona’s three pillars are used, each by a judgment.",
        Severity.P0,
        _pillars,
        ON_PLAN,
    ),
    Check(
        "LO12",
        "Three institutions of the state are named; office-holders stand in a source of the last 180 days.",
        Severity.P1,
        _institutions,
        ON_SECTIONS,
        full_only=True,
    ),
    Check(
        "LO13",
        "All four viewpoints are there, and no “we” or “our” speaks for the state.",
        Severity.P1,
        _viewpoints,
        ON_PLAN | ON_SECTIONS,
    ),
)

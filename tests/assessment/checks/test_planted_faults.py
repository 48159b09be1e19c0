"""Every check catches a fault planted in an answer that passes all, and fails where its data is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.assessment.assessment_record import AssessmentRecord, RetrievalReport
from bot.assessment.checks.finding import Finding
from bot.assessment.checks.subject import Subject
from bot.assessment.checks.table import CHECKS, check_record, find_faults
from bot.assessment.dialect import Kind, Unit
from bot.assessment.lexicon import Likelihood
from bot.assessment.values import Outlook, Plan, Watch
from bot.turns import Question
from tests.support.records import AS_OF, china, seed_record

Fault = Callable[[AssessmentRecord], AssessmentRecord]
TODAY = AS_OF.date()


def plan(**changes: Any) -> Fault:
    return lambda record: replace(record, plan=replace(record.plan, **changes))


def outlook(**changes: Any) -> Fault:
    return lambda record: replace(record, outlook=replace(record.outlook, **changes))


def watch(**changes: Any) -> Fault:
    return lambda record: replace(record, watch=replace(record.watch, **changes))


def judgments(count: int = 1, **changes: Any) -> Fault:
    """The first so many judgments, changed."""

    def plant(record: AssessmentRecord) -> AssessmentRecord:
        first = tuple(replace(each, **changes) for each in record.plan.judgments[:count])
        return plan(judgments=first + record.plan.judgments[count:])(record)

    return plant


def forecast(**changes: Any) -> Fault:
    """The first forecast, changed."""

    def plant(record: AssessmentRecord) -> AssessmentRecord:
        first, *others = record.outlook.forecasts
        return outlook(forecasts=(replace(first, **changes), *others))(record)

    return plant


def watched(**changes: Any) -> Fault:
    """Every watch item, changed."""
    return lambda record: watch(items=tuple(replace(item, **changes) for item in record.watch.items))(record)


def units(key: str, change: Callable[[list[Unit]], list[Unit]]) -> Fault:
    """What the model wrote of a section, changed."""

    def plant(record: AssessmentRecord) -> AssessmentRecord:
        return replace(
            record,
            sections=tuple(
                replace(section, units=tuple(change(list(section.units)))) if section.key == key else section
                for section in record.sections
            ),
        )

    return plant


def bullet(key: str, text: str) -> Fault:
    """The first bullet of a section, written like this."""

    def rewrite(listed: list[Unit]) -> list[Unit]:
        place = next(place for place, unit in enumerate(listed) if unit.kind is Kind.BULLET)
        return [*listed[:place], Unit(Kind.BULLET, text), *listed[place + 1 :]]

    return units(key, rewrite)


def title(key: str, text: str) -> Fault:
    return lambda record: replace(
        record,
        sections=tuple(
            replace(section, title=text) if section.key == key else section for section in record.sections
        ),
    )


def sources(**changes: Any) -> Fault:
    """Everything retrieved, changed."""
    return lambda record: replace(
        record,
        sources=tuple(source if source.is_claim else replace(source, **changes) for source in record.sources),
    )


def footer(without: str) -> Fault:
    return lambda record: replace(record, footer=tuple(line.replace(without, "") for line in record.footer))


def closing(first: str = "", last: str = "") -> Fault:
    def plant(record: AssessmentRecord) -> AssessmentRecord:
        lines = list(record.closing)
        lines[0], lines[-1] = first or lines[0], last or lines[-1]
        return replace(record, closing=tuple(lines))

    return plant


def twice(listed: list[Unit]) -> list[Unit]:
    last = listed[-1]
    return [*listed, last]


def all_against_the_lead(record: AssessmentRecord) -> AssessmentRecord:
    lead = record.outlook.probabilities[0][0].id
    against = {name: "II" for rated in record.outlook.ratings.values() for name in rated}
    return outlook(ratings={**record.outlook.ratings, lead: against})(record)


def old_news(record: AssessmentRecord) -> AssessmentRecord:
    return replace(sources(published=AS_OF - timedelta(days=40))(record), banners=())


def later_and_less(record: AssessmentRecord) -> AssessmentRecord:
    first, second, *others = record.outlook.forecasts
    more = replace(first, probability=second.probability + 10)
    return outlook(forecasts=(more, second, *others))(record)


def shares(record: AssessmentRecord) -> AssessmentRecord:
    (hypothesis, share, change), *others = record.outlook.probabilities
    return outlook(probabilities=((hypothesis, share + 20, change), *others))(record)


FAULTS: dict[str, Fault] = {
    "ST1": title("7", "7. Some signs"),
    "ST2": units("3", lambda listed: listed[: len(listed) // 2]),
    "ST3": bullet("2", "The ministry " + "weighs ports and mines " * 12 + "{J1}."),
    "ST4": closing(last="Three Corp"),
    "ST5": closing(first="In the coming year, China finishes its processing chain."),
    "ST6": units("4", twice),
    "ST7": bullet("4", "The ministry publishes TBD in its next notice {J1}."),
    "SO1": bullet("1", "The two governments announced a deal on 30 October 2025."),
    "SO2": bullet("4", "The ministry explains this at https://elsewhere.example/page [S2]."),
    "SO3": bullet("4", "The minister said “we shall never sell a single magnet again” [S2]."),
    "SO4": bullet("1", "The tariff was cut by 77 % on 30 October 2025 [S2]."),
    "SO5": sources(published=AS_OF + timedelta(days=3)),
    "SO6": old_news,
    "SO7": judgments(confidence="high", sources=("S3",)),
    "SO11": units("2", lambda listed: [Unit(unit.kind, unit.text.split(" [")[0]) for unit in listed]),
    "SO12": bullet("4", "The ministry has tightened its checks in recent months {J1}."),
    "SO13": bullet("4", "Reports say that the ministry has tightened its checks."),
    "SO14": judgments(confidence="high", sources=("S1",)),
    "UN1": judgments(likelihood=Likelihood(80, 70, 75)),
    "UN2": bullet("4", "A longer queue at the customs office is likely by spring."),
    "UN3": bullet("4", "The ministry keeps the queue, with high confidence {J1}."),
    "UN4": lambda record: outlook(confidence=replace(record.outlook.confidence, rigour=""))(record),
    "UN5": judgments(statement="Beijing may keep the October announcements suspended"),
    "UN6": bullet("4", "The ministry certainly keeps the queue at the customs office."),
    "UN7": shares,
    "UN8": later_and_less,
    "UN9": judgments(until=TODAY + timedelta(days=900)),
    "LO1": bullet("4", "The ministry keeps the queue at the customs office {J9}."),
    "LO2": outlook(status_quo=""),
    "LO3": all_against_the_lead,
    "LO4": judgments(contrary=()),
    "LO5": lambda record: outlook(assumptions=record.outlook.assumptions[:2])(record),
    "LO7": plan(bottom_line="Beijing buys time and 77 months of tariff relief."),
    "LO9": bullet("4", "The United States pledged supply of rare earths under the deal {J1}."),
    "LO11": judgments(9, pillar="tech_self_reliance"),
    "LO12": bullet("4", "Premier Zhao Wuming keeps the queue at the customs office {J1}."),
    "LO13": judgments(9, viewpoint="analyst"),
    "WA1": watched(threshold=""),
    "WA2": watched(by=TODAY + timedelta(days=300)),
    "WA4": watched(confirms=True),
    "FQ1": forecast(question="Will the ministry publish a notice soon?"),
    "FQ2": forecast(base_rate=""),
    "RE1": lambda record: watch(implications=record.watch.implications[:1])(record),
    "RE2": lambda record: replace(
        record, question=Question("What does Zaporov gain from the 14 Zircon mines at Nukus and Urgench?")
    ),
    "RE3": lambda record: replace(record, banners=("This is for your firm (III’ Corporate).",)),
    "PE1": watch(epigraph_id="cn-nobody"),
    "PE2": bullet("4", "Officials call this 新能源生产力 in speeches about ports {J1}."),
    "PE4": bullet("4", "The dragon weighs ports and mines for the ministries {J1}."),
    "PE6": footer("not an official position"),
    "PE7": bullet("4", "This follows the rubric you asked about, in three parts {J1}."),
    "OP1": footer("as of"),
    "OP2": lambda record: replace(
        record, retrieval=RetrievalReport(sources_total=9, failures=(("Xinhua", "timed out"),))
    ),
    "OP3": bullet("4", "The ministry told <!channel> that the queue stays {J1}."),
    "OP4": lambda record: replace(record, hypothetical=True),
}
"""By id of the check: one fault."""


def found(check_id: str, record: AssessmentRecord) -> list[Finding]:
    check = next(check for check in CHECKS if check.id == check_id)
    return [Finding(check, fault) for fault in find_faults(check, Subject(record, china()))]


def test_the_clean_answer_passes_every_check() -> None:
    """Nothing has been planted in it yet."""
    results = check_record(seed_record(), china())
    assert [(finding.id, finding.fault.problem) for finding in results.findings] == []
    assert len(results.checked) == len(CHECKS)


def test_there_is_a_fault_for_every_check() -> None:
    """A new check comes with its fault."""
    assert list(FAULTS) == [check.id for check in CHECKS]


@pytest.mark.parametrize("check_id", FAULTS)
def test_the_fault_is_caught(check_id: str) -> None:
    """By its own check, which passes the clean text."""
    assert found(check_id, seed_record()) == []
    assert found(check_id, FAULTS[check_id](seed_record()))


def test_nothing_passes_where_nothing_is_there() -> None:
    """An empty record fails every check: none takes missing data for clean data."""
    empty = AssessmentRecord("t1", "CN-01", "in-depth", Question(""), AS_OF, "")
    assert [check.id for check in CHECKS if not found(check.id, empty)] == []


@pytest.mark.parametrize(
    ("missing", "ids"),
    [
        ({"plan": Plan()}, "SO7 SO11 UN1 UN5 UN8 UN9 LO1 LO2 LO4 LO7 LO11 LO13"),
        ({"outlook": Outlook()}, "UN4 UN7 LO2 LO3 LO5 LO9 FQ1 FQ2"),
        ({"watch": Watch()}, "LO5 WA1 WA2 WA4 RE1 PE1"),
        ({"sections": ()}, "ST1 ST2 ST3 ST6 ST7 SO1 SO3 SO4 SO5 SO12 UN2 UN6 RE2 PE2 PE4 PE7 OP4"),
        ({"sources": (), "excerpts": ()}, "SO1 SO2 SO5 SO6 SO11 SO14 OP2"),
        ({"retrieval": RetrievalReport()}, "OP2"),
        ({"footer": (), "opening": (), "closing": (), "organisation": ""}, "ST4 ST5 RE3 PE6 OP1"),
    ],
    ids=["plan", "outlook", "watch", "sections", "sources", "retrieval", "frame"],
)
def test_a_missing_part_fails_what_is_about_it(missing: dict[str, Any], ids: str) -> None:
    """However clean the rest is."""
    lacking = replace(seed_record(), **missing)
    assert [check_id for check_id in ids.split() if not found(check_id, lacking)] == []

"""The customer's own example, as imported: the checks find its known errors (analysis standard, 1.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.checks.finding import Finding
from bot.assessment.checks.table import Results, check_record
from bot.assessment.dialect import Kind
from bot.assessment.text_import import NoAssessmentError, import_text
from tests.assessment.doubles import persona

SEED = Path(__file__).parents[2] / "data" / "seed-assessment.txt"


@cache
def seed() -> AssessmentRecord:
    return import_text(
        SEED.read_text(encoding="utf-8"),
        as_of=datetime(2025, 11, 3, tzinfo=UTC),
        organisation="Three Corporate",
        lexicon="icd203",
    )


@cache
def results() -> Results:
    return check_record(seed(), persona())


def found(check_id: str) -> list[Finding]:
    return [finding for finding in results().findings if finding.id == check_id]


def problems(check_id: str) -> str:
    return "\n".join(f"{finding.place}: {finding.fault.problem}" for finding in found(check_id))


def test_the_envelope_is_read() -> None:
    """Eight sections, 16 lettered parts, 60 bullets, as counted in the standard (1.1)."""
    record = seed()
    assert record.persona == "CN-01"
    assert record.title == "China, U.S. Strike Rare Earths Truce"
    assert record.question.text.endswith("in-depth assessment?")
    assert [section.key for section in record.sections] == list("12345678")
    kinds = [unit.kind for section in record.sections for unit in section.units]
    assert kinds.count(Kind.HEADING) == 16
    assert kinds.count(Kind.BULLET) == 60
    assert record.closing[0].startswith("In the coming year, the question will be: ")
    assert record.closing[-2:] == ("CN-01, China Agent", "Three Corporate")


def test_what_the_seed_does_well_passes() -> None:
    """Titles, parts and bullets, the closing question; nobody is called, nothing invented is linked."""
    failed = {check.id for check in results().failed}
    assert not failed & {"ST1", "ST2", "ST5", "SO2", "UN3", "OP3"}


def test_the_epigraph_is_by_somebody_else() -> None:
    """The line is Wang Anshi's, not Wang Zhihuan's."""
    assert "Wang Anshi (王安石), On Climbing Feilai Peak" in problems("PE1")
    assert "Wang Zhihuan" in problems("PE1")
    assert found("ST4")


def test_new_energy_is_not_new_quality() -> None:
    """新能源生产力 is not the official term; the one that is meant is named."""
    assert "section 2, unit 9: “新能源生产力”" in problems("PE2")
    assert "新质生产力 is meant" in problems("PE2")


def test_the_sources_are_missing() -> None:
    """No fact cites one, and "reports say" is no source."""
    assert len(found("SO1")) == 5
    assert "13 of 13 bullets of section 2" in problems("SO11")
    assert all(
        phrase in problems("SO13") for phrase in ("publicly reported", "reports say", "some reporting")
    )
    assert "47, 57" in problems("SO4")


def test_the_dates_are_missing() -> None:
    """No fact is dated; "in recent months" stands for a date."""
    assert sum(finding.fault.section == "1" for finding in found("SO5")) == 5
    assert "In recent months" in problems("SO12")


def test_the_probabilities_are_missing() -> None:
    """No judgment has a likelihood, no hypothesis a share, nothing a window; "likely" stands alone."""
    assert "No judgment carries a likelihood" in problems("UN1")
    assert "No probabilities" in problems("UN7")
    assert "window" in problems("UN9")
    assert len(found("UN2")) == 3


def test_the_watch_items_cannot_be_observed() -> None:
    """Each of the five is named with what it lacks."""
    named = problems("WA1")
    assert all(
        words in named
        for words in (
            "Announcements of new",
            "Accelerated Chinese investment",
            "sudden slowdown",
            "publicly framing",
            "serious breakthroughs",
        )
    )
    assert found("WA2")


def test_the_instructions_leak() -> None:
    """The user had asked about no rubric."""
    assert "section 2, unit 1: “rubric you asked”" in problems("PE7")


@pytest.mark.parametrize(
    ("check_id", "told"),
    [
        ("ST7", "whyhow"),
        ("ST7", "no-break space"),
        ("ST7", "stray apostrophe"),
        ("RE3", "III’ Corporate"),
        ("PE4", "dragon"),
        ("LO9", "soybean"),
        ("LO12", "0 institutions"),
        ("SO3", "we’re not permanently surrendering our strategic edge"),
        ("RE1", "0 implications"),
        ("PE6", "official position"),
    ],
)
def test_its_other_weaknesses_are_found(check_id: str, told: str) -> None:
    """Typography, the client's name, the cliché, who owes soybeans, actors, invented words, the client."""
    assert told in problems(check_id)


def test_a_text_without_sections_is_no_assessment() -> None:
    """It is refused, not passed."""
    with pytest.raises(NoAssessmentError):
        import_text("Dear all,\nsee you.", as_of=seed().as_of, organisation="x", lexicon="icd203")

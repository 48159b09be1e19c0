"""An assessment as data: written whole, read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bot.assessment.assessment_record import (
    AssessmentRecord,
    RetrievalReport,
    SectionRecord,
    UnreadableRecordError,
    stable_id,
)
from bot.assessment.dialect import Kind, Unit
from bot.assessment.values import Forecast, Hypothesis, Outlook, Plan, Watch, WatchItem
from bot.evidence.items import SourceClass
from bot.evidence.table import Excerpt, Source
from bot.turns import Question, Quoted
from tests.assessment.doubles import AS_OF, judgment


def record() -> AssessmentRecord:
    published = datetime(2026, 11, 19, 8, tzinfo=UTC)
    return AssessmentRecord(
        turn_id="t1",
        persona="CN-01",
        format="in-depth",
        question=Question("A truce.", (Quoted("Reuters", "They said it."),)),
        as_of=AS_OF,
        organisation="Three Corporate",
        title="A truce",
        plan=Plan("Beijing buys time.", judgments=(judgment(1), judgment(2)), section_lines={"2": "Why."}),
        outlook=Outlook(
            probabilities=((Hypothesis("H1", "A pause"), 100, "if it ends"),),
            forecasts=(Forecast("P1", "Will it by 2027-01-01?", 20, date(2027, 1, 1), "MOFCOM", "J1"),),
            ratings={"H1": {"S2": "CC"}},
        ),
        watch=Watch(items=(WatchItem("W1", "A notice", "one", "MOFCOM", date(2027, 1, 1), True, "J1"),)),
        sections=(
            SectionRecord("1", "1. What the truce says", (Unit(Kind.BULLET, "It says so [S2]."),), "x"),
        ),
        sources=(
            Source("S1", "The question", "you", SourceClass.USER_CLAIM, "A."),
            Source("S2", "T", "P", SourceClass.WIRE, "新", "https://a.test/", published, AS_OF, "g", "B"),
        ),
        excerpts=(Excerpt("Q1", "S2", "so"),),
        retrieval=RetrievalReport(
            ("truce", "embargo"), ("embargo",), ("S2",), 3, (("Xinhua", "timed out"),), 40
        ),
        counts={"url": 1},
    )


def test_what_is_written_is_read_back() -> None:
    """Every value, whatever its type."""
    assert AssessmentRecord.from_json(record().to_json()) == record()


def test_a_record_from_before_comparisons_is_read() -> None:
    """A field that came later may be missing, and no other."""
    data = json.loads(record().to_json())
    del data["comparison"]
    assert AssessmentRecord.from_json(json.dumps(data)) == record()
    del data["counts"]
    with pytest.raises(UnreadableRecordError, match="counts"):
        AssessmentRecord.from_json(json.dumps(data))


def test_judgments_watch_items_and_forecasts_have_stable_ids() -> None:
    """Of the turn, and the same each time."""
    assert record().stable_ids == {"J1": "t1-J1", "J2": "t1-J2", "W1": "t1-W1", "P1": "t1-P1"}
    assert stable_id("t2", "J1") == "t2-J1"


def test_the_newest_source_is_the_information_cutoff() -> None:
    """Claims do not count, and neither do undated sources."""
    assert record().information_cutoff == datetime(2026, 11, 19, 8, tzinfo=UTC)
    assert [source.id for source in record().retrieved] == ["S2"]
    assert record().retrieval.sources_answered == 2


def _spoil(change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads(record().to_json())
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "no object"),
        (_spoil(lambda data: data.pop("watch")), "missing: watch"),
        (_spoil(lambda data: data.update(schema_version=99)), "schema_version 99"),
        (_spoil(lambda data: data.update(extra=1)), "extra: "),
        (_spoil(lambda data: data["plan"]["judgments"][1].update(until="soon")), "plan.judgments[1].until: "),
        (_spoil(lambda data: data["sources"][1].pop("publisher")), "sources[1].publisher: "),
        (
            _spoil(lambda data: data["sections"][0]["units"][0].update(kind="verse")),
            "sections[0].units[0].kind",
        ),
        (_spoil(lambda data: data["counts"].update(url="1")), "counts.url: "),
        (
            _spoil(lambda data: data.update(turn_id=1, persona=2, title=3, model=4)),
            "model: Input should be a valid string; and 1 more.",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, told: str) -> None:
    """No field is guessed."""
    with pytest.raises(UnreadableRecordError, match=r".") as raised:
        AssessmentRecord.from_json(text)
    assert told in str(raised.value)

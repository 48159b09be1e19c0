"""A whole assessment as a record: the seed's question, answered by the engine from four sources."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.events import Finished
from bot.evidence.items import EvidenceItem, SourceClass
from personas.persona import Persona
from tests.assessment.doubles import ScriptedModel, assess, assignment, persona, seed_answer
from tests.support.evidence_desk import ScriptedDesk

__all__ = ["AS_OF", "NEWS", "china", "seed_record"]

AS_OF = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""The script's dates are days from today."""

TEXT = (
    "The one-year deal on rare earths was announced on 30 October 2025, and the agreement is to be "
    "“negotiated every year”. The tariff was cut from 20 % to 10 % with effect from 10 November 2025."
)
NEWS = tuple(
    EvidenceItem(
        title=title,
        publisher=publisher,
        url=f"https://news{number}.example/truce",
        source_class=source_class,
        text=TEXT,
        retrieved_at=AS_OF,
        published_at=AS_OF - timedelta(hours=2 * number),
        language="en",
        country=country,
        owner_group=group,
        reliability="B",
    )
    for number, (title, publisher, source_class, group, country) in enumerate(
        (
            ("Truce takes effect", "Reuters", SourceClass.WIRE, "reuters", "GB"),
            ("Announcement on controls", "Ministry of Commerce", SourceClass.OFFICIAL, "cn-state", "CN"),
            ("Magnet makers wait", "Nikkei", SourceClass.INDEPENDENT, "nikkei", "JP"),
            ("What the texts do not say", "Raw Materials", SourceClass.INDEPENDENT, "rawmaterials", "DE"),
        ),
        1,
    )
)
"""What was retrieved."""


def china() -> Persona:
    """The China agent."""
    return persona("CN-01")


@cache
def seed_record() -> AssessmentRecord:
    """What the engine gives for the seed's question, with the script as its model."""
    task = replace(assignment(), as_of=AS_OF)
    desk = ScriptedDesk(NEWS, sources_total=9, stored_items=400)
    ran = asyncio.run(assess(ScriptedModel(seed_answer), task, desk=desk))
    last = ran.events[-1]
    assert isinstance(last, Finished)
    return last.record

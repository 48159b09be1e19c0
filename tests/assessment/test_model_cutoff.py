"""Where the model's own knowledge ends: told to model and readers, and answers are held against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bot.assessment.checks.subject import Subject
from bot.assessment.checks.table import CHECKS, find_faults
from bot.assessment.dialect import Kind, Unit
from bot.assessment.events import Finished
from tests.assessment.doubles import ScriptedModel, assess, seed_answer, settings
from tests.support.records import china, seed_record

CUTOFF = date(2026, 6, 30)


async def test_the_operators_date_reaches_model_record_card_and_footer() -> None:
    """Of an answer without sources, which rests on that knowledge."""
    model = ScriptedModel(seed_answer)
    assessment = await assess(model, how=replace(settings(), model_cutoff=CUTOFF))
    last = assessment.events[-1]
    assert isinstance(last, Finished)
    assert last.record.model_cutoff == CUTOFF
    assert "after your training data ended (30 June 2026) did happen" in model.calls[0].context
    assert any("which ends with June 2026" in banner for banner in assessment.report.banners)
    assert any(
        "Model: scripted (training data to 30 Jun 2026)." in each for each in assessment.report.notices
    )


@pytest.mark.parametrize(
    ("cutoff", "fact", "told"),
    [
        (CUTOFF, "The licences were suspended on 12 May 2026.", ""),
        (CUTOFF, "The licences were suspended on 3 August 2026.", "background that ends with June 2026"),
        (None, "The licences were suspended on 12 May 2026.", "background that ends nobody knows when"),
    ],
)
def test_a_fact_of_the_models_own_is_not_later_than_its_knowledge(
    cutoff: date | None, fact: str, told: str
) -> None:
    """SO14; the repair asks for a source, or for the fact without its date."""
    seed = seed_record()
    first, *others = seed.sections
    record = replace(
        seed, model_cutoff=cutoff, sections=(replace(first, units=(Unit(Kind.BULLET, fact),)), *others)
    )
    background = next(check for check in CHECKS if check.id == "SO14")
    faults = find_faults(background, Subject(record, china()))
    assert [told in fault.problem and bool(fault.repair) for fault in faults] == ([True] if told else [])

"""A brief has no section of facts, and is not blamed for it."""

from __future__ import annotations

from dataclasses import replace

from bot.assessment.checks.table import check_record
from tests.support.records import china, seed_record


def test_a_brief_is_not_asked_for_facts() -> None:
    """The rules about facts are those of the in-depth format; the rest holds for both."""
    full = seed_record()
    brief = replace(full, format="brief", sections=full.sections[:1])
    ids = {finding.id for finding in check_record(brief, china()).findings}
    assert not {"SO1", "SO4", "SO5"} & ids
    empty = {finding.id for finding in check_record(replace(full, sections=()), china()).findings}
    assert {"SO1", "SO4", "SO5"} <= empty

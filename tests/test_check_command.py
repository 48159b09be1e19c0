"""``country-agents check``: a stored assessment, or the text of one, is held against the standard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.assessment.lexicon import Likelihood
from tests.support.records import seed_record

SEED = Path(__file__).parent / "data" / "seed-assessment.txt"


@pytest.fixture(autouse=True)
def _away_from_any_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file of the checkout is read."""
    monkeypatch.chdir(tmp_path)


def test_a_sound_assessment_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the engine stored is read back; the exit code is 0."""
    stored = tmp_path / "assessment.json"
    stored.write_text(seed_record().to_json(), encoding="utf-8")
    assert main(["check", str(stored)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("checks 54/54")


def test_a_faulty_assessment_is_told_by_rule_and_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The failed rule, where it fails, and the exit code 1."""
    record = seed_record()
    first, *rest = record.plan.judgments
    plan = replace(record.plan, judgments=(replace(first, likelihood=Likelihood(60, 99, 79)), *rest))
    stored = tmp_path / "assessment.json"
    stored.write_text(replace(record, plan=plan).to_json(), encoding="utf-8")
    assert main(["check", str(stored)]) == 1
    told = capsys.readouterr().out
    assert "UN1  P0" in told
    assert "J1: " in told


def test_the_seed_text_s_known_errors_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    """Author, term, sources, dates, probabilities, watch items, leak (issue 4)."""
    assert main(["check", str(SEED)]) == 1
    told = capsys.readouterr().out
    for error in (
        "The epigraph is by Wang Anshi",
        "新质生产力 is meant",
        "A fact cites no source",
        "A fact has no date",
        "No judgment carries a likelihood",
        "Not observable",
        "shows the agent’s instructions",
    ):
        assert error in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ('{"schema_version": 1}', "fields are missing"),
        ("Good morning.", "not an assessment"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_assessment_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, told: str
) -> None:
    """A sentence that says why, and no traceback."""
    file = tmp_path / "file"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert main(["check", str(file)]) == 1
    assert told in capsys.readouterr().err

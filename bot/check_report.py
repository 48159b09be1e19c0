"""What ``country-agents check`` reads, a stored assessment or the text of one, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from bot.assessment.assessment_record import AssessmentRecord, Origin
from bot.assessment.checks.finding import Finding, Severity
from bot.assessment.checks.table import Results
from bot.assessment.text_import import import_text
from bot.errors import CountryAgentsError

__all__ = ["UnreadableFileError", "is_sound", "load_record", "result_lines"]

PLACES_TOLD = 12
"""Places told of one failed check; more are counted."""


class UnreadableFileError(CountryAgentsError):
    """The file is not there, or it is no text."""

    user_message = "This file cannot be read."


def load_record(path: Path, *, organisation: str, lexicon: str) -> AssessmentRecord:
    """The assessment in a file: JSON as it is stored, or the text of one. A text is taken for one of the time
    at which its file was written: what it says of the present, it said then.

    Raises ``UnreadableFileError``, ``UnreadableRecordError``, ``NoAssessmentError``.
    """
    try:
        data = path.read_text(encoding="utf-8-sig")
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path} cannot be read: {error}") from error
    if data.lstrip().startswith("{"):
        return AssessmentRecord.from_json(data)
    return import_text(data, as_of=written, organisation=organisation, lexicon=lexicon)


def is_sound(results: Results) -> bool:
    """Whether nothing of weight was found: P2 findings are told and do no harm."""
    return not results.of(Severity.P0, Severity.P1)


def result_lines(record: AssessmentRecord, results: Results) -> Iterator[str]:
    """A line a failed check with its severity and rule, the places below it, and the sum."""
    if record.origin is Origin.IMPORT:
        yield "Read from text: what text cannot hold (sources, likelihoods, dates) is missing and fails."
    found = {id_: list(each) for id_, each in groupby(results.findings, key=_check_id)}
    for check in results.failed:
        yield f"{check.id:<5}{check.severity}  {check.rule}"
        findings = found[check.id]
        for finding in findings[:PLACES_TOLD]:
            yield f"         {finding.place}: {finding.fault.problem}"
        if len(findings) > PLACES_TOLD:
            yield f"         … and {len(findings) - PLACES_TOLD} more"
    yield f"{record.persona}, {record.title}: {results.line}"


def _check_id(finding: Finding) -> str:
    return finding.id

"""What is handed to the process that makes a file."""

from __future__ import annotations

import orjson

from bot.assessment.assessment_record import AssessmentRecord
from personas.persona import Persona

__all__ = ["job", "read_job"]


def job(record: AssessmentRecord, persona: Persona) -> bytes:
    """Record and persona, as JSON."""
    return orjson.dumps({"record": record.to_json(), "persona": persona.model_dump_json(by_alias=True)})


def read_job(data: bytes) -> tuple[AssessmentRecord, Persona]:
    """The inverse. Raises ``UnreadableRecordError`` or pydantic's ``ValidationError``."""
    given = orjson.loads(data)
    return AssessmentRecord.from_json(given["record"]), Persona.model_validate_json(given["persona"])

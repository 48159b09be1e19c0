"""What the benchmarks' model server answers: the seed script, with a line in a file for each request.

The file tells when each call began and how many tokens it got, which the server itself does not keep.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support import seed_script
from tests.support.model_replies import ModelRequest, Reply, Script, text_and_ending, usage_of

__all__ = [
    "REQUESTS_VARIABLE",
    "ModelRequestNote",
    "answer",
    "answer_with_follow_ups",
    "answer_with_two_repairs",
    "plain_or_seed",
    "read_notes",
]

REQUESTS_VARIABLE = "BENCHMARK_REQUESTS_FILE"
"""Environment variable with the file to write to."""


@dataclass(frozen=True, slots=True)
class ModelRequestNote:
    """One request: when it came, wall-clock seconds, and what it got."""

    at: float
    turn: str
    """The turn's id: our client's cache key."""
    name: str
    """``plan``, ``outlook``, ``watch`` or the section's number."""
    tokens: int


def answer(request: ModelRequest) -> Reply:
    """See ``seed_script.answer``."""
    return _noted(request, seed_script.answer)


def answer_with_follow_ups(request: ModelRequest) -> Reply:
    """The same, and questions in the thread of an assessment are answered in about 120 words."""
    return _noted(request, _follow_up if "<question>" in request.instruction else seed_script.answer)


def _follow_up(_: ModelRequest) -> Reply:
    """Sentences of eighteen words, as long as the standard wants them."""
    return Reply(
        " ".join(
            f"The ministry keeps the {what} under licence, because a pause costs it little and "
            "buys a season of orders from abroad [S1]."
            for what in ("magnets", "oxides", "alloys", "powders", "motors", "chips")
        )
    )


def answer_with_two_repairs(request: ModelRequest) -> Reply:
    """See ``seed_script.answer_with_two_repairs``."""
    return _noted(request, seed_script.answer_with_two_repairs)


def plain_or_seed(request: ModelRequest) -> Reply:
    """Plain text of the length that the question asks for (``1000 characters, please``), as the plain way
    asks it; else the seed's answer.
    """
    if wanted := re.search(r"(\d+) characters, please", request.instruction):
        size = int(wanted[1])
        lines = (f"Sentence {number} says who acts, why, and what follows." for number in itertools.count(1))
        text = ""
        while len(text) < size:
            text = f"{text}{next(lines)}\n\n"
        return Reply(text[:size])
    return seed_script.answer(request)


def read_notes(path: Path) -> list[ModelRequestNote]:
    """All requests so far."""
    return [ModelRequestNote(**json.loads(line)) for line in path.read_text().splitlines()]


def _noted(request: ModelRequest, script: Script) -> Reply:
    at = time.time()
    reply = script(request)
    text, _ = text_and_ending(request, reply)
    section = re.search(r"^Section (\d):", request.instruction, re.MULTILINE)
    name = request.schema_name or (section[1] if section else "1")
    note = ModelRequestNote(at, request.cache_key, name, usage_of(request, reply, text)[2])
    with Path(os.environ[REQUESTS_VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(note)) + "\n")
    return reply

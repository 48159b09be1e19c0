"""What the tests of the assessment share: a scripted model behind the port, and a whole run as a value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from bot.assessment.engine import Assignment, Engine, EngineSettings
from bot.assessment.events import CardChanged, Checkpointed, Event, Finished, Part, Report
from bot.assessment.formats import FORMATS, Format
from bot.assessment.lexicon import LEXICONS, Likelihood
from bot.assessment.values import Judgment
from bot.assessment.wording import Tables, material_of
from bot.evidence.items import EvidenceDesk
from bot.evidence.table import table_of_claims
from bot.llm.port import Finished as StreamFinished
from bot.llm.port import FinishReason, ModelCall, Usage
from bot.retrying import RetryPolicy, instant_retries
from bot.turns import Question
from personas.loader import load_personas
from personas.persona import Persona
from tests.support.model_replies import ModelRequest, Script
from tests.support.seed_script import QUESTION, answer

__all__ = [
    "AS_OF",
    "Assessment",
    "ScriptedModel",
    "assess",
    "assignment",
    "judgment",
    "persona",
    "played",
    "seed_answer",
    "settings",
    "tables",
]

AS_OF = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CHUNK = 7
"""Characters a piece of a scripted answer: cuts through words, marks and references alike."""

Answer = str | tuple[str, FinishReason] | Exception | Iterable[str]


@cache
def persona(code: str = "CN-01") -> Persona:
    """A persona of the desk."""
    return next(persona for persona in load_personas() if persona.code == code)


class ScriptedModel:
    """A ``Model`` whose answers a function gives: text, text and the reason it ends for, an error to
    raise, or pieces, which may be endless.
    """

    name = "scripted"

    def __init__(self, reply: Callable[[ModelCall], Answer]) -> None:
        self.reply = reply
        self.calls: list[ModelCall] = []
        self.open = 0
        self.most_open = 0

    @property
    def names(self) -> list[str]:
        """Names of the calls, in the order in which they began."""
        return [call.name for call in self.calls]

    async def stream(self, call: ModelCall) -> AsyncGenerator[str | StreamFinished, None]:
        """Answer a call in small pieces."""
        self.calls.append(call)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            reply = self.reply(call)
            reason = FinishReason.STOP
            if isinstance(reply, Exception):
                raise reply
            if isinstance(reply, tuple):
                reply, reason = reply
            pieces = _cut(reply) if isinstance(reply, str) else reply
            for piece in pieces:
                await asyncio.sleep(0)
                yield piece
            yield StreamFinished(reason, Usage(100, 80, 50))
        finally:
            self.open -= 1

    async def aclose(self) -> None:
        """Nothing to close."""


def _cut(text: str) -> Iterable[str]:
    return (text[start : start + CHUNK] for start in range(0, len(text), CHUNK))


def seed_answer(call: ModelCall) -> str:
    """The seed script's answer to a call."""
    return answer(request_of(call)).text


def played(script: Script) -> Callable[[ModelCall], str]:
    """A script of the model server, for a scripted model."""
    return lambda call: script(request_of(call)).text


def request_of(call: ModelCall) -> ModelRequest:
    """The call as a server's script sees it."""
    return ModelRequest(
        api="chat",
        model="scripted",
        system=call.system,
        context=call.context,
        instruction=call.instruction,
        opening=call.opening,
        schema_name=call.schema.name if call.schema else "",
        schema=call.schema.schema if call.schema else None,
        max_tokens=call.max_output_tokens,
        cache_key=call.turn_id,
        stream=True,
        attempt=1,
        body={},
    )


def settings(*, lexicon: str = "icd203", calls_at_once: int = 8) -> EngineSettings:
    """An operator's settings."""
    return EngineSettings("Three Corporate", LEXICONS[lexicon], calls_at_once, RetryPolicy(2, 30.0))


def assignment(
    format_: str | Format = "in-depth", question: str = QUESTION, code: str = "CN-01"
) -> Assignment:
    """The seed's question to a persona."""
    shape = FORMATS[format_] if isinstance(format_, str) else format_
    return Assignment("t1", persona(code), shape, Question(question), AS_OF)


@dataclass
class Assessment:
    """Everything a run gave."""

    events: list[Event] = field(default_factory=list)

    @property
    def parts(self) -> list[Part]:
        """Everything visible, in order."""
        return [event for event in self.events if isinstance(event, Part)]

    @property
    def text(self) -> str:
        """The document."""
        return "".join(part.text for part in self.parts)

    @property
    def headings(self) -> list[str]:
        """Titles of the numbered sections."""
        return [line[3:] for line in self.text.splitlines() if line.startswith("## ")]

    @property
    def report(self) -> Report:
        """The accounts."""
        last = self.events[-1]
        assert isinstance(last, Finished), "the last event of a run is Finished"
        return last.report

    @property
    def card(self) -> CardChanged:
        """The first card."""
        return next(event for event in self.events if isinstance(event, CardChanged))

    @property
    def checkpoints(self) -> dict[str, Mapping[str, Any]]:
        """What resumes the run."""
        return {event.key: event.data for event in self.events if isinstance(event, Checkpointed)}

    def section(self, key: str) -> str:
        """Text of one section."""
        return "".join(part.text for part in self.parts if part.section == key)


async def assess(
    model: Any,
    task: Assignment | None = None,
    *,
    checkpoints: Mapping[str, Mapping[str, Any]] | None = None,
    how: EngineSettings | None = None,
    desk: EvidenceDesk | None = None,
) -> Assessment:
    """Run the engine to its end, without waiting between retries."""
    assessment = Assessment()
    with instant_retries():
        async with aclosing(
            Engine(model, how or settings(), desk).run(task or assignment(), checkpoints)
        ) as events:
            async for event in events:
                assessment.events.append(event)
    return assessment


def judgment(number: int, low: int = 60, point: int = 70, high: int = 79) -> Judgment:
    """A judgment with that likelihood."""
    likelihood = Likelihood(low, point, high)
    return Judgment(
        f"J{number}", "Beijing keeps the pause", likelihood, date(2027, 11, 1), "low", "analyst", "p"
    )


def tables(question: str = QUESTION, *, judgments: int = 3) -> Tables:
    """Tables of the seed's question: S1, Q1, J1 to J3, the glossary of CN-01."""
    evidence = table_of_claims(Question(question))
    known = {f"J{number}": judgment(number) for number in range(1, judgments + 1)}
    terms = {term.id: term.native for term in persona().glossary}
    return Tables(evidence, known, terms, material_of(evidence))

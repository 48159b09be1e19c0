"""The engine: a question in, an assessment out, as a stream of events.

A small dependency graph: section 1 and the plan start at once; when the plan is there, the outlook,
the watch list and all other sections start together, as many at a time as the model allows; they are
shown in order. A comparison has a stage of its own.
The engine knows neither Slack nor Redis. Closing the generator ends all model calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from bot.assessment.comparison_stage import ComparisonStage
from bot.assessment.data_stage import DataStage
from bot.assessment.display import Display
from bot.assessment.events import CardChanged, Event, Finished
from bot.assessment.evidence_stage import EvidenceStage, is_settled
from bot.assessment.open_answers import OpenAnswers
from bot.assessment.run import Assignment, EngineSettings, Run
from bot.assessment.section_stage import SectionStage
from bot.assessment.standing import nothing_retrieved
from bot.evidence.items import EvidenceDesk, EvidenceRequest, Retrieval
from bot.llm.port import Model
from personas.enumeration import enumerated

__all__ = ["Assignment", "Engine", "EngineSettings"]


class Engine:
    """Runs assignments; holds nothing of any one of them."""

    def __init__(self, model: Model, settings: EngineSettings, desk: EvidenceDesk | None = None) -> None:
        self._model = model
        self._settings = settings
        self._desk = desk

    def first_card(self, assignment: Assignment) -> CardChanged:
        """What the card says before anything is known."""
        label = [self._settings.demo_label] if self._settings.demo_label else []
        if self._desk is None:
            return CardChanged("", (*label, nothing_retrieved(self._settings.model_cutoff)))
        if assignment.rests_on is not None:
            return CardChanged("", tuple(label))
        personas = assignment.compared or (assignment.persona,)
        countries = enumerated(persona.the_country for persona in personas)
        return CardChanged("", tuple(label), f"Searching for sources on {countries} …")

    def retrieve(
        self, assignment: Assignment, checkpoints: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Retrieval | None:
        """Start searching before the run itself begins, and give the result to ``run``; whoever does not
        come to that closes it. ``None``: there is nothing to search, or an earlier run has done it.
        """
        if self._desk is None or assignment.rests_on is not None or is_settled(checkpoints or {}):
            return None
        beside = assignment.compared[1:]
        request = EvidenceRequest(
            assignment.turn_id,
            assignment.persona,
            assignment.searched_for,
            assignment.as_of,
            # Each country's baseline has a place of its own.
            self._settings.sources_wanted + len(beside),
            beside=beside,
        )
        return self._desk.begin(request)

    async def run(
        self,
        assignment: Assignment,
        checkpoints: Mapping[str, Mapping[str, Any]] | None = None,
        answers: OpenAnswers | None = None,
        *,
        retrieval: Retrieval | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Yield the assessment's events; ``Finished`` is the last. Raises ``ModelError`` where there
        is nothing to show. ``checkpoints``: what an earlier run yielded as ``Checkpointed``, by key;
        finished work is not paid for again, and the same text comes out for it. ``retrieval``: one that
        ``retrieve`` began; it is closed here.

        ``answers``: for a caller whose runs are taken over. Answers then go on at a provider that can do so
        when the generator is closed: for the next run, which needs ``answers.unsaved`` among its checkpoints,
        or to be ended with ``cancel``.
        """
        retrieval = retrieval or self.retrieve(assignment, checkpoints)
        run = Run(self._model, self._settings, assignment, checkpoints or {}, answers)
        evidence = EvidenceStage(run, retrieval)
        tasks = [evidence.task, *_stages(run, evidence)]
        try:
            while True:
                event = await run.outbox.get()
                if isinstance(event, BaseException):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, *run.cancelling, return_exceptions=True)
            if answers is not None:
                answers.unsaved = run.unsaved()
            await evidence.aclose()

    async def cancel(self, answers: OpenAnswers) -> None:
        """End at the provider what a closed run left open, so that it costs no more. Best effort; takes two
        seconds at most and never raises.
        """
        await asyncio.gather(*map(self._model.cancel, answers.points))


def _stages(run: Run, evidence: EvidenceStage) -> list[asyncio.Task[Any]]:
    """What writes and shows the answer, begun."""
    if run.assignment.compared:
        return ComparisonStage(run, evidence).tasks
    data = DataStage(run, evidence)
    sections = SectionStage(run, data, evidence)
    display = Display(run, data, sections)
    return [*data.tasks, *sections.tasks, display.task]

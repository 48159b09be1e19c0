"""What changed since an assessment: its judgments scored again on what was found since.

The model gives numbers and reasons; the words of likelihood, old and new, are printed by us.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.assessment.data_calls import DataReader
from bot.assessment.dialect import Kind, Unit
from bot.assessment.earlier import Earlier, follow_up_instruction
from bot.assessment.lexicon import Lexicon
from bot.assessment.prompts import data_block
from bot.assessment.values import Judgment, Plan
from bot.evidence.table import Source
from bot.llm.port import JsonSchema
from bot.llm.schemas import PERCENT, array, choice, record

__all__ = [
    "Change",
    "asks_what_changed",
    "change_units",
    "read_changes",
    "rescoring_instruction",
    "rescoring_schema",
    "with_changes",
]

_ASKS = re.compile(
    r"\bwhat(?:\W?s|\s+has|\s+is|\s+have)?\s+(?:changed|new|different)\b"
    r"|\banything\s+(?:new|changed)\b|\b(?:has|have|did)\s+(?:anything|something|your\s+\w+)\s+changed?\b"
    r"|\b(?:update|re-?score|refresh)\s+(?:this|it|your|the)\s*"
    r"(?:assessment|judge?ments?|likelihoods?|scores?)?\s*$",
    re.IGNORECASE,
)
LONGEST_QUESTION = 90
"""Characters: a longer question asks for more than what changed, and gets an answer in words."""


@dataclass(frozen=True, slots=True)
class Change:
    """A judgment before and after."""

    before: Judgment
    after: Judgment
    reason: str
    """Cleaned; may be empty."""
    sources: tuple[str, ...] = ()
    """Ids that the new likelihood rests on."""

    @property
    def is_one(self) -> bool:
        """Whether the likelihood is another one."""
        return self.before.likelihood != self.after.likelihood


def asks_what_changed(question: str) -> bool:
    """Whether a follow-up asks for what is new since the assessment, and for nothing else."""
    text = " ".join(question.split()).rstrip(" ?!.")
    return len(text) <= LONGEST_QUESTION and _ASKS.search(text) is not None


def rescoring_schema(plan: Plan) -> JsonSchema:
    """Schema of the call that scores the plan's judgments again."""
    judgment = record(
        id=choice(judgment.id for judgment in plan.judgments),
        low=PERCENT,
        point=PERCENT,
        high=PERCENT,
        reason={"type": "string", "description": "at most 30 words; empty where nothing changes"},
        evidence=array({"type": "string", "description": "S7"}),
    )
    return JsonSchema("rescore", record(judgments=array(judgment)))


def rescoring_instruction(earlier: Earlier, *, code: str, question: str) -> str:
    """What the call is asked for; the sources that are new stand in front of it."""
    scored = "\n".join(
        f"{judgment.id}: {judgment.statement} Scored {judgment.likelihood.low}-{judgment.likelihood.point}-"
        f"{judgment.likelihood.high}, until {judgment.until.isoformat()}."
        for judgment in earlier.record.plan.judgments
    )
    instruction = (
        "Score every judgment of the assessment again, as JSON: id, low, point and high in per cent, in the "
        "light of the sources that are new. Where nothing new bears on a judgment, give the same three "
        "numbers and an empty reason. Where they change, reason says in at most 30 words what happened that "
        "moves it, without any word of likelihood, and evidence names the sources by id.\n"
        + data_block("the judgments as scored", scored)
    )
    return follow_up_instruction(earlier, instruction, code=code, question=question)


def read_changes(data: Mapping[str, Any], plan: Plan, reader: DataReader) -> tuple[Change, ...]:
    """Every judgment of the plan, in its order; one that the model left out has not changed."""
    scores = {score.judgment_id: score for score in reader.scores(data)}
    changes = []
    for judgment in plan.judgments:
        score = scores.get(judgment.id)
        if score is None:
            changes.append(Change(judgment, judgment, ""))
            continue
        after = replace(judgment, likelihood=score.likelihood)
        if after != judgment:
            after = replace(after, sources=tuple(dict.fromkeys((*judgment.sources, *score.sources))))
        changes.append(Change(judgment, after, score.reason, score.sources))
    return tuple(changes)


def change_units(
    changes: Sequence[Change], new: Sequence[Source], lexicon: Lexicon, since: str
) -> list[Unit]:
    """The changes as units: a bullet for each, then one line for the rest."""
    moved = [change for change in changes if change.is_one]
    found = f"{len(new)} new {'source' if len(new) == 1 else 'sources'}" if new else "No new source"
    head = f"{found} since {since}; {len(moved)} of {len(changes)} likelihoods changed."
    units = [Unit(Kind.PARAGRAPH, head)]
    for change in moved:
        before, _ = lexicon.phrase(change.before.likelihood)
        after, _ = lexicon.phrase(change.after.likelihood)
        if before == after:  # within one term: the point tells it
            before = f"{before}, at {change.before.likelihood.point} %"
            after = f"{after}, at {change.after.likelihood.point} %"
        cited = "".join(f" [{source}]" for source in change.sources if f"[{source}]" not in change.reason)
        reason = change.reason.rstrip(".") or "No reason was given"
        statement = change.before.statement.rstrip(".")
        units.append(
            Unit(
                Kind.BULLET, f"**{change.before.id}:** {statement}. **{before} → {after}.** {reason}{cited}."
            )
        )
    same = [change for change in changes if not change.is_one]
    if same:
        told = "; ".join(
            f"{change.before.id} {lexicon.phrase(change.before.likelihood)[0]}" for change in same
        )
        units.append(Unit(Kind.PARAGRAPH, f"Unchanged: {told}."))
    return units


def with_changes(plan: Plan, changes: Sequence[Change]) -> Plan:
    """The plan as it is scored now: the next question goes on from that."""
    scored = {change.after.id: change.after for change in changes}
    return replace(plan, judgments=tuple(scored.get(each.id, each) for each in plan.judgments))

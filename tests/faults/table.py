"""The table: every fault at every stage, how it ends, and why some of them cannot be.

``python -m tests.faults.table`` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults.endings import COMPLETE, GONE, STOPPED, STOPPED_OR_COMPLETE, TOLD
from tests.faults.stages import ACK, AFTER, QUEUE, STAGES, Stage
from tests.faults.strikes import STRIKES, Strike

__all__ = ["CELLS", "IMPOSSIBLE", "Cell", "cell", "main"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one stage. ``exact``: the text is the same as without the fault."""

    strike: Strike
    stage: Stage
    ending: str
    exact: bool = True

    @property
    def name(self) -> str:
        """As pytest shows it."""
        return f"{self.strike.name} at {self.stage.name}".replace(" ", "-").replace(",", "")


OPEN_STREAM = {"append", "card update", "stop"} | {
    stage.name for stage in STAGES if stage.call and stage.name != "section 1"
}
"""Stages at which a message of the turn is streaming: the facts are being written while it is started."""

CARD_SHOWN = {stage.name for stage in STAGES} - {ACK, QUEUE, AFTER}


def reason_against(strike: Strike, stage: Stage) -> str:
    """Why this fault cannot happen at this stage; empty where it can."""
    name, family = stage.name, strike.family
    if family == "model" and not stage.failing:
        return "no model call belongs to this stage; each model call is a stage of its own"
    if family in ("slack call", "slack stream", "gone") and name == AFTER:
        return "the answer is finished: no call is left that could fail"
    if family == "slack call" and name in (ACK, QUEUE):
        return "Slack is not called for a turn before a worker has it; the first call is the card's"
    if strike.name in ("stream expired", "stopped in Slack") and name not in OPEN_STREAM:
        return "no message of the turn is streaming at this stage"
    if strike.name == "stream too long" and name not in OPEN_STREAM | {"stream start"}:
        return "no message of the turn is streaming at this stage"
    if strike.name == "stopped on the card" and name not in CARD_SHOWN:
        return "there is no card with a stop button at this stage"
    return ""


def ending_of(strike: Strike, stage: Stage) -> str:
    """How a turn ends after this fault at this stage."""
    if strike.family == "gone":
        return GONE
    if strike.family == "stop":
        # The answer is all there, or being closed: whichever comes first.
        return STOPPED_OR_COMPLETE if stage.name in ("stop", "footer") else STOPPED
    if strike.name == "model refusal" and not stage.reads:  # search terms are a help that nothing waits for
        return TOLD
    return COMPLETE


def is_exact(strike: Strike, stage: Stage) -> bool:
    """Whether the text is the same as without the fault. A cut-off call keeps only its whole sentences; an
    event that cannot be read has taken a word with it.
    """
    return strike.name not in ("model length", "model malformed chunk") or stage.reads


CELLS = tuple(
    Cell(strike, stage, ending_of(strike, stage), exact=is_exact(strike, stage))
    for strike in STRIKES
    for stage in STAGES
    if not reason_against(strike, stage)
)

IMPOSSIBLE = {
    (strike.name, stage.name): reason
    for strike in STRIKES
    for stage in STAGES
    if (reason := reason_against(strike, stage))
}


def cell(fault: str, stage: str) -> Cell:
    """The cell of that name."""
    (found,) = (each for each in CELLS if (each.strike.name, each.stage.name) == (fault, stage))
    return found


def main() -> None:
    """Print the table."""
    for each in CELLS:
        print(f"{each.strike.name:24} {each.stage.name:14} {each.ending}")
    for (fault, stage), reason in IMPOSSIBLE.items():
        print(f"{fault:24} {stage:14} cannot be: {reason}")
    print(f"{len(CELLS)} cells, {len(IMPOSSIBLE)} that cannot be")


if __name__ == "__main__":
    main()

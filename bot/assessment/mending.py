"""Repairs of single lines: what a drafted section's checks find is written anew before a reader has it.

The model is asked for the failing lines only, and what comes back takes their places. What it cannot mend
stays and is told in the footer (P1), or is taken out (P0): better a point less than an invented one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from bot.assessment.checks.finding import Finding, Severity
from bot.assessment.checks.table import Results
from bot.assessment.dialect import Kind, Unit
from bot.assessment.drafting import REPAIRS, Accounts, Draft, UnusableDraftError, write_draft
from bot.assessment.prompts import data_block
from bot.assessment.wording import Tables
from bot.llm.port import Model, ModelCall

__all__ = ["mend_lines", "take_back"]

MARKED = frozenset({"SO1", "SO5"})
"""What a line on screen says of itself: “(no source)”, “undated” in the list of sources."""

LEFT_STANDING = 0.5
"""Share of a section's lines that is never taken out: a section that is wrong as a whole has its banner."""

Check = Callable[[Sequence[Unit]], Awaitable[Results]]
"""Holds a section's units against the standard."""


async def mend_lines(
    draft: Draft,
    check: Check,
    model: Model,
    call: ModelCall,
    tables: Tables,
    accounts: Accounts,
    *,
    rounds: int = REPAIRS,
) -> None:
    """Have the lines that fail written anew, in so many rounds at most, while nobody has seen the draft.
    Raises ``ModelError``.
    """
    failing = _by_line(await check(draft.units))
    for _ in range(rounds):
        if not failing or draft.on_screen:
            break
        for findings in failing.values():
            accounts.counts.update({f"repair_{finding.id}" for finding in findings})
        units = await _rewritten(draft, failing, model, call, tables, accounts)
        if units is None:
            break
        still = _by_line(await check(units))
        if len(still) >= len(failing):
            break  # no better than before: what was written first stays
        draft.units, failing = units, still
    if not draft.on_screen:
        _take_out(draft, failing, accounts)


def _by_line(results: Results) -> dict[int, list[Finding]]:
    """What a repair can mend, by the number of its line."""
    failing: dict[int, list[Finding]] = {}
    for finding in results.to_repair:
        if finding.fault.unit is not None:
            failing.setdefault(finding.fault.unit, []).append(finding)
    return dict(sorted(failing.items()))


async def _rewritten(
    draft: Draft,
    failing: dict[int, list[Finding]],
    model: Model,
    call: ModelCall,
    tables: Tables,
    accounts: Accounts,
) -> list[Unit] | None:
    """The section with new lines in the places of those that fail; ``None`` where they did not come."""
    many = len(failing)
    lines = "\n".join(
        _as_written(number, draft.units[place].text, findings)
        for number, (place, findings) in enumerate(failing.items(), 1)
    )
    wishes = "\n".join(
        f"{number}. {' '.join(dict.fromkeys(finding.fault.repair for finding in findings))}"
        for number, findings in enumerate(failing.values(), 1)
    )
    asked = (
        f"{call.instruction}\nThe section is written. {many} of its lines must be written anew:\n{lines}\n"
        f"Write only {'this line' if many == 1 else f'these {many} lines, in this order'}, each as one "
        f"bullet that begins with “- ”, without headings:\n{wishes}"
    )
    # Begun with the lines that stay, so that a new one repeats none of them, but may be like the old one.
    kept = [unit for place, unit in enumerate(draft.units) if place not in failing]
    addition = Draft(draft.spec, kept)
    again = replace(call, instruction=asked, name=f"{call.name}-lines", opening="")
    try:
        await write_draft(addition, model.stream(again), again, tables, accounts, started=asyncio.Event())
    except UnusableDraftError:
        return None
    written = addition.units[len(kept) :]
    if len(written) != many or any(unit.kind is Kind.HEADING for unit in written):
        accounts.counts["repair_unusable"] += 1
        return None
    units = list(draft.units)
    for place, unit in zip(failing, written, strict=True):
        units[place] = Unit(units[place].kind, unit.text)
    return units


def _as_written(number: int, line: str, findings: Sequence[Finding]) -> str:
    """A failing line as it stands, and what it is compared with, as data: both may quote what was fetched."""
    beside = dict.fromkeys(finding.fault.beside for finding in findings if finding.fault.beside)
    blocks = [data_block(f"line {number}", line)]
    blocks += [data_block(f"a line beside line {number}", text) for text in beside]
    return "\n".join(blocks)


def _take_out(draft: Draft, failing: dict[int, list[Finding]], accounts: Accounts) -> None:
    """Take out the lines that break a rule of the gravest kind."""
    grave = _grave(draft, [finding for findings in failing.values() for finding in findings])
    for ids in grave.values():
        accounts.counts.update({f"blocked_{check_id}" for check_id in ids})
    draft.take_back(grave)


def take_back(draft: Draft, results: Results) -> None:
    """Of a section on screen: what breaks a rule of the gravest kind and does not say so itself. Readers are
    told; what they do not have yet they never get. Everything else stands and is told in the footer.
    """
    draft.take_back(_grave(draft, [finding for finding in results.findings if finding.id not in MARKED]))


def _grave(draft: Draft, findings: Iterable[Finding]) -> dict[int, tuple[str, ...]]:
    """By line: the rules of the gravest kind that it breaks. Of a section that is wrong as a whole, nothing:
    it has its banner.
    """
    grave: dict[int, tuple[str, ...]] = {}
    for finding in findings:
        place = finding.fault.unit
        if finding.severity is not Severity.P0 or place is None or place in draft.withdrawn:
            continue
        if draft.units[place].kind is not Kind.HEADING:
            grave[place] = tuple(dict.fromkeys((*grave.get(place, ()), finding.id)))
    left = len(draft.standing) - len(grave)
    return grave if left >= LEFT_STANDING * len(draft.units) else {}

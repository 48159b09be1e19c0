"""What the doctor finds, and how it is told: a verdict, a sentence, the next step."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

__all__ = ["CLOCK_SKEW_SECONDS", "Finding", "Verdict", "clock_is_off", "print_findings"]

CLOCK_SKEW_SECONDS = 60.0
"""A clock this far off fails. Slack's signatures expire after 300 s (its signing guide): a fifth of that
leaves room for drift until somebody looks; time servers keep a healthy clock within milliseconds."""


class Verdict(StrEnum):
    """How a check ended; only ``FAIL`` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: a sentence, and the next step where there is one."""

    name: str
    verdict: Verdict
    sentence: str
    advice: str = ""


def print_findings(findings: Iterable[Finding], stream: TextIO | None = None) -> int:
    """Print one line for each finding, advice below; return the exit code, 1 when anything fails."""
    out = stream or sys.stdout
    told = list(findings)
    width = max((len(finding.name) for finding in told), default=0)
    for finding in told:
        print(f"{finding.verdict:<4}  {finding.name:<{width}}  {finding.sentence}", file=out)
        if finding.advice:
            print(f"{'':<{width + 8}}→ {finding.advice}", file=out)
    failed = sum(finding.verdict is Verdict.FAIL for finding in told)
    warned = sum(finding.verdict is Verdict.WARN for finding in told)
    if failed:
        print(
            f"\n{failed} of {len(told)} checks failed; `country-agents serve` will not work as it should.",
            file=out,
        )
    else:
        print(f"\nReady{f', with {warned} warnings' if warned else ''}.", file=out)
    return 1 if failed else 0


def clock_is_off(whose: str, ahead_seconds: float) -> Finding:
    """The finding for a clock that differs too much from ``whose``."""
    way = "ahead of" if ahead_seconds > 0 else "behind"
    sentence = f"This machine's clock is {abs(ahead_seconds):.0f} s {way} {whose}'s: signatures fail."
    return Finding(
        "clock", Verdict.FAIL, sentence, "Switch time synchronisation on (NTP, chrony, systemd-timesyncd)."
    )

"""What an assessment holds as data: the plan's judgments, the outlook and the watch list.

Every text in here is cleaned: it holds no likelihood word, URL or foreign term of the model's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from bot.assessment.lexicon import Likelihood

__all__ = [
    "Assumption",
    "Commitment",
    "Confidence",
    "Contradiction",
    "Forecast",
    "Gap",
    "Hypothesis",
    "Implication",
    "Judgment",
    "Outlook",
    "Plan",
    "Watch",
    "WatchItem",
]


@dataclass(frozen=True, slots=True)
class Judgment:
    """A dated statement with a likelihood."""

    id: str
    statement: str
    likelihood: Likelihood
    until: date
    """End of the window; it begins with the assessment."""
    confidence: str
    """``low``, ``moderate`` or ``high``."""
    viewpoint: str
    """``persona_state``, ``counterparty``, ``third_party`` or ``analyst``."""
    pillar: str
    """Id of one of the persona's three pillars."""
    sources: tuple[str, ...] = ()
    """Ids of the sources it rests on."""
    contrary: tuple[str, ...] = ()
    """Ids of the sources that speak against it."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One of at least three rival explanations; named in the plan, weighed in the outlook."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A source that says something else than the asking person."""

    source_id: str
    says: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The first call's result: what every other call is told."""

    bottom_line: str = ""
    event_date: str = ""
    """ISO date, or empty where unknown."""
    premise: str = "unclear"
    """``holds``, ``overtaken`` or ``unclear``."""
    since: str = ""
    """What has happened since the event, in one line."""
    since_sources: tuple[str, ...] = ()
    """Ids of the sources that say so."""
    contradictions: tuple[Contradiction, ...] = ()
    counterparty: str = ""
    stance: str = "act"
    """Verb of section 2's title."""
    judgments: tuple[Judgment, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    linchpin: str = ""
    section_lines: dict[str, str] = field(default_factory=dict)
    """By section key: what the section will argue, in one line."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something taken for granted, and what follows if it is wrong."""

    id: str
    statement: str
    if_wrong: str
    linchpin: bool = False
    support: str = ""
    """``solid``, ``caveated`` or ``unsupported``; empty where the model did not say."""
    judgment_id: str = ""
    """The judgment that falls with it."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """Who owes what, until when."""

    id: str
    obligor: str
    what: str
    expires: str


@dataclass(frozen=True, slots=True)
class Confidence:
    """The three reasons behind analytical confidence (PHIA)."""

    information_base: str = ""
    rigour: str = ""
    volatility: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A resolvable question with a probability in percent."""

    id: str
    question: str
    probability: int
    resolves_by: date
    resolution_source: str
    judgment_id: str
    base_rate: str = ""
    """How often such things happen, or why nobody can say."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Hypotheses weighed, assumptions, commitments, confidence reasons, forecasts."""

    probabilities: tuple[tuple[Hypothesis, int, str], ...] = ()
    """Hypothesis, percent (they sum to 100), what would change our mind."""
    assumptions: tuple[Assumption, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    confidence: Confidence = field(default_factory=Confidence)
    forecasts: tuple[Forecast, ...] = ()
    status_quo: str = ""
    """Id of the hypothesis that things go on as they are."""
    ratings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By hypothesis id, then source id: how the two agree, ``CC`` (very consistent) to ``II``
    (very inconsistent), the scale of an analysis of competing hypotheses."""
    lead_reason: str = ""
    """Why the most probable hypothesis leads although another has less evidence against it."""


@dataclass(frozen=True, slots=True)
class WatchItem:
    """An observable event that would move a judgment."""

    id: str
    observable: str
    threshold: str
    where: str
    by: date
    confirms: bool
    judgment_id: str


@dataclass(frozen=True, slots=True)
class Implication:
    """What follows for the client."""

    audience: str
    text: str
    by: date
    exposure: str = ""
    """What of theirs is at stake."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What is not known, and where to look."""

    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch items, implications, gaps, the closing question's two halves, the epigraph."""

    items: tuple[WatchItem, ...] = ()
    implications: tuple[Implication, ...] = ()
    gaps: tuple[Gap, ...] = ()
    either: str = ""
    or_else: str = ""
    epigraph_id: str = ""
    linchpin_item: str = ""
    """Id of the watch item that would show the linchpin wrong."""

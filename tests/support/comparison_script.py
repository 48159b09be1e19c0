"""A fair script for the calls of a comparison: hypotheses for all, and a view as each persona.

China and the United States differ on who leads; the others stand near China.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from tests.support.model_replies import ModelRequest

__all__ = ["VIEWS", "frame_text", "scorer", "view_text"]

VIEWS = {"CN-01": (58, 14, 28), "US-01": (30, 22, 48)}
"""By persona: the points of H1, H2, H3; the others score ``OTHER_VIEW``."""
OTHER_VIEW = (52, 12, 36)
HALF_RANGE = 6
"""Points on either side."""
LINES_A_VIEW = 5
CODES = ("CN-01", "US-01", "JP-01", "RU-01", "IN-01")


def scorer(request: ModelRequest) -> str:
    """Code of the persona that a call for a view is made as."""
    named = re.search(r"\b[A-Z]{2}-\d\d\b", request.system)
    return named[0] if named else ""


def frame_text(today: date) -> str:
    """The hypotheses on the seed's question."""
    data = {
        "event_date": "2025-10-30",
        "premise": "overtaken",
        "since": "",
        "since_sources": [],
        "contradictions": [],
        "hypotheses": [
            "The controls stay suspended and the deal is renewed",
            "The deal widens into a broader bargain",
            "The deal lapses and controls return",
        ],
        "until": (today + timedelta(days=350)).isoformat(),
    }
    return json.dumps(data, ensure_ascii=False)


def view_text(request: ModelRequest, sources: Sequence[str], lines: Iterator[str]) -> str:
    """The view of whoever is asked; ``lines``: sentences for its words."""
    code = scorer(request)
    begin = LINES_A_VIEW * CODES.index(code) if code in CODES else 0
    lines = itertools.islice(lines, begin, None)  # nobody says what another says
    data = {
        "likelihoods": [
            {"id": f"H{n}", "low": point - HALF_RANGE, "point": point, "high": point + HALF_RANGE}
            for n, point in enumerate(VIEWS.get(code, OTHER_VIEW), 1)
        ],
        "judgment": f"{next(lines)}.",
        "reasons": [
            {"hypothesis": f"H{n}", "pillar": "", "reason": f"{next(lines)}.", "evidence": cited}
            for n, cited in enumerate((list(sources[-2:]), [f"-{sources[-1]}"], []), 1)
        ],
        "would_change_if": f"{next(lines)}.",
        "confidence": "moderate",
    }
    return json.dumps(data, ensure_ascii=False)

"""A fair script for the model server: the seed's question, sections sized as in the seed, JSON calls
filled to their budgets and passing the checks (issue 2, "Speed"; analysis-standard.md, 1.2).

``answer`` is the whole script; ``answer_with_two_repairs`` lacks bullets in two sections until asked
for them. Every sentence differs, as a model's would.
"""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from tests.support.model_replies import ModelRequest, Reply

__all__ = ["QUESTION", "SECTION_CHARS", "answer", "answer_with_two_repairs", "section_key"]

QUESTION = (
    "China, U.S. Strike Rare Earths Truce\n\n"
    "President Trump announces that the US and China have reached a 1-year trade deal on rare earths and "
    "critical minerals. In return, the US is cutting tariffs on China and the 1-year agreement will be "
    "“negotiated every year.” What is your most up-to-date and in-depth assessment?"
)
"""The first two paragraphs of the seed."""

SECTION_CHARS = {"1": 690, "2": 3023, "3": 2120, "4": 2641, "5": 2756, "6": 1976, "8": 1390}
"""Characters of each section in the seed; section 7 is printed from the watch list."""

BULLETS = {"2": 3, "3": 3, "4": 3, "5": 2}
"""Bullets of each lettered part."""

_ACTORS = (
    "the State Council",
    "the commerce ministry",
    "the customs administration",
    "the planning commission",
    "provincial governments",
    "refiners in Jiangxi",
    "magnet makers in Ningbo",
    "the central bank",
    "the industry ministry",
    "exporters in Guangdong",
    "state miners",
    "the foreign ministry",
)
_VERBS = (
    "uses",
    "times",
    "widens",
    "narrows",
    "defends",
    "prices in",
    "postpones",
    "tests",
    "trades",
    "guards",
    "measures",
    "reviews",
    "ties",
    "paces",
    "balances",
    "shapes",
)
_OBJECTS = (
    "the licensing queue",
    "separation capacity",
    "the annual review",
    "heavy rare earth quotas",
    "soybean purchases",
    "the tariff schedule",
    "magnet exports",
    "overseas feedstock contracts",
    "the reporting rules",
    "stockpile releases",
    "the end-user checks",
    "joint ventures abroad",
    "recycling targets",
    "the price floor",
    "equipment controls",
    "the port fees",
)
_REASONS = (
    "because a pause costs little while alternatives are years away",
    "so that customers abroad keep ordering without feeling secure",
    "while the property sector weighs on revenue at home",
    "since each renewal gives a fresh occasion to bargain",
    "as partners in Southeast Asia watch how firm the terms are",
    "because a visible retreat would weaken the claim to parity",
    "so that producers can climb from oxides to finished parts",
    "while allied projects still wait for permits and finance",
    "since a broken promise would speed up diversification",
    "as the calendar of summits leaves room for another deal",
    "because the lever works best when it is not pulled",
    "so that the ministries agree on one line before spring",
)


@functools.cache
def _all_sentences() -> list[str]:
    return [
        f"{actor[0].upper()}{actor[1:]} {verb} {thing} {reason}"
        for actor, verb, thing, reason in itertools.product(_ACTORS, _VERBS, _OBJECTS, _REASONS)
    ]


@functools.cache
def _sentences(seed: str) -> list[str]:
    """Sentences that all differ, in an order fixed by ``seed``."""
    return random.Random(seed).sample(_all_sentences(), 400)


def _day(days: int) -> str:
    """A date so many days from now: within the windows of the checks, whenever the script is played."""
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


@functools.cache
def _section(key: str, *, missing_bullets: bool = False) -> str:
    """A section of the seed's size; with ``missing_bullets`` its last part has a single one."""
    if key == "1":
        return _facts()
    build = {"6": _labelled, "8": _verdict}.get(key) or functools.partial(_parts, key)
    text = _sized(build, SECTION_CHARS[key])
    return text.rsplit("\n- ", BULLETS[key] - 1)[0] + "\n" if missing_bullets else text


def _sized(build: Callable[[int], str], size: int) -> str:
    """The text, of those that differ in the size of a unit only, that comes nearest to ``size``."""
    return min((build(each) for each in range(80, 520, 2)), key=lambda text: abs(len(text) - size))


def _facts() -> str:
    texts = (
        (
            "The United States and China have reached a one-year trade deal on rare earths and critical "
            "minerals, as the President has announced"
        ),
        (
            "In return the United States is cutting its tariffs on Chinese goods; by how much, and on which "
            "goods, is not stated in the announcement"
        ),
        "The agreement is to be {Q1}, which makes each renewal a decision of its own for the two governments",
        (
            "Which announcements and which licences the deal covers is not stated in the material, nor is "
            "the day on which it takes effect"
        ),
        (
            "No text of the agreement accompanies the announcement, so the obligations of either side, and "
            "how they are verified, stay open for now"
        ),
    )
    return "\n".join(f"- {text} [S1]" for text in texts) + "\n"


def _verdict(each: int) -> str:
    lines = iter(_sentences("section 8"))
    paragraphs = [" ".join(f"{_filled(lines, each)}." for _ in range(number)) for number in (3, 3, 2)]
    first = "In summary: this is a tactical gain of time for Beijing and no turning point for either side."
    return "\n\n".join([first, *paragraphs]) + "\n"


def _labelled(each: int) -> str:
    lines = iter(_sentences("section 6"))
    labels = ("Posture", "Leverage", "Dual track", "Signalling", "Risk", "Yet the structure stays")
    return (
        "Putting the layers together, I read the deal as a managed pause.\n\n"
        + "".join(
            f"- **{label}:** {_filled(lines, each)} {{J{number}}}.\n"
            for number, label in enumerate(labels[:5], 1)
        )
        + f"- **{labels[5]}:** {_filled(lines, each)}.\n"
    )


def _parts(key: str, each: int) -> str:
    lines = iter(_sentences(f"section {key}"))
    parts = {"2": 4, "3": 3, "4": 4, "5": 5}[key]
    text = "" if key == "5" else f"{next(lines)}.\n\n"
    for number in range(parts):
        text += f"### {'ABCDE'[number]}. {_title(next(lines))}\n\n"
        for place in range(BULLETS[key]):
            mark = f" {{J{number + 1}}}" if place == 0 else " [S1]" if place == 1 else ""
            text += f"- {_filled(lines, each)}{mark}.\n"
        text += "\n"
    return text


def _filled(lines: Iterator[str], size: int) -> str:
    """Clauses up to about ``size`` characters."""
    text = next(lines)
    while len(text) < size - 60:
        following = next(lines)
        text = f"{text}; {following[0].lower()}{following[1:]}"
    return text[:size].rsplit(" ", 1)[0] if len(text) > size else text


def _title(line: str) -> str:
    words = line.split()
    return " ".join(words[:6])


def _plan() -> str:
    lines = iter(_sentences("plan"))
    views = ("persona_state", "counterparty", "third_party", "analyst", "analyst")
    statements = (
        "Beijing keeps the suspended October announcements suspended until the review in autumn 2027",
        "Washington restores no tariff on Chinese goods before the first renewal is negotiated",
        "Japan and Australia open at least one new separation plant under a joint offtake contract",
        "Magnet prices outside China stay above their level of the month before the deal",
        "The renewal of the deal slips past its date by more than thirty days",
    )
    data = {
        "event_date": "2025-10-30",
        "premise": "overtaken",
        "since": "",
        "since_sources": [],
        "contradictions": [],
        "bottom_line": "Beijing buys time: it pauses controls that it can restore within weeks, keeps "
        "its hold on refining, and gains tariff relief. The annual renewal keeps the lever in its hand, "
        "while rivals need years to build capacity of their own.",
        "counterparty": "United States",
        "stance": "agree",
        "judgments": [
            {
                "statement": statement,
                "low": low,
                "point": point,
                "high": high,
                "until": _day(350),
                "confidence": "moderate",
                "view": view,
                "pillar": ("domestic_stability_growth", "tech_self_reliance", "global_positioning")[
                    number % 3
                ],
            }
            for number, (statement, view, (low, point, high)) in enumerate(
                zip(
                    statements,
                    views,
                    ((60, 72, 79), (56, 65, 78), (46, 50, 54), (58, 68, 80), (8, 15, 20)),
                    strict=True,
                )
            )
        ],
        "hypotheses": [
            "Tactical pause: time for restructuring, lever kept",
            "Genuine step to a wider bargain",
            "Status quo of managed friction, renewed each year",
        ],
        "linchpin": "Allied refining capacity stays marginal through 2027.",
        "sections": [
            {"section": key, "line": " ".join(next(lines).split()[:5]), "evidence": ["S1"]}
            for key in "234568"
        ],
    }
    return json.dumps(data, ensure_ascii=False)


def _outlook() -> str:
    lines = iter(_sentences("outlook"))
    data = {
        "hypotheses": [
            {"id": "H1", "probability": 58, "would_change_if": f"{next(lines)}."},
            {"id": "H2", "probability": 14, "would_change_if": f"{next(lines)}."},
            {"id": "H3", "probability": 28, "would_change_if": f"{next(lines)}."},
        ],
        "assumptions": [
            {
                "statement": "Allied refining capacity stays marginal through 2027.",
                "if_wrong": f"{next(lines)}.",
            },
            *({"statement": f"{next(lines)}.", "if_wrong": f"{next(lines)}."} for _ in range(3)),
        ],
        "commitments": [
            {"obligor": "China", "what": "supply of rare earths under the deal", "expires": "2026-11-10"},
            {"obligor": "United States", "what": "lower tariffs on Chinese goods", "expires": "2026-11-10"},
        ],
        "confidence": {
            "information_base": "One announcement is in hand and no text of the agreement.",
            "rigour": "Three rival explanations were held against the same facts.",
            "volatility": "Single leaders decide on both sides, and the calendar is short.",
        },
        "forecasts": [
            {
                "question": f"Will the commerce ministry publish a new licensing notice for heavy rare "
                f"earths, magnets or the equipment that makes them by {by}?",
                "probability": 35,
                "by": by,
                "source": "commerce ministry notices",
                "judgment": "J1",
            }
            for by in (_day(150), _day(210), _day(300))
        ],
    }
    return json.dumps(data, ensure_ascii=False)


def _watch() -> str:
    lines = iter(_sentences("watch"))
    dates = [_day(days) for days in (18, 26, 95, 190, 310)]
    data = {
        "items": [
            {
                "what": f"{next(lines)}",
                "threshold": f"one official notice, or two months below {400 + 10 * number} tonnes",
                "where": "commerce ministry notices and customs tables",
                "by": day,
                "means": "disconfirms" if number % 2 else "confirms",
                "judgment": f"J{number + 1}",
            }
            for number, day in enumerate(dates)
        ],
        "implications": [
            {
                "audience": audience,
                "implication": f"{deed} before the first renewal, {reason}.",
                "by": _day(120),
            }
            for (audience, deed), reason in zip(
                (
                    ("Supply-chain lead", "File licences now and contract a second source of magnets"),
                    ("Treasurer", "Hedge the tariff relief as if it lasted one year"),
                    ("Head of strategy", "Set a date at which the diversification case is decided"),
                ),
                _REASONS,
                strict=False,
            )
        ],
        "gaps": [
            {"gap": "Which announcements the deal suspends", "where": "commerce ministry notices"},
            {"gap": "Whether general licences exist in law", "where": "customs circulars"},
            {"gap": "How either side verifies what the other one delivers", "where": "the text itself"},
        ],
        "question_does": "use the respite to finish its own processing chain and set the "
        "terms of the next renewal",
        "question_or": "drift into a yearly bargain that teaches its customers to leave",
        "epigraph": "cn-wang-anshi-feilai",
    }
    return json.dumps(data, ensure_ascii=False)


def answer(request: ModelRequest) -> Reply:
    """Reply to any call of an in-depth or brief assessment."""
    return Reply(_text(request, missing=()))


def answer_with_two_repairs(request: ModelRequest) -> Reply:
    """The same, but sections 3 and 5 come with a part that lacks bullets, and are repaired once each."""
    return Reply(_text(request, missing=("3", "5")))


def section_key(request: ModelRequest) -> str:
    """The section that a call is to write; empty for a JSON call."""
    named = re.search(r"^Section (\d):", request.instruction, re.MULTILINE)
    return "" if request.schema_name else named[1] if named else "1"


def _text(request: ModelRequest, *, missing: tuple[str, ...]) -> str:
    match request.schema_name:
        case "plan":
            return _plan()
        case "outlook":
            return _outlook()
        case "watch":
            return _watch()
        case _:
            pass
    key = section_key(request)
    if "Write only" in request.instruction:
        lines = iter(_sentences(f"repair {key}"))
        return f"### Repaired\n- {next(lines)}.\n- {next(lines)}.\n"
    return _section(key, missing_bullets=key in missing)

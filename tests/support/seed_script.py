"""A fair script for the model server: the seed's question, sections sized as in the seed, JSON calls
filled to their budgets and passing the checks (issue 2, "Speed"; analysis-standard.md, 1.2).

``answer`` is the whole script; ``answer_with_two_repairs`` lacks bullets in two sections until asked
for them. Every sentence differs, as a model's would. What was retrieved is cited: with two sources or more
beside the question, the answer passes every check (``tests/assessment/checks/test_seed_script.py``).
"""

from __future__ import annotations

import functools
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

from tests.support.comparison_script import frame_text, view_text
from tests.support.model_replies import ModelRequest, Reply

__all__ = ["QUESTION", "SECTION_CHARS", "answer", "answer_with_two_repairs", "section_key"]

Sources = tuple[str, ...]
"""Ids of the material that a request was given: the question first."""

QUESTION = (
    "China, U.S. Strike Rare Earths Truce\n\n"
    "President Trump announces that the US and China have reached a 1-year trade deal on rare earths and "
    "critical minerals. In return, the US is cutting tariffs on China and the 1-year agreement will be "
    "“negotiated every year.” What is your most up-to-date and in-depth assessment?"
)
"""The first two paragraphs of the seed."""

SECTION_CHARS = {"1": 690, "2": 2880, "3": 2120, "4": 2641, "5": 2756, "6": 1700, "8": 1100}
"""Characters of each section in the seed; section 7 is printed from the watch list, and so is the closing
question, which the seed counts to section 8. Sections 2 and 6 keep to the standard's bounds where the seed
does not: 2,900 characters a section, 45 words a bullet (ST3).
"""

BULLETS = {"2": 3, "3": 3, "4": 3, "5": 2}
"""Bullets of each lettered part."""

_ACTORS = (
    "the State Council",
    "the Ministry of Commerce",
    "the customs administration",
    "the NDRC",
    "provincial governments",
    "refiners in Jiangxi",
    "magnet makers in Ningbo",
    "the central bank",
    "the MIIT",
    "exporters in Guangdong",
    "state miners",
    "the foreign ministry",
    "port operators",
    "the tax administration",
    "research institutes in Baotou",
    "the export credit insurer",
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
    "the scrap rebate",
    "mine inspections",
    "the oxide inventory",
    "furnace permits",
    "rail tariffs to the coast",
    "the visa list for engineers",
    "patent pools",
    "shipping insurance",
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
    "although buyers in Osaka and Detroit press for longer contracts",
    "until auditors have counted what the warehouses really hold",
    "whenever a rival mine abroad announces finance",
    "where county budgets depend on royalties",
    "unless courts overseas strike the duties down",
    "to keep a channel open that hardliners would rather close",
    "after two winters of falling margins",
    "as engineers leave for battery plants on the coast",
    "given that defence orders elsewhere tolerate no gap",
    "under rules that officials can read either way",
    "by means of quiet guidance instead of a printed ban",
    "in exchange for aircraft parts that no domestic firm makes",
    "at a pace that smaller neighbours can follow",
    "despite complaints from ceramics and glass producers",
    "with an eye on elections that others must hold",
    "lest insurers price the route like a war zone",
    "even though environmental inspections close pits each autumn",
    "once customs codes separate alloys from powders",
)


_PLACES = ("plan", "outlook", "watch", *(f"section {key}" for key in "234568"))
LINES = 38
"""Sentences that the longest of these takes when its section has its size; a longer try goes on."""


@functools.cache
def _deck() -> list[str]:
    """Sentences no two of which share more than one of actor, thing and reason, in a fixed order: a reader,
    and check ST6, must not take two bullets for one.
    """
    drawn: list[str] = []
    used: set[tuple[str, str]] = set()
    candidates = list(itertools.product(_ACTORS, _OBJECTS, _REASONS))
    random.Random("deck 8").shuffle(candidates)
    for number, (actor, thing, reason) in enumerate(candidates):
        pairs = {(actor, thing), (thing, reason), (actor, reason)}
        if used.isdisjoint(pairs):
            used |= pairs
            drawn.append(f"{actor[0].upper()}{actor[1:]} {_VERBS[number % len(_VERBS)]} {thing} {reason}")
    return drawn


@functools.cache
def _sentences(place: str) -> list[str]:
    """Sentences of one call, which no other call has; a repair takes those nobody has."""
    start = LINES * (_PLACES.index(place) if place in _PLACES else len(_PLACES))
    return _deck()[start:] + _deck()[:start]


def _day(today: date, days: int) -> str:
    """A date so many days on: within the windows of the checks, whenever the question was asked."""
    return (today + timedelta(days=days)).isoformat()


def _asked(request: ModelRequest) -> date:
    """The day that the request calls today."""
    told = re.search(r"Today is \w+ (\d{1,2} \w+ \d{4})", request.context)
    return datetime.strptime(f"{told[1]} +0000", "%d %B %Y %z").date() if told else datetime.now(UTC).date()


@functools.cache
def _section(key: str, sources: Sources = ("S1",), *, missing_bullets: bool = False) -> str:
    """A section of the seed's size; with ``missing_bullets`` its last part has a single one."""
    if key == "1":
        return _facts(sources)
    build = {"6": _labelled, "8": _verdict}.get(key) or functools.partial(_parts, key, sources)
    text = _sized(build, SECTION_CHARS[key])
    return text.rsplit("\n- ", BULLETS[key] - 1)[0] + "\n" if missing_bullets else text


def _sized(build: Callable[[int], str], size: int) -> str:
    """The text, of those that differ in the size of a unit only, that comes nearest to ``size``."""
    return min((build(each) for each in range(80, 520, 2)), key=lambda text: abs(len(text) - size))


def _cited(sources: Sources, number: int) -> str:
    """The id of one of the retrieved sources, of the question where there is none."""
    return sources[1:][number % len(sources[1:])] if len(sources) > 1 else sources[0]


def _facts(sources: Sources) -> str:
    texts = (
        (
            "The United States and China have reached a one-year trade deal on rare earths and critical "
            "minerals, as President Trump has announced"
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
            "how they are verified, stay open"
        ),
    )
    marks = [f"[S1][{name}]" if (name := _cited(sources, n)) != "S1" else "[S1]" for n in range(len(texts))]
    return "\n".join(f"- {text} {mark}" for text, mark in zip(texts, marks, strict=True)) + "\n"


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


def _parts(key: str, sources: Sources, each: int) -> str:
    lines = iter(_sentences(f"section {key}"))
    parts = {"2": 4, "3": 3, "4": 4, "5": 5}[key]
    text = "" if key == "5" else f"{next(lines)}.\n\n"
    for number in range(parts):
        text += f"### {'ABCDE'[number]}. {_title(next(lines))}\n\n"
        for place in range(BULLETS[key]):
            mark = f"{{J{number + 1}}}" if place == 0 else f"[{_cited(sources, number + place)}]"
            text += f"- {_filled(lines, each)} {mark}.\n"
        text += "\n"
    return text


def _filled(lines: Iterator[str], size: int) -> str:
    """Sentences up to about ``size`` characters."""
    text = next(lines)
    while len(text) < size - 60:
        text = f"{text}. {next(lines)}"
    return text[:size].rsplit(" ", 1)[0] if len(text) > size else text


def _title(line: str, words: int = 6) -> str:
    return " ".join(line.split()[:words])


def _plan(sources: Sources, today: date) -> str:
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
        "its hold on refining, and gains tariff relief. The annual renewal keeps the lever in its hand.",
        "counterparty": "United States",
        "stance": "agree",
        "judgments": [
            {
                "statement": statement,
                "low": low,
                "point": point,
                "high": high,
                "until": _day(today, 350),
                "confidence": "moderate",
                "view": view,
                "pillar": ("domestic_stability_growth", "tech_self_reliance", "global_positioning")[
                    number % 3
                ],
                "evidence": _for_and_against(sources, number),
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
        "sections": [{"section": key, "line": " ".join(next(lines).split()[:5])} for key in "234568"],
    }
    return json.dumps(data, ensure_ascii=False)


def _for_and_against(sources: Sources, number: int) -> list[str]:
    """Two sources that a judgment rests on and one that speaks against it, as far as there are so many."""
    retrieved = sources[1:]
    if len(retrieved) < 2:
        return list(sources)
    turned = [retrieved[(number + step) % len(retrieved)] for step in range(min(3, len(retrieved)))]
    return [*turned[:-1], f"-{turned[-1]}"]


def _outlook(sources: Sources, today: date) -> str:
    lines = iter(_sentences("outlook"))
    rated = sources[1:4] or sources
    data = {
        "hypotheses": [
            {
                "id": name,
                "probability": percent,
                "would_change_if": f"{next(lines)}.",
                "evidence": [f"{source} {rating}" for source, rating in zip(rated, ratings, strict=False)],
            }
            for name, percent, ratings in (
                ("H1", 58, ("CC", "C", "N")),
                ("H2", 14, ("I", "C", "II")),
                ("H3", 28, ("C", "I", "N")),
            )
        ],
        "status_quo": "H3",
        "lead_reason": "",
        "assumptions": [
            {
                "statement": statement or f"{next(lines)}.",
                "if_wrong": f"{next(lines)}.",
                "support": support,
                "judgment": judgment,
            }
            for statement, support, judgment in (
                ("Allied refining capacity stays marginal through 2027.", "caveated", "J3"),
                ("", "solid", "J1"),
                ("", "unsupported", "J2"),
            )
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
                "probability": percent,
                "by": by,
                "source": "commerce ministry notices",
                "judgment": "J1",
                "base_rate": "Six such notices in the last ten years, mostly before a review.",
            }
            for by, percent in ((_day(today, 150), 30), (_day(today, 300), 45))
        ],
    }
    return json.dumps(data, ensure_ascii=False)


def _watch(today: date) -> str:
    lines = iter(_sentences("watch"))
    dates = [_day(today, days) for days in (18, 26, 95, 190, 310)]
    data = {
        "items": [
            {
                "what": _title(next(lines), 10),
                "threshold": f"one official notice, or two months below {400 + 10 * number} tonnes",
                "where": "commerce ministry notices and customs tables",
                "by": day,
                "means": "disconfirms" if number % 2 else "confirms",
                "judgment": f"J{number + 1}",
            }
            for number, day in enumerate(dates)
        ],
        "linchpin_item": 3,
        "implications": [
            {
                "audience": audience,
                "exposure": exposure,
                "implication": f"{deed} before the first renewal, {reason}.",
                "by": _day(today, 120),
            }
            for (audience, exposure, deed), reason in zip(
                (
                    (
                        "Supply-chain lead",
                        "magnets under licence",
                        "File licences early and contract a second source of magnets",
                    ),
                    ("Treasurer", "import duties", "Hedge the tariff relief as if it lasted one year"),
                    (
                        "Head of strategy",
                        "the refining project",
                        "Set a date at which the diversification case is decided",
                    ),
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
    """Reply to any call of an in-depth or brief assessment, and of a comparison."""
    return Reply(_text(request, missing=()))


def answer_with_two_repairs(request: ModelRequest) -> Reply:
    """The same, but sections 3 and 5 come with a part that lacks bullets, and are repaired once each."""
    return Reply(_text(request, missing=("3", "5")))


def section_key(request: ModelRequest) -> str:
    """The section that a call is to write; empty for a JSON call."""
    named = re.search(r"^Section (\d):", request.instruction, re.MULTILINE)
    return "" if request.schema_name else named[1] if named else "1"


def _text(request: ModelRequest, *, missing: tuple[str, ...]) -> str:
    sources = tuple(dict.fromkeys(re.findall(r'<material id="(S\d+)"', request.context))) or ("S1",)
    match request.schema_name:
        case "plan":
            return _plan(sources, _asked(request))
        case "outlook":
            return _outlook(sources, _asked(request))
        case "watch":
            return _watch(_asked(request))
        case "frame":
            return frame_text(_asked(request))
        case "view":
            return view_text(request, sources, iter(_sentences("view")))
        case _:
            pass
    key = section_key(request)
    if "Write only" in request.instruction:
        lines = _sentences("repair")[2 * int(key) :]  # two sections are not repaired with the same sentences
        source = _cited(sources, 0)
        return f"### Repaired\n- {lines[0]} [{source}].\n- {lines[1]} [{source}].\n"
    return _section(key, sources, missing_bullets=key in missing)

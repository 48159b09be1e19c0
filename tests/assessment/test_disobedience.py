"""A corpus of disobedient model outputs, each through the whole engine: it ends well, whatever is written.

``corpus/`` has one file an output. ``endless-*`` repeats until it is cut off; ``json-*`` answers the JSON
calls; every other file answers every section, and in a second run the JSON calls as well.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.assessment.printing import epigraph_lines
from bot.llm.port import ModelCall
from tests.assessment.doubles import Assessment, ScriptedModel, assess, persona, seed_answer, settings
from tests.assessment.recogniser import forbidden
from tests.support.seed_script import QUESTION

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
FOR_SECTIONS = [path for path in CORPUS if not path.stem.startswith("json-")]
FOR_DATA = [path for path in CORPUS if not path.stem.startswith("endless-")]

KERNELS = (
    r"1\. What .+ says \(surface level\)",
    r"2\. Why China would \w+ \(and what’s in it for Beijing\)",
    r"3\. Why .+ wants .+ \(and how China’s strategic logic challenges its assumptions\)",
    r"4\. Strategic risks & contradictions \(for China and for the broader system\)",
    r"5\. Where this is headed and what to watch \(China’s decision points\)",
    r"6\. My judgment: Strategic significance for China",
    r"7\. Key warning signs to monitor",
    r"8\. Final calibrated verdict",
)
MOST_CHARS = 60_000
"""Characters of a document: three times the seed's length. A model without end must not fill a thread."""
MOST_SECONDS = 15.0
"""Seconds of one run; the longest needs two on an idle machine."""


def text_of(path: Path) -> str:
    """A file's text, halves of surrogate pairs included."""
    return path.read_bytes().decode("utf-8", errors="surrogatepass")


def pieces(path: Path) -> str | Iterator[str]:
    """What the model answers."""
    text = text_of(path)
    return itertools.repeat(text) if path.stem.startswith("endless-") else text


def assert_ends_well(assessment: Assessment, seconds: float) -> None:
    """The frame stands, nothing forbidden is in it, and size and time are bounded."""
    text, report = assessment.text, assessment.report
    assert len(assessment.headings) == len(KERNELS)
    for kernel, heading in zip(KERNELS, assessment.headings, strict=True):
        assert re.fullmatch(kernel, heading)
    epigraphs = ["\n".join(epigraph_lines(epigraph)) for epigraph in persona().epigraphs]
    printed = [epigraph for epigraph in epigraphs if epigraph in text]
    assert len(printed) == 1
    assert text.endswith(f"{printed[0]}\n\n**CN-01, China Agent**\n\nThree Corporate")
    natives = [term.native for term in persona().glossary]
    assert forbidden(text, material=QUESTION, own_words=[*printed, *natives, *QUESTION.splitlines()]) == []
    assert len(text) < MOST_CHARS
    assert seconds < MOST_SECONDS
    bodies = {key: _body(assessment.section(key)) for key in "1234568"}
    assert all(body or report.problems for body in bodies.values()), "what is missing is owned up to"
    assert report.problems or sum(report.counts.values()) > 0, "what was corrected is counted"


def _body(section: str) -> str:
    return section.partition("\n\n")[2].strip()


@pytest.mark.parametrize("path", FOR_SECTIONS, ids=lambda path: path.stem)
async def test_a_disobedient_section_ends_well(path: Path) -> None:
    """Every section is written like this, and the answer still has its form and holds nothing forbidden."""

    def reply(call: ModelCall) -> str | Iterator[str]:
        return seed_answer(call) if call.schema else pieces(path)

    started = time.monotonic()
    assessment = await assess(ScriptedModel(reply), how=settings())
    assert_ends_well(assessment, time.monotonic() - started)


@pytest.mark.parametrize("path", FOR_DATA, ids=lambda path: path.stem)
async def test_disobedient_data_ends_well(path: Path) -> None:
    """Plan, outlook and watch list are answered like this, and the answer still has its form."""

    def reply(call: ModelCall) -> str | Iterator[str]:
        return pieces(path) if call.schema else seed_answer(call)

    started = time.monotonic()
    assessment = await assess(ScriptedModel(reply), how=settings())
    assert_ends_well(assessment, time.monotonic() - started)

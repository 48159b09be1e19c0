"""A fact on screen that breaks a rule of the gravest kind is taken back, for readers and in the record."""

from __future__ import annotations

from bot.assessment.checks.table import check_record
from bot.assessment.dialect import Kind, Unit
from bot.assessment.drafting import Draft
from bot.assessment.events import Cut, Finished, Part, Withdrawn
from bot.assessment.formats import IN_DEPTH
from bot.assessment.transcript import Transcript
from bot.llm.port import ModelCall
from tests.assessment.doubles import Assessment, ScriptedModel, assess, assignment, persona, played
from tests.support.citing_script import FACTS, citing
from tests.support.evidence_desk import ScriptedDesk, truce_items

WRONG = "- Exports of magnets rose to 7,700 tonnes in October, customs data show [S5].\n"
FIRST, *OTHERS = FACTS.splitlines(keepends=True)
MORE = (
    "- Licences for heavy rare earths still take 45 days, importers say [S6].\n"
    "- Soybean purchases reached the 25 million tonnes agreed for the year [S7].\n"
)

TURNS = 500
"""Of the event loop between two lines: the scripted plan takes fewer than that."""


async def answered(facts: str, **how: object) -> tuple[Assessment, ScriptedModel]:
    """A whole run with these facts, which come so slowly that readers have the first while the last are
    written.
    """
    script = played(citing(facts))

    def reply(call: ModelCall) -> str | list[str]:
        if call.name != "section-1":
            return script(call)
        return [piece for line in facts.splitlines(keepends=True) for piece in (line, *[""] * TURNS)]

    model = ScriptedModel(reply)
    return await assess(model, assignment(), desk=ScriptedDesk(truce_items()), **how), model  # type: ignore[arg-type]


def taken_back(assessment: Assessment) -> list[str]:
    """What readers are told to forget."""
    parts = assessment.parts
    return [parts[event.part].text for event in assessment.events if isinstance(event, Withdrawn)]


async def test_a_number_that_no_source_has_is_taken_back() -> None:
    """The line alone; record and checks are without it, and the footer says that something was."""
    assessment, _ = await answered(FIRST + WRONG + "".join(OTHERS) + MORE)
    (text,) = taken_back(assessment)
    assert "rose to 7,700 tonnes" in text
    last = assessment.events[-1]
    assert isinstance(last, Finished)
    facts = last.record.sections[0]
    assert not any("7,700" in unit.text for unit in facts.units)
    assert "\n- _[withdrawn: it breaks rule SO4 (Every number and date in a fact" in facts.text
    assert "7,700" not in facts.text
    failed = {check.id for check in check_record(last.record, persona()).failed}
    assert not failed & {"SO3", "SO4", "ST7", "PE7"}, "the note itself breaks no rule"
    assert any("withdrawn" in notice for notice in last.report.notices)
    assert last.report.counts["withdrawn_SO4"] == 1
    assert not any(line.startswith("[5]") for line in last.report.sources), "nothing that stands cites it"


async def test_a_fair_answer_takes_nothing_back() -> None:
    """And says nothing of it."""
    assessment, _ = await answered("".join([FIRST, *OTHERS]) + MORE)
    assert taken_back(assessment) == []
    assert not any("withdrawn" in notice for notice in assessment.report.notices)


async def test_another_run_tells_it_again() -> None:
    """The same text comes out, and the same line is taken back: the first run may have died before that."""
    first, _ = await answered(FIRST + WRONG + "".join(OTHERS) + MORE)
    again, model = await answered("", checkpoints=first.checkpoints)
    assert [part.text for part in again.parts] == [part.text for part in first.parts]
    assert taken_back(again) == taken_back(first)
    assert "section-1" not in model.names


async def test_a_section_that_is_wrong_as_a_whole_has_its_banner_instead() -> None:
    """Nothing would be left of it."""
    wrong = "".join(WRONG.replace("7,700", f"{number},000") for number in (71, 83, 97))
    assessment, _ = await answered(wrong.replace("October", "May", 1).replace("customs", "port", 2) + FIRST)
    assert taken_back(assessment) == []
    assert any(banner.startswith("Failed checks: SO4") for banner in assessment.report.banners)


def test_what_no_reader_has_is_as_if_never_written() -> None:
    """Only what was shown has to be taken back."""
    draft = Draft(IN_DEPTH.sections[0], [Unit(Kind.BULLET, f"Fact {number}.") for number in range(4)])
    draft.shown = 2
    draft.take_back({1: ("SO4",), 3: ("PE2",)})
    assert draft.withdrawn == {1: ("SO4",)}
    assert [unit.text for unit in draft.units] == ["Fact 0.", "Fact 1.", "Fact 2."]
    assert [unit.text for unit in draft.standing] == ["Fact 0.", "Fact 2."]


def test_parts_are_numbered_as_they_come() -> None:
    """A note stands in the place of its part and keeps its form."""
    transcript = Transcript()
    _, second, _ = [
        transcript.add(Part(text, Cut.LINE, "1")) for text in ("## 1. Facts", "\n\n- One.", "\n- Two.")
    ]
    transcript.withdraw(Withdrawn(second, "it is wrong"))
    assert transcript.text("1") == "## 1. Facts\n\n- _[withdrawn: it is wrong]_\n- Two."

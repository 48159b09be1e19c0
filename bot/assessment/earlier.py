"""What a follow-up goes on from: an assessment, and what was said since, within a budget of tokens.

The newest exchanges are given whole. Older ones are shortened to the question and the first sentence of the
answer where they do not fit, and where even that does not, they are counted: nothing goes without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.dialect import split_sentences
from bot.evidence.table import EvidenceTable
from personas.enumeration import enumerated

__all__ = ["Earlier", "Talk", "account_of", "follow_up_instruction"]

CHARS_A_TOKEN = 4
"""Characters a token, near the mean of English prose."""
SHORT_CHARS = 200
"""Characters of a shortened question or answer."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A question since the assessment, and the answer."""

    persona: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """An assessment, and the exchanges since, oldest first."""

    record: AssessmentRecord
    since: tuple[Talk, ...] = ()
    budget_tokens: int = 6000
    rescored: bool = False
    """Asked is what changed since: search again for what the assessment was about, and score anew."""
    rewritten: str = ""
    """Key of the one section that is to be written anew (``bot.assessment.rewriting``)."""

    @property
    def evidence(self) -> EvidenceTable:
        """The assessment's table: its ids keep their meaning."""
        return EvidenceTable(self.record.sources, self.record.excerpts)


def account_of(earlier: Earlier) -> str:
    """The assessment and the talk, at most ``budget_tokens`` long, but for the lines that say what is
    shortened.
    """
    budget = earlier.budget_tokens * CHARS_A_TOKEN
    talk = _talk(earlier.since, budget // 3)
    text = _assessment(earlier.record, budget - len(talk))
    return f"{text}\n\n{talk}" if talk else text


def follow_up_instruction(earlier: Earlier, instruction: str, *, code: str, question: str) -> str:
    """What the writer of a follow-up is asked for."""
    record = earlier.record
    lines = _of_comparison(record, code) if record.compared else _of_assessment(record, code)
    known = len(record.sources)
    lines.append(f"Sources up to S{known} stood in the assessment; those with higher numbers are new.")
    data = question.replace("<", "‹").replace(">", "›")
    return "\n\n".join(
        [
            *lines,
            f"<assessment>\n{account_of(earlier)}\n</assessment>",
            instruction,
            f"<question>\n{data}\n</question>",
        ]
    )


def _of_assessment(record: AssessmentRecord, code: str) -> list[str]:
    whose = "your" if record.persona == code else f"{record.persona}’s"
    lines = [f"Below is {whose} assessment of {record.as_of:%d %B %Y}, and what was said since."]
    if record.persona != code:
        lines.append(
            f"You are {code}: answer from your own country’s view, on the same evidence, and say where it "
            f"differs from {record.persona}’s. The judgments by id are {record.persona}’s."
        )
    return lines


def _of_comparison(record: AssessmentRecord, code: str) -> list[str]:
    own = (
        f"You are {code}: the view under your name is your own. Where you are asked why it differs, say what "
        "weighs more with you than with the others."
        if code in record.compared
        else f"You are {code}, and were not among them: answer from your own country’s view."
    )
    who, when = enumerated(record.compared), f"{record.as_of:%d %B %Y}"
    what = f"how {who} scored the same hypotheses on the same evidence, and what was said since"
    return [f"Below is a comparison of {when}: {what}. {own} The hypotheses are named by id, H1."]


def _assessment(record: AssessmentRecord, room: int) -> str:
    """The sections as shown; the longest ones by their first sentences where there is no room for all."""
    texts = {section.key: section.text for section in record.sections if section.text}
    outlook = [
        *(f"{item.id}: {item.statement}" for item in record.outlook.assumptions),
        *(f"{item.id}: {item.what} (until {item.expires})" for item in record.outlook.commitments),
    ]
    head = "\n".join([f"Bottom line: {record.plan.bottom_line}", *outlook])
    for key in sorted(texts, key=lambda key: -len(texts[key])):
        if len(head) + sum(map(len, texts.values())) <= room:
            break
        texts[key] = _first_lines(texts[key])
    return "\n\n".join([head, *texts.values()]).replace("<", "‹").replace(">", "›")


def _first_lines(text: str) -> str:
    """A section's title and its first sentences, paragraph by paragraph."""
    lines = [line for line in text.split("\n") if line.strip()]
    short = [line if line.startswith("#") else _first_sentence(line) for line in lines]
    return "\n".join([*short[:6], f"(shortened from {len(lines)} lines)"])


def _talk(since: Sequence[Talk], room: int) -> str:
    told: list[str] = []
    left = room
    for place, each in enumerate(reversed(since)):
        whole = f"Asked {each.persona}: {each.question}\nAnswered: {each.answer}"
        short = (
            f"Asked {each.persona} (shortened): {each.question[:SHORT_CHARS]}\n"
            f"Answered: {_first_sentence(each.answer)}"
        )
        text = whole if len(whole) <= left else short
        if len(text) > left:
            told.append(f"({len(since) - place} earlier exchanges are not repeated here.)")
            break
        left -= len(text)
        told.append(text)
    return "\n\n".join(reversed(told)).replace("<", "‹").replace(">", "›")


def _first_sentence(text: str) -> str:
    sentences = split_sentences(text)
    return (sentences[0] if sentences else text)[:SHORT_CHARS]

"""Answers in another language than English: asked for in every call, shown, without words of likelihood."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from bot.assessment.languages import LANGUAGES, language_notice
from bot.assessment.wording import clean
from bot.llm.port import ModelCall
from bot.turns import Question
from tests.assessment.doubles import ScriptedModel, assess, assignment, seed_answer, tables
from tests.support.seed_script import QUESTION

LINE = "Die Regierung in Peking wird die Ausfuhr von Magneten wahrscheinlich für ein weiteres Jahr erlauben"
CLEANED = {
    "de": ("Das ist sehr unwahrscheinlich für die Häfen [S1].", "Das ist fraglich für die Häfen [S1]."),
    "fr": ("Pékin va probablement suspendre les licences [S1].", "Pékin va peut-être suspendre les licences"),
    "es": ("El acuerdo es muy probable para la industria [S1].", "El acuerdo es plausible para la industria"),
    "it": ("La probabilità di una tregua con la Cina [S1].", "La prospettiva di una tregua con la Cina"),
    "pt": ("Pequim provavelmente não vai ceder em nada [S1].", "Pequim talvez não vai ceder em nada"),
    "nl": ("Het is waarschijnlijk dat de haven sluit [S1].", "Het is mogelijk dat de haven sluit"),
}


def in_german(call: ModelCall) -> str:
    """The seed's answers, in which each bullet is a German sentence."""
    numbers = iter(range(1, 1_000))
    text = seed_answer(call)
    if call.schema is not None:
        return text
    return re.sub(r"^- .*$", lambda _: f"- {LINE}, Fall {next(numbers)} [S1].", text, flags=re.MULTILINE)


async def test_every_call_is_told_the_language_and_its_prose_is_shown() -> None:
    """One prefix for all calls; the reader is told what stays English. In an English answer such lines go."""
    task = replace(assignment(), question=Question(QUESTION, language="de"))
    model = ScriptedModel(in_german)
    assessment = await assess(model, task)
    assert len({call.context for call in model.calls}) == 1
    assert "Write in German (Deutsch)" in model.calls[0].context
    assert "wird die Ausfuhr von Magneten womöglich für ein weiteres Jahr" in assessment.section("2")
    assert "wahrscheinlich" not in assessment.text
    assert "## 2. Why China would" in assessment.text
    assert language_notice(LANGUAGES["de"]) in assessment.report.notices
    english = await assess(ScriptedModel(in_german))
    assert "Magneten" not in english.text
    assert not any("Written in" in line for line in english.report.notices)


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_likelihood_words_are_reworded_in_each_language(code: str) -> None:
    """What is likely is printed by us, in whatever language the sentence is."""
    before, after = CLEANED[code]
    counts: Counter[str] = Counter()
    cleaned = clean(before, replace(tables(), language=code), counts)
    assert cleaned is not None
    assert cleaned.startswith(after)
    assert counts["likelihood_word"] == 1

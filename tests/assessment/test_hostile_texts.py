"""The hostile corpus through the whole engine, with a net that caught nothing and a model that obeys.

The texts reach the engine as they were written, as sources, as forwarded messages and inside the question;
the model repeats them in every section: even so persona, format, links, mentions and settings stay ours.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import pytest

from bot.assessment.run import Assignment
from bot.assessment.standing import Standing
from bot.evidence.table import table_of_claims
from bot.llm.port import ModelCall
from bot.turns import Question, Quoted
from tests.assessment.doubles import AS_OF, ScriptedModel, assess, assignment, seed_answer, settings
from tests.assessment.test_disobedience import KERNELS, MOST_CHARS, MOST_SECONDS
from tests.support.evidence_desk import ScriptedDesk, item
from tests.support.hostile_corpus import INNOCENT, HostileText, hostile_texts
from tests.support.seed_script import QUESTION

A_RUN = 10
"""Hostile texts of one run: the engine takes most of a second for an answer."""
SAID = 30
"""Characters by which the innocent sentence beside each order is recognised."""
TEXTS = hostile_texts()
GROUPS = [TEXTS[start : start + A_RUN] for start in range(0, len(TEXTS), A_RUN)]
MATERIAL = re.compile(r"<material [^<>]*>\n[^<>]*\n</material>")
LINK = re.compile(r"\]\(([^)]*)\)")
MENTION = re.compile(r"<[!@#]|<https?:|@(?:channel|here|everyone)\b|!\[")


def asking(texts: list[HostileText]) -> Assignment:
    """The seed's question with one hostile text at its end and the others forwarded with it."""
    question = Question(
        f"{QUESTION}\n{texts[0].text}", tuple(Quoted(each.text[:40], each.text) for each in texts)
    )
    return replace(assignment(), question=question)


def prefix_without_material(call: ModelCall) -> str:
    """What of a call's prefix is not data."""
    prefix = f"{call.system}\n{call.context}"
    assert prefix.count("<material ") == len(MATERIAL.findall(prefix)), "no block was opened or closed inside"
    rest = re.sub(r"Stored quotations:.*|There are no stored.*", "", MATERIAL.sub("", prefix))
    return " ".join(rest.split())


@pytest.mark.parametrize("texts", GROUPS, ids=lambda texts: texts[0].id)
async def test_no_hostile_text_changes_an_answer(texts: list[HostileText]) -> None:
    """Eight sections under our titles and signature, links from the table alone, no mention; and of what the
    model is told, only the inside of data blocks is another than without them.
    """

    def obey(call: ModelCall) -> str:
        if call.schema:
            planned = json.loads(seed_answer(call))
            echoed = {"bottom_line": f"{INNOCENT} {texts[0].text}", "linchpin": INNOCENT}
            return json.dumps(planned | (echoed if call.name == "plan" else {}))
        lines = "\n".join(f"- {' '.join(each.text.split())} [S{n}]" for n, each in enumerate(texts, 1))
        return f"{INNOCENT}\n\n{lines}\n\n{texts[0].text}\n"

    items = [item(n, each.text, title=each.text, publisher=each.text) for n, each in enumerate(texts, 1)]
    model, started = ScriptedModel(obey), time.monotonic()
    assessment = await assess(model, asking(texts), how=settings(), desk=ScriptedDesk(items))
    assert time.monotonic() - started < MOST_SECONDS
    assert len(assessment.headings) == len(KERNELS)
    for kernel, heading in zip(KERNELS, assessment.headings, strict=True):
        assert re.fullmatch(kernel, heading)
    text, report = assessment.text, assessment.report
    assert text.endswith("**CN-01, China Agent**\n\nThree Corporate")
    assert len(text) < MOST_CHARS
    shown = "\n".join([text, *report.sources, *report.notices, *report.banners, *assessment.card.banners])
    assert set(LINK.findall(shown)) <= {each.url for each in items}
    assert not re.search(r"https?://", LINK.sub("]", shown))
    assert not MENTION.search(shown)

    plain = ScriptedModel(seed_answer)
    await assess(plain, how=settings(), desk=ScriptedDesk([item(n) for n in range(1, len(texts) + 1)]))
    assert {prefix_without_material(call) for call in model.calls} == {
        prefix_without_material(call) for call in plain.calls
    }
    assert {call.role for call in model.calls} == {call.role for call in plain.calls}
    told = [call.instruction for call in model.calls]
    assert any(INNOCENT[:SAID] in instruction for instruction in told), (
        "plan and repairs repeat what was fetched"
    )
    assert not any(INNOCENT[:SAID] in MATERIAL.sub("", instruction) for instruction in told)


@pytest.mark.parametrize("hostile", TEXTS, ids=lambda hostile: hostile.id)
def test_what_people_forward_is_quarantined_and_counted(hostile: HostileText) -> None:
    """As in an article: the order is gone from the data block, the rest stays, the card counts it."""
    table = table_of_claims(Question("What now?", (Quoted("Bo", hostile.text),)))
    text = table.sources[1].text
    standing = Standing(table, AS_OF)
    assert standing.quarantined(claims=True) >= hostile.taken
    if standing.quarantined(claims=True):
        assert not [order for order in hostile.gone if order in text]
        assert INNOCENT.rstrip(".") in text

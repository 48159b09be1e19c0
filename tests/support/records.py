"""A whole assessment as a record: the seed script's answer, with evidence, as a reader would have it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from bot.assessment.assessment_record import AssessmentRecord, RetrievalReport, SectionRecord
from bot.assessment.data_calls import DataReader
from bot.assessment.dialect import Kind, Unit
from bot.assessment.drafting import Accounts, Draft, write_draft
from bot.assessment.formats import IN_DEPTH, SectionSpec
from bot.assessment.lexicon import LEXICONS
from bot.assessment.printing import Data, closing_lines, epigraph_lines, print_block
from bot.assessment.rendering import SectionRenderer
from bot.assessment.reporting import SIMULATION
from bot.assessment.titles import headline, opening_sentence, title_slots
from bot.assessment.wording import Tables, material_of
from bot.evidence.items import EvidenceItem, SourceClass
from bot.evidence.table import table_of_claims
from bot.llm.port import Finished, FinishReason, ModelCall, Role, Usage
from bot.turns import Question
from personas.loader import load_personas
from personas.persona import Persona
from tests.support import seed_script
from tests.support.model_replies import parse_request

__all__ = ["AS_OF", "NEWS", "china", "seed_record"]

AS_OF = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""The script's dates are days from today."""
ORGANISATION = "Three Corporate"

TEXT = (
    "The one-year deal on rare earths was announced on 30 October 2025, and the agreement is to be "
    "“negotiated every year”. The tariff was cut from 20 % to 10 % with effect from 10 November 2025."
)
NEWS = tuple(
    EvidenceItem(
        title=title,
        publisher=publisher,
        url=f"https://news{number}.example/truce",
        source_class=source_class,
        text=TEXT,
        retrieved_at=AS_OF,
        published_at=AS_OF - timedelta(hours=2 * number),
        language="en",
        country=country,
        owner_group=group,
        reliability="B",
    )
    for number, (title, publisher, source_class, group, country) in enumerate(
        (
            ("Truce takes effect", "Reuters", SourceClass.WIRE, "reuters", "GB"),
            ("Announcement on controls", "Ministry of Commerce", SourceClass.OFFICIAL, "cn-state", "CN"),
            ("Magnet makers wait", "Nikkei", SourceClass.INDEPENDENT, "nikkei", "JP"),
            ("What the texts do not say", "Raw Materials", SourceClass.INDEPENDENT, "rawmaterials", "DE"),
        ),
        1,
    )
)
"""What was retrieved."""


@cache
def china() -> Persona:
    """The China agent."""
    return next(persona for persona in load_personas() if persona.code == "CN-01")


@cache
def seed_record() -> AssessmentRecord:
    """The seed's question, answered by the script from four sources. Passes every check."""
    question = Question(seed_script.QUESTION)
    evidence = table_of_claims(question).with_items(NEWS)
    context = "\n".join(f'<material id="{source.id}">' for source in evidence.sources)
    tables = Tables(evidence, {}, {term.id: term.native for term in china().glossary}, material_of(evidence))
    reader = DataReader(IN_DEPTH, china(), tables, AS_OF.date(), Counter())
    plan = reader.plan(_json("plan", context))
    data = Data(
        plan, reader.outlook(_json("outlook", context), plan), reader.watch(_json("watch", context), plan)
    )
    names = title_slots(
        china(),
        title=headline(question),
        organisation=ORGANISATION,
        counterparty=plan.counterparty,
        stance=plan.stance,
    )
    sections = [
        _section(
            number, spec, data, tables, context, spec.title.format_map(names), spec.lead.format_map(names)
        )
        for number, spec in enumerate(IN_DEPTH.sections, 1)
    ]
    epigraph = china().epigraph(data.watch.epigraph_id)
    assert epigraph is not None
    return AssessmentRecord(
        turn_id="t1",
        persona="CN-01",
        format="in-depth",
        question=question,
        as_of=AS_OF,
        organisation=ORGANISATION,
        model="scripted",
        title=headline(question),
        plan=plan,
        outlook=data.outlook,
        watch=data.watch,
        opening=(
            f"**{china().display_name}:**",
            opening_sentence(china(), headline(question), up_to_date=True),
        ),
        sections=tuple(sections),
        closing=(
            *closing_lines(data.watch, china()),
            "\n".join(epigraph_lines(epigraph)),
            f"**{china().display_name}**",
            ORGANISATION,
        ),
        footer=(
            f"4 sources · 4 independent · newest 2 h · as of {AS_OF:%d %b %Y %H:%M} UTC",
            f"{SIMULATION} Model: scripted.",
        ),
        sources=evidence.sources,
        excerpts=evidence.excerpts,
        retrieval=RetrievalReport(("rare earths truce",), (), 9, (), 400),
    )


def _answer(instruction: str, context: str, schema: str = "") -> str:
    body = {
        "messages": [
            {"role": "system", "content": "system"},
            {"role": "user", "content": context},
            {"role": "user", "content": instruction},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": schema}} if schema else {},
    }
    return seed_script.answer(parse_request("chat", body, attempt=1)).text


def _drafted(spec: SectionSpec, tables: Tables, text: str) -> list[Unit]:
    """What the engine makes of the model's text."""

    class Scripted:
        name = "scripted"

        async def stream(self, call: ModelCall) -> AsyncGenerator[str | Finished, None]:
            yield text
            yield Finished(FinishReason.STOP, Usage())

        async def aclose(self) -> None:
            """Nothing to close."""

    call = ModelCall("t1", spec.key, Role.SECTION, "", "", "", spec.max_tokens)
    draft = Draft(spec)
    accounts = Accounts(Counter(), Usage())
    asyncio.run(write_draft(draft, Scripted(), call, tables, accounts, started=asyncio.Event()))
    return draft.units


def _json(name: str, context: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(_answer(name, context, name))
    return data


def _section(
    number: int, spec: SectionSpec, data: Data, tables: Tables, context: str, title: str, lead: str
) -> SectionRecord:
    known = {} if spec.factual else {judgment.id: judgment for judgment in data.plan.judgments}
    tables = Tables(tables.evidence, known, tables.terms, tables.material)
    units = _drafted(spec, tables, _answer(f"Section {spec.key}: x", context)) if spec.words else []
    renderer = SectionRenderer(spec.key, tables, china(), LEXICONS["icd203"], Counter(), factual=spec.factual)
    printed = [unit for block in spec.prints for unit in print_block(block, data)]
    shown = [*units, *printed]
    if spec.prints_inside:
        last = max(place for place, unit in enumerate(units) if unit.kind is Kind.PARAGRAPH)
        shown = [*units[:last], *printed, *units[last:]]
    head = f"## {number}. {title}" + (f"\n\n{lead}" if lead else "")
    text = head + "".join(renderer.render(unit).text for unit in shown)
    return SectionRecord(spec.key, f"{number}. {title}", tuple(units), text)

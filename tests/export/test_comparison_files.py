"""A comparison as a file: every view, the spread, the sources, in each kind."""

from __future__ import annotations

import io

import docx
import pypdf

from bot.export.composing import compose, file_name
from bot.export.markdown import markdown
from bot.export.pdf import pdf
from bot.export.word import word
from tests.assessment.doubles import ScriptedModel, assess, persona, seed_answer
from tests.assessment.test_comparison_stage import comparison, record_of
from tests.support.evidence_desk import ScriptedDesk, truce_items


async def test_a_comparison_is_written_in_each_kind() -> None:
    """In nobody's name of those compared."""
    model, desk = ScriptedModel(seed_answer), ScriptedDesk(truce_items())
    record = record_of(await assess(model, comparison(), desk=desk))
    document = compose(record, persona())
    assert document.author == "CN-01, US-01 and JP-01"
    assert file_name(record, persona(), "pdf").startswith("CN-01 US-01 JP-01 2026-11-20 China")
    pages = pypdf.PdfReader(io.BytesIO(pdf(document))).pages
    texts = {
        "md": markdown(document).decode(),
        "docx": "\n".join(each.text for each in docx.Document(io.BytesIO(word(document))).paragraphs),
        "pdf": " ".join("\n".join(page.extract_text() for page in pages).split()),
    }
    for kind, text in texts.items():
        for told in ("United States Agent", "30–58 % (28 points)", "Where they agree and differ", "Sources"):
            assert told in text, (kind, told)

"""Writing one section of a stored assessment anew: from its plan and its evidence, all else as it stands.

Nothing is searched and nothing is planned again: judgments and likelihoods stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from bot.assessment.assessment_record import AssessmentRecord, SectionRecord
from bot.assessment.earlier import Earlier
from bot.assessment.formats import Format
from bot.assessment.prompts import data_block
from bot.assessment.values import Watch

__all__ = [
    "new_version_line",
    "only_section",
    "rewriting_instruction",
    "with_items",
    "with_new_version",
]


def only_section(format_: Format, key: str) -> Format:
    """The format of an answer that is this section alone. Its data comes from the assessment; of a section of
    data alone, the watch list, the call is made anew.
    """
    spec = next(spec for spec in format_.sections if spec.key == key)
    return replace(
        format_,
        name=f"New version of section {key}",
        sections=(spec,),
        calls=frozenset() if spec.words else spec.needs,
        frame=False,
    )


def new_version_line(earlier: Earlier) -> str:
    """What stands above the new version, beside who wrote it."""
    return f"new version of section {earlier.rewritten}. It takes the place of the one above."


def rewriting_instruction(instruction: str, present: SectionRecord | None) -> str:
    """The section's own instruction, told what is there: the reader wants another text than that."""
    if present is None or not present.text:
        return instruction
    return (
        f"{instruction}\nThe reader has the version below and asked for a new one. Write the section anew: "
        "other sentences, sharper reasons, nothing copied; the same judgments and the same sources.\n"
        + data_block("the present version", present.text)
    )


def with_items(stored: Watch, new: Watch) -> Watch:
    """The watch list with new items. What stands elsewhere in the assessment stays: implications, gaps, the
    closing question.
    """
    return replace(stored, items=new.items, linchpin_item=new.linchpin_item) if new.items else stored


def with_new_version(stored: AssessmentRecord, written: AssessmentRecord, key: str) -> AssessmentRecord:
    """The stored assessment with the section as it was ``written``; nothing else of it changes but the watch
    list, where the section is that.
    """
    section = written.section(key)
    if section is None or not section.text:
        return stored
    models = {name for record in (stored, written) for name in record.model.split(", ") if name}
    return replace(
        stored,
        model=", ".join(sorted(models)),
        watch=written.watch,
        sections=tuple(section if each.key == key else each for each in stored.sections),
    )

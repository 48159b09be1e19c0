"""PE1, PE2, PE4, PE6, PE7: the persona's own words are right, and it stays what it is."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator

from bot.assessment.characters import foreign_runs
from bot.assessment.chatter import leaks_instructions
from bot.assessment.checks.finding import EVERYWHERE, ON_RECORD, ON_WATCH, Check, Fault, Severity, Told, at
from bot.assessment.checks.subject import Stage, Subject, plain
from bot.assessment.checks.wordlists import wordlist
from bot.assessment.printing import epigraph_lines
from bot.evidence.table import fold
from personas.persona import Epigraph

__all__ = ["CHECKS"]

ALIKE = 0.5
"""Similarity from which a foreign term is told to be a slip for one of the glossary."""
DISCLAIMER = re.compile(r"\banalytic simulation\b.*\bnot an official position\b", re.IGNORECASE)
_QUOTES = re.compile(r"[“\"«][^”\"»]*[”\"»]")


def _epigraph(subject: Subject) -> Iterator[Fault]:
    record, persona = subject.record, subject.persona
    known = persona.epigraph(record.watch.epigraph_id)
    if known is None:
        told = f"“{record.watch.epigraph_id}”" if record.watch.epigraph_id else "none"
        yield Fault(f"The epigraph’s id, {told}, is not in the library of {persona.code}.", "closing")
    if subject.stage is not Stage.RECORD:
        return
    lines = [line for text in record.closing for line in text.splitlines()]
    if known is not None:
        if "\n".join(epigraph_lines(known)) not in "\n".join(lines):
            yield Fault("The epigraph is not printed as the library has it.", "closing", item=known.id)
        return
    printed = next((line for line in lines if foreign_runs(line)), "")
    author = next((line for line in lines if line.lstrip("_* ").startswith(("—", "–", "-"))), "")
    original = _known_lines(subject).get(_letters(printed))
    if original and fold(original.author) not in fold(author):
        native = f" ({original.author_native})" if original.author_native else ""
        yield Fault(
            f"The epigraph is by {original.author}{native}, {original.work}, and not as it says: “{author}”.",
            "closing",
            item=original.id,
        )


def _known_lines(subject: Subject) -> dict[str, Epigraph]:
    return {_letters(epigraph.native): epigraph for epigraph in subject.persona.epigraphs}


def _letters(text: str) -> str:
    """Letters alone, so that punctuation does not hide whose line it is."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if char.isalpha())


def _foreign(subject: Subject) -> Iterator[Fault]:
    persona = subject.persona
    natives = [term.native for term in persona.glossary]
    epigraph = persona.epigraph(subject.record.watch.epigraph_id)
    own = " ".join(
        (
            *natives,
            *(institution.native for institution in persona.institutions),
            *((epigraph.native, epigraph.author_native, epigraph.work_native) if epigraph else ()),
            persona.native_name,
        )
    )
    allowed = fold(own)
    library = fold(
        " ".join(f"{each.native} {each.author_native} {each.work_native}" for each in persona.epigraphs)
    )
    asked = fold(subject.record.question.text)
    told = Told()
    for passage in subject.visible:
        if passage.section in ("card", "footer") and not passage.item:
            continue  # titles and names of sources, printed as they are
        for run in foreign_runs(passage.text):
            words = fold(run)
            if words in allowed or words in subject.material or words in asked:
                continue
            if passage.section == "closing" and words in library:
                continue  # whose line it is, is for PE1 to say
            if not told.is_new(words, passage):
                continue
            meant = difflib.get_close_matches(run, natives, 1, ALIKE)
            hint = f" {meant[0]} is meant." if meant else ""
            yield at(
                passage,
                f"“{run}” is neither in the glossary nor in a source.{hint}",
                "Write this without its words in another script." if passage.kind else "",
            )


def _stereotypes(subject: Subject) -> Iterator[Fault]:
    told = Told()
    for passage in subject.prose:
        found = wordlist("stereotypes").find(_QUOTES.sub("", plain(passage.text)))
        if found and told.is_new(found[0], passage):
            yield at(
                passage,
                f"“{found[0]}” is a stereotype.",
                f"Write this without “{found[0]}”.",
            )


def _disclaimer(subject: Subject) -> Iterator[Fault]:
    if not any(DISCLAIMER.search(line) for line in subject.record.footer):
        yield Fault(
            "The footer does not say that this is an analytic simulation, not an official position.", "footer"
        )


def _leaks(subject: Subject) -> Iterator[Fault]:
    told = Told()
    for passage in subject.visible:
        found = wordlist("instruction_leak").find(passage.text)
        leaked = found[0] if found else leaks_instructions(passage.text)
        if not leaked or DISCLAIMER.search(passage.text):
            continue
        if told.is_new(leaked.casefold(), passage):
            yield at(
                passage,
                f"“{leaked}” shows the agent’s instructions.",
                "Write this without a word about instructions." if passage.kind else "",
            )


CHECKS = (
    Check(
        "PE1",
        "The epigraph’s id is in the persona’s library; text, author and work are printed from there.",
        Severity.P0,
        _epigraph,
        ON_WATCH,
        ("closing",),
        by_construction=True,
        full_only=True,
    ),
    Check(
        "PE2",
        "Every word in another script is in the glossary, a source or the epigraph.",
        Severity.P0,
        _foreign,
        EVERYWHERE,
        by_construction=True,
    ),
    Check("PE4", "No national stereotype outside quotations.", Severity.P1, _stereotypes, EVERYWHERE),
    Check(
        "PE6",
        "The footer says: analytic simulation, not an official position.",
        Severity.P0,
        _disclaimer,
        ON_RECORD,
        ("footer",),
        by_construction=True,
    ),
    Check("PE7", "Nothing shows the agent’s instructions.", Severity.P1, _leaks, EVERYWHERE),
)

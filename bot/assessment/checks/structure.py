"""ST1 to ST7: the form of an answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from bot.assessment.assessment_record import SectionRecord
from bot.assessment.checks.finding import (
    EVERYWHERE,
    ON_RECORD,
    ON_SECTIONS,
    Check,
    Fault,
    Severity,
    Told,
    at,
)
from bot.assessment.checks.subject import Passage, Stage, Subject, plain, sentences
from bot.assessment.checks.wordlists import wordlist
from bot.assessment.dialect import Kind
from bot.assessment.printing import epigraph_lines, print_block
from bot.assessment.wording import jaccard

__all__ = ["CHECKS", "words_of"]

KERNELS = {
    "1": r"What .+ says? \(surface level\)",
    "2": r"Why .+ would .+ \(and what's in it for .+\)",
    "3": r"Why .+ wants? .+ \(and how .+ strategic logic challenges .+ assumptions\)",
    "4": r"Strategic risks & contradictions \(for .+ and for the broader system\)",
    "5": r"Where this is headed and what to watch \(.+ decision.points\)",
    "6": r"My judgment: Strategic significance for .+",
    "7": r"Key warning signs to monitor",
    "8": r"Final calibrated verdict",
}
"""By section: what of its title is fixed (analysis standard, 1.2); quotes and hyphens folded."""
WORDS_OFF = 0.3
"""Share by which a section may be longer or shorter than its target (ST3)."""
PRINTED_WORDS = {"7": 150}
"""Targets of sections that we print whole (ST3); those of the others stand in the format."""
BULLET_WORDS = 45
SENTENCE_WORDS = 35
SECTION_CHARS = 2_900
"""ST3. Of what the model wrote: what we print below it is bounded by its data call's budget."""
VERDICT_PARAGRAPHS = (3, 5)
"""Paragraphs of section 8 (ST2)."""
SAME, TWIN = 0.45, 0.6
"""Token overlap from which two bullets say the same, and from which one of them must go (ST6)."""
LABEL = re.compile(r"^\**[^:*]{2,60}:\**\s")
_PAIRS = (("“", "”"), ("(", ")"), ("[", "]"), ("«", "»"), ("{", "}"))
_BAD_CHARACTERS = {
    "\u00a0": "a no-break space",
    "\u2011": "a non-breaking hyphen",
    "\u202f": "a narrow no-break space",
    "\u200b": "a zero-width space",
    "\ufffd": "a character that could not be read",
    "\u00ad": "a soft hyphen",
}
_MOJIBAKE = re.compile(r"Ã[\u0080-\u00bf]|â€[\u0080-\u2122œ™“”]|ï¿½|Â[\u00a0-\u00bf]")
_NAMES_LIKE_GLUE = re.compile(
    r"\b(?:Mc|Mac|De|Di|Le|La|Van|O)[A-Z]\w+|\b(?:e|i)[A-Z]\w+|\b[A-Z]\w*[a-z][A-Z]\w*\b"
)
"""Names with a capital inside: ByteDance, McDonald, iPhone."""


def words_of(text: str) -> int:
    """Words of a text, references and marks apart."""
    return sum(any(map(str.isalnum, word)) for word in plain(text).split())


def _titles(subject: Subject) -> Iterator[Fault]:
    expected = [spec.key for spec in subject.format_.sections]
    keys = [section.key for section in subject.record.sections]
    if keys != expected:
        missing = ", ".join(key for key in expected if key not in keys) or "none"
        yield Fault(f"The sections are {', '.join(keys) or 'none'}; missing: {missing}.")
    for number, section in enumerate(subject.record.sections, 1):
        kernel = KERNELS.get(section.key)
        if kernel is None:
            continue
        title = fold_marks(section.title)
        if not re.fullmatch(rf"{number}\. {kernel}", title):
            yield Fault(f"The title “{section.title}” has not the form of section {number}.", section.key)


def fold_marks(text: str) -> str:
    """The text with straight quotes, plain hyphens and single spaces."""
    text = unicodedata.normalize("NFKC", text)
    return " ".join(text.translate(str.maketrans("“”‘’‐‑–—", "\"\"''----")).split())


def _parts(subject: Subject) -> Iterator[Fault]:
    if subject.whole and not subject.sections:
        yield Fault("There is no section to count.")
    for section in subject.sections:
        spec = subject.spec(section.key)
        if spec is None:
            continue
        yield from _letters(section) if subject.whole else ()
        groups = _groups(section)
        if spec.subs[1]:
            low, high = spec.subs
            if not low <= len(groups) <= high:
                wanted = f"{low} to {high}" if low != high else f"{low}"
                yield Fault(
                    f"Section {section.key} has {len(groups)} lettered parts instead of {wanted}.",
                    section.key,
                )
            for start, title, bullets in groups:
                if not spec.bullets[0] <= bullets <= max(spec.bullets[1], 4):
                    yield Fault(
                        f"Part “{title}” has {bullets} bullets instead of {spec.bullets[0]} to 4.",
                        section.key,
                        start,
                    )
        elif spec.words and spec.bullets[1]:
            yield from _flat(section, spec.bullets, labelled=spec.labelled)
        elif spec.words:
            yield from _paragraphs(section)
    yield from _watch_count(subject)


def _letters(section: SectionRecord) -> Iterator[Fault]:
    letters = re.findall(r"^### ([A-Z])\. ", section.text, re.MULTILINE)
    if letters != [chr(ord("A") + place) for place in range(len(letters))]:
        yield Fault(f"The parts are lettered {', '.join(letters)}.", section.key)


def _groups(section: SectionRecord) -> list[tuple[int, str, int]]:
    """Place, title and number of bullets of each lettered part."""
    groups: list[tuple[int, str, int]] = []
    for place, unit in enumerate(section.units):
        if unit.kind is Kind.HEADING:
            groups.append((place, unit.text, 0))
        elif unit.kind is Kind.BULLET and groups:
            start, title, bullets = groups[-1]
            groups[-1] = (start, title, bullets + 1)
    return groups


def _flat(section: SectionRecord, size: tuple[int, int], *, labelled: bool) -> Iterator[Fault]:
    bullets = [(place, unit) for place, unit in enumerate(section.units) if unit.kind is Kind.BULLET]
    if not size[0] <= len(bullets) <= size[1]:
        yield Fault(
            f"Section {section.key} has {len(bullets)} bullets instead of {size[0]} to {size[1]}.",
            section.key,
        )
    for place, unit in bullets if labelled else ():
        if not LABEL.match(unit.text):
            yield Fault(
                "A bullet has no label.",
                section.key,
                place,
                repair="Give this a label (“**Label:** …”).",
            )


def _paragraphs(section: SectionRecord) -> Iterator[Fault]:
    paragraphs = sum(unit.kind is Kind.PARAGRAPH for unit in section.units)
    low, high = VERDICT_PARAGRAPHS
    if not low <= paragraphs <= high:
        yield Fault(
            f"Section {section.key} has {paragraphs} paragraphs instead of {low} to {high}.",
            section.key,
        )


def _watch_count(subject: Subject) -> Iterator[Fault]:
    """Section 7 is printed from the watch list; an imported text has it as bullets."""
    place = next((spec.key for spec in subject.format_.sections if "watch_items" in spec.prints), "")
    if not subject.whole or not place:
        return
    items = len(subject.record.watch.items)
    if not items:
        section = subject.record.section(place)
        items = sum(unit.kind is Kind.BULLET for unit in section.units) if section else 0
    low, high = subject.format_.watch_items
    if not low <= items <= high:
        yield Fault(f"There are {items} warning signs instead of {low} to {high}.", place)


def _sizes(subject: Subject) -> Iterator[Fault]:
    if subject.whole and not subject.sections:
        yield Fault("There is no section to measure.")
    for section in subject.sections:
        spec = subject.spec(section.key)
        target = (spec.words if spec else 0) or PRINTED_WORDS.get(section.key, 0)
        units = section.units or tuple(print_block("watch_items", subject.data) if target else ())
        words = sum(words_of(unit.text) for unit in units if unit.kind is not Kind.HEADING)
        low, high = round(target * (1 - WORDS_OFF)), round(target * (1 + WORDS_OFF))
        characters = sum(_characters(unit.text) for unit in section.units)
        if not low <= words <= high:
            told = f"Section {section.key} has {words} words; {low} to {high} are meant."
            yield from _resized(subject, section.key, told, words_of, (low, high), target)
        elif characters > SECTION_CHARS:
            told = f"Section {section.key} has {characters} characters; {SECTION_CHARS} fit."
            chars = (0, SECTION_CHARS)
            yield from _resized(subject, section.key, told, _characters, chars, SECTION_CHARS)
    for unit in subject.units:
        yield from _long(unit)


def _resized(
    subject: Subject,
    key: str,
    problem: str,
    size: Callable[[str], int],
    bounds: tuple[int, int],
    target: int,
) -> Iterator[Fault]:
    """A section outside its bounds: told at the lines that bring it back inside with the least rewriting, the
    longest or the shortest, each written in the size that an even share of the target gives it.
    """
    lines = [unit for unit in subject.units if unit.section == key and unit.kind is not Kind.HEADING]
    (low, high), total = bounds, sum(size(line.text) for line in lines)
    is_long, in_words = total > high, size is words_of
    share = target // max(len(lines), 1)
    share = min(share, BULLET_WORDS) if in_words else share
    wish = f"at most {share}" if is_long else f"about {share}"
    more = "" if is_long else ", with more of the material"
    told = 0
    for line in sorted(lines, key=lambda line: size(line.text), reverse=is_long):
        now = size(line.text)
        if low <= total <= high or (now <= share if is_long else now >= share):
            break
        total += share - now
        told += 1
        yield at(line, problem, f"Write this in {wish} {'words' if in_words else 'characters'}{more}.")
    if not told:
        yield Fault(problem, key)  # no line by itself is too long or too short: it is their number


def _characters(text: str) -> int:
    return len(_escaped(text)) + 1


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _long(unit: Passage) -> Iterator[Fault]:
    if unit.kind is Kind.HEADING:
        return
    words = words_of(unit.text)
    if unit.kind is Kind.BULLET and words > BULLET_WORDS:
        yield at(
            unit,
            f"A bullet has {words} words; {BULLET_WORDS} at most.",
            repair=f"Write this in at most {BULLET_WORDS} words.",
        )
        return
    longest = max(map(words_of, sentences(unit.text)), default=0)
    if longest > SENTENCE_WORDS:
        yield at(
            unit,
            f"A sentence has {longest} words; {SENTENCE_WORDS} at most.",
            repair=f"Write this in sentences of at most {SENTENCE_WORDS} words.",
        )


def _frame(subject: Subject) -> Iterator[Fault]:
    record, persona = subject.record, subject.persona
    header = record.opening[0] if record.opening else ""
    if _bare(header) != f"{persona.display_name}:":
        yield Fault(f"The header is “{header}” and not “{persona.display_name}:”.", "opening")
    lines = [line for text in record.closing for line in text.splitlines()]
    if persona.display_name not in map(_bare, lines):
        yield Fault(f"The signature “{persona.display_name}” is missing.", "closing")
    if not lines or _bare(lines[-1]) != record.organisation:
        last = lines[-1] if lines else ""
        yield Fault(f"The last line is “{last}” and not the firm, “{record.organisation}”.", "closing")
    epigraph = persona.epigraph(record.watch.epigraph_id)
    block = "\n".join(epigraph_lines(epigraph)) if epigraph else ""
    if not block or block not in "\n".join(lines):
        yield Fault("The epigraph block is not that of the persona’s file, letter for letter.", "closing")


def _bare(line: str) -> str:
    """A line without the bold marks around it."""
    return line[2:-2] if line.startswith("**") and line.endswith("**") else line


def _question(subject: Subject) -> Iterator[Fault]:
    line = subject.record.closing[0] if subject.record.closing else ""
    if not line.endswith("?") or " or " not in line or len(sentences(line)) != 1:
        yield Fault("The closing question is not one sentence with “or” that ends in “?”.", "closing")


def _repeats(subject: Subject) -> Iterator[Fault]:
    """Each bullet against all before it; at stage ``SECTION`` also against sections drafted already."""
    seen: list[tuple[str, str]] = []
    for section in subject.record.sections:
        judged = subject.judged(section.key) is not None
        if subject.stage is Stage.SECTION and not judged:
            seen += [(section.key, plain(unit.text)) for unit in section.units if unit.kind is Kind.BULLET]
    for bullet in subject.bullets:
        text = plain(bullet.text)
        for key, other in seen:
            overlap = jaccard(text, other)
            if overlap >= SAME:
                degree = "nearly the same as" if overlap >= TWIN else "much the same as"
                yield at(
                    bullet,
                    f"A bullet says {degree} one of section {key}: “{_start(other)}”.",
                    repair="Make another point than the line beside it.",
                    beside=other,
                )
                break
        seen.append((bullet.section, text))


def _start(text: str) -> str:
    words = text.split()
    return " ".join(words[:8]) + (" …" if len(words) > 8 else "")


def _typography(subject: Subject) -> Iterator[Fault]:
    told = Told()
    for passage in subject.visible:
        for defect in _defects(passage.text):
            if told.is_new(f"{passage.section} {defect}", passage):
                yield at(
                    passage,
                    f"{defect[0].upper()}{defect[1:]}.",
                    repair=f"Write this again without {defect}." if passage.kind else "",
                )


def _defects(text: str) -> Iterable[str]:
    text = re.sub(r"https?://[^\s)]+", "", text)
    yield from (f"a placeholder: {found}" for found in wordlist("placeholder").find(text))
    yield from (name for char, name in _BAD_CHARACTERS.items() if char in text)
    if _MOJIBAKE.search(text):
        yield "garbled characters"
    without_names = _NAMES_LIKE_GLUE.sub("", text)
    yield from (f"words glued together: {found}" for found in wordlist("glued_words").find(without_names))
    for opening, closing in _PAIRS:
        if text.count(opening) != text.count(closing):
            yield f"an unbalanced {opening} or {closing}"
            break
    if text.count('"') % 2:
        yield "an unbalanced quotation mark"
    if "‘" not in text and re.search(r"(?<![sxz])’(?=\s|$)", text, re.IGNORECASE):
        yield "a stray apostrophe"


_ALL = tuple(KERNELS)
CHECKS = (
    Check(
        "ST1",
        "The answer has its sections in order, numbered, each with the fixed kernel of its title.",
        Severity.P1,
        _titles,
        ON_RECORD,
        _ALL,
        by_construction=True,
        full_only=True,
    ),
    Check(
        "ST2",
        "Letters run from A; each section has its number of parts, bullets and paragraphs.",
        Severity.P1,
        _parts,
        ON_SECTIONS,
        _ALL,
        full_only=True,
    ),
    Check(
        "ST3",
        "Sections are within 30 % of their length; bullets have at most 45 words, sentences 35, "
        "what the model wrote of a section 2,900 characters.",
        Severity.P1,
        _sizes,
        ON_SECTIONS,
        _ALL,
        full_only=True,
    ),
    Check(
        "ST4",
        "Header, signature, firm and epigraph are those of the persona and the settings, letter for letter.",
        Severity.P0,
        _frame,
        ON_RECORD,
        ("opening", "closing"),
        by_construction=True,
        full_only=True,
    ),
    Check(
        "ST5",
        "The closing question is one sentence, contains “or” and ends with a question mark.",
        Severity.P2,
        _question,
        ON_RECORD,
        ("closing",),
        by_construction=True,
        full_only=True,
    ),
    Check(
        "ST6",
        "No two bullets say the same (token overlap below 0.45).",
        Severity.P1,
        _repeats,
        ON_SECTIONS,
        _ALL,
    ),
    Check(
        "ST7",
        "No placeholder, unbalanced mark, glued word, special space or hyphen, or garbled character.",
        Severity.P1,
        _typography,
        EVERYWHERE,
    ),
)

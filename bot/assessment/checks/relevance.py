"""RE1 to RE3: the answer is for this client, and about this question."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.assessment.checks.actors import actors_in
from bot.assessment.checks.finding import ON_RECORD, ON_WATCH, Check, Fault, Severity
from bot.assessment.checks.quantities import read_quantities
from bot.assessment.checks.subject import Subject
from bot.assessment.checks.wordlists import wordlist
from bot.evidence.table import fold

__all__ = ["CHECKS"]

IMPLICATIONS = 2
COVERED = 0.8
"""Share of the question's names and numbers that the answer takes up (RE2)."""
TITLE_CASE = 0.7
"""Share of capitalised words from which a line is a headline, whose capitals are no names."""
_NAME = re.compile(r"(?<![.!?“\"] )(?<!^)\b(?:[A-Z][\w’-]*[a-z]\w*|[A-Z]{2,}|(?:[A-Z]\.){2,})(?!\w)")
_COMMON = frozenset(
    {
        *("what", "why", "how", "when", "where", "which", "who", "will", "does", "is", "are", "in", "the"),
        *("a", "an", "i", "please", "your", "my", "our", "president", "prime", "minister", "mr", "mrs", "ms"),
        *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
        *(
            "november",
            "december",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ),
    }
)


def _implications(subject: Subject) -> Iterator[Fault]:
    implications, place = subject.record.watch.implications, subject.place("implications")
    if len(implications) < IMPLICATIONS:
        yield Fault(
            f"{len(implications)} implications for the client instead of {IMPLICATIONS} or more.",
            place,
            repair=f"Write at least {IMPLICATIONS} implications, each for a named role of the client’s firm.",
        )
    today = subject.record.as_of.date()
    for number, implication in enumerate(implications, 1):
        name = f"implication {number}"
        missing = [
            what
            for what, there in (
                ("for whom it is", implication.audience),
                ("what is exposed", implication.exposure),
                ("by when", implication.by > today),
            )
            if not there
        ]
        if missing:
            yield Fault(
                f"{name[0].upper()}{name[1:]} does not say {', '.join(missing)}.",
                place,
                item=name,
                repair=f"Say in {name} {', '.join(missing)}.",
            )
        generic = wordlist("generic_verbs").find(implication.text)
        if generic:
            yield Fault(
                f"{name[0].upper()}{name[1:]} is no action: “{generic[0]}”.",
                place,
                item=name,
                repair=f"Say in {name} what to do instead of “{generic[0]}”.",
            )


def _covered(subject: Subject) -> Iterator[Fault]:
    question = subject.record.question.text
    if not question.strip():
        yield Fault("The question is not recorded.")
        return
    answer = " ".join(section.text for section in subject.record.sections)
    if not answer.strip():
        yield Fault("There is no answer to be held against the question.")
        return
    states = set(actors_in(question, subject.persona))
    names = _names(question)
    missing = sorted(states - set(actors_in(answer, subject.persona)))
    folded = fold(answer)
    missing += [name for name in names if not re.search(rf"(?<!\w){re.escape(fold(name))}", folded)]
    asked = read_quantities(question)
    told = read_quantities(answer)
    missing += [amount.text for amount in asked.amounts if not amount.stated_by(told.figures)]
    missing += [day.text for day in asked.days if not day.stated_by(told.days)]
    total = len(states) + len(names) + len(asked.amounts) + len(asked.days)
    if total and len(missing) > total * (1 - COVERED) + 1e-9:
        yield Fault(
            f"The answer does not take up {len(missing)} of the question’s {total} names and numbers: "
            f"{', '.join(missing)}."
        )


def _names(question: str) -> list[str]:
    """Proper names of the question, states apart; a headline's capitals count only where it stands alone."""
    lines = [line for line in question.splitlines() if line.strip()]
    prose = [line for line in lines if not _is_headline(line)]
    found: dict[str, str] = {}
    for line in prose or lines:
        for match in _NAME.finditer(line):
            name = match[0].removesuffix("’s").removesuffix("'s")
            if name.casefold() not in _COMMON and not _names_a_state(name):
                found.setdefault(name.casefold(), name)
    return list(found.values())


def _is_headline(line: str) -> bool:
    words = [word for word in re.findall(r"[^\W\d_]+", line) if len(word) > 3]
    return bool(words) and sum(word[0].isupper() for word in words) > TITLE_CASE * len(words)


def _names_a_state(name: str) -> bool:
    return bool(
        re.fullmatch(
            r"U\.?S\.?A?\.?|United|States|America\w*|China|Chinese|Beijing|PRC|EU|Europe\w*|Union|Russia\w*|Moscow|"
            r"India\w*|Delhi|Japan\w*|Tokyo|Taiwan\w*|Washington|Korea\w*|Iran\w*|Israel\w*|Ukrain\w*|UK|Britain|"
            r"British|Kingdom|Saudi|Arabia|Australia\w*",
            name,
        )
    )


def _firm(subject: Subject) -> Iterator[Fault]:
    name = subject.record.organisation
    if not name:
        yield Fault("The client’s name is not configured.")
        return
    text = [*subject.shown]
    if subject.is_full and not any(name in line.text for line in text):
        yield Fault(f"The client, {name}, is not named.")
    last = name.split()[-1]
    for line in text:
        for match in re.finditer(rf"[\w’'.&-]+\s+{re.escape(last)}\b", line.text):
            called = " ".join(match[0].split())
            if not name.endswith(called) and called[:1].isupper():
                yield Fault(f"The client is called “{called}” instead of “{name}”.", line.section)
        for match in re.finditer(r"\byour (?:firm|company|organi[sz]ation) \(([^()]+)\)", line.text):
            if match[1] != name and last not in match[1]:
                yield Fault(f"The client is called “{match[1]}” instead of “{name}”.", line.section)


CHECKS = (
    Check(
        "RE1",
        "Two implications or more, each with its audience, what is exposed, by when, and an action.",
        Severity.P1,
        _implications,
        ON_WATCH,
        ("8",),
        full_only=True,
    ),
    Check(
        "RE2",
        "Four in five of the names and numbers asked about are taken up.",
        Severity.P1,
        _covered,
        ON_RECORD,
    ),
    Check(
        "RE3",
        "The client’s name stands exactly as configured.",
        Severity.P0,
        _firm,
        ON_RECORD,
        by_construction=True,
    ),
)

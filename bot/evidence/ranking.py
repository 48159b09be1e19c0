"""The index over stored documents: SQLite's FTS5 in memory, over texts that we cut into tokens ourselves.

FTS5 scores a phrase with BM25 and knows no weights in a query. A query here is a handful of concepts, each a
set of phrases that mean the same in several languages; each phrase is asked for by itself, and a
document's score for a concept is that of its best phrase: a translation counts neither twice nor less.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from bot.errors import CountryAgentsError
from bot.evidence.segmentation import Script, main_script, tokens
from bot.evidence.stored import StoredItem

__all__ = ["Aspect", "Concept", "Index", "IndexUnavailableError", "Ranked"]

INDEXED_CHARACTERS: Final = 8_000
"""Of a body: what comes later in an article is background, and long documents must not fill the memory."""

COLUMN_WEIGHTS: Final = (4.0, 2.0, 1.0)
"""Title, summary, body: a title says what a document is about."""

SMALLEST_COLLECTION: Final = 1_000
"""Documents: a smaller store cannot tell common words from rare ones (all five documents of a new store may
be about one event), so that its words are weighed as if it held this many.
"""

UNSEEN_AS_IF: Final = 5
"""Documents that a concept counts as being in where the store has none: a question that is worded as no
newsroom words it must not make everything else it says worthless.
"""

_LEAST_IDF: Final = 1e-6
"""What FTS5 takes for the inverse frequency of a phrase that stands in half of all rows or more."""


class IndexUnavailableError(CountryAgentsError):
    """The SQLite of this Python was built without FTS5; every common build has it."""

    user_message = "This app is not set up completely. Please tell whoever runs it."


class Aspect(Enum):
    """What a concept is to the question."""

    TOPIC = "topic"
    """What it is about: some of it must occur in a document for it to be relevant."""
    PARTY = "party"
    """A country it names: half of a country's news names it."""
    CHANGE = "change"
    """Words for what may have happened to it since: not asked for, but worth a place."""
    EMPHASIS = "emphasis"
    """Words of the topic that stand together in the question: a document that has them so is closer."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that is searched for, in all the ways it may be written."""

    phrases: tuple[str, ...]
    aspect: Aspect = Aspect.TOPIC
    weight: float = 1.0

    def can_be_said_in(self, script: Script) -> bool:
        """Whether a text in that script could hold it."""
        return any(main_script(phrase) in (script, Script.DIGITS) for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document that matched."""

    item: StoredItem
    relevance: float
    """Sum over the concepts that matched, weighted; comparable within one search."""
    coverage: float
    """Share of the question's topic (of its parties, where it has no topic) that the document speaks of, 0-1,
    rare words counting more. Only what can be said in the document's script is expected of it.
    """
    share: float
    """The same, but of everything that was asked for."""
    asked: int
    """Concepts that could have been in it, those of ``coverage``."""
    script: Script
    """What most of its title and summary is written in."""
    concepts: frozenset[int]
    """Which of the query's concepts it has, by position."""


class Index:
    """Documents by id, searched by concepts. Not for several threads at once.

    Raises ``IndexUnavailableError`` when SQLite has no FTS5.
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._items: dict[int, StoredItem] = {}
        self._scripts: dict[int, Script] = {}
        self._next_row = 1
        self._database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            # "ascii" splits at ASCII punctuation and spaces only: our tokens come out as they went in.
            self._database.execute(
                "CREATE VIRTUAL TABLE documents USING fts5(title, summary, body, tokenize='ascii')"
            )
        except sqlite3.OperationalError as error:
            self._database.close()
            raise IndexUnavailableError("The SQLite of this Python has no FTS5") from error

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._rows

    def close(self) -> None:
        """Free the memory; the index is of no use afterwards."""
        self._database.close()

    def add(self, items: Iterable[StoredItem]) -> None:
        """Take documents in; one with a known id replaces the old one."""
        known = {item.id: item for item in items}
        rows = []
        for item in known.values():
            texts = (item.title, item.summary, item.body[:INDEXED_CHARACTERS])
            rows.append(tuple(" ".join(tokens(text)) for text in texts))
        numbers = range(self._next_row, self._next_row + len(rows))
        self._next_row = numbers.stop
        with self._database:
            self._database.execute("BEGIN")
            self._delete(known)
            self._database.executemany(
                "INSERT INTO documents(rowid, title, summary, body) VALUES (?, ?, ?, ?)",
                ((number, *row) for number, row in zip(numbers, rows, strict=True)),
            )
        for number, item in zip(numbers, known.values(), strict=True):
            self._rows[item.id] = number
            self._items[number] = item
            self._scripts[number] = main_script(f"{item.title} {item.summary}")

    def discard(self, ids: Iterable[str]) -> None:
        """Take documents out; unknown ids are nothing to do."""
        with self._database:
            self._database.execute("BEGIN")
            self._delete(ids)

    def search(self, concepts: Sequence[Concept], as_of: datetime) -> list[Ranked]:
        """Every document that has a concept and was not published after ``as_of``, most relevant first."""
        found: dict[int, dict[int, float]] = {}
        idfs = []
        for number, concept in enumerate(concepts):
            scores = self._scores(concept)
            idfs.append(self._idf(len(scores)))
            for row, score in scores.items():
                found.setdefault(row, {})[number] = score
        values = [concept.weight * idf for concept, idf in zip(concepts, idfs, strict=True)]
        telling = _telling(concepts)
        whole = sum(values[number] for number in telling)
        sayable = {
            script: [number for number in telling if concepts[number].can_be_said_in(script)]
            for script in Script
        }
        ranked = []
        for row, scores in found.items():
            item = self._items[row]
            if item.published_at is not None and item.published_at > as_of:
                continue
            weight = sum(values[number] for number in scores if number in telling)
            script = self._scripts[row]
            expected = sayable[script]
            possible = sum(values[number] for number in expected)
            ranked.append(
                Ranked(
                    item,
                    relevance=sum(values[number] * score for number, score in scores.items()),
                    coverage=min(1.0, weight / possible) if possible else 0.0,
                    share=weight / whole if whole else 0.0,
                    asked=len(expected),
                    script=script,
                    concepts=frozenset(scores),
                )
            )
        return sorted(ranked, key=lambda document: (-document.relevance, document.item.id))

    def _delete(self, ids: Iterable[str]) -> None:
        rows = [row for item_id in ids if (row := self._rows.pop(item_id, None)) is not None]
        self._database.executemany("DELETE FROM documents WHERE rowid = ?", [(row,) for row in rows])
        for row in rows:
            del self._items[row], self._scripts[row]

    def _scores(self, concept: Concept) -> dict[int, float]:
        """BM25 without the inverse frequency, 0-2.2, by row: of the best phrase."""
        best: dict[int, float] = {}
        for phrase in dict.fromkeys(" ".join(tokens(phrase)) for phrase in concept.phrases):
            if not phrase:
                continue
            # Tokens are letters, marks and digits: nothing in them could end the string of the query.
            rows = self._database.execute(
                "SELECT rowid, bm25(documents, ?, ?, ?) FROM documents WHERE documents MATCH ?",
                (*COLUMN_WEIGHTS, f'"{phrase}"'),
            ).fetchall()
            # bm25() is negative, and a sum of one: the phrase's inverse frequency times what we want.
            count = len(rows)
            idf = math.log((len(self._items) - count + 0.5) / (count + 0.5)) if rows else 0.0
            for row, score in rows:
                best[row] = max(best.get(row, 0.0), -score / max(idf, _LEAST_IDF))
        return best

    def _idf(self, count: int) -> float:
        collection = max(len(self._items), SMALLEST_COLLECTION)
        count = count or UNSEEN_AS_IF
        return math.log(1 + (collection - count + 0.5) / (count + 0.5))


def _telling(concepts: Sequence[Concept]) -> frozenset[int]:
    """The concepts that decide whether a document is about the question."""
    for aspect in (Aspect.TOPIC, Aspect.PARTY):
        numbers = frozenset(number for number, concept in enumerate(concepts) if concept.aspect is aspect)
        if numbers:
            return numbers
    return frozenset()

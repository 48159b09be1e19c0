"""Recall on a small labelled set: news of six events in nine languages, and a question on each in each."""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bot.evidence.languages import primary
from bot.evidence.queries import QueryBuilder
from bot.evidence.ranking import Concept, Index
from bot.evidence.segmentation import tokens
from bot.evidence.selection import select
from bot.evidence.stored import StoredItem
from bot.turns import Question
from personas.loader import load_personas
from tests.support.stored_news import NOW, stored

SET: Final[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "labelled_news.toml").read_text(encoding="utf-8")
)
EVENTS: Final = {event["name"]: event for event in SET["event"]}
LANGUAGES: Final = ("en", "zh", "ja", "ko", "ru", "ar", "he", "hi", "th")
CUT_BY_HAND: Final = ("zh", "ja", "th")
WORD_MARK: Final = "|"
LEAST_RECALL: Final = 0.95
LEAST_PRECISION: Final = 0.9
PERSONAS: Final = {persona.code: persona for persona in load_personas()}
BUILDER: Final = QueryBuilder(PERSONAS.values())


def _documents() -> dict[tuple[str, str], StoredItem]:
    """By event (or ``other`` and a number) and language."""
    written = {
        (name, lang): text for name, event in EVENTS.items() for lang, text in event["documents"].items()
    }
    for lang, texts in SET["others"].items():
        written |= {(f"other {number}", lang): text for number, text in enumerate(texts)}
    made = {}
    for key, text in written.items():
        title, body = text.replace(WORD_MARK, "").split("\n")
        made[key] = stored(title, body, language=key[1], owner_group=f"{key}")
    return made


DOCUMENTS: Final = _documents()
KEYS: Final = {item.id: key for key, item in DOCUMENTS.items()}


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    made = Index()
    made.add(DOCUMENTS.values())
    yield made
    made.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_find_their_event_in_every_language_that_is_searched(index: Index, language: str) -> None:
    """In the question's own language, in English and in the persona's: nearly all reports of the event, and
    hardly anything else, although other news shares words with it.
    """
    wanted = found = shown = 0
    for name, event in EVENTS.items():
        persona = PERSONAS[event["persona"]]
        query = BUILDER.query(Question(event["questions"][language].replace(WORD_MARK, "")), persona)
        chosen = select(index.search(query.concepts, NOW), query, NOW, limit=12)
        keys = {KEYS[document.item.id] for document in chosen}
        languages = {language, "en", *(primary(tag) for tag in persona.languages)}
        relevant = {(name, each) for each in languages}
        wanted += len(relevant)
        found += len(relevant & keys)
        shown += len([key for key in keys if key[0] != name])
    assert found >= LEAST_RECALL * wanted
    assert shown <= (1 - LEAST_PRECISION) * (found + shown) + 1


@pytest.mark.parametrize("language", CUT_BY_HAND)
def test_runs_of_characters_recall_as_much_as_words_cut_by_hand(index: Index, language: str) -> None:
    """A perfect segmenter finds no report of the event that the runs of characters miss, where both may show
    as many documents.
    """
    most = 3
    words = sqlite3.connect(":memory:")
    words.execute("CREATE VIRTUAL TABLE documents USING fts5(key, text, tokenize='ascii')")
    texts = {
        **{name: event["documents"][language] for name, event in EVENTS.items()},
        **{f"other {number}": text for number, text in enumerate(SET["others"][language])},
    }
    for key, text in texts.items():
        cut = " ".join(word for word in text.replace("\n", WORD_MARK).split(WORD_MARK) if tokens(word))
        words.execute("INSERT INTO documents VALUES (?, ?)", (key, cut))
    by_words = by_runs = 0
    for name, event in EVENTS.items():
        question = event["questions"][language]
        asked = [f'"{word}"' for word in question.split(WORD_MARK) if tokens(word)]
        rows = words.execute(
            "SELECT key FROM documents WHERE documents MATCH ? ORDER BY rank LIMIT ?",
            (" OR ".join(asked), most),
        )
        by_words += name in {row[0] for row in rows}
        runs = [Concept((run,)) for run in dict.fromkeys(tokens(question.replace(WORD_MARK, "")))]
        same = [each for each in index.search(runs, NOW) if each.item.language == language]
        by_runs += (name, language) in {KEYS[each.item.id] for each in same[:most]}
    words.close()
    assert by_runs >= by_words
    assert by_runs == len(EVENTS)

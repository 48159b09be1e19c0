"""The index: what is added is found, what is taken out is not, and the closest comes first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.evidence.items import SourceClass
from bot.evidence.ranking import Aspect, Concept, Index
from bot.evidence.stored import StoredItem, item_id_for

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stored(
    title: str, body: str = "", *, age: timedelta = timedelta(hours=1), summary: str = ""
) -> StoredItem:
    """A document of some source."""
    url = f"https://news.example/{title}"
    return StoredItem(
        id=item_id_for(url),
        title=title,
        summary=summary,
        body=body,
        url=url,
        source="https://news.example/feed",
        publisher="Example",
        source_class=SourceClass.INDEPENDENT,
        retrieved_at=NOW,
        published_at=NOW - age,
    )


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index()
    yield made
    made.close()


def titles(index: Index, *concepts: Concept) -> list[str]:
    return [document.item.title for document in index.search(concepts, NOW)]


def test_a_title_says_more_than_a_body(index: Index) -> None:
    """A word in the title outranks the same word in the text."""
    index.add([stored("Markets", "The tariff came up."), stored("The tariff", "Markets."), stored("Weather")])
    assert titles(index, Concept(("tariffs",))) == ["The tariff", "Markets"]


def test_a_translation_counts_once_and_fully(index: Index) -> None:
    """A document in another language ranks as if it had used the asker's words."""
    index.add([stored("Rare earths deal"), stored("稀土 rare earths"), stored("稀土协议"), stored("新能源")])
    found = index.search([Concept(("rare earth", "稀土"))], NOW)
    assert {document.item.title for document in found} == {"Rare earths deal", "稀土 rare earths", "稀土协议"}
    assert max(document.relevance for document in found) < 2 * min(document.relevance for document in found)


def test_words_of_a_store_about_one_thing_still_count(index: Index) -> None:
    """In a new store every document may hold the word that was asked for; it is no less relevant then."""
    index.add(
        [stored("Tariff truce"), stored("Tariff row", "x y z " * 50), stored("Tariffs and chips", "chips")]
    )
    found = index.search([Concept(("tariff",)), Concept(("chips",))], NOW)
    assert found[0].item.title == "Tariffs and chips"
    assert all(document.relevance > 1 for document in found)
    assert found[0].coverage == 1.0


def test_rare_words_cover_more(index: Index) -> None:
    """Of two words asked for, the rarer one is the larger part of the question."""
    index.add([stored(f"Talks {number}") for number in range(40)])
    index.add([stored("Gallium")])
    found = index.search([Concept(("talks",)), Concept(("gallium",))], NOW)
    coverage = {document.item.title: document.coverage for document in found}
    assert coverage["Gallium"] > 0.6 > 0.4 > coverage["Talks 1"]
    assert coverage["Gallium"] + coverage["Talks 1"] == pytest.approx(1.0)


def test_parties_cover_nothing_where_there_is_a_topic(index: Index) -> None:
    """A country's name alone is no match for a question about something."""
    index.add([stored("China harvest"), stored("China tariffs")])
    found = index.search([Concept(("China",), Aspect.PARTY), Concept(("tariffs",))], NOW)
    assert [(document.item.title, document.coverage) for document in found] == [
        ("China tariffs", 1.0),
        ("China harvest", 0.0),
    ]
    alone = index.search([Concept(("China",), Aspect.PARTY)], NOW)
    assert [document.coverage for document in alone] == [1.0, 1.0]


def test_nothing_from_after_the_question_is_found(index: Index) -> None:
    """A question about a day is answered from what was known on it."""
    index.add([stored("Tariff tomorrow", age=timedelta(hours=-1)), stored("Tariff today")])
    assert titles(index, Concept(("tariff",))) == ["Tariff today"]


def test_what_is_taken_out_is_gone(index: Index) -> None:
    """Discarded documents are not found, unknown ids do no harm, and an id added again replaces."""
    first, second = stored("Tariff one"), stored("Tariff two")
    index.add([first, second])
    index.discard([first.id, "unknown"])
    assert titles(index, Concept(("tariff",))) == ["Tariff two"]
    index.add([StoredItem(**{**second.to_json(), **_dates(second), "title": "Chips"})])
    assert titles(index, Concept(("tariff",))) == []
    assert titles(index, Concept(("chips",))) == ["Chips"]
    assert len(index) == 1
    assert second.id in index
    assert first.id not in index


def _dates(item: StoredItem) -> dict[str, object]:
    return {
        "source_class": item.source_class,
        "retrieved_at": item.retrieved_at,
        "published_at": item.published_at,
    }


@settings(deadline=None)
@given(st.lists(st.text(), max_size=5), st.text(), st.text())
def test_any_text_can_be_stored_and_asked_for(phrases: list[str], title: str, body: str) -> None:
    """No text of a document or a question breaks the index, and a document is found by its own title."""
    index = Index()
    try:
        item = StoredItem(**{**stored("x", body).to_json(), **_dates(stored("x")), "title": title})
        index.add([item])
        index.search([Concept(tuple(phrases))], NOW)
        found = index.search([Concept((title,))], NOW)
        assert all(document.item is item for document in found)
    finally:
        index.close()

"""Where messages end: for any document, in any pacing, nothing is lost and nothing is too large."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.assessment.events import Cut, Part
from bot.slack.formatting import open_marks, shown
from bot.slack.rendered import RenderedDocument
from bot.slack.splitting import choose_end, next_message

LIMIT = 400

WORDS = st.sampled_from(
    [
        "Beijing",
        "treats",
        "the",
        "truce",
        "as",
        "a",
        "pause",
        "中国经济形势",
        "बाज़ार",
        "(60–75 %)",
        "[S1](https://x.org/a)",
    ]
)
PLAIN = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
STYLED = st.builds(lambda mark, text: f"{mark}{text}{mark}", st.sampled_from(["**", "_", "`", "~~"]), PLAIN)
GIANT = st.integers(20, 300).map(lambda n: "word " * n + "end") | st.integers(50, 300).map(lambda n: "中" * n)
BODY = (
    st.lists(PLAIN | STYLED, min_size=1, max_size=3).map(" ".join) | GIANT | GIANT.map(lambda t: f"**{t}**")
)
SEPARATOR = {Cut.SECTION: "\n\n", Cut.PARAGRAPH: "\n\n", Cut.LINE: "\n", Cut.NONE: " "}


@st.composite
def documents(draw: st.DrawFn) -> list[Part]:
    """Parts as the engine yields them, with announced section sizes that may be wrong."""
    parts: list[Part] = []
    for number in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 5))
        for index in range(count):
            cut = Cut.SECTION if index == 0 else draw(st.sampled_from([Cut.PARAGRAPH, Cut.LINE, Cut.NONE]))
            separator = SEPARATOR[cut] if parts else ""
            bullet = "• " if cut is Cut.LINE else ""
            parts.append(
                Part(
                    separator + bullet + draw(BODY),
                    cut,
                    str(number),
                    ends_section=index == count - 1,
                    section_bytes=draw(st.integers(0, 600)) if index == 0 else 0,
                )
            )
    return parts


def deliver(parts: list[Part], pacing: list[int], limit: int = LIMIT) -> tuple[str, list[tuple[int, int]]]:
    """Run the writer's decisions without Slack: ``pacing`` says how many parts arrive before each step."""
    document = RenderedDocument()
    waiting = list(parts)
    steps = iter(pacing)
    messages: list[tuple[int, int]] = []
    start = sent = 0
    is_open = False
    while True:
        arrived = next(steps, len(parts))
        for part in waiting[:arrived]:
            document.add(part)
        del waiting[:arrived]
        complete = not waiting
        text, units = document.text, document.units
        if not is_open:
            if sent >= document.end:
                if complete:
                    return text, messages
                continue
            plan = next_message(
                text, units, start=sent, stream_limit=limit, post_limit=limit * 11 // 9, complete=complete
            )
            start, sent, is_open = sent, plan.end, not plan.whole
            if plan.whole:
                messages.append((start, sent))
        else:
            fill = choose_end(text, units, start=start, sent=sent, limit=limit, complete=complete)
            assert fill.end >= sent
            sent = fill.end
            if fill.full or complete:
                messages.append((start, sent))
                is_open = False


def squeezed(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=60, deadline=None)
@given(documents(), st.lists(st.integers(0, 4), max_size=30))
def test_messages_tile_the_document_and_fit(parts: list[Part], pacing: list[int]) -> None:
    """Every character is in exactly one message, and no message is larger than its limit."""
    document, messages = deliver(parts, pacing)
    assert document == "".join(part.text for part in parts)
    assert messages[0][0] == 0
    assert messages[-1][1] == len(document)
    assert [end for _, end in messages[:-1]] == [start for start, _ in messages[1:]]
    for start, end in messages:
        assert 0 < len(shown(document, start, end).encode()) <= LIMIT * 11 // 9


@settings(max_examples=60, deadline=None)
@given(documents(), st.lists(st.integers(0, 4), max_size=30))
def test_formatting_is_closed_and_opened_again(parts: list[Part], pacing: list[int]) -> None:
    """Each message is balanced in itself, and without the marks the texts are the document."""
    document, messages = deliver(parts, pacing)
    texts = [shown(document, start, end) for start, end in messages]
    for text in texts:
        for mark in ("**", "`", "~~"):
            assert text.count(mark) % 2 == 0, text
    plain = re.compile(r"\*\*|`|~~|_")
    assert squeezed(plain.sub("", "".join(texts))) == squeezed(plain.sub("", document))


@settings(max_examples=60, deadline=None)
@given(documents(), st.lists(st.integers(0, 4), max_size=30))
def test_links_are_never_cut(parts: list[Part], pacing: list[int]) -> None:
    """A link torn in two would show its address."""
    document, messages = deliver(parts, pacing)
    whole = document.count("[S1](https://x.org/a)")
    assert sum(shown(document, start, end).count("[S1](https://x.org/a)") for start, end in messages) == whole


@settings(max_examples=60, deadline=None)
@given(documents(), st.data())
def test_what_a_stream_shows_only_grows(parts: list[Part], data: st.DataObject) -> None:
    """A stream is appended to: the text up to a later place begins with the text up to an earlier one."""
    document = "".join(part.text for part in parts)
    start, middle, end = sorted(data.draw(st.integers(0, len(document))) for _ in range(3))
    assert shown(document, start, end, closed=False).startswith(shown(document, start, middle, closed=False))
    assert shown(document, start, end).startswith(shown(document, start, end, closed=False))


def parts_of(*sizes: int, cut: Cut = Cut.SECTION) -> list[Part]:
    """Sections of one part each."""
    return [
        Part(
            "\n\n" * bool(index) + "x" * (size - 2 * bool(index)),
            cut,
            str(index),
            ends_section=True,
            section_bytes=size,
        )
        for index, size in enumerate(sizes)
    ]


def fill(parts: list[Part], **options: bool) -> tuple[int, bool]:
    document = RenderedDocument()
    for part in parts:
        document.add(part)
    chosen = choose_end(document.text, document.units, start=0, sent=0, limit=1_000, **options)
    return chosen.end, chosen.full


def test_a_section_that_does_not_fit_begins_the_next_message() -> None:
    """Even when only its heading is there yet: its announced size decides."""
    heading = Part("\n\n**2. Next**", Cut.SECTION, "2", section_bytes=700)
    assert fill([*parts_of(500), heading]) == (500, True)


def test_a_nearly_empty_message_takes_the_section_anyway() -> None:
    """A message with only the opening line would waste a start."""
    heading = Part("\n\n**2. Next**", Cut.SECTION, "2", section_bytes=900)
    assert fill([*parts_of(200), heading]) == (200 + len(heading.text), False)


def test_a_section_larger_than_a_message_is_split_inside() -> None:
    """It begins here, because the next message could not hold it either."""
    heading = Part("\n\n**2. Next**", Cut.SECTION, "2", section_bytes=5_000)
    assert fill([*parts_of(500), heading]) == (500 + len(heading.text), False)


def test_a_paragraph_is_a_better_cut_than_a_later_bullet() -> None:
    """Where a message overflows, the best cut of its second half is taken."""
    parts = [
        Part("x" * 500, Cut.SECTION, "1"),
        Part("\n\n" + "y" * 200, Cut.PARAGRAPH, "1"),
        Part("\n• " + "z" * 200, Cut.LINE, "1"),
        Part("\n• " + "z" * 200, Cut.LINE, "1"),
    ]
    assert fill(parts) == (500, True)


def test_an_old_stream_ends_before_the_next_paragraph() -> None:
    """Rotation prefers a good place."""
    parts = [Part("x" * 100, Cut.SECTION, "1"), Part("\n\ny", Cut.PARAGRAPH, "1")]
    assert fill(parts, cut_soon=True) == (100, True)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("**bold", ("**",)),
        ("**bold** and _it", ("_",)),
        ("**bold `code", ("**", "`")),
        ("snake_case_name", ()),
        ("2 * 3 ** 4", ()),
        ("`**", ("`",)),
        ("\\**text", ("*",)),
        ("**line one\nline two", ()),
        ("[a_b](https://x.org/a_b_c) _x", ("_",)),
    ],
)
def test_knows_which_marks_are_open(text: str, marks: tuple[str, ...]) -> None:
    """By CommonMark's rules, within a line, outside code and addresses."""
    assert open_marks(text, len(text)) == marks


# The document on a second run ---------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(documents(), st.data())
def test_the_same_parts_again_give_the_same_document(parts: list[Part], data: st.DataObject) -> None:
    """Wherever the first run stopped, units cover everything after what was delivered, once."""
    text = "".join(part.text for part in parts)
    recorded = data.draw(st.integers(0, len(text)))
    delivered = data.draw(st.integers(0, recorded))
    document = RenderedDocument(text[:recorded], delivered)
    for part in parts:
        document.add(part)
    document.complete()
    assert document.text == text
    assert "".join(text[unit.start : unit.end] for unit in document.units) == text[delivered:]


@settings(max_examples=60, deadline=None)
@given(documents(), documents(), st.data())
def test_other_parts_never_change_what_was_recorded(
    parts: list[Part], others: list[Part], data: st.DataObject
) -> None:
    """A redrafted answer goes on behind the old text, and units have no gaps."""
    text = "".join(part.text for part in parts)
    recorded = text[: data.draw(st.integers(0, len(text)))]
    delivered = data.draw(st.integers(0, len(recorded)))
    document = RenderedDocument(recorded, delivered)
    for part in others:
        document.add(part)
    document.complete()
    assert document.text.startswith(recorded)
    assert (
        "".join(document.text[unit.start : unit.end] for unit in document.units) == document.text[delivered:]
    )

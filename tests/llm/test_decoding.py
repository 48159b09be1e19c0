"""Decoding event streams: any cut, any line ending, and what each kind of event means."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.llm.decoding import (
    MALFORMED_EVENT,
    MAX_EVENT_BYTES,
    OVERSIZED_EVENT,
    ChatDecoder,
    EventSplitter,
    ResponsesDecoder,
)
from bot.llm.port import FinishReason, Usage

LIMIT = 1000


def named(kind: str, **fields: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def chunk(**fields: Any) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(fields)


def delta(text: str) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


def ended(reason: str) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut ``data`` at the given places, in any order."""
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(marks)]


def split(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    splitter = EventSplitter()
    found = [event for piece in pieces for event in splitter.feed(piece)]
    return found + splitter.flush()


cuts = st.lists(st.integers(min_value=0, max_value=10_000), max_size=40)
line_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\ufeff"), max_size=20)
# An event's data never ends in an empty line on its own: that line would be its end.
sent_events = st.lists(
    st.tuples(
        st.sampled_from(["", "message", "response.output_text.delta"]),
        st.lists(line_text, min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=8,
)


@given(sent_events, cuts, st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_survive_any_cut_and_any_line_ending(
    events: list[tuple[str, list[str], bool]], places: list[int], newline: str
) -> None:
    """Names and data come out as they went in, wherever the bytes were cut, comments left out."""
    wire = ""
    for name, lines, comment in events:
        if comment:
            wire += f": keep-alive{newline}"
        if name:
            wire += f"event: {name}{newline}"
        wire += "".join(f"data: {line}{newline}" for line in lines) + newline
    expected = [(name.encode(), "\n".join(lines).encode()) for name, lines, _ in events]
    assert split(cut(wire.encode(), places)) == expected


@given(st.lists(st.text(min_size=1, max_size=12), max_size=12), cuts)
def test_text_survives_any_cut_on_both_apis(words: list[str], places: list[int]) -> None:
    """The text is whole even where a cut goes through a character."""
    usage = {"input_tokens": 1, "output_tokens": 2}
    responses = b"".join(named("response.output_text.delta", delta=word) for word in words)
    responses += named("response.completed", response={"usage": usage})
    chat = b"".join(delta(word) for word in words) + ended("stop") + b"data: [DONE]\n\n"
    for decoder, wire in ((ResponsesDecoder(LIMIT), responses), (ChatDecoder(), chat)):
        assert "".join(decoder.feed(piece) for piece in cut(wire, places)) == "".join(words)
        assert decoder.finish is FinishReason.STOP
        assert decoder.closed
        assert decoder.failure is None


@given(st.binary(max_size=300), cuts)
def test_any_bytes_are_survived(data: bytes, places: list[int]) -> None:
    """Whatever a server sends, decoding raises nothing."""
    for decoder in (ResponsesDecoder(LIMIT), ChatDecoder()):
        for piece in cut(data, places):
            decoder.feed(piece)
        decoder.flush()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "delta", "choices", "usage", "response", "error", "finish_reason", "code"]
            ),
            inner | st.sampled_from(["response.completed", "response.failed", "error"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from([b"", b"response.completed", b"response.failed", b"error"]))
def test_any_json_is_survived(value: object, name: bytes) -> None:
    """JSON of another shape than the API's ends as a failure or as nothing, never as an exception."""
    wire = b"event: %s\ndata: %s\n\n" % (name, orjson.dumps(value))
    for decoder in (ResponsesDecoder(LIMIT), ChatDecoder()):
        decoder.feed(wire)


def test_an_event_without_its_blank_line_counts_at_the_end() -> None:
    """Servers that end the body right after the last event are understood."""
    decoder = ChatDecoder()
    decoder.feed(delta("a") + ended("stop").rstrip())
    decoder.flush()
    assert decoder.finish is FinishReason.STOP


@pytest.mark.parametrize(
    ("kind", "response", "reason"),
    [
        ("response.completed", {}, FinishReason.STOP),
        ("response.completed", {"usage": {"output_tokens": LIMIT}}, FinishReason.LENGTH),
        ("response.incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, FinishReason.LENGTH),
        ("response.incomplete", {"incomplete_details": {"reason": "content_filter"}}, FinishReason.FILTERED),
    ],
)
def test_terminal_events_of_responses(kind: str, response: dict[str, Any], reason: FinishReason) -> None:
    """Completed, cut off (also where llama.cpp calls it completed), filtered."""
    decoder = ResponsesDecoder(LIMIT)
    decoder.feed(named(kind, response=response))
    assert (decoder.finish, decoder.closed) == (reason, True)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.FILTERED),
        ("eos", FinishReason.STOP),
    ],
)
def test_finish_reasons_of_chat(sent: str, reason: FinishReason) -> None:
    """OpenAI's reasons; an unknown one is a plain end."""
    decoder = ChatDecoder()
    decoder.feed(delta("a") + ended(sent))
    assert (decoder.finish, decoder.closed) == (reason, False)


def test_usage_of_responses() -> None:
    """Input, cached and output tokens are those of the terminal event."""
    decoder = ResponsesDecoder(LIMIT)
    usage = {"input_tokens": 7, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 5}}
    decoder.feed(named("response.completed", response={"usage": usage}))
    assert decoder.usage == Usage(7, 5, 3)


def test_usage_of_chat_comes_after_the_end() -> None:
    """The chunk behind the finish reason holds the usage, and closes the stream."""
    decoder = ChatDecoder()
    decoder.feed(delta("a") + ended("stop"))
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}}
    decoder.feed(chunk(choices=[], usage=usage))
    assert (decoder.usage, decoder.closed) == (Usage(7, 5, 3), True)


def test_running_usage_does_not_end_a_chat_stream() -> None:
    """Servers that count in every chunk are read to the finish reason."""
    decoder = ChatDecoder()
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
    assert decoder.feed(chunk(choices=[choice], usage=usage)) == "a"
    assert not decoder.closed


def test_done_without_a_reason_is_no_end() -> None:
    """``[DONE]`` alone does not make a chat stream complete."""
    decoder = ChatDecoder()
    decoder.feed(delta("a") + b"data: [DONE]\n\n")
    assert (decoder.finish, decoder.closed) == (None, False)


@pytest.mark.parametrize(
    "wire",
    [
        named("error", code="rate_limit_exceeded", message="m"),
        named("response.failed", response={"error": {"code": "rate_limit_exceeded", "message": "m"}}),
    ],
)
def test_error_events_of_responses(wire: bytes) -> None:
    """``error`` and ``response.failed`` are failures with the provider's code; nothing after counts."""
    decoder = ResponsesDecoder(LIMIT)
    text = decoder.feed(
        named("response.output_text.delta", delta="a") + wire + named("response.output_text.delta", delta="b")
    )
    assert text == "a"
    assert decoder.failure is not None
    assert decoder.failure.code == "rate_limit_exceeded"


def test_an_error_object_in_a_chat_stream() -> None:
    """Compatible servers put an ``error`` object into the stream."""
    decoder = ChatDecoder()
    decoder.feed(chunk(error={"code": 500, "message": "m"}))
    assert decoder.failure is not None
    assert decoder.failure.code == "500"


def test_refusals_are_told_apart_from_text() -> None:
    """A refusal is no text, and makes the end a filtered one."""
    responses, chat = ResponsesDecoder(LIMIT), ChatDecoder()
    assert responses.feed(named("response.refusal.delta", delta="I cannot")) == ""
    responses.feed(named("response.completed", response={}))
    assert chat.feed(chunk(choices=[{"index": 0, "delta": {"refusal": "No"}}]) + ended("stop")) == ""
    for decoder in (responses, chat):
        assert decoder.refused
        assert decoder.finish is FinishReason.FILTERED


def test_events_we_do_not_need_are_not_parsed() -> None:
    """A broken event of a kind that does not matter is passed over."""
    decoder = ResponsesDecoder(LIMIT)
    text = decoder.feed(
        b"event: response.output_item.added\ndata: {not json\n\n"
        + named("response.output_text.delta", delta="a")
    )
    assert (text, decoder.failure) == ("a", None)


def test_responses_events_without_a_name_line_are_read_by_type() -> None:
    """Some servers leave out the ``event:`` line."""
    decoder = ResponsesDecoder(LIMIT)
    assert decoder.feed(chunk(type="response.output_text.delta", delta="a")) == "a"


def test_a_malformed_event_is_a_failure() -> None:
    """What should have been text and is no JSON ends the stream; the text before it is kept."""
    decoder = ChatDecoder()
    assert decoder.feed(delta("a") + b'data: {"choices": [\n\n' + delta("b")) == "a"
    assert decoder.failure is not None
    assert decoder.failure.code == MALFORMED_EVENT


def test_an_endless_event_is_a_failure() -> None:
    """Memory is bounded: an event may not grow without an end."""
    decoder = ChatDecoder()
    decoder.feed(b"data: " + b"x" * MAX_EVENT_BYTES)
    assert decoder.failure is not None
    assert decoder.failure.code == OVERSIZED_EVENT

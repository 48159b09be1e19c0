"""What may and may not be read in a log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bot import logs
from bot.errors import CountryAgentsError

WORDS = "the minister told me in confidence"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A configured log, and everything as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    sink = io.StringIO()
    logs.configure("DEBUG", "json", stream=sink)
    yield sink
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(sink: io.StringIO) -> list[dict[str, Any]]:
    """The records written so far."""
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def fail(error: Exception) -> None:
    """Raise, so that there is a traceback to tell."""
    raise error


def test_an_event_is_one_line_with_its_identifiers(stream: io.StringIO) -> None:
    """Name, level, time and the given identifiers, as JSON."""
    structlog.get_logger("bot.answers").info("answer.finished", turn="t1", channel="C1")
    [record] = lines(stream)
    assert (record["event"], record["turn"], record["channel"]) == ("answer.finished", "t1", "C1")
    assert (record["level"], record["logger"]) == ("info", "bot.answers")
    assert record["timestamp"].endswith("Z")


@pytest.mark.parametrize("key", ["text", "token", "Authorization", "question", "payload"])
def test_fields_that_hold_words_or_credentials_are_dropped(stream: io.StringIO, key: str) -> None:
    """A forgotten ``text=`` costs a field, not a confidence."""
    structlog.get_logger().info("event.received", turn="t1", **{key: WORDS})
    assert WORDS not in stream.getvalue()
    assert lines(stream)[0]["turn"] == "t1"


def test_an_exception_is_told_by_type_and_place_never_by_its_text(stream: io.StringIO) -> None:
    """Vendors put answers, and so people's words, into their exceptions."""
    try:
        fail(ValueError(WORDS))
    except ValueError:
        structlog.get_logger().exception("reply.failed", turn="t1")
    [record] = lines(stream)
    assert record["error"] == "ValueError"
    assert "test_logs.py" in record["at"][-1]
    assert WORDS not in stream.getvalue()


def test_our_own_errors_keep_their_message(stream: io.StringIO) -> None:
    """Our errors are written for operators and hold no words of anybody else."""
    try:
        fail(CountryAgentsError("Redis did not answer within 2 s."))
    except CountryAgentsError:
        structlog.get_logger().exception("queue.failed")
    assert lines(stream)[0]["reason"] == "Redis did not answer within 2 s."


def test_a_librarys_exception_is_told_the_same_way(stream: io.StringIO) -> None:
    """Records of the standard library's logging go through the same steps."""
    try:
        fail(RuntimeError(WORDS))
    except RuntimeError:
        logging.getLogger("docket.worker").exception("job failed")
    [record] = lines(stream)
    assert (record["event"], record["error"]) == ("job failed", "RuntimeError")
    assert WORDS not in stream.getvalue()


@pytest.mark.parametrize(
    "name", ["slack_sdk.web.async_client", "slack_bolt.AsyncApp", "openai._base_client", "docket"]
)
def test_libraries_that_print_bodies_never_speak_below_warning(stream: io.StringIO, name: str) -> None:
    """Even with our own level at DEBUG."""
    logging.getLogger(name).info("Sending a request - body: %s", WORDS)
    logging.getLogger(name).debug("headers: %s", WORDS)
    logging.getLogger(name).warning("rate limited")
    assert [record["event"] for record in lines(stream)] == ["rate limited"]


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1-2-abc",
        "xoxe.xoxb-1-abc",
        "xapp-1-A1-2-abc",
        "sk-proj-abcdefgh",
        "Bearer abcdef",
        "redis://:pw123@host/0",
    ],
)
def test_anything_shaped_like_a_token_is_blacked_out(stream: io.StringIO, secret: str) -> None:
    """Wherever it hides, in the sentence of a library too."""
    logging.getLogger("elsewhere").warning("could not use %s", secret)
    structlog.get_logger().info("x.y", detail=f"with {secret}")
    assert secret.rpartition(" ")[2] not in stream.getvalue()
    assert stream.getvalue().count(logs.BLACKED_OUT) == 2

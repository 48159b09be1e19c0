"""The model fails: the reader gets a sentence and a button, or a complete answer, never an exception."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.desk import OpenDesk, bare, buttons_of, open_desk, words_of
from tests.support.model_replies import Ending, ModelRequest, Reply, Script
from tests.support.model_server import serve_model
from tests.support.seed_script import answer
from tests.support.valkey import RealValkey

INNARDS = ("Error", "Traceback", "scripted failure", "127.0.0.1", "http", "status", "exception", "None")
"""What a reader must never see of a failure."""


def section_of(request: ModelRequest) -> str:
    """Key of the section a request is for; the schema's name for the JSON calls."""
    named = re.search(r"^Section (\d):", request.instruction, re.MULTILINE)
    return request.schema_name or (named[1] if named else "1")


def failing(reply: Callable[[Reply], Reply], *keys: str, attempts: int = 1000) -> Script:
    """The script with a fault in the first attempts at some calls; without keys, at all of them. A section
    that goes on where it broke off is the same call.
    """
    made: Counter[str] = Counter()

    def script(request: ModelRequest) -> Reply:
        key = section_of(request)
        made[key] += 1
        wanted = not keys or key in keys
        return reply(answer(request)) if wanted and made[key] <= attempts else answer(request)

    return script


def broken_off(reply: Reply) -> Reply:
    """The connection is cut in the middle."""
    return replace(reply, ending=Ending.DISCONNECT, after_tokens=60)


def assert_fails_in_words(desk: OpenDesk, ts: str, sentence: str) -> None:
    """One footer with a sentence and a retry; nothing of the machinery."""
    (footer,) = desk.of_kind(ts, "footer")
    assert sentence in words_of(footer)
    assert buttons_of(footer) == ["retry_turn"]
    visible = " ".join(words_of(message) for message in desk.replies(ts))
    for word in INNARDS:
        assert word not in visible, word


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (lambda _: Reply(status=401, code="invalid_api_key"), "refused our credentials"),
        (lambda _: Reply(status=429, headers={"Retry-After": "1"}), "is busy right now"),
        (lambda _: Reply(status=503), "cannot be reached"),
        (lambda _: Reply(refusal="I cannot help with that."), "declined to answer"),
        (broken_off, "broke off"),
    ],
    ids=["401", "429", "503", "refusal", "broken"],
)
async def test_a_model_that_never_answers_is_said_in_a_sentence(
    valkey: RealValkey, reply: Callable[[Reply], Reply], sentence: str
) -> None:
    """The card stays, the footer says why there is no more, and offers to try again."""
    async with open_desk(valkey, script=failing(reply), model_retry_seconds=1) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        assert_fails_in_words(desk, ts, sentence)


async def test_a_model_that_is_down_is_said_and_the_retry_answers(valkey: RealValkey) -> None:
    """Nobody listens at the model's address; when it is back, the button gives the whole answer."""
    async with open_desk(valkey, model_retry_seconds=1) as desk:
        port = int(desk.model.url.rsplit(":", 1)[1].split("/")[0])
        await desk.model.aclose()
        ts = await desk.ask()
        await desk.answered(ts)
        assert_fails_in_words(desk, ts, "cannot be reached")
        await desk.model.start(port)
        await desk.press(desk.of_kind(ts, "footer")[0], "retry_turn")
        await desk.answered(ts, times=2)
        assert "## 8." in desk.text(ts)


@pytest.mark.parametrize("ending", [Ending.DISCONNECT, Ending.FAILED])
@pytest.mark.parametrize("key", ["1", "2", "plan", "watch"])
async def test_a_stream_that_breaks_once_is_made_good(valkey: RealValkey, key: str, ending: Ending) -> None:
    """In the middle of a call: the answer is complete in the end and has every section once."""

    def faulty(reply: Reply) -> Reply:
        return replace(reply, ending=ending, after_tokens=60)

    async with open_desk(valkey, script=failing(faulty, key, attempts=1)) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        (footer,) = desk.of_kind(ts, "footer")
        assert buttons_of(footer) == []
        assert re.findall(r"^## (\d)\. ", desk.text(ts), re.MULTILINE) == list("12345678")
        assert bare(desk.text(ts)) == bare(await desk.stored_document(desk.turn_id(ts)))


async def test_a_section_that_always_breaks_is_told_and_the_rest_is_there(valkey: RealValkey) -> None:
    """Seven sections are better than none: what is missing is said below, with a retry."""
    async with open_desk(valkey, script=failing(broken_off, "3"), model_retry_seconds=1) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        (footer,) = desk.of_kind(ts, "footer")
        assert buttons_of(footer) == ["retry_turn"]
        assert "## 8." in desk.text(ts)
        visible = " ".join(words_of(message) for message in desk.replies(ts))
        for word in INNARDS:
            assert word not in visible, word


async def test_limits_of_the_model_server_only_make_it_slower(valkey: RealValkey) -> None:
    """429 with Retry-After for every first attempt: the answer is complete."""

    def limited(_: Reply) -> Reply:
        return Reply(status=429, headers={"Retry-After": "0"})

    async with open_desk(valkey, script=failing(limited, attempts=1)) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        assert "## 8." in desk.text(ts)
        assert buttons_of(desk.of_kind(ts, "footer")[0]) == []


async def test_a_dead_model_s_answer_comes_from_the_second_one(valkey: RealValkey) -> None:
    """Complete, without a word of the trouble; the footer names the model that wrote it."""
    async with serve_model(answer) as second:
        settings = {"fallback_model": "second", "fallback_url": second.url, "fallback_key": second.key}
        async with open_desk(valkey, **settings) as desk:
            await desk.model.aclose()
            ts = await desk.ask()
            await desk.answered(ts)
            assert re.findall(r"^## (\d)\. ", desk.text(ts), re.MULTILINE) == list("12345678")
            (footer,) = desk.of_kind(ts, "footer")
            assert buttons_of(footer) == []
            assert "Model: second." in words_of(footer)
            assert "scripted" not in desk.everything(ts)


async def test_a_model_that_dies_in_the_middle_is_continued_by_the_second_one(valkey: RealValkey) -> None:
    """Sections that broke off are there once; the footer names both."""
    async with serve_model(answer) as second:
        settings = {"fallback_model": "second", "fallback_url": second.url, "fallback_key": second.key}
        async with open_desk(valkey, script=failing(broken_off, "3", "4", "5"), **settings) as desk:
            ts = await desk.ask()
            await desk.answered(ts)
            assert re.findall(r"^## (\d)\. ", desk.text(ts), re.MULTILINE) == list("12345678")
            assert bare(desk.text(ts)) == bare(await desk.stored_document(desk.turn_id(ts)))
            assert "Model: scripted, second." in words_of(desk.of_kind(ts, "footer")[0])

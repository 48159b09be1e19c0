"""``/assess``: a question, a form, help; and a way out wherever it cannot be answered where it was typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.demo_workspace import demo_workspace
from bot.sandbox import WorkspaceConfig
from bot.sandbox.messages import Message
from bot.sandbox.records import View
from tests.support.desk import (
    CHANNEL,
    PERSONAS,
    OpenDesk,
    ServeProcess,
    at_work,
    buttons_of,
    connected,
    kind_of,
    open_desk,
    words_of,
)
from tests.support.valkey import RealValkey

RANDOM, LEADS = "C0RANDOM", "C0LEADS"


def workspace(**app: Any) -> WorkspaceConfig:
    """The workspace of ``country-agents sandbox``: the app asks for what it asks for in earnest."""
    config = demo_workspace(PERSONAS, {})
    return replace(config, apps=(replace(config.apps[0], **app),), rate_limits=False)


def without(*scopes: str) -> WorkspaceConfig:
    """A workspace that refused some of the scopes."""
    granted = demo_workspace(PERSONAS, {}).apps[0].scopes
    return workspace(scopes=tuple(scope for scope in granted if scope not in scopes))


async def run(desk: OpenDesk, text: str = "", *, channel: str = CHANNEL, user: str = "dana") -> None:
    """Run the command; the app answers in time."""
    delivery = await desk.sandbox.command(user, channel, "/assess", text)
    assert delivery.outcome == "acked"


def questions(desk: OpenDesk, channel: str = CHANNEL) -> list[Message]:
    """The questions we posted in a channel, outside of threads and in them."""
    messages = desk.sandbox.workspace.channel(channel).messages.values()
    return [message for message in messages if kind_of(message) == "question"]


async def question(desk: OpenDesk, channel: str = CHANNEL) -> Message:
    """The one question, once it stands there; its thread can then be looked into."""
    (asked,) = await desk.until(lambda: questions(desk, channel))
    desk.asked[asked.ts] = channel
    return asked


async def form(desk: OpenDesk) -> View:
    """The form, once it is open."""
    return await desk.until(lambda: next(iter(desk.sandbox.workspace.views.values()), None))


def direct_channel(desk: OpenDesk, user: str = "U0DANA") -> str:
    """The direct message between a person and the bot."""
    return desk.sandbox.workspace.direct_message(user, "U0AGENTS").id


async def whisper(desk: OpenDesk, seen: Callable[[], int] = lambda: 0) -> Message:
    """The private word that comes after those already seen."""
    await desk.until(lambda: len(desk.whispers()) > seen())
    return desk.whispers()[-1]


async def test_a_question_is_answered_where_it_was_typed(valkey: RealValkey) -> None:
    """Quoted, with its author named; the word "payload" in it is a word like any other."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk, "brief CN Does the missile's payload matter? payload=none & more")
        asked = await question(desk)
        words = words_of(asked)
        assert "<@U0DANA> asks CN-01, China Agent" in words
        assert "\nDoes the missile's payload matter? payload=none & more\n" in words
        await desk.answered(asked.ts)
        card = desk.of_kind(asked.ts, "card")[0]
        assert "Does the missile's payload matter?" in words_of(card)
        assert desk.sandbox.ephemerals == []
        assert len(questions(desk)) == 1


async def test_help_and_the_list_are_for_the_person_alone(valkey: RealValkey) -> None:
    """Nothing in the channel, no model."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk, "help")
        assert "/assess compare" in words_of(desk.whispers()[-1])
        await run(desk, " List ")
        for persona in PERSONAS.personas:
            assert persona.code in words_of(desk.whispers()[-1])
        assert questions(desk) == []
        assert desk.model.requests == []


async def test_a_comparison_without_a_question_opens_the_form(valkey: RealValkey) -> None:
    """With those who were named chosen."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk, "compare CN-01, JP-01")
        chosen = (await form(desk)).payload["blocks"][1]["element"]["initial_options"]
        assert [option["value"] for option in chosen] == ["CN-01", "JP-01"]


@pytest.mark.parametrize(
    ("typed", "chosen", "question_"),
    [
        ("CN-01 thanks :pray:", ["CN-01"], None),
        ("CN-01 US-01", ["CN-01", "US-01"], None),
        ("hi", [], None),
        ("What now?", [], "What now?"),
    ],
)
async def test_what_asks_too_little_opens_the_form_with_what_is_known(
    valkey: RealValkey, typed: str, chosen: list[str], question_: str | None
) -> None:
    """A courtesy is no question, and no assessment is written of it."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk, typed)
        inputs = {block["block_id"]: block for block in (await form(desk)).payload["blocks"]}
        options = inputs["personas"]["element"].get("initial_options", [])
        assert [option["value"] for option in options] == chosen
        assert inputs["question"]["element"].get("initial_value") == question_
        assert desk.model.requests == []


async def test_alone_it_opens_the_form_and_what_is_sent_is_asked(valkey: RealValkey) -> None:
    """Personas, question, depth, horizon, channel."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk)
        opened = await form(desk)
        answer = await desk.sandbox.interactions.submit_view(
            "dana",
            opened.id,
            {
                "personas": {"personas": {"selected_options": [{"value": "JP-01"}]}},
                "question": {"question": {"value": "What about rare earths?"}},
                "depth": {"depth": {"selected_option": {"value": "brief"}}},
                "horizon": {"horizon": {"selected_option": {"value": "6"}}},
            },
        )
        assert answer["response_action"] == "close"
        asked = await question(desk)
        assert "asks JP-01, Japan Agent · Brief · looking 6 months ahead" in words_of(asked)
        await desk.answered(asked.ts)
        assert all("Look 6 months ahead" in request.context for request in desk.model.requests)


async def test_a_private_answer_comes_in_the_direct_message(valkey: RealValkey) -> None:
    """Nobody in the channel sees anything."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk, "CN-01", channel=RANDOM)
        opened = await form(desk)
        await desk.sandbox.interactions.submit_view(
            "dana",
            opened.id,
            {
                "question": {"question": {"value": "And in private?"}},
                "place": {"place": {"selected_option": {"value": "direct"}}},
            },
        )
        asked = await question(desk, direct_channel(desk))
        await desk.answered(asked.ts)
        assert questions(desk, RANDOM) == []


async def test_what_is_wrong_in_the_form_is_said_at_the_field(valkey: RealValkey) -> None:
    """It stays open with everything in it."""
    async with open_desk(valkey, workspace=workspace(), per_user_at_once=1, tokens_per_second=50) as desk:
        await run(desk, "CN-01 the first question")
        await desk.answered((await question(desk)).ts, times=0)
        await run(desk, "CN-01")
        opened = await form(desk)
        answer = await desk.sandbox.interactions.submit_view(
            "dana", opened.id, {"question": {"question": {"value": "A second?"}}}
        )
        assert "You have 1 assessment running" in answer["errors"]["personas"]


async def test_in_a_public_channel_without_us_one_press_lets_us_in(valkey: RealValkey) -> None:
    """The Join button, with the optional scope."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk, "CN-01 What now?", channel=RANDOM)
        told = await whisper(desk)
        assert buttons_of(told) == ["join_and_ask", "ask_here", "ask_direct"]
        assert "/invite @agents" in words_of(told)
        assert await desk.press(told, "join_and_ask") == "acked"
        asked = await question(desk, RANDOM)
        await desk.answered(asked.ts)


async def test_where_we_may_not_join_the_line_to_send_is_given(valkey: RealValkey) -> None:
    """Without the scope; and after the invitation the question is one press away."""
    async with open_desk(valkey, workspace=without("channels:join")) as desk:
        await run(desk, "CN-01 What now?", channel=RANDOM)
        told = await whisper(desk)
        assert buttons_of(told) == ["ask_here", "ask_direct"]
        assert "/invite @agents" in words_of(told)
        await desk.sandbox.invite("U0AGENTS", RANDOM)
        assert await desk.press(told, "ask_here") == "acked"
        await desk.answered((await question(desk, RANDOM)).ts)


async def test_in_a_private_channel_without_us_an_answer_can_come_directly(valkey: RealValkey) -> None:
    """No Join button: only members can let us in."""
    config = workspace()
    channels = tuple(
        replace(channel, members=("U0DANA", "U0ADA")) if channel.id == LEADS else channel
        for channel in config.channels
    )
    async with open_desk(valkey, workspace=replace(config, channels=channels)) as desk:
        await run(desk, "CN-01 What now?", channel=LEADS)
        told = await whisper(desk)
        assert buttons_of(told) == ["ask_here", "ask_direct"]
        assert "this private channel" in words_of(told)
        assert await desk.press(told, "ask_direct") == "acked"
        direct = direct_channel(desk)
        asked = await question(desk, direct)
        await desk.answered(asked.ts)
        assert len(questions(desk, direct)) == 1


async def test_without_the_queue_the_words_are_given_back(valkey: RealValkey) -> None:
    """A command is never delivered again."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        valkey.kill()
        await run(desk, "CN-01 What now?")
        assert "/assess CN-01 What now?" in words_of(desk.whispers()[-1])
        valkey.start()


async def test_a_message_is_assessed_from_its_menu(valkey: RealValkey) -> None:
    """The message goes along as its author's words, and the answer stands below it."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        ts = await desk.sandbox.post_as_user("kim", CHANNEL, "Beijing suspends the export controls.")
        await desk.sandbox.interactions.use_shortcut(
            "dana", CHANNEL, ts, "assess_message", app_id="A0COUNTRY"
        )
        opened = await form(desk)
        await desk.sandbox.interactions.submit_view(
            "dana", opened.id, {"personas": {"personas": {"selected_options": [{"value": "CN-01"}]}}}
        )
        (asked,) = await desk.until(lambda: questions(desk))
        assert asked.thread_ts == ts
        assert "Kim Ostrowski" in words_of(asked)
        await desk.answered(ts)
        assert "Beijing suspends the export controls." in desk.model.requests[0].context


async def test_a_question_is_posted_once_though_slacks_answer_was_lost(valkey: RealValkey) -> None:
    """It is looked for before it is posted again."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        desk.sandbox.fail_next("chat.postMessage", drop="after")
        await run(desk, "brief CN What now?")
        asked = await question(desk)
        await desk.answered(asked.ts)
        assert len(questions(desk)) == 1


async def test_a_process_that_dies_between_question_and_answer_leaves_both(
    valkey: RealValkey,
) -> None:
    """Kill -9 while the question stands in Slack and the turn that answers it is not queued: the next process
    finds the question, posts no second one, and answers it once.
    """
    async with open_desk(valkey, workspace=workspace(), running=False, lease_seconds=2) as desk:
        held = desk.sandbox.faults.hold("chat.postMessage", "after")
        first = await ServeProcess.start(desk.settings)
        try:
            await connected(desk.sandbox, desk.settings)
            await run(desk, "brief CN What now?")
            await held.reached.wait()
            asked = await question(desk)
            assert not desk.of_kind(asked.ts, "card")
        finally:
            await first.kill()
        held.open()
        async with at_work(desk):
            await desk.answered(asked.ts)
            await desk.at_rest(asked.ts)
        assert len(questions(desk)) == 1
        kinds = [kind_of(message) for message in desk.replies(asked.ts) if message.ts != asked.ts]
        assert kinds == ["card", "text", "footer"]

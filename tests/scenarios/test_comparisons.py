"""Several views of one question side by side: from command and form to each assessment and follow-ups."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from bot.sandbox.faults import Fault
from bot.sandbox.messages import Message
from bot.slack.answer_controls import FEEDBACK
from bot.store.feedback_store import tallies
from personas.enumeration import enumerated
from tests.scenarios.test_exports import exported
from tests.scenarios.test_slash_command import form, question, questions, run, workspace
from tests.scenarios.test_takeovers import LEASE_SECONDS, process_of
from tests.support.comparison_script import scorer
from tests.support.desk import PERSONAS, TEAM, OpenDesk, buttons_of, open_desk, words_of
from tests.support.evidence_desk import ScriptedDesk, truce_items
from tests.support.model_replies import ModelRequest, Reply, Script
from tests.support.seed_script import answer
from tests.support.valkey import RealValkey

ASKED = "compare CN-01 US-01 JP-01 Does the rare earths deal hold?"
EACH = ["assess_one:CN-01", "assess_one:US-01", "assess_one:JP-01"]
TRANSPORTS = pytest.mark.parametrize("transport", ["socket", "http"])


def table_of(message: Message) -> list[list[str]]:
    """The cells of a message's one table."""
    (block,) = [block for block in message.all_blocks() if block["type"] == "table"]
    return [[cell["text"] for cell in row] for row in block["rows"]]


def asked_as(desk: OpenDesk) -> Counter[str]:
    """How often each call was made: ``frame``, and codes for the views."""
    calls = desk.model.requests
    return Counter(
        scorer(each) if each.schema_name == "view" else each.schema_name
        for each in calls
        if each.schema_name in {"view", "frame"}
    )


def without(code: str, reply: Reply, script: Script = answer) -> Script:
    """The script, but the view of one persona comes so."""

    def other(request: ModelRequest) -> Reply:
        return reply if request.schema_name == "view" and scorer(request) == code else script(request)

    return other


def answering(seen: list[ModelRequest]) -> Script:
    """The seed script, which answers follow-ups with a sentence and keeps their requests."""

    def script(request: ModelRequest) -> Reply:
        if "<question>" not in request.instruction:
            return answer(request)
        seen.append(request)
        return Reply("Washington weighs its own mines more than the deal does [S1].")

    return script


async def compared(desk: OpenDesk, text: str = ASKED) -> str:
    """Run the command and wait for the comparison; the ts of its thread."""
    await run(desk, text)
    asked = await question(desk)
    await desk.answered(asked.ts)
    return asked.ts


@TRANSPORTS
async def test_views_are_compared_and_each_assessment_is_a_button_away(
    valkey: RealValkey, transport: str
) -> None:
    """One question, one thread, one search; a table on the card; then an assessment on the same evidence; and
    a question about who differs goes to them, with the comparison at hand.
    """
    seen: list[ModelRequest] = []
    evidence = ScriptedDesk(truce_items())
    async with open_desk(
        valkey, transport=transport, workspace=workspace(), script=answering(seen), evidence=evidence
    ) as desk:
        ts = await compared(desk)
        (asked,) = questions(desk)
        assert "<@U0DANA> asks CN-01, US-01 and JP-01 · Comparison" in words_of(asked)
        (card,) = desk.of_kind(ts, "card")
        assert card.username == "Comparison: CN-01, US-01 and JP-01"
        assert table_of(card)[0] == ["Agent", "H1", "H2", "H3"]
        assert table_of(card)[2] == ["US-01", "30 % (24–36)", "22 % (20–28)", "48 % (45–54)"]
        assert table_of(card)[4:] == [
            ["Spread", "30–58 %", "12–22 %", "28–48 %"],
            ["In common", "apart", "apart", "apart"],
            ["Rank", "1–2", "3", "1–2"],
        ]
        assert "US-01: H1 30 % (24–36), H2 22 % (20–28)" in card.text
        assert "CN-01 and JP-01 rank H1 first; US-01 ranks H3 first." in words_of(card)
        assert "H2:** The deal widens into a broader bargain." in words_of(card)
        text = desk.text(ts)
        assert re.findall(r"^## (.+)", text, re.MULTILINE)[1:4] == [
            PERSONAS.by_code(code).display_name for code in ("CN-01", "US-01", "JP-01")
        ]
        assert "10 points or more below" in text
        footer = desk.of_kind(ts, "footer")[0]
        assert buttons_of(footer) == EACH
        assert "3 views of 3 hypotheses" in words_of(footer)
        assert asked_as(desk) == {"frame": 1, "CN-01": 1, "US-01": 1, "JP-01": 1}
        await desk.press(footer, "assess_one:US-01")
        await desk.press(footer, "assess_one:US-01")
        await desk.answered(ts, times=2)
        assert len(evidence.requests) == 1
        assert desk.of_kind(ts, "card")[1].username == "US-01, United States Agent"
        plan = next(request for request in desk.model.requests if request.schema_name == "plan")
        assert '<material id="S7"' in plan.context
        assert "\n## 8. " in desk.text(ts)
        assert await desk.threads.last_asked(f"{TEAM}:{asked.channel}:{ts}") == "US-01"
        await desk.ask("Why does JP-01 differ from US-01?", thread_ts=ts, channel=asked.channel)
        await desk.answered(ts, times=3)
        assert desk.of_kind(ts, "card")[2].username == "JP-01, Japan Agent"
        assert "how CN-01, US-01 and JP-01 scored the same hypotheses" in seen[0].instruction
        assert "**H1** 30 %, unlikely (24–36 %)" in seen[0].instruction
        filed = await desk.threads.filed(TEAM, asked.channel, "CN-01", most=5)
        assert filed == [], "a comparison is no assessment of China’s that a briefing would go on from"


async def test_the_form_compares_where_several_are_chosen(valkey: RealValkey) -> None:
    """With its horizon; its depth is that of the assessments behind the buttons."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        await run(desk)
        opened = await form(desk)
        several = [{"value": "CN-01"}, {"value": "JP-01"}]
        done = await desk.sandbox.interactions.submit_view(
            "dana",
            opened.id,
            {
                "personas": {"personas": {"selected_options": several}},
                "question": {"question": {"value": "What about rare earths?"}},
                "depth": {"depth": {"selected_option": {"value": "brief"}}},
                "horizon": {"horizon": {"selected_option": {"value": "6"}}},
            },
        )
        assert done["response_action"] == "close"
        asked = await question(desk)
        await desk.answered(asked.ts)
        assert "looking 6 months ahead" in words_of(asked)
        assert all("Look 6 months ahead" in request.context for request in desk.model.requests)
        footer = desk.of_kind(asked.ts, "footer")[0]
        labels = [element["text"]["text"] for element in footer.all_blocks()[-2]["elements"]]
        assert labels == ["Brief CN-01", "Brief JP-01"]
        row = footer.all_blocks()[-1]["elements"][0]
        thumb = {"value": row["positive_button"]["value"]}
        await desk.sandbox.interactions.click("dana", asked.channel, footer.ts, FEEDBACK, chosen=thumb)
        assert [(each.persona, each.up) for each in await tallies(desk.redis)] == [("COMPARISON", 1)]
        await desk.press(footer, "assess_one:JP-01")
        await desk.answered(asked.ts, times=2)
        assert "Brief" in words_of(desk.of_kind(asked.ts, "card")[1])


async def test_a_view_that_fails_is_asked_for_again_alone(valkey: RealValkey) -> None:
    """The others are compared, a sentence says what is missing; one press asks for that view and no other."""
    broken = Reply("", status=500)
    async with open_desk(
        valkey, workspace=workspace(), script=without("US-01", broken), model_retry_seconds=0.1
    ) as desk:
        ts = await compared(desk)
        footer = desk.of_kind(ts, "footer")[0]
        assert "The view of US-01 is missing." in words_of(footer)
        assert table_of(desk.of_kind(ts, "card")[0])[2] == ["US-01", "–", "–", "–"]
        assert "both rank H1 first" in desk.text(ts)
        before = asked_as(desk)
        desk.model.script = answer
        await desk.press(footer, "retry_turn")
        await desk.answered(ts, times=2)
        assert asked_as(desk) - before == {"US-01": 1}
        assert table_of(desk.of_kind(ts, "card")[1])[2][1] == "30 % (24–36)"
        assert "missing" not in words_of(desk.of_kind(ts, "footer")[1])


async def test_without_a_model_the_thread_says_so(valkey: RealValkey) -> None:
    """A sentence and a way to ask again; no table of nothing."""
    async with open_desk(
        valkey, workspace=workspace(), script=lambda _: Reply("", status=500), model_retry_seconds=0.1
    ) as desk:
        ts = await compared(desk)
        footer = desk.of_kind(ts, "footer")[0]
        assert "The language model cannot be reached right now." in words_of(footer)
        assert buttons_of(footer) == ["retry_turn"]
        assert not [block for block in desk.of_kind(ts, "card")[0].all_blocks() if block["type"] == "table"]


async def test_where_slack_takes_no_table_its_rows_stand_as_text(valkey: RealValkey) -> None:
    """The card is changed all the same: no stop button is left on it."""
    async with open_desk(valkey, workspace=workspace()) as desk:
        for _ in range(2):  # while it runs, and in the end
            gate = desk.sandbox.faults.hold(
                "chat.update", wanted=lambda call: "raw_text" in str(call["blocks"])
            )
            gate.open(Fault(error="invalid_blocks"))
        ts = await compared(desk)
        words = words_of(desk.of_kind(ts, "card")[0])
        assert "US-01      30 % (24–36)  22 % (20–28)" in words


async def test_it_can_be_stopped(valkey: RealValkey) -> None:
    """What stands stays, nothing more is written; tried again, all of it comes."""
    slow = replace(Reply(""), first_token_seconds=60.0)
    async with open_desk(valkey, workspace=workspace(), script=without("JP-01", slow)) as desk:
        await run(desk, ASKED)
        asked = await question(desk)
        await desk.until(lambda: "United States Agent" in desk.text(asked.ts))
        await desk.press(desk.of_kind(asked.ts, "card")[0], "stop_turn")
        await desk.answered(asked.ts)
        assert "Stopped from the thread." in words_of(desk.of_kind(asked.ts, "footer")[0])
        assert "Where they agree" not in desk.text(asked.ts)
        desk.model.script = answer
        await desk.press(desk.of_kind(asked.ts, "footer")[0], "retry_turn")
        await desk.answered(asked.ts, times=2)
        assert len(table_of(desk.of_kind(asked.ts, "card")[1])) == 7


async def test_killed_between_two_views_it_is_finished_without_asking_twice(valkey: RealValkey) -> None:
    """Kill -9 with two views on screen: another process asks for the third alone, and shows all once."""
    slow = replace(Reply(""), first_token_seconds=60.0)
    async with (
        open_desk(
            valkey,
            running=False,
            workspace=workspace(),
            script=without("JP-01", slow),
            lease_seconds=LEASE_SECONDS,
        ) as desk,
        process_of(desk) as first,
    ):
        await run(desk, ASKED)
        asked = await question(desk)
        await desk.until(lambda: "United States Agent" in desk.text(asked.ts))
        before = asked_as(desk)
        assert before == {"frame": 1, "CN-01": 1, "US-01": 1, "JP-01": 1}
        desk.model.script = answer
        async with process_of(desk, wait=False):
            await first.kill()
            await desk.answered(asked.ts)
        assert asked_as(desk) - before == {"JP-01": 1}
        text = desk.text(asked.ts)
        assert len(re.findall(r"^## ", text, re.MULTILINE)) == 5
        bullets = Counter(line for line in text.splitlines() if re.match(r"- \*\*H\d", line))
        assert max(bullets.values()) == 1
        assert len(table_of(desk.of_kind(asked.ts, "card")[0])) == 7
        assert len(desk.of_kind(asked.ts, "footer")) == len(desk.of_kind(asked.ts, "card")) == 1


async def test_six_fit_their_message_and_are_exported(valkey: RealValkey) -> None:
    """As many as there are on the desk, within Slack's limits, which the workspace enforces; and a file of it
    has every view.
    """
    codes = [persona.code for persona in PERSONAS.personas][:6]
    async with open_desk(valkey, workspace=workspace(), evidence=ScriptedDesk(truce_items())) as desk:
        ts = await compared(desk, f"compare {' '.join(codes)} Does the deal hold?")
        assert len(table_of(desk.of_kind(ts, "card")[0])) == len(codes) + 4
        file = (await exported(desk, ts, "md"))["md"].decode()
        assert all(f"## {PERSONAS.by_code(code).display_name}" in file for code in codes)  # type: ignore[union-attr]
        assert "Where they agree and differ" in file
        (shared,) = [message for message in desk.replies(ts) if message.files]
        assert shared.username == f"Comparison: {enumerated(codes)}"

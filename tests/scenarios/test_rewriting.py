"""One section of an assessment, written anew in its thread."""

from __future__ import annotations

import json
import re

import pytest

from bot.sandbox.messages import Message
from bot.slack.rewriting_notices import REWRITE
from tests.support.desk import (
    CHANNEL,
    TEAM,
    OpenDesk,
    ServeProcess,
    at_work,
    bare,
    connected,
    open_desk,
    words_of,
)
from tests.support.evidence_desk import ScriptedDesk, truce_items
from tests.support.model_replies import ModelRequest, Reply, Script
from tests.support.seed_script import answer, answer_with_two_repairs
from tests.support.valkey import RealValkey

ANEW = '<material kind="the present version">'
THIRD = "A second look at the ministry’s ledgers"


def rewriting(seen: list[ModelRequest]) -> Script:
    """The seed script, whose new versions begin their first bullet with other words, and lack a part."""

    def script(request: ModelRequest) -> Reply:
        if ANEW not in request.instruction:
            return answer(request)
        seen.append(request)
        reply = answer_with_two_repairs(request)
        if request.schema_name:
            watch = json.loads(reply.text)
            watch["items"][0]["where"] = "the harbour office"
            return Reply(json.dumps(watch))
        if "Write only" in request.instruction:
            return reply
        return Reply(re.sub(r"^- \S+ \S+", f"- {THIRD}", reply.text, count=1, flags=re.MULTILINE))

    return script


async def choose(desk: OpenDesk, footer: Message, key: str, user: str = "dana") -> None:
    """Choose a section in the footer's menu."""
    (menu,) = [
        block["accessory"]
        for block in footer.all_blocks()
        if block.get("accessory", {}).get("action_id") == REWRITE
    ]
    option = next(option for option in menu["options"] if option["value"].startswith(f"{key}:"))
    chosen = {"selected_option": option}
    delivery = await desk.sandbox.interactions.click(user, CHANNEL, footer.ts, REWRITE, chosen=chosen)
    assert delivery.outcome == "acked"


async def assessed(desk: OpenDesk) -> str:
    """The thread of a finished assessment."""
    ts = await desk.ask()
    await desk.answered(ts)
    await desk.at_rest(ts)
    return ts


def section(text: str, key: str) -> str:
    """A section of a text."""
    found = re.search(rf"^## {key}\. .*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]


async def test_a_section_is_written_anew_from_the_stored_plan_and_evidence(valkey: RealValkey) -> None:
    """One more message, marked, and repaired before it is shown; nothing is searched or planned; what follows
    goes on from the new version, and a press after that gives another one.
    """
    seen: list[ModelRequest] = []
    scripted = ScriptedDesk(truce_items())
    async with open_desk(valkey, script=rewriting(seen), evidence=scripted) as desk:
        ts = await assessed(desk)
        searches, before = len(scripted.requests), desk.text(ts)
        (footer,) = desk.of_kind(ts, "footer")
        await choose(desk, footer, "3")
        await desk.answered(ts, times=2)
        await desk.at_rest(ts)
        assert len(scripted.requests) == searches
        assert {request.schema_name for request in seen} == {""}
        assert "Section 3:" in seen[0].instruction
        assert '<material id="S1"' in seen[0].context
        card, shown, second = (desk.of_kind(ts, kind)[-1] for kind in ("card", "text", "footer"))
        assert "New version of section 3" in words_of(card)
        text = words_of(shown)
        assert "new version of section 3. It takes the place of the one above." in text
        assert section(text, "3").partition("\n")[0] == section(before, "3").partition("\n")[0]
        assert THIRD in text
        assert any("Write only" in request.instruction for request in seen)
        parts = re.split(r"^### .*", text, flags=re.MULTILINE)[1:]
        assert [part.count("\n- ") >= 2 for part in parts] == [True] * 3
        assert re.search(r"likely \(\d+–\d+ %\)", text)
        assert re.search(r"\]\(https://", text), "links to the stored sources stay links"
        assert "New version of section 3 · as of " in words_of(second)
        assert re.search(r"checks 5[234]/54", words_of(second)), "held against the standard as a whole"
        assert not re.search("ST4|LO1", words_of(second)), "nothing is missing of what was stored"
        address = f"{TEAM}:{CHANNEL}:{ts}"
        stored = await desk.threads.assessment(address, desk.turn_id(ts))
        assert stored is not None
        kept = {each.key: each.text for each in stored.sections}
        assert bare(kept["3"]) in bare(text)
        assert bare(kept["4"]) in bare(before)
        await desk.ask("CN-01 why is J1 as it is?", thread_ts=ts)
        await desk.answered(ts, times=3)
        assert THIRD in desk.model.requests[-1].instruction
        await desk.at_rest(ts)
        await choose(desk, second, "3")
        await desk.answered(ts, times=4)
        assert len(desk.of_kind(ts, "card")) == 4


async def test_the_watch_list_is_made_anew(valkey: RealValkey) -> None:
    """Section 7 is data: its call is made again; what other sections print of it stays."""
    seen: list[ModelRequest] = []
    async with open_desk(valkey, script=rewriting(seen)) as desk:
        ts = await assessed(desk)
        address = f"{TEAM}:{CHANNEL}:{ts}"
        before = await desk.threads.assessment(address, desk.turn_id(ts))
        await choose(desk, desk.of_kind(ts, "footer")[0], "7")
        await desk.answered(ts, times=2)
        await desk.at_rest(ts)
        after = await desk.threads.assessment(address, desk.turn_id(ts))
        assert before is not None
        assert after is not None
        assert {request.schema_name for request in seen} == {"watch"}
        assert after.watch.items[0].where == "The harbour office"
        assert after.watch.items[1:] == before.watch.items[1:]
        assert after.watch.implications == before.watch.implications
        assert "W1:" in words_of(desk.of_kind(ts, "text")[-1])


async def test_a_double_press_writes_one_version(valkey: RealValkey) -> None:
    """Whoever presses meanwhile is told that it is being written."""
    seen: list[ModelRequest] = []
    async with open_desk(valkey, script=rewriting(seen)) as desk:
        ts = await assessed(desk)
        (footer,) = desk.of_kind(ts, "footer")
        held = desk.sandbox.faults.hold("chat.postMessage", "after")
        await choose(desk, footer, "3")
        await held.reached.wait()
        told = len(desk.whispers("U0KIM"))
        await choose(desk, footer, "3", user="kim")
        await desk.until(lambda: len(desk.whispers("U0KIM")) > told)
        assert "still being written" in words_of(desk.whispers("U0KIM")[-1])
        held.open()
        await desk.answered(ts, times=2)
        await desk.at_rest(ts)
        assert len(desk.of_kind(ts, "card")) == 2


async def test_a_failed_new_version_leaves_the_old_one(valkey: RealValkey) -> None:
    """The reader is told and may try again."""

    def script(request: ModelRequest) -> Reply:
        return Reply(status=500) if ANEW in request.instruction else answer(request)

    async with open_desk(valkey, script=script, model_attempts=1) as desk:
        ts = await assessed(desk)
        address = f"{TEAM}:{CHANNEL}:{ts}"
        before = await desk.threads.assessment(address, desk.turn_id(ts))
        await choose(desk, desk.of_kind(ts, "footer")[0], "3")
        await desk.answered(ts, times=2)
        await desk.at_rest(ts)
        assert "could not be written" in words_of(desk.of_kind(ts, "footer")[-1])
        assert await desk.threads.assessment(address, desk.turn_id(ts)) == before
        desk.model.script = answer
        await desk.press(desk.of_kind(ts, "footer")[-1], "retry_turn")
        await desk.answered(ts, times=3)
        assert "new version of section 3" in words_of(desk.of_kind(ts, "text")[-1])


async def test_a_new_version_survives_kill_9(valkey: RealValkey) -> None:
    """The process dies while the section is written; the next one writes it, once."""
    seen: list[ModelRequest] = []
    async with open_desk(valkey, script=rewriting(seen), running=False) as desk:
        async with at_work(desk):
            ts = await assessed(desk)
        first = await ServeProcess.start(desk.settings)
        try:
            await connected(desk.sandbox, desk.settings)
            desk.model.tokens_per_second = 20.0
            await choose(desk, desk.of_kind(ts, "footer")[0], "3")
            await desk.poll(lambda: bool(seen))
        finally:
            await first.kill()
        desk.model.tokens_per_second = 0.0
        async with at_work(desk):
            await desk.answered(ts, times=2)
            await desk.at_rest(ts)
        assert len(desk.of_kind(ts, "card")) == 2
        assert sum(THIRD in words_of(message) for message in desk.of_kind(ts, "text")) == 1


@pytest.mark.parametrize(("forgotten", "told"), [(True, "no longer keep"), (False, "in the last hour")])
async def test_who_may_not_have_a_section_written_is_told_why(
    valkey: RealValkey, *, forgotten: bool, told: str
) -> None:
    """What was forgotten cannot be written anew, and the limits are those of every question."""
    async with open_desk(valkey, per_user_hour=1) as desk:
        ts = await assessed(desk)
        if forgotten:
            await desk.threads.forget(f"{TEAM}:{CHANNEL}:{ts}")
        await choose(desk, desk.of_kind(ts, "footer")[0], "3")
        await desk.until(desk.whispers)
        assert told in words_of(desk.whispers()[-1])
        assert len(desk.of_kind(ts, "card")) == 1

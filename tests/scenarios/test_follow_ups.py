"""Follow-ups in the thread of an assessment, and questions below what colleagues wrote."""

from __future__ import annotations

import json
import re

import pytest

from bot import commands
from bot.slack.answer_controls import FEEDBACK, FORGET_THREAD, REASON
from tests.support.desk import TEAM, open_desk, shown_text, words_of
from tests.support.evidence_desk import ScriptedDesk, truce_items
from tests.support.model_replies import Gate, ModelRequest, Reply, Script
from tests.support.seed_script import QUESTION, answer
from tests.support.valkey import RealValkey, keys_without_ttl

HALTED = "Beijing has halted gallium exports to Japan."
KEPT = ("words", "exchanges", "assessments", "record", "document")
ANSWER = "It stays likely because the controls pay off for Beijing {J1}. The ministry said so [S1]."


def following(seen: list[ModelRequest], text: str = ANSWER) -> Script:
    """The seed script, which answers follow-ups with ``text`` and keeps their requests."""

    def script(request: ModelRequest) -> Reply:
        if "<question>" not in request.instruction:
            return answer(request)
        seen.append(request)
        return Reply(text)

    return script


async def test_a_follow_up_is_answered_shortly_from_the_stored_assessment(valkey: RealValkey) -> None:
    """One model call, with the assessment in it; the same ids; what was said since is remembered."""
    seen: list[ModelRequest] = []
    async with open_desk(valkey, script=following(seen)) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        before = len(desk.model.requests)
        await desk.ask("CN-01 why is J1 likely?", thread_ts=ts)
        await desk.answered(ts, times=2)
        assert len(desk.model.requests) == before + 1
        shown = words_of(desk.of_kind(ts, "text")[-1])
        assert re.search(r"likely \(\d+–\d+ %\)", shown), shown
        assert "## 1." not in shown
        assert "Follow-up" in words_of(desk.of_kind(ts, "card")[-1])
        assert "Bottom line:" in seen[0].instruction
        assert "why is J1 likely?" in seen[0].instruction
        await desk.ask("CN-01 and for European carmakers?", thread_ts=ts)
        await desk.answered(ts, times=3)
        assert "why is J1 likely?" in seen[1].instruction
        assert "the controls pay off for Beijing" in seen[1].instruction


async def test_a_follow_up_begins_with_the_model_s_first_token(valkey: RealValkey) -> None:
    """Who answers stands there before the first sentence is complete; text that is none is never shown."""
    gate = Gate(after_tokens=3)

    def script(request: ModelRequest) -> Reply:
        return Reply(ANSWER, gate=gate) if "<question>" in request.instruction else answer(request)

    async with open_desk(valkey, script=script) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        before = len(desk.of_kind(ts, "text"))
        await desk.ask("CN-01 why is J1 likely?", thread_ts=ts)
        await gate.reached.wait()
        begun = await desk.until(lambda: desk.of_kind(ts, "text")[before:])
        assert [shown_text(message).strip() for message in begun] == ["**CN-01, China Agent:**"]
        gate.open()
        await desk.answered(ts, times=2)
        assert "the controls pay off for Beijing" in desk.text(ts)


async def test_another_country_takes_over_with_the_same_evidence(valkey: RealValkey) -> None:
    """The persona that is asked answers, told whose assessment it is, from the same table."""
    seen: list[ModelRequest] = []
    async with open_desk(valkey, script=following(seen)) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        await desk.ask("US-01 how do you see it?", thread_ts=ts)
        await desk.answered(ts, times=2)
        assert desk.of_kind(ts, "card")[-1].username == "US-01, United States Agent"
        assert "CN-01’s assessment" in seen[0].instruction
        assert '<material id="S1"' in seen[0].context
        assert "rare earth" in seen[0].context.lower()


async def test_new_evidence_is_marked_as_new(valkey: RealValkey) -> None:
    """What a follow-up cites and the assessment did not have stands in a line of its own."""
    seen: list[ModelRequest] = []
    items = truce_items()
    scripted = ScriptedDesk(items[:2])
    async with open_desk(valkey, script=following(seen, "The deal holds [S4]."), evidence=scripted) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        scripted.first = items
        await desk.ask("CN-01 what of the tariff?", thread_ts=ts)
        await desk.answered(ts, times=2)
        shown = words_of(desk.of_kind(ts, "text")[-1])
        assert "New since the assessment:" in shown
        assert "Material that arrived after the above" in seen[0].instruction


async def test_a_question_below_a_colleagues_post_takes_the_thread_as_material(valkey: RealValkey) -> None:
    """Who said what comes from what we heard ourselves: Slack is not asked for the thread."""
    async with open_desk(valkey) as desk:
        root = await desk.sandbox.post_as_user(
            "kim", "C0DESK", "Beijing has halted gallium exports to Japan."
        )
        await desk.idle()
        desk.asked[root] = "C0DESK"
        await desk.ask("CN-01 brief: what do you make of this?", thread_ts=root)
        await desk.answered(root)
        context = desk.model.requests[0].context
        assert HALTED in context
        assert 'from="Kim' in context
        read = [call for call in desk.calls("conversations.replies") if call.arguments.get("limit") == "200"]
        assert read == []


async def test_a_thread_from_before_our_time_is_read_once(valkey: RealValkey) -> None:
    """One call fills the cache; the next question in the thread needs none."""
    async with open_desk(valkey) as desk:
        root = await desk.sandbox.post_as_user("kim", "C0DESK", "An old post on gallium.")
        await desk.idle()
        await desk.threads.forget(f"{TEAM}:C0DESK:{root}")
        desk.asked[root] = "C0DESK"
        for times in (1, 2):
            await desk.ask("CN-01 brief: what do you make of this?", thread_ts=root)
            await desk.answered(root, times=times)
            assert any("An old post on gallium." in request.context for request in desk.model.requests)


async def test_replies_that_were_changed_or_taken_back_are_material_as_they_stand_now(
    valkey: RealValkey,
) -> None:
    """The cache follows edits and deletions of replies; Slack is not asked for the thread."""
    async with open_desk(valkey) as desk:
        sandbox = desk.sandbox
        root = await sandbox.post_as_user("kim", "C0DESK", HALTED)
        desk.asked[root] = "C0DESK"
        mended = await sandbox.post_as_user("kim", "C0DESK", "Forty licences were refused.", root)
        withdrawn = await sandbox.post_as_user("ada", "C0DESK", "I heard of a boycott.", root)
        await desk.idle()
        await sandbox.edit_as_user("kim", "C0DESK", mended, "Fourteen licences were refused.")
        await sandbox.delete_as_user("ada", "C0DESK", withdrawn)
        await desk.idle()
        await desk.ask("CN-01 brief: what do you make of this?", thread_ts=root)
        await desk.answered(root)
        context = desk.model.requests[0].context
        assert HALTED in context
        assert "Fourteen licences were refused." in context
        assert "Forty licences" not in context
        assert "boycott" not in context
        read = [call for call in desk.calls("conversations.replies") if call.arguments.get("limit") == "200"]
        assert read == []


async def test_a_long_thread_is_told_within_the_budget_and_says_what_is_shortened(valkey: RealValkey) -> None:
    """The setting bounds what the model is given of the thread; the newest exchange is whole."""
    seen: list[ModelRequest] = []
    longest = " ".join(f"The controls pay off for Beijing in case {number} [S1]." for number in range(30))
    async with open_desk(valkey, script=following(seen, longest), context_tokens=1_500) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        for times, question in enumerate(("why J1?", "why J2?", "why J3?"), 2):
            await desk.ask(f"CN-01 {question}", thread_ts=ts)
            await desk.answered(ts, times=times)
        account = seen[-1].instruction.partition("<assessment>")[2].partition("</assessment>")[0]
        assert re.search(r"\(shortened from \d+ lines\)", account)
        assert "Asked CN-01 (shortened): why J1?\nAnswered: **CN-01, China Agent:**" in account, account
        assert "Asked CN-01: why J2?" in account
        assert "in case 29" in account


async def test_deleting_the_root_removes_all_that_is_kept(valkey: RealValkey) -> None:
    """Words, assessment, questions and the turn's own record."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask(f"CN-01 brief: {QUESTION}")
        await desk.answered(ts)
        await desk.at_rest(ts)
        kept = [key async for key in desk.redis.scan_iter(f"*{TEAM}:C0DESK:{ts}*")]
        assert any(key.endswith(":assessments") for key in kept)
        await desk.sandbox.delete_as_user("dana", "C0DESK", ts)
        await desk.idle()
        left = [key async for key in desk.redis.scan_iter(f"*{TEAM}:C0DESK:{ts}*")]
        held = [key for key in left if key.endswith(KEPT)]
        assert held == []


async def test_assess_forget_removes_the_thread_of_a_linked_message(valkey: RealValkey) -> None:
    """The link of the card will do; in another channel nothing is removed."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask(f"CN-01 brief: {QUESTION}")
        await desk.answered(ts)
        await desk.at_rest(ts)
        card = desk.of_kind(ts, "card")[0].ts.replace(".", "")
        link = f"forget https://desk.slack.com/archives/C0DESK/p{card}"
        for channel, done in (("C0LEADS", False), ("C0DESK", True)):
            delivery = await desk.sandbox.command("dana", channel, "/assess", link)
            assert delivery.outcome == "acked"
            left = [key async for key in desk.redis.scan_iter(f"*{TEAM}:C0DESK:{ts}*")]
            assert (not [key for key in left if key.endswith(KEPT)]) is done


def rescoring(seen: list[ModelRequest]) -> Script:
    """The seed script, which scores J2 at 65 % for a new source and leaves the others as they are."""

    def script(request: ModelRequest) -> Reply:
        if "Score every judgment" not in request.instruction:
            return answer(request)
        seen.append(request)
        numbers = {"low": 60, "point": 65, "high": 70}
        moved = {"id": "J2", **numbers, "reason": "The tariff is kept", "evidence": ["S4"]}
        return Reply(json.dumps({"judgments": [moved]}))

    return script


async def test_what_changed_since_scores_the_judgments_again(valkey: RealValkey) -> None:
    """Nobody is named. The assessment's own question is searched for again; the old and the new likelihood
    are printed by us, what did not change in one line; the next question goes on from the new one.
    """
    seen: list[ModelRequest] = []
    items = truce_items()
    scripted = ScriptedDesk(items[:2])
    async with open_desk(valkey, script=rescoring(seen), evidence=scripted) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        scripted.first = items[:3]
        await desk.ask("What changed since?", thread_ts=ts)
        await desk.answered(ts, times=2)
        shown = words_of(desk.of_kind(ts, "text")[-1])
        assert "1 new source since" in shown
        assert re.search(r"J2:.*→ likely \(60–70 %\)\*?\*?\.?\*?\*? The tariff is kept", shown), shown
        assert len(re.findall("→", shown)) == 1
        assert re.search(r"Unchanged: J1 \w.*; J3 ", shown), shown
        assert "New since the assessment:" in shown
        assert scripted.requests[-1].question.text == scripted.requests[0].question.text
        memory = await desk.threads.last_asked(f"{TEAM}:C0DESK:{ts}")
        assert memory == "CN-01"
        await desk.ask("anything new?", thread_ts=ts)
        await desk.answered(ts, times=3)
        assert "Scored 60-65-70" in seen[1].instruction


async def test_a_country_whose_view_is_asked_for_takes_over_unnamed(valkey: RealValkey) -> None:
    """Asking how Washington sees it hands over; a question that names nobody stays with who answered."""
    seen: list[ModelRequest] = []
    async with open_desk(valkey, script=following(seen)) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        await desk.ask("And how does Washington see it?", thread_ts=ts)
        await desk.answered(ts, times=2)
        assert desk.of_kind(ts, "card")[-1].username == "US-01, United States Agent"
        await desk.ask("why is that likely for exports to Japan?", thread_ts=ts)
        await desk.answered(ts, times=3)
        assert desk.of_kind(ts, "card")[-1].username == "US-01, United States Agent"


async def test_thumbs_count_with_reasons_and_the_card_s_button_forgets_the_thread(
    valkey: RealValkey, capsys: pytest.CaptureFixture[str]
) -> None:
    """A press counts once a person, however often and whichever it is at last; its reason goes with the
    thread, which the button on the card forgets; the command prints both.
    """
    async with open_desk(valkey) as desk:
        ts = await desk.ask(f"CN-01 brief: {QUESTION}")
        await desk.answered(ts)
        await desk.at_rest(ts)
        footer = desk.of_kind(ts, "footer")[-1]
        row = footer.all_blocks()[-1]["elements"]
        (card,) = desk.of_kind(ts, "card")
        (forget,) = card.all_blocks()[-1]["elements"]
        assert forget["confirm"]["confirm"]["text"] == "Forget"
        for side, user in (("positive", "dana"), ("negative", "dana"), ("positive", "kim")):
            chosen = {"value": row[0][f"{side}_button"]["value"]}
            await desk.sandbox.interactions.click(user, "C0DESK", footer.ts, FEEDBACK, chosen=chosen)
        view = next(
            view for view in desk.sandbox.workspace.views.values() if "missing" in str(view.payload["blocks"])
        )
        field = {REASON: {REASON: {"value": "No word on prices."}}}
        await desk.sandbox.interactions.submit_view("dana", view.id, field)
        await commands.feedback(desk.settings)
        printed = capsys.readouterr().out
        assert re.search(r"CN-01  \d{4}-\d\d  up 1  down 1\n", printed), printed
        assert "CN-01  down  No word on prices." in printed
        assert await keys_without_ttl(desk.redis, "assess:*") == []
        await desk.press(card, FORGET_THREAD)
        left = [key async for key in desk.redis.scan_iter(f"*{TEAM}:C0DESK:{ts}*")]
        assert [key for key in left if key.endswith((*KEPT, "reasons"))] == []
        await commands.feedback(desk.settings)
        printed = capsys.readouterr().out
        assert "up 1  down 1" in printed
        assert "prices" not in printed

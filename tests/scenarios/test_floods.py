"""A flood of mentions in a channel: each is seen at once, and cards come in the order of the questions."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.app import SlackPace
from bot.sandbox import WorkspaceConfig
from bot.slack.limits import slack_budgets
from bot.slack.receipts import QUEUED_STATUS
from tests.support.desk import CHANNEL, FAST, open_desk
from tests.support.valkey import RealValkey

MENTIONS = 7
REACTIONS = 4
"""A minute of this workspace allows no more of them, so that the last mentions get the status instead."""


async def test_each_of_a_flood_of_mentions_is_seen_at_once_and_gets_its_card_in_order(
    valkey: RealValkey,
) -> None:
    """One post a second, hardly a burst: a reaction comes before the card, or a status where reactions are
    used up; nothing is refused.
    """
    budgets = slack_budgets()
    budgets["reactions.add"] = replace(budgets["reactions.add"], limit=REACTIONS, burst=REACTIONS)
    workspace = WorkspaceConfig()
    # One of grace: a hiccup of this machine brings two posts closer together than they were made.
    workspace = replace(workspace, limits=replace(workspace.limits, post_burst=2))
    async with open_desk(valkey, workspace=workspace, pace=replace(FAST, budgets=budgets)) as desk:
        mentions = await asyncio.gather(*(desk.ask("CN-01 brief: What now?") for _ in range(MENTIONS)))
        await desk.until(lambda: all(desk.of_kind(ts, "card") for ts in mentions))

        cards = [float(desk.of_kind(ts, "card")[0].ts) for ts in sorted(mentions)]
        # The one that was heard of first had no line to stand in: events of one moment come in any order.
        line = [card for card in cards if card != min(cards)]
        assert line == sorted(line)
        seen = {call.args["timestamp"]: call.at for call in desk.calls("reactions.add")}
        told = {
            call.args["thread_ts"]: call.at
            for call in desk.calls("assistant.threads.setStatus")
            if call.args["status"] == QUEUED_STATUS
        }
        assert len(seen) == REACTIONS
        # One or two that came first have their cards by then.
        assert len(set(mentions) - seen.keys() - told.keys()) <= 2
        first_post = min(call.at for call in desk.calls("chat.postMessage"))
        assert max((seen | told).values()) < first_post + 1.5
        assert [
            message.reactions
            for message in (desk.sandbox.workspace.channels[CHANNEL].messages[ts] for ts in seen)
        ] == [{"eyes": ["U0AGENTS"]}] * REACTIONS
        assert not [call.method for call in desk.sandbox.calls if call.status == 429]
        # No ack of one person's flood waits for more than one look at who that is.
        assert len(desk.calls("users.info")) == 1


async def test_a_lone_mention_gets_its_card_and_no_reaction(valkey: RealValkey) -> None:
    """Nothing is in its way: the card is the sign."""
    async with open_desk(valkey, pace=SlackPace(FAST.limits)) as desk:
        ts = await desk.ask("CN-01 brief: What now?")
        await desk.answered(ts)

        assert desk.calls("reactions.add") == []


async def test_a_question_behind_another_in_its_thread_is_seen_at_once(valkey: RealValkey) -> None:
    """Its card comes when the answer before it is complete, its reaction now."""
    async with open_desk(valkey, tokens_per_second=200) as desk:
        first = await desk.ask("CN-01 brief: What now?")
        await desk.until(lambda: desk.of_kind(first, "card"))
        second = await desk.ask("CN-01 brief: And then?", thread_ts=first)
        await desk.until(lambda: desk.calls("reactions.add"))

        assert [call.args["timestamp"] for call in desk.calls("reactions.add")] == [second]
        assert desk.of_kind(first, "footer") == []

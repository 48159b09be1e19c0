"""What people see of the limits: when to come back, and their place in the line."""

from __future__ import annotations

from tests.support.desk import dripping, open_desk, words_of
from tests.support.valkey import RealValkey

QUESTION = "CN-01 brief: What now?"


async def test_a_refused_person_is_told_privately_when_to_come_back(valkey: RealValkey) -> None:
    """One at once, and one an hour: nothing is posted in their thread."""
    async with open_desk(valkey, script=dripping("1"), per_user_at_once=1, per_user_hour=2) as desk:
        first = await desk.ask(QUESTION)
        await desk.until(lambda: desk.of_kind(first, "card"))
        second = await desk.ask(QUESTION)
        await desk.until(lambda: len(desk.whispers()) == 1)
        assert "ask again when one is done" in words_of(desk.whispers()[0])
        await desk.answered(first)
        await desk.at_rest(first)
        await desk.answered(await desk.ask(QUESTION))
        third = await desk.ask(QUESTION)
        await desk.until(lambda: len(desk.whispers()) == 2)
        assert "ask again at" in words_of(desk.whispers()[1])
        assert desk.replies(second) == desk.replies(third) == []


async def test_the_ceiling_of_all_shows_a_place_in_line(valkey: RealValkey) -> None:
    """The second question waits with its place in the status under it, and is then answered."""
    async with open_desk(valkey, script=dripping("1"), global_at_once=1) as desk:
        first = await desk.ask(QUESTION)
        await desk.until(lambda: desk.of_kind(first, "card"))
        second = await desk.ask(QUESTION, user="kim")
        await desk.until(
            lambda: (
                [
                    call.args["thread_ts"]
                    for call in desk.calls("assistant.threads.setStatus")
                    if call.args["status"].startswith("next in line")
                ]
                == [second]
            )
        )
        assert desk.of_kind(first, "footer") == []
        await desk.answered(second)

"""Sources in the thread: what the card says, which links there are, what the footer lists."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from bot.answering import RECORD_CHECKPOINT
from bot.evidence.items import SourceFailure
from tests.scenarios.test_answers import assert_is_an_assessment
from tests.support.citing_script import FACTS, SINCE, citing
from tests.support.desk import OpenDesk, bare, buttons_of, open_desk, words_of
from tests.support.evidence_desk import ScriptedDesk, truce_items
from tests.support.model_replies import Gate, ModelRequest, Reply
from tests.support.seed_script import section_key
from tests.support.valkey import RealValkey

CARD_UPDATES = 3
"""Design, decision 6: at most three updates of a card in a turn."""
LINK = re.compile(r"\]\((\w+:[^)]*)\)")


def updates_of_the_card(desk: OpenDesk, ts: str) -> int:
    """How often the thread's card was changed."""
    card = desk.of_kind(ts, "card")[0]
    return sum(call.args.get("ts") == card.ts for call in desk.calls("chat.update"))


async def test_an_answer_cites_what_was_retrieved(valkey: RealValkey) -> None:
    """Links in the text and in the source list lead to the sources and nowhere else; the card counts them."""
    failures = [SourceFailure("Global Times", "timed out")]
    sources = ScriptedDesk(truce_items(), failures=failures)
    async with open_desk(valkey, script=citing(plan=SINCE), evidence=sources) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        assert_is_an_assessment(desk, ts)
        text = desk.text(ts)
        assert "by one year [2]" in text
        assert "Since then: The suspension was extended to 10 November 2027 [2](https://mofcom" in text
        assert bare(text) == bare(await desk.rendered(ts))
        footer = words_of(desk.of_kind(ts, "footer")[0])
        assert (
            "[3](https://paper2.example/truce) Report 2 on the truce, Xinhua, 20 Nov 2026 (**state media**)"
            in (footer)
        )
        links = set(LINK.findall(text)) | set(LINK.findall(footer))
        assert links <= {one.url for one in truce_items()}
        assert len(links) == 3
        card = words_of(desk.of_kind(ts, "card")[0])
        assert "3 sources · 2 independent" in card
        assert "1 of 14 sources could not be read: Global Times (timed out)." in card
        assert "Since then: The suspension was extended" in card
        assert "Searching" not in card
        assert updates_of_the_card(desk, ts) <= CARD_UPDATES
        assert all(retrieval.closed for retrieval in sources.retrievals)


async def test_the_search_begins_before_the_card_and_the_card_says_what_is_searched(
    valkey: RealValkey,
) -> None:
    """With an empty store the reader sees why nothing is written yet; then the sources are cited."""
    sources = ScriptedDesk((), truce_items())
    async with open_desk(valkey, script=citing(), evidence=sources) as desk:
        ts = await desk.ask()
        await desk.until(lambda: "14 sources of the China Agent" in desk.everything(ts))
        assert len(sources.retrievals) == 1
        (card,) = desk.replies(ts)
        assert buttons_of(card) == ["stop_turn"]
        assert not desk.model.requests
        sources.release()
        await desk.answered(ts)
        assert "[2](https://mofcom.example/notice/81)" in desk.text(ts)
        assert updates_of_the_card(desk, ts) <= CARD_UPDATES


async def test_a_stop_while_searching_ends_the_search(valkey: RealValkey) -> None:
    """Nothing was written, and nothing goes on."""
    sources = ScriptedDesk((), truce_items())
    async with open_desk(valkey, script=citing(), evidence=sources) as desk:
        ts = await desk.ask()
        card = await desk.until(lambda: next(iter(desk.of_kind(ts, "card")), None))
        await desk.press(card, "stop_turn")
        await desk.answered(ts)
        async with asyncio.timeout(5):
            while not all(retrieval.closed for retrieval in sources.retrievals):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not desk.model.requests


async def test_a_fact_on_screen_that_no_source_bears_out_is_withdrawn(valkey: RealValkey) -> None:
    """Readers had it; a note stands in its place now, and the text goes on. The stored assessment, which
    follow-ups and exports are made from, is without it.
    """
    wrong = "Exports of magnets rose to 7,700 tonnes in October, customs data show [S5]."
    facts = FACTS.replace("\n", f"\n- {wrong}\n", 1)
    gate, script = Gate(facts.index("- The tariff") // 4 + 2), citing(facts)

    def held(request: ModelRequest) -> Reply:
        reply = script(request)
        return replace(reply, gate=gate) if section_key(request) == "1" and not request.schema else reply

    async with open_desk(valkey, script=held, evidence=ScriptedDesk(truce_items())) as desk:
        ts = await desk.ask()
        await desk.until(lambda: "7,700 tonnes" in desk.text(ts))
        gate.open()
        await desk.until(lambda: "_[withdrawn: it breaks rule SO4" in desk.text(ts))
        await desk.answered(ts)
        text = desk.text(ts)
        assert "7,700" not in text
        assert "customs data show" not in text
        assert "Both sides kept the consensus of Busan" in text
        assert [f"## {number}. " in text for number in range(1, 9)] == [True] * 8
        footer = words_of(desk.of_kind(ts, "footer")[0])
        assert "Text that had been shown was withdrawn" in footer
        stored = await desk.store.load(desk.turn_id(ts))
        assert stored is not None
        assert "7,700" not in str(stored.checkpoints[RECORD_CHECKPOINT])

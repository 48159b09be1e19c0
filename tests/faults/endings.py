"""How a turn may end, looked at from the thread, the store and the model's books."""

from __future__ import annotations

import re
from collections import Counter

from bot.store.stored_turns import Outcome
from tests.faults.case import Case
from tests.faults.stages import QUEUE
from tests.support.desk import bare, buttons_of, kind_of, shown_text, words_of

__all__ = ["COMPLETE", "GONE", "STOPPED", "STOPPED_OR_COMPLETE", "TOLD", "assert_ended"]

COMPLETE = "the complete answer"
TOLD = "a message that says what failed, with a retry button"
STOPPED = "a message that says it was stopped, with a retry button"
STOPPED_OR_COMPLETE = "the complete answer, or a message that says it was stopped"
GONE = "no further word: the app may not write there any more"

INNARDS = ("Traceback", "scripted failure", "127.0.0.1", "Error", "exception")
"""What a reader must never see of a failure."""


async def assert_ended(case: Case, ending: str, *, exact: bool = True) -> None:
    """The turn ended so; ``exact``: its text is what a run without any fault renders."""
    assert case.complaints == []
    stored = await case.world.stored(case.turn_id)
    assert stored is not None
    texts = [message for message in case.messages() if kind_of(message) == "text"]
    cards = [message for message in case.messages() if kind_of(message) == "card"]
    footers = [message for message in case.messages() if kind_of(message) == "footer"]
    text = "\n\n".join(shown_text(message) for message in texts)
    assert case.world.desk.sandbox.workspace.pings == []
    everything = "\n".join(words_of(message) for message in case.messages())
    assert [word for word in INNARDS if word in everything] == []
    bullets = Counter(line for line in text.splitlines() if line.startswith("- "))
    assert [line for line, count in bullets.items() if count > 1] == []
    document = stored.delivery.document
    if ending == GONE:
        assert stored.state == Outcome.FAILED
        assert footers == []
        return
    assert not [message for message in case.messages() if message.is_streaming]
    assert len(cards) == 1
    assert len(footers) == 1
    assert "stop_turn" not in buttons_of(cards[0])
    if ending == STOPPED_OR_COMPLETE:
        ending = COMPLETE if stored.state == Outcome.ANSWERED else STOPPED
    if ending == COMPLETE:
        assert stored.state == Outcome.ANSWERED
        assert buttons_of(footers[0]) == []
        assert text
        assert bare(text) == bare(document)
        if case.stage.name == QUEUE:
            return  # it waited behind its thread's first question, and is a follow-up of that
        assert re.findall(r"^## (\d)\. ", text, re.MULTILINE) == list("12345678")
        if exact:
            assert bare(document) == bare(await case.world.clean_document(case.ts))
    elif ending == TOLD:
        assert stored.state in (Outcome.FAILED, Outcome.PARKED, Outcome.ANSWERED)
        assert buttons_of(footers[0]) == ["retry_turn"]
        assert bare(document).startswith(bare(text))
    else:
        assert stored.state == Outcome.STOPPED
        assert "Stopped" in words_of(footers[0])
        assert buttons_of(footers[0]) == ["retry_turn"]
        assert bare(document).startswith(bare(text).removesuffix("_Stopped._"))

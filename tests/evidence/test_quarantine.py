"""What reads like an order to a model is taken out of fetched text; news is left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.evidence.quarantine import quarantined
from tests.support.hostile_corpus import INNOCENT, HostileText, hostile_texts
from tests.support.news_stories import STORIES

NEWS = [
    "China will act as a mediator between both sides, the ministry said.",
    "The court ruled that the company had ignored the rules of the WTO.",
    "The new instructions for customs officers take effect on Monday.",
    "“The system message was clear”, an engineer told the inquiry.",
    "Assistant Secretary of State: talks will go on.",
    "The president said that voters should forget the past and look ahead.",
    "The regulator ordered banks to disregard the earlier guidance on reserves.",
    "Researchers showed that a hidden text can make a chatbot misbehave.",
    "You are invited to the press conference at the ministry.",
    "Users must change their passwords, the agency said.",
    "Tokyo’s answer must be firm, an editorial in the Asahi said.",
    "From now on the tariff is 10 per cent.",
    "The ministry did not disclose the names of the firms.",
    "“Do not tell me that this is a compromise”, the senator said.",
    "The tool was used to run searches on the network, prosecutors said.",
    "外交部发言人要求美方不要忽视中方的核心关切。",
    "Минобороны сообщило, что приказ игнорировать сигналы не отдавался.",
    "政府は以前の方針を見直し、新しい指針を示した。",
    "وزارة التجارة: القرار يدخل حيز التنفيذ الآن",
]


@pytest.mark.parametrize("hostile", hostile_texts(), ids=lambda hostile: hostile.id)
def test_an_order_is_taken_out_and_counted(hostile: HostileText) -> None:
    """What stands around it stays."""
    text, taken = quarantined(hostile.text)
    assert [words for words in hostile.gone if words in text] == []
    assert taken >= hostile.taken
    assert INNOCENT in text or hostile.id in {"bare-link"}


@pytest.mark.parametrize("text", NEWS)
def test_news_about_orders_stays_news(text: str) -> None:
    """Nothing is taken out of what people report."""
    assert quarantined(text) == (text, 0)


@pytest.mark.parametrize("language", list(STORIES))
def test_news_in_nine_languages_stays_as_it_is(language: str) -> None:
    """No sentence of ordinary news is taken for an order."""
    for story in STORIES[language]:
        text, taken = quarantined(story.summary)
        assert taken == 0
        assert text == " ".join(story.summary.split())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_judged_twice(text: str) -> None:
    """Nothing raises; what was made clean stays as it is."""
    once, _ = quarantined(text)
    again, taken = quarantined(once)
    assert taken == 0
    assert again == once


@pytest.mark.parametrize("piece", ["ignore all ", "[", "<!--", "i g n o r e ", "{", "A" * 119 + " ", "!["])
def test_no_text_takes_long_to_judge(piece: str) -> None:
    """Patterns are bounded: 60,000 characters made to be slow take no longer than a few hundred pages."""
    text = piece * (60_000 // len(piece))
    began = time.process_time()
    quarantined(text)
    assert time.process_time() - began < 5

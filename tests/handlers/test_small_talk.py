"""What asks nothing, and what only looks as if."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.small_talk import SmallTalk, small_talk


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *((text, SmallTalk.NOTHING) for text in ("hi", "Thanks!", "thank you :pray:", "…", "नमस्ते", "谢谢！")),
        *(
            (text, SmallTalk.NOTHING)
            for text in ("🤔🔥", ":thinking_face:", ":wave::skin-tone-3:", "ok, great")
        ),
        *((text, SmallTalk.HELP) for text in ("help", "Help!", "what can you do?", "?", "？？")),
        *((text, SmallTalk.DESK) for text in ("list", "Who is on the desk?")),
        *((text, SmallTalk.STOP) for text in ("stop", "STOP!", "please stop.")),
        *(
            (text, None)
            for text in ("why?", "how", "Stop the war: how?", "thanks, and Japan?", "help Ukraine?")
        ),
        *((text, None) for text in ("", "  ", "yes", "https://example.com", "72 %?", "中国")),
    ],
)
def test_only_a_whole_message_is_small_talk(text: str, meant: SmallTalk | None) -> None:
    """One word more, and it may be a question."""
    assert small_talk(text) is meant


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    """People type anything."""
    small_talk(text)

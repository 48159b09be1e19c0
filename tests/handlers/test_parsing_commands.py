"""Commands, shortcuts and forms as Slack sends them, and as nobody should."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.slack import forms
from handlers.comparing import parse_comparison
from handlers.parsing import parse_pane
from handlers.parsing_commands import parse_command, parse_shortcut
from handlers.parsing_forms import parse_form
from tests.support.desk import BOT, PERSONAS

COMMAND = {
    "command": "/assess",
    "text": "CN-01 What now?",
    "team_id": "T1",
    "channel_id": "C1",
    "user_id": "U1",
    "response_url": "https://hooks.example.org/1",
    "trigger_id": "1.2.abc",
}


@pytest.mark.parametrize(
    ("typed", "verb", "rest"),
    [
        ("", "", ""),
        (" help ", "help", ""),
        ("?", "help", ""),
        ("LIST", "list", ""),
        ("list the risks for CN-01", "", "list the risks for CN-01"),
        ("help me with CN-01", "", "help me with CN-01"),
        ("compare CN-01 US-01 who?", "compare", "CN-01 US-01 who?"),
        ("Compare", "compare", ""),
        ("forget", "forget", ""),
        ("forget <https://a.example/archives/C1/p1700000000000100>", "forget", None),
        ("forget the truce: what now?", "", "forget the truce: what now?"),
        (f"<@{BOT}|agents> CN-01 why?", "", "CN-01 why?"),
        ("CN-01 &lt;a&gt; &amp; payload=%7B", "", "CN-01 <a> & payload=%7B"),
    ],
)
def test_verbs_stand_alone_and_the_rest_is_a_question(typed: str, verb: str, rest: str | None) -> None:
    """A text that merely begins like a verb is a question."""
    command = parse_command({**COMMAND, "text": typed}, bot_user_id=BOT)
    assert command is not None
    assert command.verb == verb
    assert rest is None or command.text == rest
    assert command.typed.startswith("/assess")


@pytest.mark.parametrize("lacking", ["command", "channel_id", "user_id", "trigger_id"])
def test_what_lacks_a_name_is_no_command(lacking: str) -> None:
    """Nobody could be answered."""
    assert parse_command({**COMMAND, lacking: None}, bot_user_id=BOT) is None


@pytest.mark.parametrize(
    ("text", "codes", "question"),
    [
        ("CN-01 US-01 JP-01 Who blinks first?", ["CN-01", "US-01", "JP-01"], "Who blinks first?"),
        ("cn01, us-01 and @JP-01: who?", ["CN-01", "US-01", "JP-01"], "who?"),
        ("CN-01 vs US-01 — China or Japan?", ["CN-01", "US-01"], "China or Japan?"),
        ("CN-01 CN-01 US-01 who?", ["CN-01", "US-01"], "who?"),
        ("china, the US and Japan: who?", ["CN-01", "US-01", "JP-01"], "who?"),
        ("China and Japan signed a deal", [], "China and Japan signed a deal"),
        ("China, Atlantis: who?", [], "China, Atlantis: who?"),
        ("CN-01", ["CN-01"], ""),
        ("", [], ""),
    ],
)
def test_a_comparison_names_its_personas_before_its_question(
    text: str, codes: list[str], question: str
) -> None:
    """Codes in a row, or names before a colon; a country inside the question stays there."""
    comparison = parse_comparison(text, PERSONAS)
    assert [persona.code for persona in comparison.personas] == codes
    assert comparison.question == question
    assert comparison.is_complete == (len(codes) > 1 and bool(question))


LEAVES = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=6),
    st.sampled_from([forms.FORM, "/assess", "view_submission", "message_action", "1.2", "{", '{"draft": 1}']),
)
KEYS = st.sampled_from(
    ["type", "view", "state", "values", "callback_id", "private_metadata", "user", "id", "team", "message",
     "ts", "text", "channel", "trigger_id", "command", "response_urls", "selected_options", "selected_option",
     "value", "event", "assistant_thread", "tab", "user_profile", "bot_profile",
     forms.PERSONAS, forms.PLACE, forms.HORIZON, forms.CHANNEL]
)  # fmt: skip
BODIES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
        max_leaves=20,
    ),
    max_size=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(BODIES, BODIES)
def test_no_payload_makes_a_parser_raise(body: dict[str, Any], view: dict[str, Any]) -> None:
    """Whatever arrives, the answer is a value or ``None``."""
    named = {"user": {"id": "U1"}, "channel": {"id": "C1"}, "trigger_id": "1"}
    filled = {"id": "V1", "callback_id": forms.FORM}
    parse_form({**body, **named, "type": "view_submission", "view": {**view, **filled}})
    parse_shortcut({**body, **named, "type": "message_action", "message": {**view, "ts": "1.2"}})
    for given_body in (body, {**body, **COMMAND, **{key: view.get(key) for key in ("text", "team_id")}}):
        parse_command(given_body, bot_user_id=BOT)
        parse_shortcut(given_body)
        parse_form(given_body)
        parse_pane(given_body)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="CNUSJP01-:, andvs?\n", max_size=40))
def test_no_text_makes_a_comparison_raise(text: str) -> None:
    """People type anything."""
    assert len(parse_comparison(text, PERSONAS).personas) <= len(PERSONAS.personas)

"""Slack's payloads as values. ``payloads/`` holds them as Slack sends them; add one with every parser bug."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.turns import Quoted
from handlers.markup import blocks_markup, plain_text, without_mention
from handlers.parsing import Mention, parse_action, parse_edit, parse_mention, parse_stop

BOT = "U061F7AUR"
PAYLOADS = Path(__file__).parent / "payloads"

QUESTION = (
    "CN-01 China, U.S. Strike Rare Earths Truce\n\n"
    "The US is cutting tariffs & China pauses controls. What is your assessment?"
)


def payload(name: str) -> dict[str, Any]:
    """A recorded body."""
    body: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    return body


def mention_in(name: str) -> Mention:
    """The mention a recorded body holds."""
    mention = parse_mention(payload(name), bot_user_id=BOT)
    assert mention is not None
    return mention


def asked(text: str, **fields: Any) -> Mention | None:
    """The mention a message with this text is."""
    body = payload("app_mention")
    body["event"] |= {"text": text, **fields}
    return parse_mention(body, bot_user_id=BOT)


def test_app_mention_is_read_whole() -> None:
    """Team, channel, person, place and words of an ``app_mention``."""
    assert mention_in("app_mention") == Mention(
        team_id="T024BE7LD",
        channel="C0LAN2Q65",
        channel_type="channel",
        user_id="U2147483697",
        user_team_id="T024BE7LD",
        message_ts="1762905600.000200",
        thread_ts="1762905600.000200",
        text=QUESTION,
        quoted=(),
        event_id="Ev09000001",
    )


def test_message_event_of_the_same_mention_differs_only_in_its_event_id() -> None:
    """Slack sends one mention as two events; both are read as the same question."""
    twin = mention_in("message_with_mention")
    assert twin == dataclasses.replace(mention_in("app_mention"), event_id="Ev09000002")


def test_reply_in_a_private_channel_keeps_its_thread() -> None:
    """The answer goes into the thread the mention stands in."""
    mention = mention_in("group_thread_reply")
    assert (mention.channel_type, mention.thread_ts) == ("group", "1762905000.000100")
    assert mention.in_thread
    assert mention.text == "what do you make of this, ?"


def test_reply_also_sent_to_the_channel_is_a_mention() -> None:
    """A thread broadcast is written by a person."""
    mention = mention_in("thread_broadcast")
    assert (mention.text, mention.in_thread) == ("brief JP-01 and now?", True)


def test_message_with_a_file_is_a_mention() -> None:
    """The words count; the file's title is no part of the question."""
    mention = mention_in("file_share")
    assert mention.text == "RU-01 see the attached memo"
    assert mention.quoted == ()


def test_person_from_another_workspace_keeps_their_own_team() -> None:
    """In Slack Connect channels the person's workspace is not the installation's."""
    mention = mention_in("slack_connect")
    assert (mention.team_id, mention.user_team_id) == ("T024BE7LD", "T0PARTNER")


def test_forwarded_messages_and_attachments_are_quoted_with_their_author() -> None:
    """Text, blocks and link cards become quotations in plain words; a picture has nothing to say."""
    mention = mention_in("forwarded")
    assert mention.text == "CN-01 is this right?"
    assert mention.quoted == (
        Quoted(
            "Anna Berg",
            "MOFCOM suspends announcements 55-58 & 61-62, see No. 70 (https://example.com/70). "
            "@channel @U2147483697",
        ),
        Quoted(
            "Ben Ito",
            "Two points for @U2147483697 < today\n"
            "• licences stay\n"
            "• text (https://example.com/a?b=1&c=2):flag-cn:",
        ),
        Quoted("Reuters", "Trump, Xi agree\nThe two leaders agreed …"),
    )


def test_attachment_with_a_fallback_only_is_quoted_by_it() -> None:
    """Old integrations say everything in the fallback, and nobody's name."""
    mention = asked(f"<@{BOT}> CN-01 and this?", attachments=[{"fallback": "Oil at &lt; 60"}])
    assert mention is not None
    assert mention.quoted == (Quoted("unknown author", "Oil at < 60"),)


def test_attachment_fields_are_quoted() -> None:
    """Alerts put their facts into fields."""
    attachment = {
        "author_name": "Alerts",
        "pretext": "New:",
        "fields": [{"title": "Duty", "value": "10 %"}, {"title": "", "value": ""}],
    }
    mention = asked(f"<@{BOT}> CN-01 and this?", attachments=[attachment])
    assert mention is not None
    assert mention.quoted == (Quoted("Alerts", "New:\nDuty: 10 %"),)


@pytest.mark.parametrize(
    "name",
    [
        "other_bot",
        "incoming_webhook",
        "channel_join",
        "message_changed_by_edit",
        "message_changed_by_unfurl",
        "message_deleted",
        "agent_session_stopped",
        "block_actions_button",
    ],
)
def test_what_no_person_asked_is_no_mention(name: str) -> None:
    """Bots, webhooks, joins, edits, unfurls and deletions never start an answer."""
    assert parse_mention(payload(name), bot_user_id=BOT) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"user": BOT},
        {"user": "USLACKBOT"},
        {"user": ""},
        {"user": None},
        {"bot_id": "B1"},
        {"bot_profile": {"id": "B1"}},
        {"app_id": "A1"},
        {"subtype": "bot_message"},
        {"subtype": "channel_topic"},
        {"subtype": "me_message"},
        {"edited": {"user": "U1", "ts": "1762905720.000000"}},
        {"text": "CN-01 without a mention", "blocks": []},
        {"text": "<@U0SOMEBODY> CN-01"},
        {"text": f"{BOT} <!subteam^{BOT}> &lt;@{BOT}&gt;"},
        {"ts": None},
        {"ts": "soon"},
        {"ts": 1762905600.0002},
        {"channel": None},
        {"type": "reaction_added"},
    ],
    ids=str,
)
def test_one_changed_field_makes_it_no_mention(fields: dict[str, Any]) -> None:
    """Itself, Slackbot, apps in a person's name, edits, broken events: no answer."""
    body = payload("app_mention")
    body["event"] |= fields
    assert parse_mention(body, bot_user_id=BOT) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"channel": "D024BE91L"},
        {"channel_type": "im"},
        {"channel_type": "im", "text": "CN-01 why?", "blocks": []},
    ],
    ids=str,
)
def test_a_direct_message_needs_no_mention(fields: dict[str, Any]) -> None:
    """Whatever a person writes to the bot alone asks it."""
    body = payload("app_mention")
    body["event"] |= {"type": "message", **fields}
    mention = parse_mention(body, bot_user_id=BOT)
    assert mention is not None
    assert mention.is_direct
    body["event"]["bot_id"] = "B1"
    assert parse_mention(body, bot_user_id=BOT) is None


def test_other_personas_bot_users_are_not_answered() -> None:
    """Personas never answer each other, whatever their events look like."""
    body = payload("app_mention")
    assert parse_mention(body, bot_user_id=BOT, persona_user_ids=frozenset({"U2147483697"})) is None


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (f"<@{BOT}> CN-01 why?", "CN-01 why?"),
        (f"<@{BOT}>, CN-01 why?", "CN-01 why?"),
        (f"<@{BOT}>: CN-01 why?", "CN-01 why?"),
        (f"<@{BOT}|country-agents> CN-01 why?", "CN-01 why?"),
        (f"CN-01 why? <@{BOT}>", "CN-01 why?"),
        (f"Hey <@{BOT}> CN-01 why?", "Hey CN-01 why?"),
        (f"<@{BOT}> <@{BOT}> CN-01 why?", "CN-01 why?"),
        (f"<@{BOT}>", ""),
        (f"<@{BOT}>\nCN-01\nwhy?", "CN-01\nwhy?"),
        (f"<@{BOT}> ask <@U1|anna> in <#C1|trade> or <#C2>", "ask @anna in #trade or #C2"),
        (f"<@{BOT}> <!channel> <!here|here> <!everyone>", "@channel @here @everyone"),
        (f"<@{BOT}> <!subteam^S1|@asia-desk> <!subteam^S2>", "@asia-desk @group"),
        (f"<@{BOT}> on <!date^1762905600^{{date_short}}|12 Nov 2025>", "on 12 Nov 2025"),
        (f"<@{BOT}> see <https://a.b/c?d=1&amp;e=2>", "see https://a.b/c?d=1&e=2"),
        (f"<@{BOT}> see <https://a.b/c|the text>", "see the text (https://a.b/c)"),
        (f"<@{BOT}> see <http://a.b|a.b>", "see http://a.b"),
        (f"<@{BOT}> write <mailto:x@y.z|x@y.z>", "write x@y.z"),
        (f"<@{BOT}> 1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
    ],
)
def test_markup_becomes_plain_words(markup: str, text: str) -> None:
    """The bot's mention goes wherever it stands; references, links and entities are read as words."""
    mention = asked(markup)
    assert mention is not None
    assert mention.text == text


def test_words_that_come_only_as_blocks_are_read() -> None:
    """Where ``text`` is empty, the rich text says the same."""
    mention = asked("")
    assert mention is not None
    assert mention.text == QUESTION


def test_team_is_found_in_the_authorization() -> None:
    """Some deliveries name the team only there."""
    body = payload("app_mention")
    del body["team_id"]
    mention = parse_mention(body, bot_user_id=BOT)
    assert mention is not None
    assert mention.team_id == "T024BE7LD"


def test_time_of_the_question_is_that_of_its_ts() -> None:
    """Past this module nobody turns a ``ts`` into a number."""
    assert mention_in("app_mention").asked_at == pytest.approx(1762905600.0002)


def test_edit_holds_the_new_and_the_old_words() -> None:
    """What is needed to offer "Ask again with the new text"."""
    edit = parse_edit(payload("message_changed_by_edit"), bot_user_id=BOT)
    assert edit is not None
    assert edit.mention.text == "CN-01 and what about gallium?"
    assert edit.previous_text == "CN-01 and what about germanium?"
    assert (edit.mention.message_ts, edit.edited_ts) == ("1762905600.000200", "1762905720.000000")
    assert edit.seconds_after == pytest.approx(120, abs=0.01)
    assert (edit.mention.channel, edit.mention.user_id) == ("C0LAN2Q65", "U2147483697")


def test_edit_that_adds_the_mention_counts() -> None:
    """Somebody forgot the mention and adds it: nothing was asked before."""
    body = payload("message_changed_by_edit")
    body["event"]["previous_message"]["text"] = "CN-01 and what about gallium?"
    assert parse_edit(body, bot_user_id=BOT) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"text": f"<@{BOT}> CN-01 and  what about germanium? "},
        {"text": "CN-01 and what about gallium?"},
        {"edited": None},
        {"bot_id": "B1"},
        {"user": BOT},
        {"subtype": "tombstone"},
    ],
    ids=str,
)
def test_edit_that_changes_no_question_is_ignored(changes: dict[str, Any]) -> None:
    """Blanks, a mention taken away, unfurls, bots and deletions offer nothing."""
    body = payload("message_changed_by_edit")
    body["event"]["message"] |= changes
    assert parse_edit(body, bot_user_id=BOT) is None


@pytest.mark.parametrize("name", ["message_changed_by_unfurl", "app_mention", "message_deleted", "other_bot"])
def test_what_is_no_edit_is_ignored(name: str) -> None:
    """An unfurled link arrives as a change of the message, too."""
    assert parse_edit(payload(name), bot_user_id=BOT) is None


def test_stop_names_thread_and_person() -> None:
    """Slack's own stop button."""
    stop = parse_stop(payload("agent_session_stopped"))
    assert stop is not None
    assert (stop.channel, stop.thread_ts, stop.user_id) == ("C0LAN2Q65", "1762905600.000200", "U2147483697")
    assert (stop.team_id, stop.streaming_message_ts) == ("T024BE7LD", ("1762905602.000400",))
    assert parse_stop(payload("app_mention")) is None


def test_button_in_a_thread_is_read_whole() -> None:
    """Which button, who, where, and how to answer."""
    action = parse_action(payload("block_actions_button"))
    assert action is not None
    assert dataclasses.asdict(action) == {
        "action_id": "stop_turn",
        "value": "t0123456789abcdef0123",
        "user_id": "U2147483697",
        "team_id": "T024BE7LD",
        "channel": "C0LAN2Q65",
        "message_ts": "1762905601.000300",
        "thread_ts": "1762905600.000200",
        "response_url": "https://hooks.slack.com/actions/T024BE7LD/1/abc",
        "trigger_id": "12466734323.1395872398.e1a2b3",
        "is_ephemeral": False,
    }


def test_button_of_an_ephemeral_message_has_no_message() -> None:
    """Slack sends no message with it, and no team where the whole organisation installed the app."""
    action = parse_action(payload("block_actions_ephemeral"))
    assert action is not None
    assert (action.action_id, action.is_ephemeral) == ("ask_again", True)
    assert (action.team_id, action.thread_ts) == ("T024BE7LD", "1762905721.000800")


def test_choice_in_a_menu_is_its_value() -> None:
    """Menus say it elsewhere than buttons; a view has no channel and no message."""
    action = parse_action(payload("block_actions_select_in_home"))
    assert action is not None
    assert (action.value, action.channel, action.message_ts) == ("CN-01", "", "")


def test_values_cannot_be_changed() -> None:
    """What was parsed is what everybody sees."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        mention_in("app_mention").text = "another"  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_missing_fields_are_tolerated(name: str) -> None:
    """Any one field may be missing, or be of another type, without an error."""
    for broken in _broken(payload(name)):
        _parse_all(broken)


def _broken(value: Any) -> list[Any]:
    """``value`` with each of its fields (also inner ones) once removed, and once of another type."""
    if isinstance(value, list):
        return [
            [*value[:at], inner, *value[at + 1 :]] for at in range(len(value)) for inner in _broken(value[at])
        ]
    if not isinstance(value, dict):
        return [None, 7, [], {}]
    variants: list[Any] = []
    for key, inner in value.items():
        variants.append({name: kept for name, kept in value.items() if name != key})
        variants += [value | {key: broken} for broken in _broken(inner)]
    return variants


def _parse_all(body: dict[str, Any]) -> None:
    parse_mention(body, bot_user_id=BOT)
    parse_edit(body, bot_user_id=BOT)
    parse_stop(body)
    parse_action(body)


KEYS = [
    "type", "event", "subtype", "text", "ts", "user", "channel", "channel_type", "blocks", "elements",
    "message", "previous_message", "edited", "attachments", "message_blocks", "actions", "action_id",
    "container", "team", "authorizations", "fields", "id", "thread_ts", "url",
]  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(
        ["app_mention", "message", "message_changed", "block_actions", "agent_session_stopped", "rich_text",
         BOT, f"<@{BOT}> CN-01 why?", "1762905600.000200", "U1", "C1", "<!date^", "<|>", "<@>", "&amp;"]
    ),
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=30,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # other tests share the machine
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6), st.dictionaries(st.sampled_from(KEYS), JSON))
def test_no_payload_makes_a_parser_raise(body: dict[str, Any], event: dict[str, Any]) -> None:
    """Whatever arrives, the answer is a value or ``None``."""
    _parse_all(body)
    for kind in ({"type": "app_mention"}, {"type": "message", "subtype": "message_changed"}):
        _parse_all({**body, "event": {**event, **kind}})
    _parse_all({**event, "type": "block_actions"})


@given(st.text())
def test_escaped_words_come_back_as_they_were_typed(words: str) -> None:
    """Slack escapes three characters; reading undoes exactly that."""
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert plain_text(escaped) == words
    assert plain_text(
        blocks_markup([{"type": "section", "text": {"type": "plain_text", "text": words}}])
    ) in (
        words,
        "",
    )


@given(st.text(), st.text())
def test_no_mention_of_the_bot_survives(before: str, after: str) -> None:
    """The bot's own mention is gone from the question wherever it stood."""
    assert f"<@{BOT}>" not in without_mention(f"{before}<@{BOT}>{after}", BOT)

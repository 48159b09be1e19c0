"""chat.postMessage, postEphemeral, update, delete: what is kept and what is refused."""

from __future__ import annotations

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import AppConfig, Sandbox, WorkspaceConfig
from tests.sandbox.conftest import CHANNEL, client_of, error_of

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}


async def test_a_posted_message_is_in_the_history(client: AsyncWebClient) -> None:
    """What was posted is read back, with the sender chosen for it."""
    posted = await client.chat_postMessage(
        channel=CHANNEL, markdown_text="## Title\n**bold**", username="CN-01", icon_emoji=":flag-cn:"
    )
    messages = (await client.conversations_history(channel=CHANNEL))["messages"]
    assert messages[0]["ts"] == posted["ts"]
    assert messages[0]["text"] == "*Title*\n*bold*"
    assert messages[0]["blocks"] == [{"type": "markdown", "text": "## Title\n**bold**"}]
    assert (messages[0]["username"], messages[0]["icons"]) == ("CN-01", {"emoji": ":flag-cn:"})


async def test_timestamps_are_unique_and_grow(sandbox: Sandbox) -> None:
    """Ts values are strings whose order is the order of the messages."""
    stamps = [sandbox.workspace.next_ts() for _ in range(1000)]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0RANDOM", "text": "x"}, "not_in_channel"),
        ({"channel": CHANNEL}, "no_text"),
        ({"channel": CHANNEL, "text": "  "}, "no_text"),
        ({"channel": CHANNEL, "text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
        ({"channel": CHANNEL, "blocks": [SECTION], "markdown_text": "y"}, "markdown_text_conflict"),
        ({"channel": CHANNEL, "markdown_text": "y" * 12_001}, "msg_too_long"),
        ({"channel": CHANNEL, "text": "x", "thread_ts": "yesterday"}, "invalid_thread_ts"),
        ({"channel": CHANNEL, "text": "x", "thread_ts": "1700000000.000001"}, "thread_not_found"),
        ({"channel": CHANNEL, "blocks": "{"}, "invalid_blocks_format"),
        ({"channel": CHANNEL, "text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"channel": CHANNEL, "text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
        (
            {"channel": CHANNEL, "text": "x", "metadata": {"event_type": 1, "event_payload": {}}},
            "invalid_metadata_schema",
        ),
        (
            {
                "channel": CHANNEL,
                "text": "x",
                "metadata": {"event_type": "a", "event_payload": {"b": "c" * 9000}},
            },
            "metadata_too_large",
        ),
    ],
)
async def test_a_bad_post_is_refused(client: AsyncWebClient, arguments: dict[str, object], code: str) -> None:
    """Each rule answers with Slack's own code."""
    assert await error_of(client.api_call("chat.postMessage", json=arguments)) == code


async def test_nothing_is_kept_of_a_refused_post(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """A refused call leaves no message and no ping."""
    await error_of(client.chat_postMessage(channel=CHANNEL, text="x", thread_ts="1700000000.000001"))
    assert not sandbox.workspace.channels[CHANNEL].messages


async def test_a_private_channel_without_the_bot_does_not_exist(
    client: AsyncWebClient, sandbox: Sandbox
) -> None:
    """channel_not_found, where a public one says not_in_channel."""
    sandbox.workspace.channels["C0LEADS"].members.remove("U0AGENTS")
    assert await error_of(client.chat_postMessage(channel="C0LEADS", text="x")) == "channel_not_found"
    assert await error_of(client.conversations_info(channel="C0LEADS")) == "channel_not_found"


async def test_an_archived_channel_takes_no_messages(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """is_archived."""
    sandbox.workspace.channels[CHANNEL].is_archived = True
    assert await error_of(client.chat_postMessage(channel=CHANNEL, text="x")) == "is_archived"


async def test_a_reply_cannot_be_replied_to(client: AsyncWebClient) -> None:
    """thread_ts must be a root's."""
    root = (await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"]
    reply = (await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root))["ts"]
    answer = client.chat_postMessage(channel=CHANNEL, text="x", thread_ts=reply)
    assert await error_of(answer) == "cannot_reply_to_message"


async def test_very_long_text_is_cut_with_a_warning(client: AsyncWebClient) -> None:
    """Text over 40,000 characters is truncated, not refused."""
    answer = await client.chat_postMessage(channel=CHANNEL, text="x" * 40_001)
    assert answer["warning"] == "message_truncated"
    assert len(answer["message"]["text"]) == 40_000


async def test_unfurl_flags_are_kept_for_inspection(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """A test can prove that no unfurl was allowed."""
    await client.chat_postMessage(channel=CHANNEL, text="x", unfurl_links=False, unfurl_media=False)
    (message,) = sandbox.workspace.channels[CHANNEL].messages.values()
    assert (message.unfurl_links, message.unfurl_media) == (False, False)


async def test_metadata_is_shown_when_asked_for(client: AsyncWebClient) -> None:
    """conversations.history gives metadata with include_all_metadata only."""
    metadata = {"event_type": "part", "event_payload": {"turn": "t1"}}
    await client.chat_postMessage(channel=CHANNEL, text="x", metadata=metadata)
    plain = await client.conversations_history(channel=CHANNEL)
    full = await client.conversations_history(channel=CHANNEL, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata


async def test_an_ephemeral_message_is_seen_by_one_user_only(
    client: AsyncWebClient, sandbox: Sandbox
) -> None:
    """It stands in no history, and its ts cannot be updated."""
    answer = await client.chat_postEphemeral(channel=CHANNEL, user="U0DANA", text="psst")
    assert [message.ephemeral_for for message in sandbox.ephemerals] == ["U0DANA"]
    assert (await client.conversations_history(channel=CHANNEL))["messages"] == []
    update = client.chat_update(channel=CHANNEL, ts=answer["message_ts"], text="x")
    assert await error_of(update) == "message_not_found"
    stranger = client.chat_postEphemeral(channel=CHANNEL, user="U0NOOR", text="psst")
    assert await error_of(stranger) == "user_not_in_channel"


async def test_an_update_replaces_text_and_blocks(client: AsyncWebClient) -> None:
    """Text without blocks removes the blocks there were."""
    ts = (await client.chat_postMessage(channel=CHANNEL, text="a", blocks=[SECTION]))["ts"]
    await client.chat_update(channel=CHANNEL, ts=ts, text="b")
    message = (await client.conversations_history(channel=CHANNEL))["messages"][0]
    assert message["text"] == "b"
    assert "blocks" not in message
    assert message["edited"]["user"] == "U0AGENTS"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"text": "x" * 4001}, "msg_too_long"),
        ({}, "no_text"),
        ({"text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
        ({"blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
    ],
)
async def test_a_bad_update_is_refused(
    client: AsyncWebClient, arguments: dict[str, object], code: str
) -> None:
    """chat.update has limits of its own."""
    ts = (await client.chat_postMessage(channel=CHANNEL, text="a"))["ts"]
    call = client.api_call("chat.update", json={"channel": CHANNEL, "ts": ts, **arguments})
    assert await error_of(call) == code


async def test_others_messages_cannot_be_changed(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """cant_update_message, cant_delete_message, message_not_found."""
    ts = await sandbox.post_as_user("dana", CHANNEL, "mine")
    assert await error_of(client.chat_update(channel=CHANNEL, ts=ts, text="x")) == "cant_update_message"
    assert await error_of(client.chat_delete(channel=CHANNEL, ts=ts)) == "cant_delete_message"
    gone = client.chat_update(channel=CHANNEL, ts="1700000000.000001", text="x")
    assert await error_of(gone) == "message_not_found"


async def test_a_deleted_root_with_replies_leaves_a_tombstone(client: AsyncWebClient) -> None:
    """Its replies stay readable; without replies nothing stays."""
    root = (await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"]
    reply = (await client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root))["ts"]
    await client.chat_delete(channel=CHANNEL, ts=root)
    messages = (await client.conversations_replies(channel=CHANNEL, ts=root))["messages"]
    assert [message.get("subtype") for message in messages] == ["tombstone", None]
    await client.chat_delete(channel=CHANNEL, ts=reply)
    left = (await client.conversations_replies(channel=CHANNEL, ts=root))["messages"]
    assert len(left) == 1


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("<!channel> look", ["channel"]),
        ("<!here|here> <!everyone>", ["here", "everyone"]),
        ("<!subteam^S0DESK> and <@U0KIM>", ["subteam^S0DESK", "U0KIM"]),
        ("&lt;!channel&gt; @channel", []),
    ],
)
async def test_live_pings_are_written_down(
    client: AsyncWebClient, sandbox: Sandbox, text: str, targets: list[str]
) -> None:
    """In text, in Markdown and in blocks; escaped ones are none."""
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    await client.chat_postMessage(channel=CHANNEL, text=text)
    await client.chat_postMessage(channel=CHANNEL, markdown_text=text)
    await client.api_call("chat.postMessage", json={"channel": CHANNEL, "blocks": [block]})
    assert [ping.target for ping in sandbox.workspace.pings] == targets * 3


async def test_an_update_pings_with_plain_words_unless_told_not_to_parse(
    client: AsyncWebClient, sandbox: Sandbox
) -> None:
    """chat.update parses names by default, postMessage does not."""
    ts = (await client.chat_postMessage(channel=CHANNEL, text="@channel"))["ts"]
    await client.chat_update(channel=CHANNEL, ts=ts, text="@channel", parse="none")
    assert sandbox.workspace.pings == []
    await client.chat_update(channel=CHANNEL, ts=ts, text="@channel")
    assert [ping.target for ping in sandbox.workspace.pings] == ["channel"]


async def test_apps_cannot_touch_each_others_messages(http: object) -> None:
    """A second app's bot is an other author."""
    second = AppConfig(
        app_id="A0SECOND",
        bot_user_id="U0SECOND",
        bot_id="B0SECOND",
        bot_user_name="second",
        bot_token="xoxb-second",
        app_token="xapp-second",
    )
    config = WorkspaceConfig(apps=(AppConfig(), second), rate_limits=False)
    async with Sandbox(config) as sandbox:
        await sandbox.invite("U0SECOND", CHANNEL)
        first, other = client_of(sandbox, http), client_of(sandbox, http, "A0SECOND")  # type: ignore[arg-type]
        ts = (await first.chat_postMessage(channel=CHANNEL, text="a"))["ts"]
        assert await error_of(other.chat_update(channel=CHANNEL, ts=ts, text="b")) == "cant_update_message"
        stop = other.chat_stopStream(channel=CHANNEL, ts=ts)
        assert await error_of(stop) == "message_not_owned_by_app"

"""conversations.*, users.*, reactions.add, team.info: reading the workspace."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Sandbox
from tests.sandbox.conftest import BOT, CHANNEL, DANA, error_of


async def test_a_thread_is_read_page_by_page(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """The root comes first, replies in order, pages by cursor."""
    root = await sandbox.post_as_user("dana", CHANNEL, "root")
    for number in range(5):
        await sandbox.post_as_user("kim", CHANNEL, str(number), thread_ts=root)
    texts: list[str] = []
    cursor: str | None = None
    while cursor != "":
        page = await client.conversations_replies(channel=CHANNEL, ts=root, limit=2, cursor=cursor)
        texts += [message["text"] for message in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
    assert texts == ["root", "0", "1", "2", "3", "4"]


async def test_the_root_counts_its_replies(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """reply_count, latest_reply and reply_users stand on the root; replies name their parent's user."""
    root = await sandbox.post_as_user("dana", CHANNEL, "root")
    reply = await sandbox.post_as_user("kim", CHANNEL, "reply", thread_ts=root)
    first, second = (await client.conversations_replies(channel=CHANNEL, ts=root))["messages"]
    assert (first["reply_count"], first["latest_reply"], first["reply_users"]) == (1, reply, ["U0KIM"])
    assert (second["thread_ts"], second["parent_user_id"]) == (root, DANA)


async def test_a_replys_ts_gives_that_reply_alone(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """conversations.replies with the ts of a reply is no thread."""
    root = await sandbox.post_as_user("dana", CHANNEL, "root")
    reply = await sandbox.post_as_user("kim", CHANNEL, "reply", thread_ts=root)
    messages = (await client.conversations_replies(channel=CHANNEL, ts=reply))["messages"]
    assert [message["text"] for message in messages] == ["reply"]


async def test_the_history_is_newest_first_without_replies(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """Replies stand there only when broadcast."""
    first = await sandbox.post_as_user("dana", CHANNEL, "first")
    await sandbox.post_as_user("dana", CHANNEL, "second")
    await client.chat_postMessage(channel=CHANNEL, thread_ts=first, text="hidden")
    await client.chat_postMessage(channel=CHANNEL, thread_ts=first, text="shown", reply_broadcast=True)
    messages = (await client.conversations_history(channel=CHANNEL))["messages"]
    assert [message["text"] for message in messages] == ["shown", "second", "first"]


async def test_the_history_has_bounds(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """Oldest and latest are exclusive unless inclusive."""
    stamps = [await sandbox.post_as_user("dana", CHANNEL, str(number)) for number in range(4)]
    bounds: dict[str, Any] = {"channel": CHANNEL, "oldest": stamps[0], "latest": stamps[2]}
    between = await client.conversations_history(**bounds)
    around = await client.conversations_history(**bounds, inclusive=True)
    assert [message["text"] for message in between["messages"]] == ["1"]
    assert [message["text"] for message in around["messages"]] == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("conversations.history", {"channel": "C0RANDOM"}, "not_in_channel"),
        ("conversations.history", {"channel": CHANNEL, "oldest": "soon"}, "invalid_ts_oldest"),
        ("conversations.history", {"channel": CHANNEL, "cursor": "???"}, "invalid_cursor"),
        ("conversations.history", {"channel": CHANNEL, "limit": 0}, "invalid_limit"),
        ("conversations.replies", {"channel": CHANNEL, "ts": "1700000000.000001"}, "thread_not_found"),
        ("conversations.list", {"types": "secret_channel"}, "invalid_types"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
        ("conversations.join", {"channel": "C0LEADS"}, "method_not_supported_for_channel_type"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("bots.info", {"bot": "B0NOBODY"}, "bot_not_found"),
        ("team.info", {"team": "T0OTHER"}, "team_not_found"),
        ("chat.getPermalink", {"channel": CHANNEL, "message_ts": "1700000000.000001"}, "message_not_found"),
        ("reactions.add", {"channel": CHANNEL, "name": "eyes", "timestamp": "soon"}, "bad_timestamp"),
        ("reactions.add", {"channel": CHANNEL, "name": "A b", "timestamp": "1.1"}, "invalid_name"),
        ("reactions.add", {"channel": CHANNEL, "name": "eyes", "timestamp": "1.1"}, "message_not_found"),
    ],
)
async def test_bad_questions_are_refused(
    client: AsyncWebClient, method: str, arguments: dict[str, Any], code: str
) -> None:
    """Each with Slack's own code."""
    assert await error_of(client.api_call(method, params=arguments)) == code


async def test_the_list_shows_what_the_bot_may_see(client: AsyncWebClient) -> None:
    """Public channels all, private ones with the bot, each by type."""
    public = await client.conversations_list()
    private = await client.conversations_list(types="private_channel")
    assert [channel["name"] for channel in public["channels"]] == ["country-desk", "partner-desk", "random"]
    assert [channel["name"] for channel in private["channels"]] == ["desk-leads"]


async def test_a_public_channel_can_be_joined(client: AsyncWebClient) -> None:
    """Afterwards the bot is a member and may write."""
    await client.conversations_join(channel="C0RANDOM")
    await client.chat_postMessage(channel="C0RANDOM", text="hello")
    assert BOT in (await client.conversations_members(channel="C0RANDOM"))["members"]
    assert (await client.conversations_info(channel="C0RANDOM"))["channel"]["is_member"] is True


async def test_a_direct_message_is_opened_once(client: AsyncWebClient) -> None:
    """conversations.open gives the same channel again; a user id works as a channel to post to."""
    first = (await client.conversations_open(users=DANA))["channel"]["id"]
    again = (await client.conversations_open(users=DANA))["channel"]["id"]
    posted = (await client.chat_postMessage(channel=DANA, text="hello"))["channel"]
    assert first == again == posted


async def test_a_reaction_is_added_once(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """already_reacted the second time."""
    ts = await sandbox.post_as_user("dana", CHANNEL, "root")
    await client.reactions_add(channel=CHANNEL, name="eyes", timestamp=ts)
    again = client.reactions_add(channel=CHANNEL, name="eyes", timestamp=ts)
    assert await error_of(again) == "already_reacted"
    message = (await client.conversations_history(channel=CHANNEL))["messages"][0]
    assert message["reactions"] == [{"name": "eyes", "users": [BOT], "count": 1}]


async def test_a_permalink_names_the_thread(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """A reply's link carries thread_ts and cid."""
    root = await sandbox.post_as_user("dana", CHANNEL, "root")
    reply = await sandbox.post_as_user("dana", CHANNEL, "reply", thread_ts=root)
    link = (await client.chat_getPermalink(channel=CHANNEL, message_ts=reply))["permalink"]
    assert link.endswith(f"/archives/{CHANNEL}/p{reply.replace('.', '')}?thread_ts={root}&cid={CHANNEL}")

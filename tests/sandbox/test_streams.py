"""Streaming: who may start one, how much it holds, how long it lives, how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import Sandbox
from tests.sandbox.conftest import CHANNEL, DANA, TEAM, error_of, started


@pytest.fixture
async def root(sandbox: Sandbox) -> str:
    return await sandbox.post_as_user("dana", CHANNEL, "a question")


async def test_a_stream_grows_and_becomes_a_message(
    client: AsyncWebClient, sandbox: Sandbox, root: str
) -> None:
    """slack_sdk's own helper works; text, blocks and metadata arrive in one message."""
    stream = await client.chat_stream(
        channel=CHANNEL, thread_ts=root, recipient_team_id=TEAM, recipient_user_id=DANA, buffer_size=4
    )
    await stream.append(markdown_text="**One**\n")
    await stream.append(markdown_text="two [x](https://example.org)")
    assert sandbox.thread(CHANNEL, root)[1].is_streaming
    button = {"type": "button", "action_id": "more", "text": {"type": "plain_text", "text": "More"}}
    metadata = {"event_type": "part", "event_payload": {"part": 1}}
    await stream.stop(blocks=[{"type": "actions", "elements": [button]}], metadata=metadata)
    answer = await client.conversations_replies(channel=CHANNEL, ts=root, include_all_metadata=True)
    message = answer["messages"][1]
    assert message["text"] == "*One*\ntwo <https://example.org|x>"
    assert [block["type"] for block in message["blocks"]] == ["markdown", "actions"]
    assert message["metadata"] == metadata
    assert not sandbox.thread(CHANNEL, root)[1].is_streaming
    assert sandbox.thread(CHANNEL, root)[1].markdown == "**One**\ntwo [x](https://example.org)"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"recipient_user_id": None}, "missing_recipient_user_id"),
        ({"recipient_team_id": None}, "missing_recipient_team_id"),
        ({"recipient_user_id": "U0NOBODY"}, "user_not_found"),
        ({"recipient_user_id": "U0NOOR"}, "user_not_found"),
        ({"thread_ts": None}, "invalid_thread_ts"),
        ({"thread_ts": "1700000000.000001"}, "invalid_thread_ts"),
        ({"channel": "C0RANDOM"}, "not_in_channel"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"task_display_mode": "dense"}, "invalid_arguments"),
        ({"chunks": [{"type": "song", "text": "la"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "markdown_text"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "task_update", "id": "1", "title": "t", "status": "done"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "plan_update"}]}, "invalid_chunks"),
        ({"chunks": [{"type": "blocks", "blocks": [{"type": "nonsense"}]}]}, "invalid_blocks"),
        ({"chunks": [{"type": "blocks", "blocks": [{"type": "divider"}] * 51}]}, "msg_blocks_too_many"),
        ({"chunks": "[", "markdown_text": None}, "invalid_chunks"),
    ],
)
async def test_a_bad_start_is_refused(
    client: AsyncWebClient, root: str, arguments: dict[str, Any], code: str
) -> None:
    """chat.startStream is strict about recipient, thread and chunks."""
    valid = {"channel": CHANNEL, "thread_ts": root, "recipient_user_id": DANA, "recipient_team_id": TEAM}
    assert await error_of(client.api_call("chat.startStream", json=valid | arguments)) == code


async def test_a_guests_own_team_is_the_recipients_team(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """For a Slack Connect user the installing team is the wrong one."""
    root = await sandbox.post_as_user("noor", "C0SHARED", "a question")
    arguments = {"channel": "C0SHARED", "thread_ts": root, "recipient_user_id": "U0NOOR"}
    wrong = client.chat_startStream(**arguments, recipient_team_id=TEAM)
    assert await error_of(wrong) == "user_not_found"
    await client.chat_startStream(**arguments, recipient_team_id="T0PARTNER")


async def test_a_direct_message_needs_no_recipient(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """recipient_* are for channels."""
    channel = sandbox.workspace.direct_message(DANA, "U0AGENTS").id
    root = await sandbox.post_as_user("dana", channel, "hello")
    await client.chat_startStream(channel=channel, thread_ts=root, markdown_text="hi")


async def test_a_stream_holds_eleven_thousand_bytes_in_all(client: AsyncWebClient, root: str) -> None:
    """Bytes, not characters, over all calls; after the first refusal every text is refused."""
    ts = await started(client, root)
    for _ in range(3):
        await client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="国" * 1_200)
    over = client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="x" * 201)
    assert await error_of(over) == "msg_too_long"
    small = client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="x")
    assert await error_of(small) == "msg_too_long"
    last = client.chat_stopStream(channel=CHANNEL, ts=ts, markdown_text="x")
    assert await error_of(last) == "msg_too_long"
    await client.chat_stopStream(channel=CHANNEL, ts=ts)


async def test_exactly_the_limit_fits(client: AsyncWebClient, root: str) -> None:
    """11,000 bytes go in."""
    ts = await started(client, root, markdown_text="x" * 11_000)
    await client.chat_stopStream(channel=CHANNEL, ts=ts)


async def test_an_overflowed_stream_may_refuse_its_stop_too(
    client: AsyncWebClient, sandbox: Sandbox, root: str
) -> None:
    """Nobody knows what Slack does: a setting chooses, so that both can be tested."""
    sandbox.workspace.limits = replace(sandbox.workspace.limits, overflow_refuses_stop=True)
    ts = await started(client, root)
    await error_of(client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="x" * 11_001))
    assert await error_of(client.chat_stopStream(channel=CHANNEL, ts=ts)) == "msg_too_long"


async def test_task_rows_weigh_too(client: AsyncWebClient, sandbox: Sandbox, root: str) -> None:
    """A title counts once, details and output twice."""
    ts = await started(client, root)
    task = {"type": "task_update", "id": "1", "title": "t" * 10, "details": "d" * 20, "output": "o" * 30}
    await client.chat_appendStream(channel=CHANNEL, ts=ts, chunks=[{**task, "status": "in_progress"}])
    stream = sandbox.thread(CHANNEL, root)[1].stream
    assert stream is not None
    assert stream.bytes_used == 110


async def test_tasks_and_plans_are_shown_as_blocks(client: AsyncWebClient, root: str) -> None:
    """Later updates of a task replace its state."""
    ts = await started(client, root, task_display_mode="plan")
    task = {"type": "task_update", "id": "1", "title": "Read"}
    await client.chat_appendStream(channel=CHANNEL, ts=ts, chunks=[{**task, "status": "in_progress"}])
    await client.chat_appendStream(
        channel=CHANNEL,
        ts=ts,
        chunks=[{**task, "status": "complete"}, {"type": "plan_update", "title": "Work"}],
    )
    await client.chat_stopStream(channel=CHANNEL, ts=ts)
    message = (await client.conversations_replies(channel=CHANNEL, ts=root))["messages"][1]
    (plan,) = message["blocks"]
    assert (plan["type"], plan["title"], plan["tasks"][0]["status"]) == ("plan", "Work", "complete")


async def test_a_stream_ends_by_age_even_while_it_is_appended_to(
    client: AsyncWebClient, sandbox: Sandbox, root: str
) -> None:
    """Append and stop answer message_not_in_streaming_state; chat.update is the way out."""
    sandbox.workspace.limits = replace(sandbox.workspace.limits, stream_age_seconds=0.2)
    ts = await started(client, root, markdown_text="early")
    await sandbox.wait_for(lambda: not sandbox.thread(CHANNEL, root)[1].is_streaming, 2)
    append = client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="late")
    assert await error_of(append) == "message_not_in_streaming_state"
    stop = client.chat_stopStream(channel=CHANNEL, ts=ts)
    assert await error_of(stop) == "message_not_in_streaming_state"
    await client.chat_update(channel=CHANNEL, ts=ts, markdown_text="early and late")


async def test_a_streaming_message_cannot_be_updated(client: AsyncWebClient, root: str) -> None:
    """streaming_state_conflict until it has stopped."""
    ts = await started(client, root)
    update = client.chat_update(channel=CHANNEL, ts=ts, text="x")
    assert await error_of(update) == "streaming_state_conflict"
    await client.chat_stopStream(channel=CHANNEL, ts=ts)
    await client.chat_update(channel=CHANNEL, ts=ts, text="x")


async def test_a_stopped_stream_takes_nothing_more(client: AsyncWebClient, root: str) -> None:
    """Neither text nor another stop."""
    ts = await started(client, root)
    await client.chat_stopStream(channel=CHANNEL, ts=ts)
    for call in (
        client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="x"),
        client.chat_stopStream(channel=CHANNEL, ts=ts),
    ):
        assert await error_of(call) == "message_not_in_streaming_state"


async def test_a_reader_can_stop_a_stream(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Any, root: str
) -> None:
    """The app is told, appends answer stopped_by_user, and the app can still end the message."""
    ts = await started(client, root, markdown_text="so far")
    await sandbox.press_stop("dana", CHANNEL, ts)
    await sandbox.wait_for(lambda: inbox.events("agent_session_stopped"))
    (event,) = inbox.events("agent_session_stopped")
    assert (event["thread_ts"], event["streaming_message_ts"], event["user"]) == (root, [ts], DANA)
    append = client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="x")
    assert await error_of(append) == "stopped_by_user"
    with_text = client.chat_stopStream(channel=CHANNEL, ts=ts, markdown_text="x")
    assert await error_of(with_text) == "stopped_by_user"
    await client.chat_stopStream(channel=CHANNEL, ts=ts)


async def test_a_stream_stopped_by_its_reader_can_be_updated(
    client: AsyncWebClient, sandbox: Sandbox, root: str
) -> None:
    """Nothing streams any more, so there is no conflict; the update ends the stream."""
    ts = await started(client, root, markdown_text="so far")
    await sandbox.press_stop("dana", CHANNEL, root)
    await client.chat_update(channel=CHANNEL, ts=ts, markdown_text="so far, stopped")
    stop = client.chat_stopStream(channel=CHANNEL, ts=ts)
    assert await error_of(stop) == "message_not_in_streaming_state"


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("chat.appendStream", {}, "no_text"),
        ("chat.appendStream", {"chunks": []}, "no_text"),
        ("chat.appendStream", {"markdown_text": "x" * 12_001}, "msg_too_long"),
        ("chat.appendStream", {"markdown_text": "x", "chunks": []}, "invalid_arguments"),
        ("chat.stopStream", {"session_status": "gone"}, "invalid_arguments"),
        ("chat.stopStream", {"metadata": "{"}, "invalid_metadata_format"),
        ("chat.stopStream", {"blocks": [{"type": "divider"}] * 51}, "msg_blocks_too_many"),
    ],
)
async def test_bad_appends_and_stops_are_refused(
    client: AsyncWebClient, root: str, method: str, arguments: dict[str, Any], code: str
) -> None:
    """The stream goes on after a refusal."""
    ts = await started(client, root)
    call = client.api_call(method, json={"channel": CHANNEL, "ts": ts, **arguments})
    assert await error_of(call) == code
    await client.chat_stopStream(channel=CHANNEL, ts=ts)


async def test_metadata_is_taken_at_the_stop_only(
    client: AsyncWebClient, sandbox: Sandbox, root: str
) -> None:
    """chat.startStream does not know the argument: Slack would ignore it."""
    metadata = {"event_type": "part", "event_payload": {}}
    ts = await started(client, root, metadata=metadata)
    assert "metadata" in sandbox.calls[-1].unknown_arguments
    assert sandbox.thread(CHANNEL, root)[1].metadata is None
    await client.chat_stopStream(channel=CHANNEL, ts=ts, metadata=metadata)
    assert sandbox.thread(CHANNEL, root)[1].metadata == metadata


async def test_a_ping_torn_between_appends_is_still_a_ping(
    client: AsyncWebClient, sandbox: Sandbox, root: str
) -> None:
    """Text is looked at as the reader sees it, and each ping is counted once."""
    ts = await started(client, root, markdown_text="attention <!cha")
    await client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="nnel> please")
    await client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text=" or not")
    assert [ping.target for ping in sandbox.workspace.pings] == ["channel"]


async def test_a_status_is_shown_until_a_reply_or_two_minutes(
    client: AsyncWebClient, sandbox: Sandbox, root: str
) -> None:
    """SetStatus shows, an empty one clears, a reply clears, time clears."""
    key = (CHANNEL, root)

    async def show(status: str) -> None:
        await client.assistant_threads_setStatus(channel_id=CHANNEL, thread_ts=root, status=status)

    await show("reads")
    assert sandbox.workspace.statuses[key]["status"] == "reads"
    await show("")
    assert key not in sandbox.workspace.statuses
    await show("reads")
    await client.chat_postMessage(channel=CHANNEL, thread_ts=root, text="done")
    assert key not in sandbox.workspace.statuses
    sandbox.workspace.limits = replace(sandbox.workspace.limits, status_seconds=0.1)
    await show("reads")
    await sandbox.wait_for(lambda: key not in sandbox.workspace.statuses, 2)


async def test_a_bad_status_is_refused(client: AsyncWebClient, root: str) -> None:
    """At most ten loading messages, and a thread that exists."""
    arguments = {"channel_id": CHANNEL, "thread_ts": root, "status": "x"}
    many = client.assistant_threads_setStatus(**arguments, loading_messages=["a"] * 11)
    assert await error_of(many) == "invalid_arguments"
    nowhere = client.assistant_threads_setStatus(**{**arguments, "thread_ts": "1700000000.000001"})
    assert await error_of(nowhere) == "invalid_thread_ts"

"""One message starts one answer: whatever Slack delivers twice, and whoever else writes."""

from __future__ import annotations

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.records import Change
from tests.scenarios.test_refusals import deliver_again
from tests.support.desk import BOT, CHANNEL, open_desk
from tests.support.valkey import RealValkey


@pytest.mark.parametrize("transport", ["socket", "http"])
async def test_a_mention_delivered_again_is_answered_once(valkey: RealValkey, transport: str) -> None:
    """Under two events and each of them again, while the answer is written and after it."""
    async with open_desk(valkey, transport=transport, tokens_per_second=2000) as desk:
        ts = await desk.ask()
        await desk.until(lambda: desk.of_kind(ts, "card"))
        await deliver_again(desk, ts)
        await desk.answered(ts)
        await deliver_again(desk, ts)
        events = [item.event_type for item in desk.sandbox.workspace.deliveries if item.attempt == 0]
        assert {"app_mention", "message"} <= set(events)
        assert len(desk.of_kind(ts, "card")) == len(desk.of_kind(ts, "footer")) == 1
        assert len([request for request in desk.model.requests if request.schema_name == "plan"]) == 1


async def test_a_name_mentioned_in_a_message_event_alone_is_answered(valkey: RealValkey) -> None:
    """``app_mention`` may get lost: the message event is enough."""
    async with open_desk(valkey) as desk:
        app = desk.sandbox.workspace.app()
        apps = desk.sandbox.workspace.apps
        apps[app.app_id] = type(app)(events=("message.channels",))
        ts = await desk.ask()
        await desk.answered(ts)
        assert len(desk.of_kind(ts, "card")) == 1


async def test_bots_joins_and_other_noise_start_nothing(valkey: RealValkey) -> None:
    """The app's own posts, another app's mention, a join, a broadcast edit: no answer and no whisper."""
    async with open_desk(valkey) as desk:
        workspace = desk.sandbox.workspace
        client = AsyncWebClient(token=workspace.app().bot_token, base_url=desk.sandbox.api_url)
        await client.chat_postMessage(channel=CHANNEL, text=f"<@{BOT}> CN-01 What now?")
        ts = await desk.sandbox.post_as_user("kim", CHANNEL, "CN-01 is not mentioned here, only named.")
        message = workspace.find(CHANNEL, ts)
        joined = {**message.as_api(), "subtype": "channel_join", "text": f"<@{BOT}> has joined the channel"}
        by_bot = {**message.as_api(), "bot_id": "B0OTHER", "text": f"<@{BOT}> CN-01 What now?"}
        for number, event in enumerate((joined, by_bot), 1):
            place = {"type": "message", "channel": CHANNEL, "channel_type": "channel"}
            desk.sandbox.events.emit(workspace.app(), event | place | {"ts": f"1700000000.00000{number}"})
        await desk.sandbox.delete_as_user("kim", CHANNEL, ts)
        await desk.idle()
        assert desk.sandbox.ephemerals == []
        assert desk.model.requests == []
        assert [call.method for call in desk.sandbox.calls if call.method.startswith("chat.")] == [
            "chat.postMessage"
        ]
        assert {item.outcome for item in workspace.deliveries} == {"acked"}


async def test_an_unfurled_link_in_a_mention_changes_nothing(valkey: RealValkey) -> None:
    """Slack edits the message to show a preview: the words are the same."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        message = desk.sandbox.workspace.find(CHANNEL, ts)
        previous = message.as_api()
        message.attachments = [{"from_url": "https://example.com", "title": "A preview", "text": "Words."}]
        desk.sandbox.workspace.publish(Change("changed", message, previous))
        await desk.idle()
        assert desk.sandbox.ephemerals == []
        assert len(desk.of_kind(ts, "card")) == 1

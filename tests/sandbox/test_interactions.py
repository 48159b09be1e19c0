"""Buttons, response addresses, modals, App Home."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.sandbox import Sandbox, SandboxError
from tests.sandbox.conftest import CHANNEL, DANA, Inbox, error_of


def text(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words}


BUTTONS = [
    {
        "type": "actions",
        "block_id": "controls",
        "elements": [
            {"type": "button", "action_id": "stop", "value": "turn-1", "text": text("Stop")},
            {
                "type": "overflow",
                "action_id": "more",
                "options": [{"text": text("A"), "value": "a"}, {"text": text("B"), "value": "b"}],
            },
        ],
    }
]
NAME = {"type": "plain_text_input", "action_id": "name"}
FILLED_IN = {"who": {"name": {"value": "Kim"}}}
MODAL = {
    "type": "modal",
    "callback_id": "ask",
    "title": text("Ask"),
    "submit": text("Send"),
    "blocks": [{"type": "input", "block_id": "who", "label": text("Name"), "element": NAME}],
}


async def test_a_click_brings_the_buttons_own_value(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """block_actions with message, channel, user and a fresh trigger."""
    ts = (await client.chat_postMessage(channel=CHANNEL, text="card", blocks=BUTTONS))["ts"]
    delivery = await sandbox.click("kim", CHANNEL, ts, "stop")
    assert delivery.outcome == "acked"
    request = inbox.requests[-1]
    assert (request.type, request.payload["type"]) == ("interactive", "block_actions")
    (action,) = request.payload["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("stop", "controls", "turn-1")
    assert request.payload["message"]["ts"] == ts
    assert request.payload["user"]["id"] == "U0KIM"
    assert request.payload["container"]["is_ephemeral"] is False


async def test_a_choice_brings_its_option(client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox) -> None:
    """selected_option, as for menus."""
    ts = (await client.chat_postMessage(channel=CHANNEL, text="card", blocks=BUTTONS))["ts"]
    await sandbox.click("kim", CHANNEL, ts, "more", value="b")
    assert inbox.requests[-1].payload["actions"][0]["selected_option"]["value"] == "b"


async def test_buttons_in_ephemeral_messages_work(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """Without a message in the payload, and for the user who sees it only."""
    answer = await client.chat_postEphemeral(channel=CHANNEL, user=DANA, text="psst", blocks=BUTTONS)
    await sandbox.click("dana", CHANNEL, answer["message_ts"], "stop")
    payload = inbox.requests[-1].payload
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    with pytest.raises(SandboxError):
        await sandbox.click("kim", CHANNEL, answer["message_ts"], "stop")
    with pytest.raises(SandboxError, match="action_not_found"):
        await sandbox.click("dana", CHANNEL, answer["message_ts"], "nothing")


async def test_an_unanswered_click_is_not_repeated(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """Interactions are delivered once."""
    limits = replace(sandbox.workspace.limits, ack_seconds=0.1, redelivery_delays=(0.0, 0.0))
    sandbox.workspace.limits = limits
    ts = (await client.chat_postMessage(channel=CHANNEL, text="card", blocks=BUTTONS))["ts"]
    await sandbox.wait_for(lambda: inbox.requests)
    inbox.requests.clear()
    inbox.silent = 5
    assert (await sandbox.click("kim", CHANNEL, ts, "stop")).outcome == "timeout"
    await asyncio.sleep(0.2)
    assert len(inbox.requests) == 1


async def test_a_response_address_replaces_adds_and_deletes(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """slack_sdk's webhook client: five uses, then none."""
    ts = (await client.chat_postMessage(channel=CHANNEL, text="card", blocks=BUTTONS))["ts"]
    await sandbox.click("kim", CHANNEL, ts, "stop")
    webhook = AsyncWebhookClient(inbox.requests[-1].payload["response_url"])
    assert (await webhook.send(text="done", replace_original=True)).body == "ok"
    assert sandbox.workspace.find(CHANNEL, ts).text == "done"
    await webhook.send(text="only you")
    assert sandbox.ephemerals[-1].ephemeral_for == "U0KIM"
    await webhook.send(text="all of you", response_type="in_channel")
    await webhook.send(delete_original=True)
    assert ts not in sandbox.workspace.channels[CHANNEL].messages
    await webhook.send(text="fifth")
    assert (await webhook.send(text="sixth")).status_code == 404


async def test_a_trigger_opens_one_view_in_time(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """invalid, exchanged and expired triggers are told apart."""
    assert await error_of(client.views_open(trigger_id="1.2.3", view=MODAL)) == "invalid_trigger_id"
    await sandbox.command("dana", CHANNEL, "/assess")
    trigger = inbox.requests[-1].payload["trigger_id"]
    view = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]
    assert (view["callback_id"], view["type"]) == ("ask", "modal")
    assert await error_of(client.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    sandbox.workspace.limits = replace(sandbox.workspace.limits, trigger_seconds=0.0)
    await sandbox.command("dana", CHANNEL, "/assess")
    late = client.views_open(trigger_id=inbox.requests[-1].payload["trigger_id"], view=MODAL)
    assert await error_of(late) == "expired_trigger_id"


@pytest.fixture
async def opened(client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox) -> str:
    await sandbox.command("dana", CHANNEL, "/assess")
    trigger = inbox.requests[-1].payload["trigger_id"]
    view = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]
    return str(view["id"])


async def test_a_submission_brings_the_state_and_closes(sandbox: Sandbox, inbox: Inbox, opened: str) -> None:
    """An empty answer closes the modal."""
    result = await sandbox.interactions.submit_view("dana", opened, FILLED_IN)
    assert result["response_action"] == "close"
    state = {"who": {"name": {"type": "plain_text_input", "value": "Kim"}}}
    assert inbox.requests[-1].payload["view"]["state"]["values"] == state
    assert opened not in sandbox.workspace.views


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"response_action": "errors", "errors": {"who": "Who?"}}, 1),
        ({"response_action": "update", "view": {**MODAL, "callback_id": "two"}}, 1),
        ({"response_action": "push", "view": {**MODAL, "callback_id": "two"}}, 2),
        ({"response_action": "clear"}, 0),
    ],
)
async def test_the_answer_to_a_submission_is_carried_out(
    sandbox: Sandbox, inbox: Inbox, opened: str, answer: dict[str, Any], left: int
) -> None:
    """errors, update, push and clear."""
    inbox.answers["interactive"] = answer
    result = await sandbox.interactions.submit_view("dana", opened, FILLED_IN)
    assert result["response_action"] == answer["response_action"]
    assert result["errors"] == answer.get("errors", {})
    assert len(sandbox.workspace.views) == left


async def test_an_unanswered_submission_keeps_the_modal(sandbox: Sandbox, inbox: Inbox, opened: str) -> None:
    """The person is told, nothing is lost."""
    sandbox.workspace.limits = replace(sandbox.workspace.limits, ack_seconds=0.1)
    inbox.silent = 1
    with pytest.raises(SandboxError, match="operation_timeout"):
        await sandbox.interactions.submit_view("dana", opened, FILLED_IN)
    assert opened in sandbox.workspace.views


async def test_a_view_is_updated_unless_it_changed(client: AsyncWebClient, opened: str) -> None:
    """not_found and hash_conflict."""
    updated = await client.views_update(view_id=opened, view={**MODAL, "callback_id": "two"})
    assert updated["view"]["callback_id"] == "two"
    assert await error_of(client.views_update(view_id=opened, view=MODAL, hash="old")) == "hash_conflict"
    assert await error_of(client.views_update(view_id="V0", view=MODAL)) == "not_found"
    bad = client.views_update(view_id=opened, view={**MODAL, "title": text("x" * 25)})
    assert await error_of(bad) == "invalid_arguments"
    large = {**MODAL, "private_metadata": "x" * 251_000}
    assert await error_of(client.views_update(view_id=opened, view=large)) == "view_too_large"


async def test_the_app_home_is_published_and_opened(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """app_home_opened carries what was published before."""
    home = {"type": "home", "blocks": [{"type": "header", "text": text("Desk")}]}
    await client.views_publish(user_id=DANA, view=home)
    shown = sandbox.people.open_home("dana")
    assert shown is not None
    assert [block["text"] for block in shown["blocks"]] == [text("Desk")]
    await sandbox.wait_for(lambda: inbox.events("app_home_opened"))
    event = inbox.events("app_home_opened")[0]
    assert (event["user"], event["tab"], event["view"]["type"]) == (DANA, "home", "home")
    assert await error_of(client.views_publish(user_id="U0NOBODY", view=home)) == "user_not_found"

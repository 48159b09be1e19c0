"""What a person fills in reaches the app in Slack's shape, and nothing else can be filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.sandbox import Sandbox, SandboxError
from tests.sandbox.conftest import CHANNEL, DANA, Inbox


def text(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words}


def option(value: str) -> dict[str, Any]:
    return {"text": text(value.upper()), "value": value}


def asked(block_id: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An input block whose element has the action id ``it``."""
    return {
        "type": "input",
        "block_id": block_id,
        "label": text(block_id),
        "element": {"action_id": "it", **element},
        **more,
    }


OPTIONS = [option("cn"), option("us"), option("jp")]
FORM = {
    "type": "modal",
    "title": text("Ask"),
    "submit": text("Send"),
    "blocks": [
        asked("who", {"type": "multi_static_select", "options": OPTIONS, "max_selected_items": 2}),
        asked("what", {"type": "plain_text_input", "multiline": True, "max_length": 20}),
        asked("how", {"type": "radio_buttons", "options": OPTIONS, "initial_option": OPTIONS[1]}),
        asked("until", {"type": "static_select", "options": OPTIONS}, optional=True),
        asked("extras", {"type": "checkboxes", "options": OPTIONS}, optional=True),
        asked(
            "where",
            {
                "type": "conversations_select",
                "default_to_current_conversation": True,
                "response_url_enabled": True,
                "filter": {"include": ["public", "private"]},
            },
        ),
    ],
}
WHO = {"who": {"it": {"selected_options": [{"value": "cn"}, {"value": "jp"}]}}}
FILLED_IN = {**WHO, "what": {"it": {"value": "Why?"}}}


@pytest.fixture
async def form(client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox) -> str:
    """The form, opened from the channel."""
    await sandbox.command("dana", CHANNEL, "/assess")
    trigger = inbox.requests[-1].payload["trigger_id"]
    return str((await client.views_open(trigger_id=trigger, view=FORM))["view"]["id"])


async def test_what_is_left_alone_comes_as_preset(sandbox: Sandbox, inbox: Inbox, form: str) -> None:
    """Every input stands in the state with its type; options come whole; the place is where one was."""
    await sandbox.interactions.submit_view("dana", form, FILLED_IN)
    payload = inbox.requests[-1].payload
    state = {block: entry["it"] for block, entry in payload["view"]["state"]["values"].items()}
    assert state == {
        "who": {"type": "multi_static_select", "selected_options": [OPTIONS[0], OPTIONS[2]]},
        "what": {"type": "plain_text_input", "value": "Why?"},
        "how": {"type": "radio_buttons", "selected_option": OPTIONS[1]},
        "until": {"type": "static_select", "selected_option": None},
        "extras": {"type": "checkboxes", "selected_options": []},
        "where": {"type": "conversations_select", "selected_conversation": CHANNEL},
    }


async def test_a_conversation_can_come_with_a_response_address(
    sandbox: Sandbox, inbox: Inbox, form: str
) -> None:
    """It works in a channel without the app."""
    random = {"where": {"it": {"selected_conversation": "C0RANDOM"}}}
    await sandbox.interactions.submit_view("dana", form, {**FILLED_IN, **random})
    (address,) = inbox.requests[-1].payload["response_urls"]
    assert (address["block_id"], address["action_id"], address["channel_id"]) == ("where", "it", "C0RANDOM")
    assert (await AsyncWebhookClient(address["response_url"]).send(text="not there")).body == "ok"
    assert (sandbox.ephemerals[0].channel, sandbox.ephemerals[0].ephemeral_for) == ("C0RANDOM", DANA)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"who": {"it": {"selected_options": []}}}, "required field who", id="empty choice"),
        pytest.param({"what": {"it": {"value": ""}}}, "required field what", id="empty text"),
        pytest.param({"what": {"it": {"value": "x" * 21}}}, "0 to 20", id="long text"),
        pytest.param({"how": {"it": {"selected_option": {"value": "xx"}}}}, "does not offer", id="no option"),
        pytest.param({"who": {"it": {"selected_options": OPTIONS}}}, "at most 2", id="too many"),
        pytest.param({"why": {"it": {"value": "?"}}}, "no input why", id="no such block"),
        pytest.param({"what": {"other": {"value": "?"}}}, "no input what/other", id="no such element"),
        pytest.param(
            {"where": {"it": {"selected_conversation": "C0NONE"}}}, "does not offer C0NONE", id="no channel"
        ),
    ],
)
async def test_what_slack_would_not_send_is_not_sent(
    sandbox: Sandbox, inbox: Inbox, form: str, given: dict[str, Any], said: str
) -> None:
    """The form stays open and the app hears nothing."""
    before = len(inbox.requests)
    with pytest.raises(SandboxError, match=said):
        await sandbox.interactions.submit_view("dana", form, {**FILLED_IN, **given})
    assert form in sandbox.workspace.views
    assert len(inbox.requests) == before


async def test_nobody_is_offered_a_private_channel_they_are_not_in(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """A filter leaves out what it does not name."""
    await sandbox.command("kim", CHANNEL, "/assess")
    trigger = inbox.requests[-1].payload["trigger_id"]
    form = (await client.views_open(trigger_id=trigger, view=FORM))["view"]["id"]
    direct = sandbox.workspace.direct_message("U0KIM", "U0AGENTS").id
    for channel in ("C0LEADS", direct):
        chosen = {**FILLED_IN, "where": {"it": {"selected_conversation": channel}}}
        with pytest.raises(SandboxError, match="does not offer"):
            await sandbox.interactions.submit_view("kim", form, chosen)


@pytest.mark.parametrize("errors", [{}, {"nowhere": "?"}], ids=["none", "another block"])
async def test_errors_belong_to_an_input(
    sandbox: Sandbox, inbox: Inbox, form: str, errors: dict[str, str]
) -> None:
    """Slack shows none that has no input, and says that it had trouble connecting."""
    inbox.answers["interactive"] = {"response_action": "errors", "errors": errors}
    with pytest.raises(SandboxError, match="invalid_errors"):
        await sandbox.interactions.submit_view("dana", form, FILLED_IN)


async def test_slack_names_what_the_app_left_nameless(
    client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """Blocks and elements have ids in the state either way."""
    bare = {"type": "input", "label": text("?"), "element": {"type": "plain_text_input"}}
    await sandbox.command("dana", CHANNEL, "/assess")
    trigger = inbox.requests[-1].payload["trigger_id"]
    view = (await client.views_open(trigger_id=trigger, view={**FORM, "blocks": [bare]}))["view"]
    (block,) = view["blocks"]
    given = {block["block_id"]: {block["element"]["action_id"]: {"value": "Kim"}}}
    assert (await sandbox.interactions.submit_view("dana", view["id"], given))["response_action"] == "close"


async def test_another_persons_form_is_not_ones_own(sandbox: Sandbox, form: str) -> None:
    """Nor is one that is closed."""
    with pytest.raises(SandboxError, match="view_not_found"):
        await sandbox.interactions.submit_view("kim", form, FILLED_IN)
    await sandbox.interactions.close_view("dana", form)
    with pytest.raises(SandboxError, match="view_not_found"):
        await sandbox.interactions.submit_view("dana", form, FILLED_IN)


async def test_a_submission_is_delivered_once(sandbox: Sandbox, inbox: Inbox, form: str) -> None:
    """Slack tells the person and does not try again."""
    sandbox.workspace.limits = replace(
        sandbox.workspace.limits, ack_seconds=0.05, redelivery_delays=(0.0, 0.0, 0.0)
    )
    inbox.silent = 5
    with pytest.raises(SandboxError, match="operation_timeout"):
        await sandbox.interactions.submit_view("dana", form, FILLED_IN)
    attempts = [item for item in sandbox.workspace.deliveries if item.event_type == "view_submission"]
    assert [item.outcome for item in attempts] == ["timeout"]

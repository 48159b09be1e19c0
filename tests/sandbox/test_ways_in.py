"""Commands, message shortcuts, direct messages and the pane of an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import AppConfig, CommandConfig, Sandbox, SandboxError, ShortcutConfig, WorkspaceConfig
from tests.sandbox.conftest import CHANNEL, DANA, Inbox, client_of, error_of

APP = AppConfig(
    commands=(CommandConfig("/assess"), CommandConfig("/tell", should_escape=True)),
    shortcuts=(ShortcutConfig("assess_message", "Assess this message"),),
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(WorkspaceConfig(apps=(APP,), rate_limits=False)) as running:
        yield running


async def test_a_command_tells_where_and_who(sandbox: Sandbox, inbox: Inbox) -> None:
    """The form fields of Slack's documentation, also where the app is no member."""
    delivery = await sandbox.command("dana", "C0RANDOM", "/assess", " missile payload & more ")
    assert delivery.outcome == "acked"
    request = inbox.requests[-1]
    payload = request.payload
    assert (request.type, payload["command"], payload["text"]) == (
        "slash_commands",
        "/assess",
        "missile payload &amp; more",
    )
    assert (payload["channel_id"], payload["channel_name"], payload["user_id"]) == (
        "C0RANDOM",
        "random",
        DANA,
    )
    assert payload["response_url"].startswith("http")
    assert payload["trigger_id"]
    assert request.accepts_response_payload


@pytest.mark.parametrize(
    ("command", "text"),
    [("/assess", "@kim in #random"), ("/tell", "<@U0KIM|kim> in <#C0RANDOM|random>")],
)
async def test_a_command_escapes_names_where_it_says_so(
    sandbox: Sandbox, inbox: Inbox, command: str, text: str
) -> None:
    """Without ``should_escape`` an app gets the words as typed."""
    await sandbox.command("dana", CHANNEL, command, "<@U0KIM> in <#C0RANDOM>")
    assert inbox.requests[-1].payload["text"] == text


async def test_apps_learn_no_names_of_private_places(sandbox: Sandbox, inbox: Inbox) -> None:
    """``privategroup`` and ``directmessage``, as Slack says."""
    direct = sandbox.workspace.direct_message(DANA, "U0AGENTS").id
    for channel, name in (("C0LEADS", "privategroup"), (direct, "directmessage")):
        await sandbox.command("dana", channel, "/assess")
        assert inbox.requests[-1].payload["channel_name"] == name


async def test_a_command_needs_its_scope(http: aiohttp.ClientSession) -> None:
    """And one must be in the channel."""
    app = replace(APP, scopes=("chat:write",))
    async with Sandbox(WorkspaceConfig(apps=(app,))) as sandbox:
        with pytest.raises(SandboxError, match="unknown_command"):
            await sandbox.command("dana", CHANNEL, "/assess")
        with pytest.raises(SandboxError, match="not_in_channel"):
            await sandbox.command("kim", "C0LEADS", "/assess")
        page = {"user": DANA, "channel": CHANNEL, "thread_ts": "1.2", "command": "/assess"}
        async with http.post(f"{sandbox.page_url}page/command", json=page) as response:
            assert (await response.json())["error"] == "command_not_supported_in_threads"


async def test_a_shortcut_brings_the_message(sandbox: Sandbox, inbox: Inbox, client: AsyncWebClient) -> None:
    """Of any channel one is in; with a trigger that opens a view."""
    ts = await sandbox.post_as_user("kim", "C0RANDOM", "Big news.")
    delivery = await sandbox.interactions.use_shortcut("dana", "C0RANDOM", ts, "assess_message")
    assert delivery.outcome == "acked"
    payload = inbox.requests[-1].payload
    assert (payload["type"], payload["callback_id"]) == ("message_action", "assess_message")
    assert (payload["message_ts"], payload["message"]["text"], payload["message"]["user"]) == (
        ts,
        "Big news.",
        "U0KIM",
    )
    assert (payload["user"]["id"], payload["channel"]) == (DANA, {"id": "C0RANDOM", "name": "random"})
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Ask"}, "blocks": []}
    assert (await client.views_open(trigger_id=payload["trigger_id"], view=view))["view"]["id"]
    for unknown in ("other", ""):
        with pytest.raises(SandboxError, match="unknown_shortcut"):
            await sandbox.interactions.use_shortcut("dana", "C0RANDOM", ts, unknown)


async def test_a_direct_message_is_an_event_of_its_own_kind(sandbox: Sandbox, inbox: Inbox) -> None:
    """``message`` with channel type im; a mention in it is no app_mention."""
    direct = sandbox.workspace.direct_message(DANA, "U0AGENTS").id
    ts = await sandbox.post_as_user("dana", direct, "<@U0AGENTS> hello")
    await sandbox.wait_for(lambda: inbox.events("message"))
    (event,) = inbox.events("message")
    assert (event["channel"], event["channel_type"], event["ts"]) == (direct, "im", ts)
    assert inbox.events("app_mention") == []


async def test_a_closed_messages_tab_takes_no_words_either_way() -> None:
    """People cannot write there, and neither can the app."""
    async with (
        Sandbox(WorkspaceConfig(apps=(replace(APP, messages_tab=False),))) as sandbox,
        aiohttp.ClientSession() as http,
    ):
        direct = sandbox.workspace.direct_message(DANA, "U0AGENTS").id
        with pytest.raises(SandboxError, match="messages_tab_disabled"):
            await sandbox.post_as_user("dana", direct, "hello")
        post = client_of(sandbox, http).chat_postMessage(channel=DANA, text="hello")
        assert await error_of(post) == "messages_tab_disabled"


async def test_only_agents_have_a_pane(sandbox: Sandbox, client: AsyncWebClient) -> None:
    """not_agent_app; channel_not_found outside direct messages."""
    direct = sandbox.workspace.direct_message(DANA, "U0AGENTS").id
    prompts = [{"title": "China", "message": "CN-01 What changed this week?"}]
    suggest = client.assistant_threads_setSuggestedPrompts
    assert await error_of(suggest(channel_id=direct, prompts=prompts)) == "not_agent_app"
    ts = await sandbox.post_as_user("dana", CHANNEL, "hello")
    title = client.assistant_threads_setTitle(channel_id=CHANNEL, thread_ts=ts, title="Hello")
    assert await error_of(title) == "channel_not_found"


async def test_an_agents_pane_shows_prompts_and_titles() -> None:
    """Opening the tab is an event; what the app sets is kept, within Slack's limits."""
    async with (
        Sandbox(WorkspaceConfig(apps=(replace(APP, agent=True, socket_mode=False),))) as sandbox,
        aiohttp.ClientSession() as http,
    ):
        client = client_of(sandbox, http)
        sandbox.people.open_home("dana", tab="messages")
        await sandbox.wait_for(lambda: sandbox.workspace.deliveries)
        event = sandbox.workspace.deliveries[0].payload["event"]
        assert (event["type"], event["tab"], event["user"]) == ("app_home_opened", "messages", DANA)
        direct = sandbox.workspace.channels[event["channel"]]
        prompts = [{"title": "China", "message": "CN-01 What changed this week?"}]
        suggest = client.assistant_threads_setSuggestedPrompts
        await suggest(channel_id=direct.id, prompts=prompts)
        assert direct.prompts == prompts
        assert await error_of(suggest(channel_id=direct.id, prompts=prompts * 5)) == "invalid_arguments"
        assert await error_of(suggest(channel_id=direct.id, prompts=[{"title": "?"}])) == "invalid_arguments"
        ts = await sandbox.post_as_user("dana", direct.id, "hello")
        await client.assistant_threads_setTitle(channel_id=direct.id, thread_ts=ts, title="Hello")
        assert direct.titles == {ts: "Hello"}
        nowhere = client.assistant_threads_setTitle(
            channel_id=direct.id, thread_ts="1700000000.000001", title="?"
        )
        assert await error_of(nowhere) == "invalid_thread_ts"

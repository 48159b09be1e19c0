"""What the page is told and may do, over real HTTP and WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import MentionShortcut, Sandbox, WorkspaceConfig
from tests.sandbox.conftest import CHANNEL, DANA, Inbox, client_of, started

SHORTCUTS = (
    MentionShortcut("CN-01", "China Agent", "<@U0AGENTS> CN-01", ":flag-cn:"),
    MentionShortcut("CN-011", "Other Agent", "<@U0AGENTS> CN-011"),
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    config = WorkspaceConfig(mentions=SHORTCUTS, rate_limits=False, info={"model": "demo"})
    async with Sandbox(config) as running:
        yield running


class Page:
    """A browser page of one user: its requests and its live connection."""

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession, user: str) -> None:
        self._url = sandbox.page_url + "page/"
        self._http = http
        self.user = user

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """A question of this user."""
        async with self._http.get(self._url + path, params={"user": self.user, **query}) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """A deed of this user."""
        async with self._http.post(self._url + path, json={"user": self.user, **body}) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    async def live(self) -> aiohttp.ClientWebSocketResponse:
        """The live connection."""
        return await self._http.ws_connect(self._url + f"live?user={self.user}")


@pytest.fixture
async def page(sandbox: Sandbox, http: aiohttp.ClientSession) -> Page:
    return Page(sandbox, http, DANA)


@pytest.fixture
async def client(sandbox: Sandbox, http: aiohttp.ClientSession) -> AsyncWebClient:
    return client_of(sandbox, http)


async def told(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next event of one type."""
    while True:
        event: dict[str, Any] = await asyncio.wait_for(socket.receive_json(), 2)
        if event["type"] == kind:
            return event


async def test_the_state_lists_people_channels_and_mentions(page: Page) -> None:
    """Everything the page starts with, as Dana sees it."""
    state = await page.get("state")
    assert (state["me"], state["team"]["name"], state["info"]) == (DANA, "Sandbox", {"model": "demo"})
    assert {"U0DANA", "U0KIM", "U0AGENTS"} <= {user["id"] for user in state["users"]}
    names = [channel["name"] for channel in state["channels"]]
    assert names[:4] == ["country-desk", "partner-desk", "random", "desk-leads"]
    assert state["channels"][-1]["is_im"] is True
    assert state["mentions"][0] == {
        "label": "CN-01",
        "name": "China Agent",
        "icon": ":flag-cn:",
        "inserts": "<@U0AGENTS> CN-01",
    }
    assert "dana" in [mention["label"] for mention in state["mentions"]]
    assert state["commands"][0]["command"] == "/assess"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("@CN-01 what now?", "<@U0AGENTS> CN-01 what now?"),
        ("please @cn-01, say", "please <@U0AGENTS> CN-01, say"),
        ("@CN-011 hi", "<@U0AGENTS> CN-011 hi"),
        ("@Kim look", "<@U0KIM> look"),
        ("mail a@kim and @CN-0123", "mail a@kim and @CN-0123"),
        ("1 < 2 & 3 <@U0KIM>", "1 &lt; 2 &amp; 3 <@U0KIM>"),
    ],
)
async def test_typed_mentions_become_real_ones(page: Page, sandbox: Sandbox, typed: str, sent: str) -> None:
    """Any letter case, whole words only, the longest label first; the rest is escaped."""
    answer = await page.post("message", channel=CHANNEL, text=typed)
    assert answer["ok"] is True
    assert sandbox.workspace.find(CHANNEL, answer["ts"]).text == sent


async def test_history_and_threads_include_ones_own_hidden_messages(
    page: Page, client: AsyncWebClient, sandbox: Sandbox, http: aiohttp.ClientSession
) -> None:
    """Ephemeral messages stand where they were shown, for their user only."""
    root = (await page.post("message", channel=CHANNEL, text="question"))["ts"]
    await client.chat_postMessage(channel=CHANNEL, thread_ts=root, markdown_text="**answer**")
    await client.chat_postEphemeral(channel=CHANNEL, user=DANA, thread_ts=root, text="psst")
    thread = (await page.get("replies", channel=CHANNEL, ts=root))["messages"]
    assert [message.get("ephemeral", False) for message in thread] == [False, False, True]
    assert (thread[1]["markdown"], thread[1]["bot"], thread[1]["text"]) == ("**answer**", True, "")
    assert "blocks" not in thread[1]
    history = (await page.get("history", channel=CHANNEL))["messages"]
    assert [(message["text"], message["reply_count"]) for message in history] == [("question", 1)]
    kim = Page(sandbox, http, "U0KIM")
    assert len((await kim.get("replies", channel=CHANNEL, ts=root))["messages"]) == 2


async def test_people_invite_and_remove_with_slacks_own_commands(page: Page, sandbox: Sandbox) -> None:
    """/invite lets a bot in, and says so in the channel; what is wrong has Slack's code."""
    random = sandbox.workspace.channel("random")

    async def ran(command: str, text: str) -> str:
        answer = await page.post("command", channel=random.id, command=command, text=text)
        return str(answer.get("error", "ok"))

    assert await ran("/invite", "agents") == "user_not_found"
    assert await ran("/invite", "@agents") == "ok"
    assert await ran("/invite", "@agents") == "already_in_channel"
    (joined,) = (await page.get("history", channel=random.id))["messages"]
    assert joined["text"] == "<@U0AGENTS> has joined the channel"
    assert await ran("/remove", "@agents") == "ok"
    assert await ran("/remove", "@agents") == "not_in_channel"
    assert await ran("/remove", "@dana") == "cant_kick_self"
    assert "U0AGENTS" not in random.members
    direct = sandbox.workspace.direct_message(DANA, "U0AGENTS").id
    answer = await page.post("command", channel=direct, command="/invite", text="@kim")
    assert answer["error"] == "method_not_supported_for_channel_type"


async def test_a_message_is_forwarded_by_who_can_read_it(
    page: Page, sandbox: Sandbox, http: aiohttp.ClientSession
) -> None:
    """With its author and words; into another channel; a stranger to its channel is refused."""
    source = {"channel": "C0LEADS", "ts": await sandbox.post_as_user("ada", "C0LEADS", "For leads.")}
    answer = await page.post("forward", channel=CHANNEL, text="@CN-01 brief", source=source)
    shared = sandbox.workspace.find(CHANNEL, answer["ts"])
    assert shared.text == "<@U0AGENTS> CN-01 brief"
    assert [(each["author_name"], each["text"]) for each in shared.attachments or []] == [
        ("Ada Lindqvist", "For leads.")
    ]
    kim = Page(sandbox, http, "U0KIM")
    refused = await kim.post("forward", channel=CHANNEL, source=source)
    assert refused["error"] == "channel_not_found"


async def test_what_one_may_not_see_is_not_told(
    sandbox: Sandbox, http: aiohttp.ClientSession, page: Page
) -> None:
    """Private channels, unknown users and threads."""
    kim = Page(sandbox, http, "U0KIM")
    assert (await kim.get("history", channel="C0LEADS"))["error"] == "channel_not_found"
    assert (await kim.post("message", channel="C0LEADS", text="x"))["error"] == "not_in_channel"
    assert (await page.get("replies", channel=CHANNEL, ts="1.1"))["error"] == "thread_not_found"
    assert (await Page(sandbox, http, "U0NOBODY").get("state"))["error"] == "user_not_found"
    assert (await page.post("message", channel=CHANNEL))["error"] == "missing_argument"


async def test_the_page_sees_a_stream_grow(page: Page, client: AsyncWebClient) -> None:
    """message, appended, changed, in order; the root counts its reply."""
    socket = await page.live()
    root = (await page.post("message", channel=CHANNEL, text="question"))["ts"]
    assert (await told(socket, "message"))["message"]["text"] == "question"
    ts = await started(client, root, markdown_text="one ", username="CN-01", icon_emoji=":flag-cn:")
    message = (await told(socket, "message"))["message"]
    assert (message["streaming"], message["markdown"], message["username"]) == (True, "one ", "CN-01")
    assert (await told(socket, "changed"))["message"]["reply_count"] == 1
    await client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="two")
    appended = await told(socket, "appended")
    assert (appended["ts"], appended["text"]) == (ts, "two")
    await client.chat_stopStream(channel=CHANNEL, ts=ts)
    stopped = (await told(socket, "changed"))["message"]
    assert (stopped["markdown"], stopped.get("streaming", False)) == ("one two", False)
    await socket.close()


async def test_a_stop_button_ends_the_streaming_look(
    page: Page, client: AsyncWebClient, sandbox: Sandbox
) -> None:
    """POST /page/stop, told to the page as a change."""
    root = (await page.post("message", channel=CHANNEL, text="question"))["ts"]
    ts = await started(client, root)
    socket = await page.live()
    assert await page.post("stop", channel=CHANNEL, ts=ts) == {"ok": True}
    assert "streaming" not in (await told(socket, "changed"))["message"]
    assert (await page.post("stop", channel=CHANNEL, ts="1.1"))["error"] == "not_streaming"
    await socket.close()


async def test_statuses_come_and_go_live(page: Page, client: AsyncWebClient) -> None:
    """Also to a page that opens while one is shown."""
    root = (await page.post("message", channel=CHANNEL, text="question"))["ts"]
    arguments = {"channel_id": CHANNEL, "thread_ts": root}
    await client.assistant_threads_setStatus(**arguments, status="reads", loading_messages=["a", "b"])
    socket = await page.live()
    status = await told(socket, "status")
    assert (status["status"], status["loading_messages"], status["thread_ts"]) == ("reads", ["a", "b"], root)
    await client.assistant_threads_setStatus(**arguments, status="")
    assert (await told(socket, "status"))["status"] == ""
    await socket.close()


async def test_others_hidden_messages_are_not_pushed(
    sandbox: Sandbox, http: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    """Each page is told what its user may see."""
    kim = await Page(sandbox, http, "U0KIM").live()
    await sandbox.wait_for(lambda: True)
    await client.chat_postEphemeral(channel=CHANNEL, user=DANA, text="psst")
    await client.chat_postMessage(channel="C0LEADS", text="secret")
    await client.chat_postMessage(channel=CHANNEL, text="public")
    assert (await told(kim, "message"))["message"]["text"] == "public"
    await kim.close()


async def test_edits_deletions_and_reactions_are_deeds_of_ones_own(
    page: Page, sandbox: Sandbox, http: aiohttp.ClientSession
) -> None:
    """Others' messages cannot be touched, reactions can be taken back."""
    ts = (await page.post("message", channel=CHANNEL, text="first"))["ts"]
    kim = Page(sandbox, http, "U0KIM")
    assert (await kim.post("edit", channel=CHANNEL, ts=ts, text="x"))["error"] == "not_your_message"
    assert (await page.post("edit", channel=CHANNEL, ts=ts, text="second"))["ok"] is True
    await kim.post("react", channel=CHANNEL, ts=ts, name="eyes")
    (message,) = (await page.get("history", channel=CHANNEL))["messages"]
    assert (message["text"], message["edited"]) == ("second", True)
    assert message["reactions"] == [{"name": "eyes", "count": 1}]
    await kim.post("react", channel=CHANNEL, ts=ts, name="eyes")
    (message,) = (await page.get("history", channel=CHANNEL))["messages"]
    assert "reactions" not in message
    assert (await page.post("delete", channel=CHANNEL, ts=ts))["ok"] is True
    assert (await page.get("history", channel=CHANNEL))["messages"] == []


async def test_buttons_commands_and_views_reach_the_app(
    page: Page, client: AsyncWebClient, sandbox: Sandbox, inbox: Inbox
) -> None:
    """From the page to the app and back to the page."""
    button = {"type": "button", "action_id": "go", "value": "1", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "elements": [button]}]
    ts = (await client.chat_postMessage(channel=CHANNEL, text="card", blocks=blocks))["ts"]
    (message,) = (await page.get("history", channel=CHANNEL))["messages"]
    block_id = message["blocks"][0]["block_id"]
    assert (await page.post("action", channel=CHANNEL, ts=ts, action_id="go", block_id=block_id))[
        "ok"
    ] is True
    assert inbox.requests[-1].payload["actions"][0]["value"] == "1"
    assert (await page.post("command", channel=CHANNEL, command="/assess", text="CN-01"))["ok"] is True
    socket = await page.live()
    modal = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Ask"},
        "blocks": blocks,
    }
    await client.views_open(trigger_id=inbox.requests[-1].payload["trigger_id"], view=modal)
    view_id = (await told(socket, "view"))["view"]["id"]
    assert (await page.post("action", view_id=view_id, action_id="go"))["ok"] is True
    assert inbox.requests[-1].payload["container"] == {"type": "view", "view_id": view_id}
    answer = await page.post("view", view_id=view_id, what="submit", state={})
    assert (answer["ok"], answer["response_action"]) == (True, "close")
    assert (await page.post("home", app_id="U0AGENTS"))["ok"] is True
    await socket.close()


async def test_an_app_that_does_not_answer_is_reported(page: Page, sandbox: Sandbox) -> None:
    """As Slack says it: operation_timeout."""
    sandbox.workspace.limits = replace(sandbox.workspace.limits, ack_seconds=0.1)
    answer = await page.post("command", channel=CHANNEL, command="/assess")
    assert answer == {"ok": False, "error": "operation_timeout"}


async def test_the_page_is_served_with_a_strict_policy(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """index.html at /, files under /static/, nothing from elsewhere, nothing above the folder."""
    async with http.get(sandbox.page_url) as response:
        assert response.status == 200
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    async with http.get(sandbox.page_url + "static/main.js") as response:
        assert "javascript" in response.headers["Content-Type"]
    async with http.get(sandbox.page_url + "static/..%2fconfig.py") as response:
        assert response.status in (403, 404)

"""Tokens, scopes, arguments: what every method refuses."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import AppConfig, Sandbox, WorkspaceConfig
from bot.sandbox.config import ALL_SCOPES
from tests.sandbox.conftest import BOT, CHANNEL, client_of, error_of


async def test_the_app_learns_who_it_is(client: AsyncWebClient) -> None:
    """auth.test names team, bot user and bot id."""
    answer = await client.auth_test()
    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == ("T0SANDBOX", BOT, "B0AGENTS")


async def test_the_granted_scopes_stand_in_a_header(client: AsyncWebClient) -> None:
    """Each answer carries x-oauth-scopes, as Slack's do."""
    answer = await client.auth_test()
    headers = {key.lower(): value for key, value in answer.headers.items()}
    assert headers["x-oauth-scopes"] == ",".join(ALL_SCOPES)


@pytest.mark.parametrize(("token", "code"), [("", "not_authed"), ("xoxb-wrong", "invalid_auth")])
async def test_a_missing_or_unknown_token_is_refused(sandbox: Sandbox, token: str, code: str) -> None:
    """not_authed without a token, invalid_auth with a stranger's."""
    assert await error_of(AsyncWebClient(token=token, base_url=sandbox.api_url).auth_test()) == code


async def test_a_revoked_token_is_refused(client: AsyncWebClient) -> None:
    """After auth.revoke every call answers token_revoked."""
    await client.auth_revoke()
    assert await error_of(client.auth_test()) == "token_revoked"


async def test_a_token_of_the_wrong_kind_is_refused(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """App tokens open sockets, bot tokens do everything else."""
    app = sandbox.workspace.app()
    assert await error_of(client.apps_connections_open(app_token=app.bot_token)) == "not_allowed_token_type"
    posting = client.chat_postMessage(token=app.app_token, channel=CHANNEL, text="hi")
    assert await error_of(posting) == "not_allowed_token_type"


async def test_an_unknown_method_is_named(client: AsyncWebClient) -> None:
    """unknown_method, not 404."""
    assert await error_of(client.api_call("chat.meMessageX")) == "unknown_method"


async def test_a_missing_scope_says_what_is_needed(http: aiohttp.ClientSession) -> None:
    """missing_scope carries needed and provided."""
    app = AppConfig(scopes=("users:read",))
    async with Sandbox(replace(WorkspaceConfig(), apps=(app,))) as sandbox:
        with pytest.raises(SlackApiError) as caught:
            await client_of(sandbox, http).chat_postMessage(channel=CHANNEL, text="hi")
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "chat:write"
    assert caught.value.response["provided"] == "users:read"


async def test_the_scope_needed_depends_on_the_type_of_channel(http: aiohttp.ClientSession) -> None:
    """channels:history does not open private channels."""
    app = AppConfig(scopes=("channels:history", "channels:read", "chat:write"))
    async with Sandbox(replace(WorkspaceConfig(), apps=(app,))) as sandbox:
        client = client_of(sandbox, http)
        await client.conversations_history(channel=CHANNEL)
        with pytest.raises(SlackApiError) as caught:
            await client.conversations_history(channel="C0LEADS")
    assert caught.value.response["needed"] == "groups:history"


async def test_another_sender_needs_a_scope_of_its_own(http: aiohttp.ClientSession) -> None:
    """Username and icon need chat:write.customize, in posts, streams and statuses."""
    app = AppConfig(scopes=("chat:write",))
    async with Sandbox(replace(WorkspaceConfig(), apps=(app,))) as sandbox:
        client = client_of(sandbox, http)
        ts = await sandbox.post_as_user("dana", CHANNEL, "hello")
        sender = {"username": "CN-01", "icon_emoji": ":flag-cn:"}
        calls = [
            client.chat_postMessage(channel=CHANNEL, text="hi", **sender),
            client.chat_postEphemeral(channel=CHANNEL, user="U0DANA", text="hi", **sender),
            client.assistant_threads_setStatus(
                channel_id=CHANNEL, thread_ts=ts, status="reads", loading_messages=[], **sender
            ),
            client.chat_startStream(
                channel=CHANNEL,
                thread_ts=ts,
                recipient_user_id="U0DANA",
                recipient_team_id="T0SANDBOX",
                **sender,
            ),
        ]
        for call in calls:
            assert await error_of(call) == "missing_scope"


async def test_missing_arguments_are_named(client: AsyncWebClient) -> None:
    """invalid_arguments lists each missing field."""
    with pytest.raises(SlackApiError) as caught:
        await client.api_call("chat.update", json={"text": "x"})
    assert caught.value.response["error"] == "invalid_arguments"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] missing required field: channel",
        "[ERROR] missing required field: ts",
    ]


async def test_an_argument_of_the_wrong_type_is_refused(client: AsyncWebClient) -> None:
    """A number is no channel."""
    call = client.api_call("chat.postMessage", json={"channel": 5, "text": "x"})
    assert await error_of(call) == "invalid_arguments"


async def test_older_methods_do_not_read_json(client: AsyncWebClient) -> None:
    """users.info with a JSON body is a call without arguments."""
    assert await error_of(client.api_call("users.info", json={"user": "U0DANA"})) == "invalid_arguments"
    assert (await client.users_info(user="U0DANA"))["user"]["real_name"] == "Dana Reyes"


async def test_forms_work_and_a_token_in_json_does_not(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """A token may stand in a form; in a JSON body it is not looked at."""
    token = sandbox.workspace.app().bot_token
    arguments = {"token": token, "channel": CHANNEL, "text": "hi"}
    async with http.post(sandbox.api_url + "chat.postMessage", data=arguments) as response:
        assert (await response.json())["ok"] is True
    async with http.post(sandbox.api_url + "chat.postMessage", json=arguments) as response:
        assert (await response.json())["error"] == "not_authed"


async def test_broken_bodies_have_errors_of_their_own(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """invalid_json, json_not_object, invalid_post_type."""
    url = sandbox.api_url + "chat.postMessage"
    cases = [("application/json", b"{", "invalid_json"), ("application/json", b"[]", "json_not_object")]
    cases.append(("text/csv", b"a,b", "invalid_post_type"))
    for kind, body, code in cases:
        async with http.post(url, data=body, headers={"Content-Type": kind}) as response:
            assert (await response.json())["error"] == code


async def test_arguments_a_method_does_not_know_are_logged(client: AsyncWebClient, sandbox: Sandbox) -> None:
    """Slack ignores them, so a test has to be able to see them."""
    ts = (await client.chat_postMessage(channel=CHANNEL, text="one"))["ts"]
    await client.chat_update(channel=CHANNEL, ts=ts, text="two", unfurl_links=False)
    assert sandbox.calls[-1].unknown_arguments == ("unfurl_links",)


async def test_the_server_answers_this_machine_only(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """A foreign Host or Origin is refused on every path."""
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        for path in ("", "page/state", "api/api.test"):
            async with http.get(sandbox.page_url + path, headers=headers) as response:
                assert response.status == 403

"""Socket Mode and signed HTTP: envelopes, acknowledgements, redelivery."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from bot.sandbox import AppConfig, Sandbox, SandboxError, WorkspaceConfig
from tests.sandbox.conftest import CHANNEL, DANA, Inbox

MENTION = "<@U0AGENTS> CN-01 what now?"


def quick(sandbox: Sandbox, **limits: Any) -> None:
    values = {"ack_seconds": 0.2, "redelivery_delays": (0.0, 0.1, 0.1), **limits}
    sandbox.workspace.limits = replace(sandbox.workspace.limits, **values)


async def test_a_mention_arrives_as_mention_and_as_message(sandbox: Sandbox, inbox: Inbox) -> None:
    """Two events with two event_ids and the same ts, in Slack's envelope."""
    ts = await sandbox.post_as_user("dana", CHANNEL, MENTION)
    await sandbox.wait_for(lambda: len(sandbox.workspace.deliveries) == 2)
    await sandbox.wait_for(lambda: all(item.outcome == "acked" for item in sandbox.workspace.deliveries))
    (mention,), (message,) = inbox.events("app_mention"), inbox.events("message")
    assert mention["ts"] == message["ts"] == mention["event_ts"] == ts
    assert (mention["user"], mention["channel"], mention["text"]) == (DANA, CHANNEL, MENTION)
    assert message["channel_type"] == "channel"
    bodies = [request.payload for request in inbox.requests]
    assert len({body["event_id"] for body in bodies}) == 2
    assert {body["api_app_id"] for body in bodies} == {"A0COUNTRY"}
    assert bodies[0]["authorizations"][0]["user_id"] == "U0AGENTS"
    assert bodies[0]["type"] == "event_callback"
    assert all(delivery.latency_seconds is not None for delivery in sandbox.workspace.deliveries)


async def test_events_stop_at_the_door_of_channels_without_the_bot(sandbox: Sandbox, inbox: Inbox) -> None:
    """A mention where the bot is no member reaches nobody."""
    await sandbox.post_as_user("dana", "C0RANDOM", MENTION)
    await sandbox.post_as_user("dana", CHANNEL, "plain")
    await sandbox.wait_for(lambda: inbox.events("message"))
    assert [event["text"] for event in inbox.events("message")] == ["plain"]
    assert inbox.events("app_mention") == []


async def test_direct_messages_are_messages_not_mentions(sandbox: Sandbox, inbox: Inbox) -> None:
    """message.im only."""
    channel = sandbox.workspace.direct_message(DANA, "U0AGENTS").id
    await sandbox.post_as_user("dana", channel, MENTION)
    await sandbox.wait_for(lambda: inbox.events("message"))
    assert inbox.events("message")[0]["channel_type"] == "im"
    assert inbox.events("app_mention") == []


async def test_edits_and_deletions_are_message_events(sandbox: Sandbox, inbox: Inbox) -> None:
    """message_changed carries both versions, message_deleted the one that is gone."""
    ts = await sandbox.post_as_user("dana", CHANNEL, "first")
    await sandbox.edit_as_user("dana", CHANNEL, ts, "second & third")
    await sandbox.delete_as_user("dana", CHANNEL, ts)
    await sandbox.wait_for(lambda: len(inbox.events("message")) == 3)
    _, changed, deleted = inbox.events("message")
    assert (changed["subtype"], changed["message"]["text"]) == ("message_changed", "second &amp; third")
    assert changed["previous_message"]["text"] == "first"
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", ts)


async def test_a_guests_team_stands_in_the_event(sandbox: Sandbox, inbox: Inbox) -> None:
    """Slack Connect: user_team is the guest's own."""
    await sandbox.post_as_user("noor", "C0SHARED", MENTION)
    await sandbox.wait_for(lambda: inbox.events("app_mention"))
    assert inbox.events("app_mention")[0]["user_team"] == "T0PARTNER"
    assert inbox.requests[0].payload["is_ext_shared_channel"] is True


async def test_a_forwarded_message_is_an_attachment(sandbox: Sandbox, inbox: Inbox) -> None:
    """is_share, the author's name, the text and its blocks."""
    source = await sandbox.post_as_user("kim", "C0RANDOM", "the cable")
    await sandbox.forward_as_user("dana", CHANNEL, MENTION, source_channel="C0RANDOM", source_ts=source)
    await sandbox.wait_for(lambda: inbox.events("app_mention"))
    (attachment,) = inbox.events("app_mention")[0]["attachments"]
    assert (attachment["is_share"], attachment["author_name"]) == (True, "Kim Ostrowski")
    assert attachment["text"] == "the cable"
    assert attachment["message_blocks"][0]["message"]["blocks"][0]["type"] == "rich_text"


async def test_a_bots_mention_is_a_mention_too(sandbox: Sandbox, inbox: Inbox, client: Any) -> None:
    """An app that does not look at bot_id talks to itself for ever."""
    await client.chat_postMessage(channel=CHANNEL, text=MENTION, username="US-01")
    await sandbox.wait_for(lambda: inbox.events("app_mention"))
    (event,) = inbox.events("app_mention")
    assert (event["bot_id"], event["subtype"]) == ("B0AGENTS", "bot_message")


async def test_an_edit_is_no_new_mention(sandbox: Sandbox, inbox: Inbox) -> None:
    """The changed message comes as message_changed only."""
    ts = await sandbox.post_as_user("dana", CHANNEL, MENTION)
    await sandbox.edit_as_user("dana", CHANNEL, ts, MENTION + " Really?")
    await sandbox.wait_for(lambda: len(inbox.events("message")) == 2)
    assert len(inbox.events("app_mention")) == 1


async def test_joining_members_are_announced(sandbox: Sandbox, inbox: Inbox) -> None:
    """member_joined_channel, also for the bot itself."""
    await sandbox.invite("U0AGENTS", "C0RANDOM")
    await sandbox.wait_for(lambda: inbox.events("member_joined_channel"))
    assert inbox.events("member_joined_channel")[0]["user"] == "U0AGENTS"


async def test_what_is_not_acknowledged_comes_again(sandbox: Sandbox, inbox: Inbox) -> None:
    """At once, then after the delays, with the same event_id and a counted attempt."""
    quick(sandbox)
    inbox.silent = 2
    await sandbox.post_as_user("dana", CHANNEL, "plain")
    await sandbox.wait_for(lambda: any(item.outcome == "acked" for item in sandbox.workspace.deliveries))
    assert [item.outcome for item in sandbox.workspace.deliveries] == ["timeout", "timeout", "acked"]
    assert len({item.event_id for item in sandbox.workspace.deliveries}) == 1
    assert [request.retry_attempt for request in inbox.requests] == [0, 1, 2]
    assert [request.retry_reason for request in inbox.requests] == ["", "timeout", "timeout"]
    assert not sandbox.dispatcher.undelivered


async def test_without_a_socket_events_wait_as_undelivered(
    sandbox: Sandbox, connect: Callable[[], Awaitable[Inbox]]
) -> None:
    """Attempts fail, and one after the app connected succeeds."""
    quick(sandbox, redelivery_delays=(0.0, 0.4))
    await sandbox.post_as_user("dana", CHANNEL, "plain")
    await sandbox.wait_for(lambda: len(sandbox.workspace.deliveries) == 2)
    assert [item.outcome for item in sandbox.workspace.deliveries] == ["no_connection"] * 2
    assert len(sandbox.dispatcher.undelivered) == 1
    inbox = await connect()
    await sandbox.wait_for(lambda: inbox.events("message"))


async def test_deliveries_end_after_the_last_attempt(sandbox: Sandbox) -> None:
    """One try and three more, then the event is lost but remembered."""
    quick(sandbox)
    await sandbox.post_as_user("dana", CHANNEL, "plain")
    await sandbox.wait_for(lambda: len(sandbox.workspace.deliveries) == 4)
    assert [item.attempt for item in sandbox.workspace.deliveries] == [0, 1, 2, 3]
    assert len(sandbox.dispatcher.undelivered) == 1


async def test_several_sockets_share_the_events(
    sandbox: Sandbox, connect: Callable[[], Awaitable[Inbox]]
) -> None:
    """Each envelope goes to one connection."""
    first, second = await connect(), await connect()
    for number in range(4):
        await sandbox.post_as_user("dana", CHANNEL, str(number))
    await sandbox.wait_for(lambda: len(first.requests) + len(second.requests) == 4)
    assert len(first.requests) == len(second.requests) == 2


async def test_a_refreshed_socket_reconnects(sandbox: Sandbox, inbox: Inbox) -> None:
    """After Slack's disconnect message the client comes back and events go to the new connection."""
    app_id = sandbox.workspace.app().app_id
    await sandbox.refresh_sockets()
    assert sandbox.sockets.connection_count(app_id) == 0
    await sandbox.wait_for(lambda: sandbox.sockets.connection_count(app_id) == 1)
    await sandbox.post_as_user("dana", CHANNEL, "plain")
    await sandbox.wait_for(lambda: inbox.events("message"))


async def test_a_cut_socket_is_a_failed_attempt(sandbox: Sandbox, inbox: Inbox) -> None:
    """The event comes again on the next connection."""
    quick(sandbox, ack_seconds=2.0, redelivery_delays=(0.0, 3.0))
    inbox.silent = 1
    await sandbox.post_as_user("dana", CHANNEL, "plain")
    await asyncio.wait_for(inbox.arrived.wait(), 2)
    sandbox.cut_sockets()
    await sandbox.wait_for(lambda: sandbox.workspace.deliveries[0].outcome == "connection_lost")


async def test_a_ticket_opens_one_connection(
    sandbox: Sandbox, client: Any, http: aiohttp.ClientSession
) -> None:
    """The address of apps.connections.open works once; hello comes first."""
    app = sandbox.workspace.app()
    url = (await client.apps_connections_open(app_token=app.app_token))["url"]
    async with http.ws_connect(url) as socket:
        hello = await socket.receive_json()
        assert (hello["type"], hello["connection_info"]) == ("hello", {"app_id": app.app_id})
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(url)


async def test_commands_are_delivered_once_and_may_answer_at_once(sandbox: Sandbox, inbox: Inbox) -> None:
    """The answer in the acknowledgement is shown to the user only."""
    inbox.answers["slash_commands"] = {"text": "on it"}
    delivery = await sandbox.command("dana", CHANNEL, "/assess", "CN-01 & more")
    assert delivery.payload["text"] == "CN-01 &amp; more"
    assert inbox.requests[0].accepts_response_payload is True
    assert [(item.text, item.ephemeral_for) for item in sandbox.ephemerals] == [("on it", DANA)]
    quick(sandbox)
    inbox.silent = 1
    assert (await sandbox.command("dana", CHANNEL, "/assess")).outcome == "timeout"
    await asyncio.sleep(0.3)
    assert len(inbox.requests) == 2
    with pytest.raises(SandboxError, match="unknown_command"):
        await sandbox.command("dana", CHANNEL, "/nonsense")


@dataclass
class Endpoint:
    """An app's request URL: records what comes and answers as told."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer_headers: dict[str, str] = field(default_factory=dict)
    echo: bool = True

    async def take(self, request: web.Request) -> web.Response:
        """Answer as told; the verification with its challenge."""
        body = await request.read()
        if request.content_type == "application/json":
            decoded = orjson.loads(body)
            if decoded["type"] == "url_verification":
                return web.json_response({"challenge": decoded["challenge"] if self.echo else "no"})
        self.bodies.append(body)
        self.headers.append({key.lower(): value for key, value in request.headers.items()})
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers=self.answer_headers)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/slack/events", endpoint.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def over_http(endpoint: Endpoint) -> AsyncIterator[Sandbox]:
    app = AppConfig(socket_mode=False, request_url=endpoint.url)
    async with Sandbox(WorkspaceConfig(apps=(app,), rate_limits=False)) as sandbox:
        quick(sandbox)
        yield sandbox


async def test_the_request_url_is_verified(over_http: Sandbox, endpoint: Endpoint) -> None:
    """url_verification needs the challenge back."""
    await over_http.verify_request_url()
    endpoint.echo = False
    with pytest.raises(SandboxError, match="challenge"):
        await over_http.verify_request_url()


async def test_http_deliveries_are_signed(over_http: Sandbox, endpoint: Endpoint) -> None:
    """slack_sdk's verifier accepts the signature, and so does the documented recipe."""
    await over_http.post_as_user("dana", CHANNEL, "plain")
    await over_http.wait_for(lambda: endpoint.bodies)
    secret = over_http.workspace.app().signing_secret
    body, headers = endpoint.bodies[0], endpoint.headers[0]
    assert SignatureVerifier(secret).is_valid_request(body, headers)
    signed = b"v0:" + headers["x-slack-request-timestamp"].encode() + b":" + body
    expected = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-slack-signature"] == expected


async def test_a_failed_http_delivery_comes_again(over_http: Sandbox, endpoint: Endpoint) -> None:
    """With the retry number and the reason in headers, and the same event_id."""
    endpoint.statuses = [500, 404]
    await over_http.post_as_user("dana", CHANNEL, "plain")
    await over_http.wait_for(lambda: any(item.outcome == "acked" for item in over_http.workspace.deliveries))
    assert [item.outcome for item in over_http.workspace.deliveries] == ["http_500", "http_404", "acked"]
    assert len({orjson.loads(body)["event_id"] for body in endpoint.bodies}) == 1
    retries = [(item.get("x-slack-retry-num"), item.get("x-slack-retry-reason")) for item in endpoint.headers]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error")]


async def test_an_app_can_decline_redelivery(over_http: Sandbox, endpoint: Endpoint) -> None:
    """x-slack-no-retry: 1 ends the attempts."""
    endpoint.statuses = [500]
    endpoint.answer_headers = {"x-slack-no-retry": "1"}
    await over_http.post_as_user("dana", CHANNEL, "plain")
    await over_http.wait_for(lambda: endpoint.bodies)
    await asyncio.sleep(0.3)
    assert len(endpoint.bodies) == 1


async def test_commands_come_as_signed_forms(over_http: Sandbox, endpoint: Endpoint) -> None:
    """application/x-www-form-urlencoded with the documented fields."""
    await over_http.command("dana", CHANNEL, "/assess", "CN-01 missile payload")
    form = dict(pair.split("=", 1) for pair in endpoint.bodies[0].decode().split("&"))
    assert form["command"] == "%2Fassess"
    assert form["api_app_id"] == "A0COUNTRY"
    assert endpoint.headers[0]["content-type"] == "application/x-www-form-urlencoded"

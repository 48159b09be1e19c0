"""Bolt, as published, works against the sandbox: by Socket Mode and by signed HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import AppConfig, Sandbox, WorkspaceConfig
from tests.sandbox.conftest import CHANNEL, DANA

BUTTON = {"type": "button", "action_id": "go", "value": "1", "text": {"type": "plain_text", "text": "Go"}}
NAME = {"type": "plain_text_input", "action_id": "name"}
MODAL = {
    "type": "modal",
    "callback_id": "ask",
    "title": {"type": "plain_text", "text": "Ask"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {"type": "input", "block_id": "who", "label": {"type": "plain_text", "text": "Who"}, "element": NAME}
    ],
}


def bolt_app(sandbox: Sandbox) -> AsyncApp:
    """An app that answers mentions with a stream, has a button, a command and a modal."""
    config = sandbox.workspace.app()
    client = AsyncWebClient(token=config.bot_token, base_url=sandbox.api_url)
    app = AsyncApp(client=client, signing_secret=config.signing_secret)

    @app.event("app_mention")
    async def answer(event: dict[str, Any], say_stream: Any) -> None:
        stream = await say_stream(thread_ts=event["ts"])
        await stream.append(markdown_text="an answer")
        await stream.stop(blocks=[{"type": "actions", "elements": [BUTTON]}])

    @app.event("message")
    async def ignore() -> None:
        """Messages are not for this app."""

    @app.action("go")
    async def clicked(ack: Any, respond: Any) -> None:
        await ack()
        await respond("clicked")

    @app.command("/assess")
    async def ask(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack("a moment")
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("ask")
    async def submitted(ack: Any) -> None:
        await ack(response_action="errors", errors={"who": "Who?"})

    return app


@pytest.fixture(params=["socket", "http"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A sandbox whose app runs on Bolt, either way."""
    by_socket = request.param == "socket"
    config = WorkspaceConfig(apps=(AppConfig(socket_mode=by_socket),), rate_limits=False)
    async with Sandbox(config) as sandbox:
        app = bolt_app(sandbox)
        if by_socket:
            handler = AsyncSocketModeHandler(app, sandbox.workspace.app().app_token)
            handler.client.web_client = AsyncWebClient(base_url=sandbox.api_url)
            await handler.connect_async()
            yield sandbox
            await handler.close_async()
            return

        async def take(incoming: web.Request) -> web.Response:
            return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(incoming)))

        server = web.Application()
        server.router.add_post("/slack/events", take)
        runner = web.AppRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await sandbox.verify_request_url(url=f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
        yield sandbox
        await runner.cleanup()


async def test_bolt_answers_a_mention_and_a_click(served: Sandbox) -> None:
    """A streamed reply in the thread; its button answers to the one who clicked."""
    ts = await served.post_as_user("dana", CHANNEL, "<@U0AGENTS> what now?")

    def answered() -> bool:
        thread = served.thread(CHANNEL, ts)
        return len(thread) == 2 and not thread[1].is_streaming

    await served.wait_for(answered)
    reply = served.thread(CHANNEL, ts)[1]
    assert (reply.markdown, reply.stream and reply.stream.recipient) == ("an answer", DANA)
    delivery = await served.click("dana", CHANNEL, reply.ts, "go")
    assert delivery.outcome == "acked"
    await served.wait_for(lambda: served.ephemerals)
    assert (served.ephemerals[0].text, served.ephemerals[0].ephemeral_for) == ("clicked", DANA)


async def test_bolt_takes_a_command_and_a_submission(served: Sandbox) -> None:
    """The command's answer is shown, its modal opens, its errors come back."""
    await served.command("dana", CHANNEL, "/assess", "CN-01 what now?")
    await served.wait_for(lambda: served.workspace.views)
    assert served.ephemerals[0].text == "a moment"
    (view_id,) = served.workspace.views
    result = await served.interactions.submit_view("dana", view_id, {"who": {"name": {"value": "?"}}})
    assert result == {"response_action": "errors", "errors": {"who": "Who?"}}

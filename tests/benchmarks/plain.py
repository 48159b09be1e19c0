"""The plain way, as the official samples do it: one SDK stream into ``chat_stream`` with its default buffer.

A complete Bolt app over Socket Mode, for comparison. ``python -m tests.benchmarks.plain`` reads ``SLACK_*``,
``OPENAI_*`` of its environment, as such samples do.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from openai import AsyncOpenAI
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

slack = AsyncWebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_URL"])
app = AsyncApp(client=slack)
model = AsyncOpenAI()


@app.event("app_mention")
async def answer(event: dict[str, Any], client: AsyncWebClient, context: dict[str, Any]) -> None:
    """Answer in the thread, token by token."""
    stream = await client.chat_stream(
        channel=event["channel"],
        thread_ts=event.get("thread_ts", event["ts"]),
        recipient_team_id=context["team_id"],
        recipient_user_id=event["user"],
    )
    async for part in await model.responses.create(model="scripted", input=event["text"], stream=True):
        if part.type == "response.output_text.delta":
            await stream.append(markdown_text=part.delta)
    await stream.stop()


async def main() -> None:
    """Serve until interrupted."""
    handler = AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"])
    await handler.connect_async()
    print("connected", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

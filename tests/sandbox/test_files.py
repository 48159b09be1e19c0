"""Uploading a file to the sandbox: as strict as Slack."""

from __future__ import annotations

from typing import Any

import aiohttp

from bot.sandbox import Sandbox, WorkspaceConfig

CHANNEL = "C0DESK"


async def call(sandbox: Sandbox, method: str, **arguments: Any) -> dict[str, Any]:
    """One call: a query for the method that reads no JSON, JSON for the other."""
    app = sandbox.workspace.app()
    headers = {"Authorization": f"Bearer {app.bot_token}"}
    url = f"{sandbox.api_url}{method}"
    body: dict[str, Any] = {"json" if method.endswith("completeUploadExternal") else "params": arguments}
    async with aiohttp.ClientSession() as session, session.post(url, headers=headers, **body) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def send(url: str, data: bytes) -> int:
    """Send the bytes; the HTTP status."""
    async with aiohttp.ClientSession() as session, session.post(url, data=data) as response:
        return response.status


async def test_a_file_takes_three_steps_and_is_shared_once() -> None:
    """Only as many bytes as announced, only when they are there, only once, only in a thread's root."""
    async with Sandbox(WorkspaceConfig(rate_limits=False)) as sandbox:
        root = await sandbox.post_as_user("dana", CHANNEL, "root")
        asked = await call(sandbox, "files.getUploadURLExternal", filename="a.md", length=5)
        files = [{"id": asked["file_id"], "title": "A"}]
        place = {"files": files, "channel_id": CHANNEL, "thread_ts": root}
        early = await call(sandbox, "files.completeUploadExternal", **place)
        assert early["error"] == "file_not_found"
        assert await send(asked["upload_url"], b"four") == 400
        assert await send(asked["upload_url"], b"fiver") == 200
        nowhere = await call(sandbox, "files.completeUploadExternal", files=files, channel_id="C0NONE")
        assert nowhere["error"] == "channel_not_found"
        assert (await call(sandbox, "files.completeUploadExternal", **place))["ok"]
        shared = sandbox.thread(CHANNEL, root)[-1]
        assert [file["name"] for file in shared.files] == ["a.md"]
        again = await call(sandbox, "files.completeUploadExternal", **place)
        assert again["error"] == "file_not_found"


async def test_what_slack_refuses_of_an_upload_is_refused() -> None:
    """An empty file; arguments in a JSON body, which this method does not read."""
    async with Sandbox(WorkspaceConfig(rate_limits=False)) as sandbox:
        empty = await call(sandbox, "files.getUploadURLExternal", filename="a.md", length=0)
        assert empty["error"] == "missing_argument"
        headers = {"Authorization": f"Bearer {sandbox.workspace.app().bot_token}"}
        url = f"{sandbox.api_url}files.getUploadURLExternal"
        body = {"filename": "a.md", "length": 5}
        async with aiohttp.ClientSession() as session, session.post(url, headers=headers, json=body) as read:
            assert (await read.json())["error"] == "invalid_arguments"

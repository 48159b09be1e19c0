"""files.getUploadURLExternal and files.completeUploadExternal, and the address between them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.sandbox.call import Call, Handler
from bot.sandbox.content import thread_root
from bot.sandbox.errors import ApiError
from bot.sandbox.messages import Message
from bot.sandbox.records import StoredFile
from bot.sandbox.workspace import Workspace

__all__ = ["FILE_METHODS", "give_file", "take_upload"]

_SNIPPET_BYTES = 1_000_000


def get_upload_url(call: Call) -> dict[str, Any]:
    """files.getUploadURLExternal: an address for so many bytes."""
    length = call.args["length"]
    if length < 1 or not call.args["filename"]:
        raise ApiError("missing_argument")
    if call.text("snippet_type") and length > _SNIPPET_BYTES:
        raise ApiError("snippet_too_large")
    file = StoredFile(
        call.workspace.next_id("F"), call.args["filename"], length, call.app.app_id, secrets.token_urlsafe(24)
    )
    call.workspace.files[file.id] = file
    return {"upload_url": f"{call.base_url}upload/v1/{file.key}", "file_id": file.id}


async def take_upload(workspace: Workspace, request: web.Request) -> web.Response:
    """The bytes, as the body or as the one part of a form; as many as were announced, and once."""
    key = request.match_info["key"]
    file = next((file for file in workspace.files.values() if file.key == key), None)
    if file is None or file.shared_in:
        return web.Response(status=404, text="Not found")
    if request.content_type == "multipart/form-data":
        parts = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
        data = parts[0].file.read() if parts else b""
    else:
        data = await request.read()
    if len(data) != file.length:
        return web.Response(status=400, text="Length mismatch")
    file.data = data
    return web.Response(text=f"OK - {len(data)}")


def complete_upload(call: Call) -> dict[str, Any]:
    """files.completeUploadExternal: the files become the app's, and are shared where it says."""
    files = [_uploaded(call, entry) for entry in call.args["files"]]
    if not files:
        raise ApiError("invalid_arguments", "no files")
    if call.text("channel_id") is None:
        if call.text("thread_ts") is not None:
            raise ApiError("invalid_channel")
    else:
        _share(call, files)
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def _uploaded(call: Call, entry: object) -> StoredFile:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise ApiError("invalid_arguments", "missing required field: id")
    file = call.workspace.files.get(entry["id"])
    if file is None or file.data is None or file.shared_in:
        raise ApiError("file_not_found")
    if file.app_id != call.app.app_id:
        raise ApiError("access_denied")
    file.title = str(entry.get("title") or file.name)
    return file


def _share(call: Call, files: list[StoredFile]) -> None:
    channel = call.writable_channel("channel_id")
    username, icon = call.sender()
    root = thread_root(channel, call.text("thread_ts"))
    message = Message(
        ts=call.workspace.next_ts(),
        channel=channel.id,
        user=call.app.bot_user_id,
        text=call.text("initial_comment") or "",
        thread_ts=root.ts if root else None,
        team_id=call.workspace.team_id,
        app_id=call.app.app_id,
        bot_id=call.app.bot_id,
        username=username,
        icon=icon,
        subtype="file_share",
        files=[file.as_api(call.app.bot_user_id, call.workspace.team_id) for file in files],
    )
    for file in files:
        file.shared_in = channel.id
    call.workspace.post(message)


def give_file(workspace: Workspace, request: web.Request) -> web.Response:
    """The bytes of a shared file, to be saved by the page's reader."""
    file = workspace.files.get(request.match_info["id"])
    if file is None or file.data is None or not file.shared_in:
        return web.Response(status=404, text="Not found")
    name = file.name.replace('"', "")
    headers = {"Content-Disposition": f'attachment; filename="{name.encode("ascii", "replace").decode()}"'}
    return web.Response(body=file.data, content_type="application/octet-stream", headers=headers)


FILE_METHODS: Mapping[str, Handler] = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
}
"""The methods of this module by name."""

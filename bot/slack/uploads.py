"""Files in a thread, in Slack's three steps: ask for an address, send the bytes there, share the file."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from bot.retrying import RetryPolicy, retrying
from bot.slack.api import SlackApi
from bot.slack.errors import SlackRefusedError, SlackUnavailableError

__all__ = ["Place", "Uploads"]

_STEP = "files.upload_url"
"""Stands for the second step in errors and logs: its address is a credential."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is shared, and under whose name."""

    channel: str
    thread_ts: str
    username: str
    icon_emoji: str


class Uploads:
    """Uploads for one app. ``session``: the address is no method of the Web API and takes no token."""

    def __init__(self, api: SlackApi, session: aiohttp.ClientSession) -> None:
        self._api = api
        self._session = session

    async def share(self, data: bytes, *, name: str, title: str, place: Place) -> None:
        """Put a file into a thread. Raises a ``SlackError``; nothing is seen of a file before the last step,
        which is therefore the only one that is not repeated.
        """
        # This method reads no JSON body.
        asked = {"filename": name, "length": len(data)}
        response = await self._api.call("files.getUploadURLExternal", asked, repeatable=True, http_verb="GET")
        limits = self._api.limits
        policy = RetryPolicy(limits.call_attempts, limits.retry_seconds, limits.retry_first_seconds)
        async for attempt in retrying(policy, on=_may_repeat, name=f"slack.{_STEP}"):
            with attempt:
                await self._send(str(response.data["upload_url"]), data)
        shared = {
            "files": [{"id": response.data["file_id"], "title": title}],
            "channel_id": place.channel,
            "thread_ts": place.thread_ts,
            "username": place.username,
            "icon_emoji": place.icon_emoji,
        }
        await self._api.call("files.completeUploadExternal", shared)

    async def _send(self, url: str, data: bytes) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        try:
            async with self._session.post(url, data=data, headers=headers) as response:
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise SlackUnavailableError(_STEP, type(error).__name__) from None
        if status >= 500 or status == 429:
            raise SlackUnavailableError(_STEP, f"http_{status}")
        if status != 200:
            raise SlackRefusedError(_STEP, f"http_{status}")


def _may_repeat(error: BaseException) -> bool:
    return isinstance(error, SlackUnavailableError)

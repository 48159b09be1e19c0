"""The one owner of slack_sdk's Web API client: typed calls, paced, repeated only where that is safe.

A call waits for its slot from the governor. A 429 pauses the method for every replica and the call is
made again. Calls that may be repeated without harm are, when Slack fails; for the others a lost answer
is a ``SlackOutcomeUnknownError``, for the caller to settle by reading the thread.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.retrying import RetryPolicy, retrying
from bot.slack.errors import (
    SlackError,
    SlackGoneError,
    SlackOutcomeUnknownError,
    SlackRateLimitedError,
    SlackRefusedError,
    SlackUnavailableError,
    error_for,
)
from bot.slack.limits import WriterLimits
from bot.store.governor import Slot

__all__ = [
    "SLACK_API_URL",
    "AppIdentity",
    "Block",
    "Check",
    "Governor",
    "SlackApi",
    "SlackResponse",
    "ThreadMessage",
    "quiet_logger",
    "slack_session",
]

log = structlog.get_logger()

SLACK_API_URL: Final = "https://slack.com/api/"

Block = dict[str, Any]
"""One Block Kit block, as Slack's JSON has it."""

Check = Callable[[], Awaitable[None]]

_PER_CHANNEL: Final = frozenset({"chat.postMessage"})
"""Methods Slack limits a channel as well."""

_NEVER_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""No connection, so no request: safe to repeat whatever it was."""


class Governor(Protocol):
    """Books calls for one app in one workspace, across all replicas."""

    async def reserve(
        self, method: str, *, channel: str | None = None, asked_at: float | None = None
    ) -> Slot:
        """Book the next free slot; with ``asked_at`` in the order of the channel's questions."""
        ...

    async def free_now(self, method: str) -> bool:
        """Book a call to be made at once, if there is one."""
        ...

    async def announce(self, method: str, channel: str, asked_at: float) -> float:
        """A call for the question of that time will be booked in a moment; seconds it will have to wait."""
        ...

    async def release(self, slot: Slot) -> None:
        """Give back a slot that is not needed."""
        ...

    async def confirm(self, slot: Slot) -> Slot:
        """After the wait: what is still to wait."""
        ...

    async def penalise(self, method: str, retry_after_seconds: float) -> None:
        """Slack answered 429: nobody calls the method for that long."""
        ...


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """Who our token speaks for: auth.test, and the scopes it was granted."""

    team_id: str
    team: str
    bot_user_id: str
    bot_user: str
    bot_id: str
    app_id: str
    scopes: frozenset[str]
    url: str = ""
    """Of the workspace, ``https://example.slack.com/``."""

    @property
    def key(self) -> str:
        """What sets this app apart on a shared Redis: its id, or where Slack tells none the bot's."""
        return self.app_id or self.bot_id


@dataclass(frozen=True, slots=True)
class ThreadMessage:
    """One message of a thread, as far as we need it to find our own."""

    ts: str
    user: str
    bot_id: str
    username: str
    metadata_type: str
    metadata: Mapping[str, Any]


def slack_session(limits: WriterLimits | None = None) -> aiohttp.ClientSession:
    """The connections to Slack, to be shared and closed by the caller. Make it inside the running loop."""
    limits = limits or WriterLimits()
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=limits.call_seconds, connect=limits.connect_seconds)
    )


def quiet_logger() -> logging.Logger:
    """A logger above DEBUG: below it the SDK writes message texts, and it reads an unset level as DEBUG."""
    logger = logging.getLogger("bot.slack.sdk")
    logger.setLevel(logging.WARNING)
    return logger


class SlackApi:
    """Slack's Web API for one bot token.

    Every call raises a ``SlackError``. With ``booked`` the caller has booked and awaited the slot itself
    (``reserve``), and every failure is raised at once, so that it can go on with more text or be stopped.
    """

    def __init__(
        self,
        token: str,
        governor: Governor,
        session: aiohttp.ClientSession,
        *,
        base_url: str = SLACK_API_URL,
        limits: WriterLimits | None = None,
    ) -> None:
        self.limits = limits or WriterLimits()
        self._governor = governor
        self._client = AsyncWebClient(
            token=token, base_url=base_url, session=session, retry_handlers=[], logger=quiet_logger()
        )
        self._identity: AppIdentity | None = None
        self.calls = 0
        """Requests sent so far, repetitions included."""

    def counting(self) -> SlackApi:
        """The same client, governor and connections with a call counter of its own: one turn's."""
        own = copy.copy(self)
        own.calls = 0
        return own

    async def reserve(self, method: str, *, channel: str | None, asked_at: float | None = None) -> Slot:
        """Book a slot for a ``booked`` call, to be waited for and confirmed."""
        channel = channel if method in _PER_CHANNEL else None
        return await self._governor.reserve(method, channel=channel, asked_at=asked_at)

    async def announce_card(self, *, channel: str, asked_at: float) -> float:
        """A card for the question of that time comes soon: younger ones let it pass. Seconds till then."""
        return await self._governor.announce("chat.postMessage", channel, asked_at)

    async def free_now(self, method: str) -> bool:
        """Book a ``booked`` call to be made at once; False where it would have to wait."""
        return await self._governor.free_now(method)

    async def release(self, slot: Slot) -> None:
        """Give a booked slot back."""
        await self._governor.release(slot)

    async def confirm(self, slot: Slot) -> Slot:
        """Right before a ``booked`` call that had to wait: make it once ``seconds`` is 0."""
        return await self._governor.confirm(slot)

    async def identity(self) -> AppIdentity:
        """Who we are; asked once."""
        if self._identity is None:
            response = await self.call("auth.test", {}, repeatable=True)
            data = response.data
            scopes = str(response.headers.get("x-oauth-scopes") or "")
            self._identity = AppIdentity(
                team_id=data.get("team_id", ""),
                team=data.get("team", ""),
                bot_user_id=data.get("user_id", ""),
                bot_user=data.get("user", ""),
                bot_id=data.get("bot_id", ""),
                app_id=data.get("app_id", ""),
                url=data.get("url", ""),
                scopes=frozenset(filter(None, (scope.strip() for scope in scopes.split(",")))),
            )
        return self._identity

    # Streams ------------------------------------------------------------------------------------------

    async def start_stream(
        self,
        *,
        channel: str,
        thread_ts: str,
        text: str,
        recipient_user_id: str,
        recipient_team_id: str,
        username: str,
        icon_emoji: str,
    ) -> str:
        """chat.startStream, booked; the message's ts."""
        arguments = {
            "channel": channel,
            "thread_ts": thread_ts,
            "markdown_text": text,
            "recipient_user_id": recipient_user_id,
            "recipient_team_id": recipient_team_id,
            "username": username,
            "icon_emoji": icon_emoji,
        }
        return _ts(await self.call("chat.startStream", arguments, booked=True))

    async def append_stream(self, *, channel: str, ts: str, text: str) -> None:
        """chat.appendStream, booked."""
        await self.call(
            "chat.appendStream", {"channel": channel, "ts": ts, "markdown_text": text}, booked=True
        )

    async def stop_stream(
        self,
        *,
        channel: str,
        ts: str,
        text: str = "",
        metadata: Mapping[str, Any] | None = None,
        booked: bool = False,
    ) -> None:
        """chat.stopStream, with the last of the text. Only a stop without text may be repeated blindly."""
        arguments = {"channel": channel, "ts": ts, "markdown_text": text or None, "metadata": metadata}
        await self.call("chat.stopStream", arguments, repeatable=not text, booked=booked)

    # Messages -----------------------------------------------------------------------------------------

    async def post_message(  # noqa: PLR0913 - Slack's own arguments, each by name
        self,
        *,
        channel: str,
        text: str,
        blocks: Sequence[Block],
        thread_ts: str | None = None,
        username: str | None = None,
        icon_emoji: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        asked_at: float | None = None,
        booked: bool = False,
        before: Check | None = None,
    ) -> str:
        """chat.postMessage, never unfurled: an unfurl fetches what a model wrote. The message's ts.

        ``asked_at``: it is the first sign of the answer to a question of that time, and takes its turn in the
        channel accordingly.
        """
        arguments = {
            "channel": channel,
            "thread_ts": thread_ts,
            "text": text,
            "blocks": blocks,
            "username": username,
            "icon_emoji": icon_emoji,
            "metadata": metadata,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        waits: dict[str, Any] = {"channel": channel, "asked_at": asked_at, "booked": booked, "before": before}
        return _ts(await self.call("chat.postMessage", arguments, **waits))

    async def post_ephemeral(
        self,
        *,
        channel: str,
        user: str,
        text: str,
        blocks: Sequence[Block] = (),
        thread_ts: str | None = None,
        username: str | None = None,
        icon_emoji: str | None = None,
    ) -> None:
        """chat.postEphemeral. Repeated when Slack fails: seen twice is better than not at all."""
        arguments = {
            "channel": channel,
            "user": user,
            "text": text,
            "blocks": list(blocks) or None,
            "thread_ts": thread_ts,
            "username": username,
            "icon_emoji": icon_emoji,
        }
        await self.call("chat.postEphemeral", arguments, repeatable=True)

    async def update_message(
        self,
        *,
        channel: str,
        ts: str,
        text: str,
        blocks: Sequence[Block],
        metadata: Mapping[str, Any] | None = None,
        booked: bool = False,
    ) -> None:
        """chat.update. ``parse`` is set because its default would look for names and addresses."""
        arguments = {
            "channel": channel,
            "ts": ts,
            "text": text,
            "blocks": blocks,
            "metadata": metadata,
            "parse": "none",
        }
        await self.call("chat.update", arguments, repeatable=True, booked=booked)

    async def set_status(
        self, *, channel: str, thread_ts: str, status: str, username: str, icon_emoji: str
    ) -> None:
        """assistant.threads.setStatus; Slack removes it after two minutes or with the next message."""
        arguments = {
            "channel_id": channel,
            "thread_ts": thread_ts,
            "status": status,
            "username": username,
            "icon_emoji": icon_emoji,
        }
        await self.call("assistant.threads.setStatus", arguments, repeatable=True)

    async def thread_messages(
        self, *, channel: str, thread_ts: str, oldest: str | None = None
    ) -> list[ThreadMessage]:
        """conversations.replies with metadata, oldest first, up to five pages; none where Slack refuses."""
        arguments = {"channel": channel, "ts": thread_ts, "oldest": oldest}
        return await self._messages("conversations.replies", arguments)

    async def channel_messages(self, *, channel: str, oldest: str) -> list[ThreadMessage]:
        """conversations.history since ``oldest`` with metadata, newest first, up to five pages."""
        return await self._messages("conversations.history", {"channel": channel, "oldest": oldest})

    async def _messages(self, method: str, place: Mapping[str, Any]) -> list[ThreadMessage]:
        found: list[ThreadMessage] = []
        cursor: str | None = None
        for _ in range(self.limits.replies_pages):
            arguments = {
                **place,
                "inclusive": True if place["oldest"] else None,
                "include_all_metadata": True,
                "limit": self.limits.replies_page,
                "cursor": cursor,
            }
            try:
                response = await self.call(method, arguments, repeatable=True, http_verb="GET")
            except (SlackRefusedError, SlackGoneError) as error:  # may we not write either, a write will say
                log.warning("slack.not_readable", method=method, code=error.code)
                break
            found += [_thread_message(message) for message in response.data.get("messages", ())]
            cursor = (response.data.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return found

    # The call -----------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        arguments: Mapping[str, Any],
        *,
        repeatable: bool = False,
        booked: bool = False,
        channel: str | None = None,
        asked_at: float | None = None,
        before: Check | None = None,
        http_verb: str = "POST",
    ) -> SlackResponse:
        """One call through governor, client and retries, for what has no method here.

        ``repeatable``: doing it twice is harmless. ``channel``: it posts there, which has a pace of its own.
        ``before`` is awaited when the slot has come, right before each request; its error calls that off.
        """
        given = {name: value for name, value in arguments.items() if value is not None}

        def may_repeat(error: BaseException) -> bool:
            if isinstance(error, SlackOutcomeUnknownError):
                return repeatable and not booked
            return isinstance(error, SlackRateLimitedError | SlackUnavailableError) and not booked

        policy = RetryPolicy(
            self.limits.call_attempts, self.limits.retry_seconds, self.limits.retry_first_seconds
        )
        async for attempt in retrying(
            policy, on=may_repeat, name=f"slack.{method}", retry_after=_retry_after_of
        ):
            with attempt:
                if not booked:
                    await self._wait_for_slot(method, channel, asked_at)
                if before is not None:
                    await before()
                try:
                    return await self._send(method, given, http_verb)
                except SlackRateLimitedError as error:
                    log.warning(
                        "slack.rate_limited", method=method, retry_after_seconds=error.retry_after_seconds
                    )
                    await self._governor.penalise(method, error.retry_after_seconds)
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _wait_for_slot(self, method: str, channel: str | None, asked_at: float | None) -> None:
        slot = await self.reserve(method, channel=channel, asked_at=asked_at)
        while slot.seconds > 0:
            await asyncio.sleep(slot.seconds)
            slot = await self.confirm(slot)

    async def _send(self, method: str, arguments: Mapping[str, Any], http_verb: str) -> SlackResponse:
        """One request, its failure as one of our errors."""
        body: dict[str, Any] = {"params": arguments} if http_verb == "GET" else {"json": arguments}
        self.calls += 1
        try:
            response = await self._client.api_call(method, http_verb=http_verb, **body)
        except SlackApiError as error:
            raise self._refusal(method, error) from None
        except _NEVER_SENT as error:
            raise SlackUnavailableError(method, type(error).__name__) from None
        except (aiohttp.ClientError, OSError) as error:
            raise SlackOutcomeUnknownError(method, type(error).__name__) from None
        return SlackResponse(
            cast("dict[str, Any]", response.data), cast("Mapping[str, str]", response.headers)
        )

    def _refusal(self, method: str, error: SlackApiError) -> SlackError:
        response: Any = error.response
        if isinstance(response, AsyncSlackResponse):
            status, headers = response.status_code, response.headers
            code = response.get("error") if isinstance(response.data, dict) else None
        else:  # a body that is not JSON: an error page, with the aiohttp response in its place
            status, headers, code = getattr(response, "status", 0), getattr(response, "headers", {}), None
        if status == 429 or code in {"ratelimited", "rate_limited"}:
            return SlackRateLimitedError(method, self._retry_after(headers))
        if status >= 500 and code is None:
            return SlackOutcomeUnknownError(method, f"http_{status}")
        if status >= 500 and code == "service_unavailable":
            return SlackUnavailableError(method, str(code))
        return error_for(method, str(code or f"http_{status}"))

    def _retry_after(self, headers: Mapping[str, str]) -> float:
        value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
        try:
            return max(float(value), 0.0)
        except ValueError:
            return self.limits.retry_after_default_seconds


@dataclass(frozen=True, slots=True)
class SlackResponse:
    """What Slack answered: the JSON object, and the headers."""

    data: dict[str, Any]
    headers: Mapping[str, str]


def _retry_after_of(error: BaseException) -> float | None:
    return error.retry_after_seconds if isinstance(error, SlackRateLimitedError) else None


def _ts(response: SlackResponse) -> str:
    return str(response.data["ts"])


def _thread_message(message: Mapping[str, Any]) -> ThreadMessage:
    """A message as Slack gives it, as far as we read it."""
    metadata = message.get("metadata") or {}
    return ThreadMessage(
        ts=str(message.get("ts", "")),
        user=str(message.get("user", "")),
        bot_id=str(message.get("bot_id", "")),
        username=str(message.get("username", "")),
        metadata_type=str(metadata.get("event_type", "")),
        metadata=metadata.get("event_payload") or {},
    )

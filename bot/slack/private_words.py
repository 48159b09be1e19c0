"""Words to one person through the response address of what they did: works where the app is no member.

Slack keeps an address for 30 minutes and five uses, and asks no token for it.
"""

from __future__ import annotations

from typing import Any, Final

import aiohttp
import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.retrying import RetryPolicy, retrying
from bot.slack.api import quiet_logger
from bot.slack.cards import Notice
from bot.slack.errors import SlackError, SlackGoneError, SlackRefusedError, SlackUnavailableError

__all__ = ["PrivateWords"]

log = structlog.get_logger()

METHOD: Final = "response_url"
"""Stands for the method's name in errors and logs: the address itself is a credential."""

ANSWER_SECONDS: Final = 10
"""s, for one use of an address."""

RETRIES: Final = RetryPolicy(attempts=3, seconds=15)
"""Seen twice is better than not at all; a fourth use of five would leave nothing for later words."""


class PrivateWords:
    """Speaks through response addresses."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._logger = quiet_logger()

    async def tell(self, response_url: str, notice: Notice, *, replace: bool = False) -> None:
        """Show a notice to the person; ``replace``: in the place of the message whose button was pressed.

        Raises a ``SlackError``: ``SlackGoneError`` where the address is used up or too old.
        """
        body: dict[str, Any] = {
            "text": notice.text,
            "blocks": list(notice.blocks),
            "replace_original": replace,
        }
        if not replace:
            body["response_type"] = "ephemeral"
        client = AsyncWebhookClient(
            response_url,
            session=self._session,
            timeout=ANSWER_SECONDS,
            retry_handlers=[],
            logger=self._logger,
        )
        async for attempt in retrying(RETRIES, on=_may_repeat, name="slack.response_url"):
            with attempt:
                await _send(client, body)

    async def try_to_tell(self, response_url: str, notice: Notice, *, replace: bool = False) -> bool:
        """As ``tell``; False, with a line in the log, where it fails."""
        try:
            await self.tell(response_url, notice, replace=replace)
        except SlackError as error:
            log.warning("notice.not_shown", method=error.method, code=error.code)
            return False
        return True


def _may_repeat(error: BaseException) -> bool:
    return isinstance(error, SlackUnavailableError)


async def _send(client: AsyncWebhookClient, body: dict[str, Any]) -> None:
    try:
        response = await client.send_dict(body)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise SlackUnavailableError(METHOD, type(error).__name__) from None
    if response.status_code == 200:
        return
    code = f"http_{response.status_code}"
    if response.status_code >= 500 or response.status_code == 429:
        raise SlackUnavailableError(METHOD, code)
    # The body may quote what was sent: only Slack's code of a dead address is looked for in it.
    if any(word in response.body for word in ("expired_url", "used_url")):
        raise SlackGoneError(METHOD, code)
    raise SlackRefusedError(METHOD, code)

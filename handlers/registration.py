"""Which Slack event goes to which handler. The event is acknowledged when its handler is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError

from bot.jobs import QueueUnavailableError
from bot.reception import Reception
from bot.slack import cards
from bot.slack.errors import SlackError
from bot.store.errors import StoreError
from handlers.buttons import ask_edited, ask_once_more, stop_stream, stop_turn
from handlers.mentions import answer_mention, offer_again
from handlers.parsing import Action, parse_action, parse_edit, parse_mention, parse_stop

__all__ = ["register"]

log = structlog.get_logger()

DEED_SECONDS: Final = 2.0
"""Longest time for what a button does: Slack wants its ack within 3 seconds, and marks the button else."""


def register(app: AsyncApp, reception: Reception) -> None:
    """Attach all handlers to a Bolt app made with ``process_before_response=True``."""

    async def on_mention(body: dict[str, Any]) -> None:
        if mention := parse_mention(body, bot_user_id=reception.bot_user_id):
            await answer_mention(mention, reception)

    async def on_message(body: dict[str, Any]) -> None:
        # The same mention arrives as a message, too; whichever comes first starts the turn.
        await on_mention(body)
        if edited := parse_edit(body, bot_user_id=reception.bot_user_id):
            await offer_again(edited, reception)

    async def on_stop(body: dict[str, Any]) -> None:
        if pressed := parse_stop(body):
            await stop_stream(pressed, reception)

    app.event("app_mention")(on_mention)
    app.event("message")(on_message)
    app.event("agent_session_stopped")(on_stop)
    for action_id, deed in (
        (cards.STOP_TURN, stop_turn),
        (cards.RETRY_TURN, ask_once_more),
        (cards.ASK_AGAIN, ask_edited),
    ):
        app.action(action_id)(_on_action(deed, reception))
    app.error(_on_error)


def _on_action(
    deed: Callable[[Action, Reception], Awaitable[None]], reception: Reception
) -> Callable[..., Awaitable[None]]:
    async def on_action(ack: AsyncAck, respond: AsyncRespond, body: dict[str, Any]) -> None:
        action = parse_action(body)
        if action is not None:
            try:
                # The store alone would ride an outage out for longer than Slack waits.
                async with asyncio.timeout(DEED_SECONDS):
                    await deed(action, reception)
            except (QueueUnavailableError, StoreError, TimeoutError) as error:
                # Buttons are never delivered again: say so, instead of leaving the press without effect.
                log.warning("button.without_queue", action=action.action_id, error=type(error).__name__)
                await _say_unavailable(respond)
        await ack()

    return on_action


async def _say_unavailable(respond: AsyncRespond) -> None:
    """Through the press's own response address: the Web API's pacing needs the store that is away."""
    notice = cards.unavailable_notice()
    try:
        await respond(
            text=notice.text,
            blocks=list(notice.blocks),
            response_type="ephemeral",
            replace_original=False,
        )
    except (SlackClientError, aiohttp.ClientError, OSError) as error:
        log.warning("notice.not_shown", error=type(error).__name__)


async def _on_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """No ack: Slack delivers the event again. Logs identifiers, never the body."""
    expected = isinstance(error, QueueUnavailableError | StoreError | SlackError)
    write = log.warning if expected else log.error
    write(
        "event.not_taken",
        event_id=body.get("event_id"),
        error=type(error).__name__,
        exc_info=None if expected else error,
    )
    return BoltResponse(status=503 if expected else 500, body="")

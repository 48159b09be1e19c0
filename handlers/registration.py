"""Which Slack event goes to which handler. The event is acknowledged when its handler is done."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.response import BoltResponse

from bot.jobs import QueueUnavailableError
from bot.reception import Reception
from bot.scopes import ASSESS_SHORTCUT
from bot.slack import (
    answer_controls,
    asking_notices,
    briefing_form,
    briefing_notices,
    cards,
    choice_form,
    comparison_messages,
    export_notices,
    forms,
    home,
    rewriting_notices,
)
from bot.slack.elements import Message
from bot.slack.errors import SlackError
from bot.store.errors import StoreError
from handlers.briefings import choose_in_menu, run_briefing_command, take_briefing_form
from handlers.buttons import ask_each, ask_edited, ask_once_more, export_assessment, stop_stream, stop_turn
from handlers.choosing import ChosenAgent, choose, parse_agent_form, take_agent_form
from handlers.commands import run_command
from handlers.controls import forget_thread, parse_reason, press_thumb, take_reason
from handlers.forms import assess_message, take_form
from handlers.hearing import listen
from handlers.mentions import answer_mention, offer_again
from handlers.parsing import (
    Action,
    parse_action,
    parse_edit,
    parse_home,
    parse_mention,
    parse_pane,
    parse_stop,
)
from handlers.parsing_briefings import MenuChoice, parse_briefing_command, parse_briefing_form, parse_menu
from handlers.parsing_commands import parse_command, parse_shortcut
from handlers.parsing_forms import parse_form
from handlers.rewriting import rewrite_section
from handlers.ways_out import answer_directly, ask_chosen, ask_here, join_and_ask

__all__ = ["register"]

log = structlog.get_logger()

_Filled = TypeVar("_Filled")
"""What a form holds."""
_Choice = TypeVar("_Choice", Action, MenuChoice)

DEED_SECONDS: Final = 2.0
"""Longest time for what a button, a command or a form does: Slack wants its ack within 3 seconds, and else
tells the person that the app did not respond."""

EVENT_SECONDS: Final = 5.0
"""Longest time for an event. After 3 seconds without an ack Slack delivers it again, and what was half done
then is done by that; two more for a busy machine. The store alone would wait for half a minute."""

_AWAY: Final = (QueueUnavailableError, StoreError, SlackError, TimeoutError)

_ANY_COMMAND: Final = re.compile(r"/.*")
"""Whatever name the manifest gave it: a workspace may have another /assess."""

_BRIEFING_COMMAND: Final = re.compile(r"/.*briefing.*")

_CHOICE: Final = re.compile(re.escape(asking_notices.ASK_WHOM) + "(?::.*)?")

_LINK: Final = re.compile(re.escape(home.OPEN) + ":.*")
_EACH: Final = re.compile(re.escape(comparison_messages.ASSESS_ONE) + ":.*")

_DEEDS: Final[Mapping[str, Callable[[Action, Reception], Awaitable[None]]]] = {
    cards.STOP_TURN: stop_turn,
    cards.RETRY_TURN: ask_once_more,
    cards.ASK_AGAIN: ask_edited,
    export_notices.EXPORT: export_assessment,
    rewriting_notices.REWRITE: rewrite_section,
    answer_controls.FEEDBACK: press_thumb,
    answer_controls.FORGET_THREAD: forget_thread,
    asking_notices.JOIN: join_and_ask,
    asking_notices.ASK_HERE: ask_here,
    asking_notices.ASK_DIRECT: answer_directly,
}


def register(app: AsyncApp, reception: Reception) -> None:
    """Attach all handlers to a Bolt app made with ``process_before_response=True``."""
    me, colleagues = reception.bot_user_id, reception.colleagues

    async def on_mention(body: dict[str, Any]) -> None:
        if mention := parse_mention(body, bot_user_id=me, persona_user_ids=colleagues):
            await answer_mention(mention, reception)

    async def on_message(body: dict[str, Any]) -> None:
        # The same mention arrives as a message, too; whichever comes first starts the turn.
        await listen(body, reception)
        await on_mention(body)
        if edited := parse_edit(body, bot_user_id=me, persona_user_ids=colleagues):
            await offer_again(edited, reception)

    async def on_stop(body: dict[str, Any]) -> None:
        if pressed := parse_stop(body):
            await stop_stream(pressed, reception)

    app.event("app_mention")(_in_time(on_mention))
    app.event("message")(_in_time(on_message))
    app.event("agent_session_stopped")(_in_time(on_stop))
    app.event("app_home_opened")(_on_opened(reception))
    app.event("assistant_thread_started")(_on_opened(reception))
    app.command(_BRIEFING_COMMAND)(_on_briefing_command(reception))  # before any other name
    app.command(_ANY_COMMAND)(_on_command(reception))
    app.shortcut({"type": "message_action", "callback_id": ASSESS_SHORTCUT})(_on_shortcut(reception))
    app.view(forms.FORM)(_on_view(parse_form, take_form, forms.QUESTION, reception))
    reason_form = _on_view(parse_reason, take_reason, answer_controls.REASON, reception)
    app.view(answer_controls.REASON_FORM)(reason_form)
    for action_id, deed in _DEEDS.items():
        app.action(action_id)(_on_action(deed, reception))
    app.action(_CHOICE)(_on_action(ask_chosen, reception))
    app.action(_LINK)(_acknowledge_link)
    app.action(_EACH)(_on_action(ask_each, reception))
    _register_briefings(app, reception)
    _register_choices(app, reception)
    app.error(_on_error)


def _register_briefings(app: AsyncApp, reception: Reception) -> None:
    form = _on_view(parse_briefing_form, take_briefing_form, briefing_form.CHANNEL, reception)
    app.view(briefing_form.FORM)(form)
    app.action(briefing_notices.MENU)(_on_menu(parse_menu, choose_in_menu, reception))
    app.action(briefing_notices.NEW)(_on_menu(parse_menu, choose_in_menu, reception))


def _register_choices(app: AsyncApp, reception: Reception) -> None:
    async def show(chosen: ChosenAgent) -> None:
        await reception.home.show(chosen.team_id, chosen.user_id)

    form = _on_view(parse_agent_form, take_agent_form, choice_form.CHANNEL, reception, after=show)
    app.view(choice_form.AGENT_FORM)(form)
    for action_id in (choice_form.CHOOSE_DEPTH, choice_form.CHOOSE_LANGUAGE, choice_form.OPEN_AGENT_FORM):
        app.action(action_id)(_on_menu(parse_action, choose, reception))


def _in_time(take: Callable[[dict[str, Any]], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def on_event(body: dict[str, Any]) -> None:
        async with asyncio.timeout(EVENT_SECONDS):
            await take(body)

    return on_event


def _on_opened(reception: Reception) -> Callable[..., Awaitable[None]]:
    async def on_opened(body: dict[str, Any]) -> None:
        if opened := parse_home(body):
            await reception.home.show(opened.team_id, opened.user_id)
        if pane := parse_pane(body):
            await reception.pane.suggest(pane.channel, pane.thread_ts)

    return on_opened


def _on_command(reception: Reception) -> Callable[..., Awaitable[None]]:
    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        command = parse_command(body, bot_user_id=reception.bot_user_id)
        notice = None
        if command is not None:
            try:
                async with asyncio.timeout(DEED_SECONDS):
                    notice = await run_command(command, reception)
            except _AWAY as error:
                log.warning("command.without_queue", error=type(error).__name__)
                notice = asking_notices.not_taken_notice(command.typed)
        await _acknowledge(ack, notice)

    return on_command


def _on_shortcut(reception: Reception) -> Callable[..., Awaitable[None]]:
    async def on_shortcut(ack: AsyncAck, body: dict[str, Any]) -> None:
        shortcut = parse_shortcut(body)
        notice = None
        if shortcut is not None:
            try:
                async with asyncio.timeout(DEED_SECONDS):
                    notice = await assess_message(shortcut, reception)
            except _AWAY as error:
                log.warning("shortcut.without_queue", error=type(error).__name__)
                notice = cards.unavailable_notice()
        await ack()
        if shortcut is not None and notice is not None:
            await reception.words.try_to_tell(shortcut.response_url, notice)

    return on_shortcut


def _on_view(
    parse: Callable[[dict[str, Any]], _Filled | None],
    take: Callable[[_Filled, Reception], Awaitable[dict[str, str]]],
    field: str,
    reception: Reception,
    *,
    after: Callable[[_Filled], Awaitable[None]] | None = None,
) -> Callable[..., Awaitable[None]]:
    """A form that was sent off. What is wrong is said at its fields, and that we cannot take it at ``field``;
    ``after``: what is done once it is taken, when Slack has its ack.
    """

    async def on_view(ack: AsyncAck, body: dict[str, Any]) -> None:
        filled = parse(body)
        errors: dict[str, str] = {}
        if filled is not None:
            try:
                async with asyncio.timeout(DEED_SECONDS):
                    errors = await take(filled, reception)
            except _AWAY as error:
                # The form stays open with everything in it; what was taken already is not taken twice.
                log.warning("form.not_taken", field=field, error=type(error).__name__)
                errors = {field: cards.unavailable_notice().text}
        if errors:
            await ack(response_action="errors", errors=errors)
            return
        await ack()
        if filled is not None and after is not None:
            await after(filled)

    return on_view


def _on_action(
    deed: Callable[[Action, Reception], Awaitable[None]], reception: Reception
) -> Callable[..., Awaitable[None]]:
    async def on_action(ack: AsyncAck, body: dict[str, Any]) -> None:
        action = parse_action(body)
        if action is not None:
            try:
                # The store alone would ride an outage out for longer than Slack waits.
                async with asyncio.timeout(DEED_SECONDS):
                    await deed(action, reception)
            except _AWAY as error:
                # Buttons are never delivered again: say so, instead of leaving the press without effect.
                log.warning("button.without_queue", action=action.action_id, error=type(error).__name__)
                # Through the press's own address: the Web API's pacing needs the store that is away.
                await reception.words.try_to_tell(action.response_url, cards.unavailable_notice())
        await ack()

    return on_action


def _on_briefing_command(reception: Reception) -> Callable[..., Awaitable[None]]:
    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        command = parse_briefing_command(body)
        notice = None
        if command is not None:
            try:
                async with asyncio.timeout(DEED_SECONDS):
                    notice = await run_briefing_command(command, reception)
            except (*_AWAY, SlackError) as error:
                log.warning("briefing.command_failed", error=type(error).__name__)
                notice = cards.unavailable_notice()
        await _acknowledge(ack, notice)

    return on_command


def _on_menu(
    parse: Callable[[dict[str, Any]], _Choice | None],
    choose: Callable[[_Choice, Reception], Awaitable[Message | None]],
    reception: Reception,
) -> Callable[..., Awaitable[None]]:
    """A choice on the home tab, or in a list that only its person sees."""

    async def on_choice(ack: AsyncAck, body: dict[str, Any]) -> None:
        choice = parse(body)
        notice = None
        if choice is not None:
            try:
                async with asyncio.timeout(DEED_SECONDS):
                    notice = await choose(choice, reception)
            except _AWAY as error:
                log.warning("choice.not_taken", error=type(error).__name__)
                notice = cards.unavailable_notice()
        await ack()
        if choice is None:
            return
        if notice is not None and choice.response_url:
            await reception.words.try_to_tell(choice.response_url, notice)
        elif notice is not None:  # from the home tab, where there is nothing to answer in
            await reception.office.tell(choice.user_id, notice)
        if not choice.response_url:
            await reception.home.show(choice.team_id, choice.user_id)

    return on_choice


async def _acknowledge_link(ack: AsyncAck) -> None:
    """Slack has opened the link; without an ack it would show a warning beside it."""
    await ack()


async def _acknowledge(ack: AsyncAck, notice: Message | None) -> None:
    """The answer to a command itself: needs neither store nor Web API."""
    if notice is None:
        await ack()
    else:
        await ack(text=notice.text, blocks=list(notice.blocks), response_type="ephemeral")


async def _on_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """No ack: Slack delivers the event again. Logs identifiers, never the body."""
    expected = isinstance(error, _AWAY)
    write = log.warning if expected else log.error
    write(
        "event.not_taken",
        event_id=body.get("event_id"),
        error=type(error).__name__,
        exc_info=None if expected else error,
    )
    return BoltResponse(status=503 if expected else 500, body="")

"""Buttons on our messages, and Slack's own stop."""

from __future__ import annotations

from bot.exporting import Wish
from bot.reception import Reception
from bot.slack import cards, export_notices
from bot.slack.comparison_messages import wanted_assessment
from handlers.parsing import Action, StopPressed

__all__ = [
    "ask_each",
    "ask_edited",
    "ask_once_more",
    "export_assessment",
    "say_if_forgotten",
    "stop_stream",
    "stop_turn",
]


async def stop_turn(action: Action, reception: Reception) -> None:
    """The stop button on the card."""
    await reception.stop(action.value, action.user_id)


async def stop_stream(pressed: StopPressed, reception: Reception) -> None:
    """Slack's own stop: it names the messages that were streaming."""
    for message_ts in pressed.streaming_message_ts:
        turn_id = await reception.store.turn_of_message(pressed.team_id, pressed.channel, message_ts)
        if turn_id is not None:
            await reception.stop(turn_id, pressed.user_id)
            return
    turn_id = await reception.store.running(pressed.team_id, pressed.channel, pressed.thread_ts)
    if turn_id is not None:
        await reception.stop(turn_id, pressed.user_id)


async def ask_once_more(action: Action, reception: Reception) -> None:
    """The button of a failed or stopped answer, “Try again”."""
    await say_if_forgotten(await reception.ask_anew(action.value, user_id=action.user_id), action, reception)


async def ask_edited(action: Action, reception: Reception) -> None:
    """The button of an edited question, “Ask again with the new text”."""
    await say_if_forgotten(
        await reception.ask_offered(action.value, user_id=action.user_id), action, reception
    )


async def ask_each(action: Action, reception: Reception) -> None:
    """A button of a comparison, “Full assessment CN-01”."""
    turn_id, code = wanted_assessment(action.value)
    found = await reception.ask_one(turn_id, code, message_ts=action.message_ts, user_id=action.user_id)
    await say_if_forgotten(found, action, reception)


async def export_assessment(action: Action, reception: Reception) -> None:
    """A choice in the footer's menu: the assessment as a file."""
    chosen = export_notices.wanted(action.value)
    if chosen is None:
        return
    kind, turn_id = chosen
    wish = Wish(kind, action.channel, action.thread_ts, action.response_url)
    notice = await reception.export(turn_id, wish, team_id=action.team_id, user_id=action.user_id)
    if notice is not None:
        await reception.words.try_to_tell(action.response_url, notice)


async def say_if_forgotten(found: bool, action: Action, reception: Reception) -> None:  # noqa: FBT001
    """Tell who pressed that the question is no longer known, unless it was ``found``."""
    if not found:
        await reception.whisper(
            cards.forgotten_notice(),
            team_id=action.team_id,
            channel=action.channel,
            user_id=action.user_id,
            thread_ts=action.thread_ts,
        )

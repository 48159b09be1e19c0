"""The menu below an assessment that has one of its sections written anew."""

from __future__ import annotations

import time
from itertools import count

from bot.reception import Reception
from bot.slack.cards import Notice
from bot.slack.rewriting_notices import gone_notice, still_writing_notice, wanted_section
from bot.store.thread_store import address_of
from bot.turns import Rewriting, Turn, turn_id_for
from handlers.parsing import Action

__all__ = ["rewrite_section"]


async def rewrite_section(action: Action, reception: Reception) -> None:
    """Queue a turn of the thread that writes the section; or tell the person why not."""
    wanted = wanted_section(action.value)
    if wanted is None:
        return
    notice = await _queued(wanted, action, reception)
    if notice is not None:
        await reception.words.try_to_tell(action.response_url, notice)


async def _queued(wanted: Rewriting, action: Action, reception: Reception) -> Notice | None:
    address = address_of(action.team_id, action.channel, action.thread_ts)
    record = await reception.threads.assessment(address, wanted.turn_id)
    if record is None or not record.question.length or record.section(wanted.section) is None:
        return gone_notice()
    turn_id = await _next_turn_id(wanted, action, reception)
    running = await reception.store.running(action.team_id, action.channel, action.thread_ts)
    if turn_id is None or running is not None:
        return still_writing_notice()
    turn = Turn(
        turn_id=turn_id,
        app_id=reception.app_id,
        team_id=action.team_id,
        channel=action.channel,
        thread_ts=action.thread_ts,
        message_ts=action.message_ts,
        user_id=action.user_id,
        user_team_id=action.team_id,
        persona=record.persona,
        format=record.format,
        question=record.question,
        asked_at=time.time(),
        rewrites=wanted,
    )
    await reception.take(turn, pressed_by=action.user_id)
    return None


async def _next_turn_id(wanted: Rewriting, action: Action, reception: Reception) -> str | None:
    """The id of the section's next version: every press has the same until that one is over. ``None``: it is
    being written.
    """
    name = f"{wanted.turn_id}/{wanted.section}"
    for asking in count(1):
        turn_id = turn_id_for(reception.app_id, action.team_id, action.channel, name, asking=asking)
        stored = await reception.store.load(turn_id)
        if stored is None:
            return turn_id
        if not stored.is_over:
            return None
    raise AssertionError("unreachable: versions do not end")

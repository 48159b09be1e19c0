"""The controls of an answer: thumbs with an optional reason, and forgetting the thread."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from bot.reception import Reception
from bot.slack import answer_controls, asking_notices
from bot.slack.comparison_messages import COMPARED
from bot.slack.errors import SlackError
from bot.store.feedback_store import Opinion
from bot.store.thread_store import address_of
from handlers.fields import Payload, mapping, string
from handlers.parsing import Action

__all__ = ["Explained", "forget_thread", "parse_reason", "press_thumb", "take_reason"]


@dataclass(frozen=True, slots=True)
class Explained:
    """A reason that was sent off."""

    opinion: Opinion
    address: str
    """Of the answer's thread."""
    reason: str


async def press_thumb(action: Action, reception: Reception) -> None:
    """Keep the press, then ask why: who closes the form has still been counted."""
    thumb, _, rest = action.value.partition(" ")
    persona, _, turn_id = rest.partition(" ")
    known = persona == COMPARED or reception.desk.by_code(persona) is not None
    if thumb not in {"up", "down"} or not known or not turn_id:
        return
    opinion = Opinion(turn_id, persona, action.user_id, helped=thumb == "up")
    await reception.feedback.press(opinion)
    metadata = {
        "turn": turn_id,
        "persona": persona,
        "thumb": thumb,
        "address": address_of(action.team_id, action.channel, action.thread_ts),
    }
    form = answer_controls.reason_form(helped=opinion.helped, metadata=metadata)
    try:
        await reception.ways_in.open_view(action.trigger_id, form)
    except SlackError as error:
        reception.note("reason.not_asked", error)
        await reception.words.try_to_tell(action.response_url, answer_controls.thanks_notice())


async def forget_thread(action: Action, reception: Reception) -> None:
    """Remove all that is kept of the thread, if the person may ask us for anything."""
    why = await reception.door.turned_away(
        action.user_id, user_team_id="", team_id=action.team_id, channel=action.channel
    )
    if why is None:
        found = await reception.forget(
            action.team_id, action.channel, action.thread_ts, user_id=action.user_id
        )
        notice = answer_controls.forgotten_thread_notice(found=found)
    else:
        notice = asking_notices.unwelcome_notice(why)
    await reception.words.try_to_tell(action.response_url, notice)


def parse_reason(body: Payload) -> Explained | None:
    """A submission of the form; ``None`` where no reason was written."""
    view, user_id = mapping(body, "view"), string(mapping(body, "user"), "id")
    if (
        string(body, "type") != "view_submission"
        or string(view, "callback_id") != answer_controls.REASON_FORM
    ):
        return None
    values = mapping(mapping(view, "state"), "values")
    field = mapping(mapping(values, answer_controls.REASON), answer_controls.REASON)
    try:
        metadata = orjson.loads(string(view, "private_metadata"))
    except orjson.JSONDecodeError:
        return None
    reason = string(field, "value").strip()
    if not (user_id and reason and isinstance(metadata, dict)):
        return None
    turn, persona, address = (string(metadata, name) for name in ("turn", "persona", "address"))
    if not (turn and persona and address):
        return None
    helped = string(metadata, "thumb") == "up"
    return Explained(Opinion(turn, persona, user_id, helped=helped), address, reason)


async def take_reason(explained: Explained, reception: Reception) -> dict[str, str]:
    """Keep a reason; nothing is wrong with it. Raises ``StoreError``."""
    await reception.feedback.explain(explained.opinion, explained.address, explained.reason)
    return {}

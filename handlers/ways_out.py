"""The buttons below a question that could not be asked where it was: join, ask again, answer directly."""

from __future__ import annotations

from bot.reception import Reception
from bot.slack import asking_notices, cards
from bot.slack.errors import SlackError
from bot.turns import Asker, Opening, Turn, unopened_turn
from handlers.buttons import say_if_forgotten
from handlers.parsing import Action

__all__ = ["answer_directly", "ask_chosen", "ask_here", "join_and_ask"]


async def join_and_ask(action: Action, reception: Reception) -> None:
    """Join the public channel, and ask there."""
    turn = await reception.kept(action.value)
    if turn is not None:
        try:
            await reception.ways_in.join(turn.channel)
        except SlackError as error:
            reception.note("join.refused", error)
            notice = asking_notices.join_failed_notice(action.value, bot_name=reception.bot_name)
            await reception.words.try_to_tell(action.response_url, notice, replace=True)
            return
    await _ask(turn, action, reception, said="I have joined; the answer begins in a moment.")


async def ask_here(action: Action, reception: Reception) -> None:
    """The person has invited us meanwhile."""
    turn = await reception.kept(action.value)
    await _ask(turn, action, reception, said="I am asking again; the answer begins in a moment.")


async def answer_directly(action: Action, reception: Reception) -> None:
    """Answer in the direct message with the person."""
    turn = await reception.kept(action.value)
    said = "The answer comes in the direct message between us."
    await _ask(turn, action, reception, said=said, direct=True)


async def ask_chosen(action: Action, reception: Reception) -> None:
    """A persona was chosen for the question of a direct message that named nobody."""
    kept_id, _, code = action.value.partition(":")
    persona = reception.desk.by_code(code)
    found = persona is not None and await reception.ask_offered(
        kept_id, user_id=action.user_id, persona=persona.code
    )
    await say_if_forgotten(found, action, reception)


async def _ask(
    turn: Turn | None, action: Action, reception: Reception, *, said: str, direct: bool = False
) -> None:
    """Ask the kept question once more; the notice with the button makes way for ``said``."""
    if turn is None or turn.opening is None:
        await reception.words.try_to_tell(action.response_url, cards.forgotten_notice(), replace=True)
        return
    again = unopened_turn(
        Asker(turn.app_id, turn.team_id, turn.channel, turn.user_id),
        # Pressed twice, it is asked once; below the next notice it is another question.
        key=f"{turn.turn_id}/{action.action_id}",
        personas=turn.asked,
        format_=turn.format,
        question=turn.question,
        opening=Opening(
            direct=direct, below="" if direct else turn.opening.below, response_url=action.response_url
        ),
    )
    refused = await reception.ask([again])
    notice = refused[0][1] if refused else asking_notices.said_notice(said)
    await reception.words.try_to_tell(action.response_url, notice, replace=not refused)

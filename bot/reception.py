"""What a handler may do: take a question, answer one person privately, stop a turn.

Handlers parse and decide; everything they hand over goes through here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from bot.admission import Admission, Refused
from bot.briefings.office import BriefingOffice
from bot.choosing import Choosing
from bot.desk_threads import DeskThreads
from bot.doorkeeper import Doorkeeper
from bot.exporting import Exports, Wish
from bot.home import HomeTab
from bot.jobs import Queue
from bot.pane import AgentPane
from bot.slack import asking_notices
from bot.slack.admission_notices import refusal_notice
from bot.slack.api import SlackApi
from bot.slack.cards import Message, Notice
from bot.slack.comparison_messages import sender_of
from bot.slack.errors import SlackError
from bot.slack.export_notices import too_old_notice
from bot.slack.forms import FormPreset, assess_form
from bot.slack.private_words import PrivateWords
from bot.slack.receipts import Receipts
from bot.slack.ways_in import WaysIn
from bot.store.feedback_store import FeedbackStore
from bot.store.stored_turns import Claimed
from bot.store.thread_store import address_of
from bot.store.turn_store import TurnStore
from bot.threads import Said
from bot.turns import Asker, Turn, turn_id_for
from personas.desk import BRIEF, Address, Desk
from personas.persona import Persona
from personas.viewpoints import view_asked_for

__all__ = ["Reception"]

log = structlog.get_logger()

END_SECONDS = 1.5
"""Longest wait for an answer's end before its thread is forgotten: Slack wants its ack within 3 seconds."""
END_LOOK_SECONDS = 0.05
"""Between looks: the end takes two calls to Slack."""


@dataclass(frozen=True, slots=True)
class Reception:
    """One app's front: whom it speaks for, and where its questions go."""

    app_id: str
    """``AppIdentity.key``."""
    desk: Desk
    bot_user_id: str
    bound: str | None
    """Code of the persona that the bot user itself is, when its name is that code."""
    api: SlackApi
    ways_in: WaysIn
    words: PrivateWords
    pane: AgentPane
    receipts: Receipts
    queue: Queue
    store: TurnStore
    admission: Admission
    office: BriefingOffice
    home: HomeTab
    question_limit: int
    """Characters."""
    edit_window_seconds: int
    bot_name: str
    """As people write it behind ``/invite @``."""
    colleagues: frozenset[str]
    """Bot users of all our apps: they never answer each other."""
    door: Doorkeeper
    threads: DeskThreads
    exports: Exports
    feedback: FeedbackStore
    choosing: Choosing

    async def take(self, turn: Turn, *, pressed_by: str | None = None) -> None:
        """Put the turn into the queue, or tell the person privately why not. ``pressed_by``: who asks by a
        button.

        Raises ``QueueUnavailableError``, ``StoreError``, ``SlackError`` or ``TimeoutError``: then Slack must
        get no ack.
        """
        with structlog.contextvars.bound_contextvars(
            team=turn.team_id, channel=turn.channel, thread=turn.thread_ts
        ):
            notice = await self.turned_away(turn, pressed_by=pressed_by)
            if notice is None:
                verdict = await self.admission.admit(turn, pressed=pressed_by is not None)
                if not isinstance(verdict, Refused):
                    if await self.queue.enqueue(turn) is Claimed.NEW:
                        self._give_receipt(turn)
                    return
                notice = refusal_notice(verdict, self.admission.store.policy)
            await self.whisper(
                notice,
                team_id=turn.team_id,
                channel=turn.channel,
                user_id=pressed_by or turn.user_id,
                thread_ts=turn.thread_ts if turn.thread_ts != turn.message_ts else None,
                # A press is never delivered again, and each one deserves its answer.
                once="" if pressed_by else turn.message_ts,
            )

    async def hear(self, team_id: str, channel: str, thread_ts: str, said: Said) -> None:
        """Keep what a person wrote, for whoever is asked about it in the thread. Raises ``StoreError``."""
        await self.threads.hear(address_of(team_id, channel, thread_ts), (said,))

    async def unhear(self, team_id: str, channel: str, thread_ts: str, ts: str, *, author: str) -> None:
        """Forget a message that was deleted; of a thread's root, all that is kept of the thread."""
        if ts == thread_ts:
            await self.forget(team_id, channel, thread_ts, user_id=author)
        else:
            await self.threads.unhear(address_of(team_id, channel, thread_ts), ts)

    async def forget(self, team_id: str, channel: str, message_ts: str, *, user_id: str) -> bool:
        """Remove all that is kept of the thread that a message (root, or one of ours) stands in; False where
        there is nothing. ``user_id``: who wants that. Raises ``StoreError``.
        """
        await self._end_answers(team_id, channel, message_ts, user_id)
        forgotten = await self.threads.forget(team_id, channel, message_ts)
        log.info("thread.forgotten", team=team_id, channel=channel, message=message_ts, found=forgotten)
        return forgotten

    async def _end_answers(self, team_id: str, channel: str, thread_ts: str, user_id: str) -> None:
        """Stop what is being answered in a thread, and wait a moment: forgotten at once, its message would
        stand there half written, with a button that stops nothing.
        """
        stopped: set[str] = set()
        try:
            async with asyncio.timeout(END_SECONDS):
                while (turn_id := await self.store.running(team_id, channel, thread_ts)) is not None:
                    if turn_id not in stopped:
                        await self.stop(turn_id, user_id)
                        stopped.add(turn_id)
                    await asyncio.sleep(END_LOOK_SECONDS)
        except TimeoutError:
            log.warning("forget.answer_not_ended", team=team_id, channel=channel, thread=thread_ts)

    async def thread_persona(self, team_id: str, channel: str, thread_ts: str, text: str) -> Persona | None:
        """Who answers a question in a thread that names nobody: whose view it asks for, else who was asked
        there last; ``None`` where nobody was. Raises ``StoreError``.
        """
        last = await self.threads.last_asked(address_of(team_id, channel, thread_ts))
        if last is None:
            return None
        return view_asked_for(text, self.desk) or self.desk.by_code(last)

    async def settled(
        self,
        address: Address,
        *,
        team_id: str,
        channel: str,
        user_id: str,
        goes_on: Persona | None = None,
    ) -> tuple[Address, str]:
        """The address with what goes for this person and channel where the text leaves it open, and the code
        of the answer's language. ``goes_on``: who answers in the thread that the question goes on in, where
        answers are as short as they are. Raises ``StoreError``.
        """
        defaults = await self.choosing.defaults(team_id, channel, user_id)
        agent = None if address.mistyped else self.desk.by_code(defaults.agent)
        persona = address.persona or goes_on or agent
        brief = defaults.depth == BRIEF and not address.depth_named and goes_on is None
        settled = replace(
            address,
            persona=persona,
            format=BRIEF if brief else address.format,
            nearest=() if persona is not None else address.nearest,
        )
        return settled, defaults.language

    async def turned_away(self, turn: Turn, *, pressed_by: str | None = None) -> Notice | None:
        """What to tell somebody whom the operator does not want answered, or not there; None: welcome."""
        another = pressed_by is not None and pressed_by != turn.user_id
        direct = turn.opening is not None and turn.opening.direct
        why = await self.door.turned_away(
            pressed_by or turn.user_id,
            # Of who presses a button, the press does not tell it.
            user_team_id="" if another else turn.user_team_id,
            team_id=turn.team_id,
            channel=turn.user_id if direct else turn.channel,
        )
        if why is None:
            return None
        log.info("turn.refused", turn_id=turn.turn_id, team=turn.team_id, reason=why.value)
        return asking_notices.unwelcome_notice(why)

    async def ask(self, turns: Sequence[Turn]) -> list[tuple[Turn, Notice]]:
        """Take questions that still need their threads (``unopened_turn``). Those that a limit keeps out are
        returned, each with what to tell the person.

        Raises as ``take``. Slack delivers commands and forms once, so the
        person has to be told.
        """
        refused: list[tuple[Turn, Notice]] = []
        for turn in turns:
            if (unwelcome := await self.turned_away(turn)) is not None:
                refused.append((turn, unwelcome))
                continue
            answering = turn.opened(turn.channel, turn.thread_ts, turn.message_ts)
            verdict = await self.admission.admit(answering, pressed=True)
            if isinstance(verdict, Refused):
                refused.append((turn, refusal_notice(verdict, self.admission.store.policy)))
            else:
                await self.queue.enqueue(turn)
        return refused

    async def keep(self, turn: Turn) -> None:
        """Keep a question that nobody asked yet, for a day."""
        await self.store.offer(turn)

    async def kept(self, turn_id: str) -> Turn | None:
        """A kept question, or None where it is forgotten."""
        return await self.store.offered(turn_id)

    async def open_form(
        self, trigger_id: str, preset: FormPreset, *, asker: Asker, typed: str
    ) -> Notice | None:
        """Open the form for who did the thing that Slack gave the trigger for. Where Slack refuses, what to
        tell the person, with the words ``typed``.
        """
        why = await self.door.turned_away(
            asker.user_id, user_team_id="", team_id=asker.team_id, channel=asker.user_id
        )
        if why is not None:
            return asking_notices.unwelcome_notice(why)
        form = assess_form(self.desk.personas, preset, question_limit=self.question_limit)
        try:
            await self.ways_in.open_view(trigger_id, form)
        except SlackError as error:
            self.note("form.not_opened", error)
            return asking_notices.form_failed_notice(typed)
        return None

    @staticmethod
    def note(event: str, error: SlackError) -> None:
        """A line in the log about what Slack refused."""
        log.warning(event, method=error.method, code=error.code)

    def _give_receipt(self, turn: Turn) -> None:
        persona = self.desk.by_code(turn.persona)
        if persona is not None:
            sender = sender_of(persona, turn.compared)
            self.receipts.announce(turn, username=sender.username, icon_emoji=sender.icon_emoji)

    async def ask_anew(self, turn_id: str, *, user_id: str) -> bool:
        """Ask a stored question once more, as a turn of its own; False where it is forgotten.

        The new turn's id follows from the old one's: an impatient second press asks nothing more.
        """
        turn = await self.store.turn(turn_id)
        if turn is None:
            return False
        again = turn_id_for(turn.app_id, turn.team_id, turn.channel, f"{turn.message_ts}/{turn_id}")
        asked = replace(turn, turn_id=again, asked_at=time.time())
        if turn.compared:  # the views that were there are not asked for twice
            asked = replace(asked, rests_on=turn_id)
        await self.take(asked, pressed_by=user_id)
        return True

    async def ask_one(self, turn_id: str, persona: str, *, message_ts: str, user_id: str) -> bool:
        """Ask one of those whose views a turn compared for an assessment on the same evidence; False where
        the turn is forgotten. ``message_ts``: of the message with the button. A second press asks nothing
        more.
        """
        turn = await self.store.turn(turn_id)
        if turn is None or persona not in turn.compared:
            return False
        one = turn_id_for(turn.app_id, turn.team_id, turn.channel, f"{turn_id}/{persona}")
        asked = replace(turn, turn_id=one, persona=persona, compared=(), rests_on=turn_id)
        await self.take(replace(asked, message_ts=message_ts, asked_at=time.time()), pressed_by=user_id)
        return True

    async def offer(self, turn: Turn) -> str:
        """Keep a changed question until somebody presses the button; returns the id to ask it by."""
        asking = await self.store.next_asking(turn.team_id, turn.channel, turn.message_ts)
        turn_id = turn_id_for(turn.app_id, turn.team_id, turn.channel, turn.message_ts, asking=asking)
        await self.store.offer(replace(turn, turn_id=turn_id))
        return turn_id

    async def ask_offered(self, turn_id: str, *, user_id: str, persona: str = "") -> bool:
        """Ask a kept question, of ``persona`` where it named none; False where it is forgotten."""
        turn = await self.store.offered(turn_id)
        if turn is None:
            return False
        asked = replace(turn, asked_at=time.time(), persona=persona or turn.persona)
        await self.take(asked, pressed_by=user_id)
        return True

    async def post(self, message: Message, *, turn: Turn) -> None:
        """Say something in the thread of a question, once however often Slack delivers the event."""
        if not await self.store.claim_notice(turn.team_id, turn.channel, turn.message_ts):
            return
        try:
            await self.api.post_message(
                channel=turn.channel, text=message.text, blocks=message.blocks, thread_ts=turn.thread_ts
            )
        except SlackError as error:
            self.note("notice.not_shown", error)

    async def stop(self, turn_id: str, user_id: str) -> None:
        """Stop a turn; nothing happens where it is over."""
        stopped = await self.store.stop(turn_id, user_id)
        log.info("stop.pressed", turn_id=turn_id, running=stopped)

    async def export(self, turn_id: str, wish: Wish, *, team_id: str, user_id: str) -> Notice | None:
        """Begin to put a turn's assessment into its thread as a file; where that cannot be, what to tell the
        person. Raises ``StoreError``, ``SlackError`` or ``TimeoutError``.
        """
        why = await self.door.turned_away(user_id, user_team_id="", team_id=team_id, channel=wish.channel)
        if why is not None:
            return asking_notices.unwelcome_notice(why)
        address = address_of(team_id, wish.channel, wish.thread_ts)
        record = await self.threads.assessment(address, turn_id)
        if record is None:
            return too_old_notice()
        self.exports.begin(wish, record)
        return None

    async def whisper(
        self,
        notice: Notice,
        *,
        team_id: str,
        channel: str,
        user_id: str,
        thread_ts: str | None,
        once: str = "",
    ) -> None:
        """Show a notice to one person. ``once``: at most one notice for this message, however often
        Slack delivers it.
        """
        if once and not await self.store.claim_notice(team_id, channel, once):
            return
        try:
            await self.api.post_ephemeral(
                channel=channel, user=user_id, text=notice.text, blocks=notice.blocks, thread_ts=thread_ts
            )
        except SlackError as error:
            # Nobody but this person would have seen it, and delivering the event again would not help.
            log.warning("notice.not_shown", channel=channel, method=error.method, code=error.code)

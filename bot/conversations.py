"""What a question's thread adds to it: an assessment it goes on from, or colleagues' words as material."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from bot.assessment.assessment_record import AssessmentRecord
from bot.assessment.changes import asks_what_changed
from bot.assessment.earlier import Earlier, Talk
from bot.assessment.formats import CHANGES, COMPARISON, FOLLOW_UP, IN_DEPTH, Format
from bot.assessment.rewriting import only_section
from bot.desk_threads import DeskThreads
from bot.slack.errors import SlackError
from bot.slack.ways_in import WaysIn
from bot.store.stored_turns import Lease
from bot.store.thread_store import address_of
from bot.threads import Said, ThreadMemory
from bot.turns import Question, Quoted, Turn
from personas.enumeration import enumerated
from personas.persona import Persona

__all__ = ["Context", "Conversations"]

log = structlog.get_logger()

MATERIAL_CHARS = 12_000
"""Characters of a thread that are taken as material: the newest; of the others the number is told."""
NAMES_ASKED = 8
"""People of a thread whose names are looked up."""


@dataclass(frozen=True, slots=True)
class Context:
    """How a question is to be answered."""

    question: Question
    earlier: Earlier | None = None
    """What it follows up on; ``None``: it gets an assessment of its own."""
    rests_on: AssessmentRecord | None = None
    """Whose evidence is all there is: nothing is searched. Of a comparison asked again also its views."""

    def format(self, turn: Turn, formats: Callable[[str], Format]) -> Format:
        """The format of the answer; ``formats`` gives those of a key."""
        earlier = self.earlier
        if turn.compared:
            return formats(COMPARISON.key)
        if earlier is None:
            return formats(turn.format)
        if earlier.rewritten:
            return only_section(formats(earlier.record.format), earlier.rewritten)
        return formats(CHANGES.key if earlier.rescored else FOLLOW_UP.key)

    def as_of(self, turn: Turn) -> datetime:
        """The time the answer is of: of a section that is written anew that of its assessment."""
        if self.earlier is not None and self.earlier.rewritten:
            return self.earlier.record.as_of
        return datetime.fromtimestamp(turn.asked_at, UTC)


class Conversations:
    """One app's threads, as its answers need them."""

    def __init__(self, threads: DeskThreads, ways_in: WaysIn, *, context_tokens: int, own_bot: str) -> None:
        self._threads = threads
        self._ways_in = ways_in
        self._context_tokens = context_tokens
        self._own_bot = own_bot

    async def begin(self, turn: Turn, lease: Lease, persona: Persona) -> Context:
        """What the thread adds to a turn that is about to be answered. Raises ``StoreError``."""
        whole = await self._threads.begin(turn, lease)
        if turn.rests_on and (record := whole.usable(turn.rests_on)) is not None:
            return Context(record.question, rests_on=record)
        memory = whole.before(turn.message_ts)
        if turn.rewrites is not None:
            stored = memory.assessment_of(turn.rewrites.turn_id)
            if stored is None:
                raise LookupError(f"the assessment of {turn.rewrites.turn_id} is no longer kept")
            return Context(stored.question, Earlier(stored, rewritten=turn.rewrites.section), stored)
        if not turn.in_conversation:
            return Context(turn.question)
        record = memory.assessment_for(persona.code)
        if record is None:
            return Context(await self._with_material(turn, memory))
        if turn.format != IN_DEPTH.key:  # a format that was asked for by name
            return Context(turn.question)
        since = tuple(
            Talk(each.persona, each.question.text, each.answer)
            for each in memory.exchanges
            if each.answer and each.turn_id != turn.turn_id
        )
        since = (*(_told(other) for other in memory.comparisons if other is not record), *since)
        rescored = asks_what_changed(turn.question.text) and bool(record.plan.judgments)
        return Context(turn.question, Earlier(record, since, self._context_tokens, rescored))

    async def keep(self, turn: Turn, lease: Lease, context: Context, record: AssessmentRecord) -> None:
        """Keep what was answered. Raises ``StoreError``."""
        if context.earlier is None:
            # The words of the thread belong to the assessment's evidence, and live as long as all words.
            await self._threads.keep(replace(turn, question=context.question), lease, record)
            return
        if context.earlier.rewritten:
            await self._threads.keep(turn, lease, record, goes_on=True)
            return
        answer = "\n\n".join(section.text for section in record.sections)
        # The plan too: "what changed since?" scores its judgments anew.
        grown = replace(
            context.earlier.record, plan=record.plan, sources=record.sources, excerpts=record.excerpts
        )
        await self._threads.keep(turn, lease, grown, goes_on=True, answer=answer or FOLLOW_UP.name)

    async def _with_material(self, turn: Turn, memory: ThreadMemory) -> Question:
        """The question with the thread's messages as what was forwarded with it."""
        said = memory.said
        if not memory.knows(turn.thread_ts):
            said = await self._filled(turn) or said
        told: list[Said] = []
        room = MATERIAL_CHARS
        for each in reversed([each for each in said if float(each.ts) < float(turn.message_ts)]):
            room -= len(each.text)
            if room < 0:
                break
            told.append(each)
        if not told:
            return turn.question
        names = await self._names({each.author for each in told})
        quoted = tuple(Quoted(names[each.author], each.text) for each in reversed(told))
        if left := len([each for each in said if float(each.ts) < float(turn.message_ts)]) - len(told):
            quoted = (Quoted("the thread", f"{left} older messages of this thread were not read."), *quoted)
        return replace(turn.question, quoted=(*turn.question.quoted, *quoted))

    async def _filled(self, turn: Turn) -> tuple[Said, ...]:
        """What Slack has of a thread of which we heard too little: one call, then it is in our cache."""
        try:
            said = await self._ways_in.thread(turn.channel, turn.thread_ts, without=self._own_bot)
        except SlackError as error:
            log.warning("thread.not_read", method=error.method, code=error.code)
            return ()
        await self._threads.hear(address_of(turn.team_id, turn.channel, turn.thread_ts), said)
        return said

    async def _names(self, authors: set[str]) -> dict[str, str]:
        names = dict.fromkeys(authors, "a colleague")
        for author in sorted(authors)[:NAMES_ASKED]:
            try:
                person = await self._ways_in.person(author)
            except SlackError as error:
                log.info("name.not_known", method=error.method, code=error.code)
                break
            names[author] = person.name or names[author]
        return names


def _told(record: AssessmentRecord) -> Talk:
    """A comparison as something that was said in the thread."""
    text = "\n\n".join(section.text for section in record.sections)
    return Talk(f"{enumerated(record.compared)}, compared", record.question.text, text)

"""A turn: one question to one persona in one thread, from the asking to the footer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NewType

__all__ = [
    "Asker",
    "ChannelId",
    "Opening",
    "Question",
    "Quoted",
    "Rewriting",
    "TeamId",
    "ThreadTs",
    "Turn",
    "UserId",
    "turn_id_for",
    "unopened_turn",
]

TeamId = NewType("TeamId", str)
ChannelId = NewType("ChannelId", str)
UserId = NewType("UserId", str)
ThreadTs = NewType("ThreadTs", str)
"""A Slack ``ts`` is a string, never a float."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """Text somebody else wrote, that came along with the question (forwarded message, attachment)."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the person's own words, and the material they forwarded with them."""

    text: str
    quoted: tuple[Quoted, ...] = ()
    horizon_months: int = 0
    """How far the answer shall look ahead, where the person chose that; 0: as the question asks."""
    language: str = ""
    """Code of the language (``bot.assessment.languages``) the person wants the answer in; empty: English."""

    @property
    def length(self) -> int:
        """Characters, the material's included."""
        return len(self.text) + sum(len(quoted.text) for quoted in self.quoted)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a question gets its thread that is no message of anybody yet: one of a command or a form.

    We post it, and answer below it.
    """

    turn_id: str = ""
    """Of the turn that answers in the thread, once it is there."""
    direct: bool = False
    """In the direct message with the person, instead of the turn's channel."""
    below: str = ""
    """The thread (ts) into which the question is posted; empty: the question begins one."""
    response_url: str = ""
    """Reaches the person privately, also where the app is no member; Slack keeps it for 30 minutes."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """One section of an assessment that is to be written anew, in the thread where it stands."""

    turn_id: str
    """Of the assessment."""
    section: str
    """Key, ``3``."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything a worker needs to answer; stored as JSON in Redis until the turn's TTL ends.

    A turn with an ``opening`` has no thread: its id stands in for ``thread_ts`` and ``message_ts``, and its
    work is to make one.
    """

    turn_id: str
    app_id: str
    """The Slack app that was asked and must answer (``AppIdentity.key``): no other app's worker takes it."""
    team_id: TeamId
    channel: ChannelId
    thread_ts: ThreadTs
    """The thread to answer in: that of the mention, or the mention itself."""
    message_ts: str
    """The mention."""
    user_id: UserId
    user_team_id: TeamId
    """The asking person's own workspace: differs from ``team_id`` in Slack Connect channels."""
    persona: str
    """Code, ``CN-01``."""
    format: str
    """Key of the format, ``in-depth`` or ``brief``."""
    question: Question
    asked_at: float
    """Unix seconds: of the mention, from its ``ts``, or of the command."""
    opening: Opening | None = None
    in_conversation: bool = False
    """A person mentioned the persona in a thread: what stands in it belongs to the question."""
    rewrites: Rewriting | None = None
    """Not the question is answered, but a section of its answer written anew."""
    compared: tuple[str, ...] = ()
    """Codes of those whose views are compared, ``persona`` the first of them; ``format`` is then that of the
    assessments which each of them can be asked for afterwards.
    """
    rests_on: str = ""
    """Id of a turn of this thread whose evidence the answer has."""

    @property
    def asked(self) -> tuple[str, ...]:
        """Codes of all who are asked."""
        return self.compared or (self.persona,)

    def opened(self, channel: str, thread_ts: str, message_ts: str) -> Turn:
        """The turn that answers, once this one's question stands in a thread."""
        if self.opening is None:
            raise ValueError(f"turn {self.turn_id} has a thread")
        return replace(
            self,
            turn_id=self.opening.turn_id,
            channel=ChannelId(channel),
            thread_ts=ThreadTs(thread_ts),
            message_ts=message_ts,
            opening=None,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Turn:
        """The inverse of ``to_json``."""
        question = data["question"]
        quoted = tuple(Quoted(**quote) for quote in question["quoted"])
        opening, rewrites = data.get("opening"), data.get("rewrites")
        return cls(
            **{
                **data,
                "question": Question(**{**question, "quoted": quoted}),
                "opening": None if opening is None else Opening(**opening),
                "rewrites": None if rewrites is None else Rewriting(**rewrites),
                "compared": tuple(data.get("compared", ())),
            }
        )


def turn_id_for(app_id: str, team_id: str, channel: str, message_ts: str, *, asking: int = 0) -> str:
    """The id of the turn a message starts at an app: the same for every delivery and every event of that
    message (Slack sends a mention as ``app_mention`` and as ``message``, each up to four times). A message
    that mentions two apps starts a turn at each.

    ``asking`` counts deliberate repetitions ("ask again", "try again"): each is a turn of its own.
    """
    name = f"{app_id}/{team_id}/{channel}/{message_ts}/{asking}"
    return "t" + hashlib.sha256(name.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks what app, and where."""

    app_id: str
    team_id: TeamId
    channel: ChannelId
    user_id: UserId


def unopened_turn(
    asker: Asker,
    *,
    key: str,
    personas: Sequence[str],
    format_: str,
    question: Question,
    opening: Opening | None = None,
) -> Turn:
    """A question that still needs its thread, asked now; ``opening`` says where, its ``turn_id`` is set here.
    Of several ``personas`` (codes) the views are compared; of a draft there is none yet.

    ``key`` names the asking (a command's trigger, a form and a persona): the same again is the same turn.
    """
    several = tuple(dict.fromkeys(personas))
    turn_id = turn_id_for(asker.app_id, asker.team_id, asker.channel, key)
    answer_id = turn_id_for(asker.app_id, asker.team_id, asker.channel, turn_id)
    return Turn(
        turn_id=turn_id,
        app_id=asker.app_id,
        team_id=asker.team_id,
        channel=asker.channel,
        thread_ts=ThreadTs(turn_id),
        message_ts=turn_id,
        user_id=asker.user_id,
        user_team_id=asker.team_id,
        persona=personas[0] if personas else "",
        compared=several if len(several) > 1 else (),
        format=format_,
        question=question,
        asked_at=time.time(),
        opening=replace(opening or Opening(), turn_id=answer_id),
    )

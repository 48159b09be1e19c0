"""The pane of an app declared as an agent: what to ask, and what a session is called.

Other apps have no pane; for them nothing here calls Slack.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.assessment.titles import headline
from bot.scopes import AGENT_SCOPE
from bot.slack.api import AppIdentity
from bot.slack.errors import SlackError
from bot.slack.text_safety import safe_plain
from bot.slack.ways_in import Prompt, WaysIn
from bot.store.errors import StoreError
from bot.turns import Turn
from personas.desk import Desk
from personas.enumeration import enumerated
from personas.persona import Persona

__all__ = ["AgentPane"]

log = structlog.get_logger()

PROMPTS = 4
"""Suggested prompts Slack shows at most."""


@dataclass(frozen=True, slots=True)
class AgentPane:
    """The pane of one app. Best effort: no question fails because its session has no title."""

    ways_in: WaysIn
    personas: tuple[Persona, ...]
    """Whom the app speaks for, first those to suggest first."""
    declared: bool
    """Whether the app is declared an agent: only then Slack grants the scope."""

    @classmethod
    def of(cls, identity: AppIdentity, ways_in: WaysIn, desk: Desk, bound: str | None) -> AgentPane:
        """The pane of the app that is ``identity``. ``bound``: code of the persona that it is, if any."""
        own = desk.by_code(bound) if bound is not None else None
        return cls(ways_in, desk.personas if own is None else (own,), AGENT_SCOPE in identity.scopes)

    async def suggest(self, channel: str, thread_ts: str = "") -> None:
        """Offer a question to each of the first agents the app speaks for."""
        if not self.declared:
            return
        prompts = [
            Prompt(
                f"{persona.name}: what changed?",
                f"{persona.code} What changed this week, and what follows from it?",
            )
            for persona in self.personas[:PROMPTS]
        ]
        try:
            await self.ways_in.suggest_prompts(channel, prompts, thread_ts=thread_ts)
        except (SlackError, StoreError) as error:
            log.warning("prompts.not_set", channel=channel, error=type(error).__name__)

    async def entitle(self, turn: Turn) -> None:
        """Call the session of a direct message by its first question."""
        if not (self.declared and turn.channel.startswith("D") and turn.message_ts == turn.thread_ts):
            return
        title = safe_plain(f"{enumerated(turn.asked)}: {headline(turn.question)}").text
        try:
            await self.ways_in.set_title(turn.channel, turn.thread_ts, title)
        except (SlackError, StoreError) as error:
            log.warning("title.not_set", turn_id=turn.turn_id, error=type(error).__name__)

"""Choosing what goes for questions that leave it open, and saying so where that concerns others."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.assessment.languages import LANGUAGES
from bot.choices import Choices, Defaults
from bot.membership import check_membership
from bot.slack.api import SlackApi
from bot.slack.choice_form import ENGLISH, agent_announcement
from bot.slack.errors import SlackError
from bot.store.choice_store import ChoiceStore
from personas.desk import BRIEF, IN_DEPTH, Desk
from personas.persona import Persona

__all__ = ["Choosing"]

log = structlog.get_logger()

MOST_CHANNELS = 8
"""Channels listed on the home tab: those whose agent the person chose last."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """For one app. Methods raise ``StoreError``."""

    store: ChoiceStore
    api: SlackApi
    desk: Desk
    bot_user_id: str
    bot_name: str
    """As people write it behind ``/invite @``."""
    bound: str | None
    """Code of the persona that the app is: a channel's agent does not concern it."""

    async def of(self, team: str, user: str) -> Choices:
        """What a person chose."""
        return await self.store.of(team, user)

    async def agents(self, team: str, choices: Choices) -> list[tuple[str, Persona]]:
        """The channels whose agent the person chose last, with who that is now."""
        if self.bound or not choices.channels:
            return []
        channels = choices.channels[:MOST_CHANNELS]
        codes = await self.store.agents(team, channels)
        known = [(channel, self.desk.by_code(code)) for channel, code in zip(channels, codes, strict=True)]
        return [(channel, persona) for channel, persona in known if persona is not None]

    async def defaults(self, team: str, channel: str, user: str) -> Defaults:
        """What goes for a question that leaves it open: nothing this program does not know."""
        chosen = await self.store.defaults(team, channel, user)
        return Defaults(
            chosen.agent if self.desk.by_code(chosen.agent) else "",
            BRIEF if chosen.depth == BRIEF else IN_DEPTH,
            chosen.language if chosen.language in LANGUAGES else "",
        )

    async def choose_depth(self, team: str, user: str, depth: str) -> None:
        """How long this person's answers are, where a question does not say."""
        if depth in {BRIEF, IN_DEPTH}:
            await self.store.choose(team, user, depth=depth)

    async def choose_language(self, team: str, user: str, language: str) -> None:
        """What language this person's answers are written in."""
        if language == ENGLISH or language in LANGUAGES:
            await self.store.choose(team, user, language=language)

    async def choose_agent(self, team: str, channel: str, code: str, *, by: str) -> None:
        """Whom questions in the channel ask that name nobody (an empty code: nobody), said there: it goes for
        all. Raises ``NotAllowedError``, and ``SlackError`` where Slack does not tell who is in the channel.
        """
        await check_membership(
            self.api,
            channel,
            by,
            bot_user_id=self.bot_user_id,
            bot_name=self.bot_name,
            of_what="settings",
        )
        await self.store.set_agent(team, channel, code, by=by)
        message = agent_announcement(by, self.desk.by_code(code))
        try:
            await self.api.post_message(channel=channel, text=message.text, blocks=message.blocks)
        except SlackError as error:
            log.warning("choice.not_announced", channel=channel, method=error.method, code=error.code)

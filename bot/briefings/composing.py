"""Putting a briefing together: each agent's news since the last one, by a model where there is one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from bot.briefings.briefing import Briefing, Length, RunState
from bot.briefings.content import AgentNews, BriefingContent, NewsItem, OpenPoint, Reported, ToWatch
from bot.briefings.ports import Clock
from bot.briefings.writing import Assignment, Written, cited, write
from bot.evidence.items import EvidenceDesk, EvidenceRequest, Retrieved
from bot.evidence.table import EvidenceTable, Source
from bot.evidence.titles import title_fingerprint
from bot.llm.port import Model, ModelError
from bot.retrying import RetryPolicy
from bot.store.briefing_store import BriefingStore
from bot.turns import Question
from personas.desk import Desk
from personas.persona import Persona

__all__ = ["ITEMS", "Allowance", "Composing", "Desktop", "OpenPoints"]

log = structlog.get_logger()

ITEMS = {Length.SHORT: 3, Length.STANDARD: 5}
"""News items an agent at most (issue 6: five)."""
MATERIAL = 24
"""Documents asked for an agent: five items of two or three sources each, and as many again to choose from."""
RETRIEVAL_SECONDS = 30.0
"""How long a retrieval may take: it also asks sources that are due, and nobody is waiting yet."""
FIRST_SPAN = timedelta(hours=24)
"""What a first briefing looks back on."""
LONGEST_SPAN = timedelta(days=7)
"""What a briefing looks back on at most: after a holiday, a week."""
TOLD_BEFORE = 20
"""Earlier items the model is told of, newest first: about 500 tokens."""


class OpenPoints(Protocol):
    """What the desk has said and not settled."""

    async def open_points(self, briefing: Briefing, persona: str, now: datetime) -> Sequence[OpenPoint]:
        """Judgments and watch items of the channel's own assessments, newest first."""
        ...


class Allowance(Protocol):
    """The workspace's budget of the day."""

    async def is_left(self, team_id: str) -> bool:
        """Whether a model may be asked."""
        ...

    async def charge(self, briefing: Briefing, name: str) -> None:
        """Charge what the calls of ``name`` used. Does not raise."""
        ...


@dataclass(frozen=True, slots=True)
class Desktop:
    """What a briefing is written with."""

    desk: Desk
    evidence: EvidenceDesk | None
    """``None``: nothing is searched, and briefings say so."""
    model: Model | None
    """``None``: none is configured; briefings are ranked headlines."""
    points: OpenPoints
    allowance: Allowance
    organisation: str
    retries: RetryPolicy


class Composing:
    """Composes briefings (``bot.briefings.ports.Composer``)."""

    def __init__(self, desktop: Desktop, store: BriefingStore, clock: Clock) -> None:
        self._desktop = desktop
        self._store = store
        self._clock = clock

    async def compose(self, briefing: Briefing, due: datetime) -> Mapping[str, Any]:
        """See ``bot.briefings.ports.Composer``."""
        now = self._clock.now()
        since = await self._since(briefing, due)
        reported = await self._store.reported(briefing.app_id, briefing.briefing_id)
        personas = [persona for code in briefing.personas if (persona := self._desktop.desk.by_code(code))]
        agents = await asyncio.gather(
            *(self._news(briefing, persona, since, now, reported) for persona in personas)
        )
        return BriefingContent(since, now, tuple(agents)).to_json()

    async def posted(self, briefing: Briefing, content: Mapping[str, Any]) -> None:
        """See ``bot.briefings.ports.Composer``."""
        agents = BriefingContent.from_json(content).agents
        told = [item for agent in agents for item in agent.reported]
        await self._store.report(briefing.app_id, briefing.briefing_id, told)

    async def _since(self, briefing: Briefing, due: datetime) -> datetime:
        runs = await self._store.runs(briefing.app_id, briefing.briefing_id)
        last = max((run.due for run in runs if run.state is RunState.POSTED and run.due < due), default=None)
        return due - FIRST_SPAN if last is None else max(last, due - LONGEST_SPAN)

    # One agent ------------------------------------------------------------------------------------------

    async def _news(
        self,
        briefing: Briefing,
        persona: Persona,
        since: datetime,
        now: datetime,
        reported: Sequence[Reported],
    ) -> AgentNews:
        name = _name(briefing, persona, now)
        found, points = await asyncio.gather(
            self._retrieved(name, briefing, persona, now),
            self._desktop.points.open_points(briefing, persona.code, now),
        )
        table, changed = _new_only(found, since, reported)
        most = ITEMS[briefing.length]
        assignment = Assignment(
            name=name,
            persona=persona,
            organisation=self._desktop.organisation,
            since=since,
            until=now,
            table=table,
            most=most,
            topics=(*briefing.topics, *briefing.countries),
            points=points,
            reported=reported[:TOLD_BEFORE],
            changed=changed,
        )
        news = AgentNews(
            persona=persona.code,
            to_watch=_due_points(points, now),
            sources_total=found.sources_total,
            sources_answered=found.sources_answered,
            failures=tuple((failure.name, failure.reason) for failure in found.failures),
        )
        written, why_not = await self._written(briefing, assignment)
        if written is None:
            items = tuple(_headline(source, changed) for source in table.sources[:most])
            news = replace(news, items=items, why_not=why_not)
        else:
            news = replace(
                news,
                items=written.items,
                to_watch=(*written.to_watch, *news.to_watch),
                written=True,
            )
        return replace(news, quiet=_quiet(assignment, news), reported=_reported(news.items))

    async def _retrieved(self, name: str, briefing: Briefing, persona: Persona, now: datetime) -> Retrieved:
        if self._desktop.evidence is None:
            return Retrieved()
        retrieval = self._desktop.evidence.begin(
            EvidenceRequest(name, persona, _question(briefing, persona), now, limit=MATERIAL)
        )
        try:
            return await retrieval.whole(RETRIEVAL_SECONDS)
        finally:
            await retrieval.aclose()

    async def _written(self, briefing: Briefing, assignment: Assignment) -> tuple[Written | None, str]:
        """What the model made of it, or ``None`` and why there is nothing from a model."""
        desktop = self._desktop
        if desktop.model is None or not assignment.table.sources:
            return None, ""
        if not await desktop.allowance.is_left(briefing.team_id):
            return None, "Today’s budget for models is used up."
        try:
            written = await write(desktop.model, assignment, desktop.retries)
        except ModelError as error:
            log.warning("briefing.not_written", persona=assignment.persona.code, error=type(error).__name__)
            return None, error.user_message
        finally:
            await desktop.allowance.charge(briefing, assignment.name)
        if not written.items:
            log.warning("briefing.unusable", persona=assignment.persona.code)
            return None, "The model’s text could not be used."
        return written, ""


def _name(briefing: Briefing, persona: Persona, now: datetime) -> str:
    text = f"{briefing.app_id}/{briefing.briefing_id}/{persona.code}/{now.isoformat()}"
    return "b" + hashlib.sha256(text.encode()).hexdigest()[:20]


def _question(briefing: Briefing, persona: Persona) -> Question:
    """What is searched for: the readers' interests, or what the agent's rubric is about."""
    interests = (*briefing.topics, *briefing.countries) or tuple(pillar.name for pillar in persona.pillars)
    return Question(f"{persona.country}: {'; '.join(interests)}")


def _new_only(
    found: Retrieved, since: datetime, reported: Sequence[Reported]
) -> tuple[EvidenceTable, frozenset[str]]:
    """The table of what is new, and the addresses of what was reported before and has changed."""
    before = {item.url: item.title for item in reported if item.url}
    headlines = {print_ for item in reported if (print_ := title_fingerprint(item.title))}
    new, changed = [], set()
    # Undated documents count from when they were first seen.
    for item in found.items:
        if (item.published_at or item.retrieved_at) <= since:
            continue
        if item.url in before:
            if title_fingerprint(item.title) in {None, title_fingerprint(before[item.url])}:
                continue
            changed.add(item.url)
        elif title_fingerprint(item.title) in headlines:
            continue
        new.append(item)
    return EvidenceTable(()).with_items(new), frozenset(changed)


def _headline(source: Source, changed: frozenset[str]) -> NewsItem:
    return NewsItem(source.title, source.published, (cited(source),), changed=source.url in changed)


def _due_points(points: Sequence[OpenPoint], now: datetime) -> tuple[ToWatch, ...]:
    """What earlier assessments said to watch for today: items that end now, and by when is our own data."""
    today = now.date()
    return tuple(
        ToWatch(f"{point.statement} ({point.point_id}, until {point.until:%d %b %Y})", url=point.url)
        for point in points
        if point.until is not None and today <= point.until <= today + timedelta(days=1)
    )


def _quiet(assignment: Assignment, news: AgentNews) -> tuple[str, ...]:
    """Interests that nothing new names, and pillars that no item is about. Not said where it is not known: a
    headline in another language may be about anything.
    """
    sources = assignment.table.sources
    if not news.enough_answered or (not news.written and any(not _is_english(each) for each in sources)):
        return ()
    texts = [f"{source.title} {source.text}".casefold() for source in sources]
    texts += [f"{item.what} {item.so_what}".casefold() for item in news.items]
    quiet = [each for each in assignment.topics if not any(_names(text, each) for text in texts)]
    if news.written:
        busy = {item.pillar for item in news.items}
        quiet += [pillar.name for pillar in assignment.persona.pillars if pillar.name not in busy]
    return tuple(quiet)


def _is_english(source: Source) -> bool:
    return source.language.partition("-")[0] == "en"


def _names(text: str, interest: str) -> bool:
    words = [word for word in interest.casefold().split() if len(word) > 2]
    return all(word in text for word in words or [interest.casefold()])


def _reported(items: Sequence[NewsItem]) -> tuple[Reported, ...]:
    return tuple(
        Reported(source.url or "", source.title, item.what) for item in items for source in item.sources
    )

"""What ``country-agents sources check`` and ``status`` say: a line a source, then what it comes to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from bot.evidence.fetching import Fetcher
from bot.evidence.probing import Probe, probe
from bot.evidence.reader import Reader
from bot.evidence.registry import ReadSource, registry
from bot.settings import Settings
from bot.store.news_store import SourceState
from personas.persona import Persona, Source

__all__ = ["checked_sources", "source_line", "status_line", "summary_lines"]

QUIET = timedelta(days=14)
"""A source whose newest item is older hands nothing over: that is how long items are kept."""

_WORD_WIDTH = 6


async def checked_sources(settings: Settings, personas: Iterable[Persona]) -> AsyncIterator[Probe]:
    """Every source that is read, asked once; in the order of their answers."""
    reader = Reader()
    try:
        async with Fetcher(
            user_agent=settings.evidence_user_agent, loopback_allowed=settings.evidence_loopback
        ) as fetcher:
            async for answer in probe(registry(personas), fetcher, reader):
                yield answer
    finally:
        await reader.aclose()


def source_line(answer: Probe, now: datetime | None = None) -> str:
    """``live   CN-01  Daily Ledger (rss …): 30 items, newest 2 h``."""
    now = now or datetime.now(UTC)
    source = answer.source
    word = "dead" if answer.reason else "quiet" if _is_quiet(answer, now) else "live"
    what = answer.reason or f"{answer.entries} items, {_newest(answer, now)}"
    note = f"; {answer.note}" if answer.note else ""
    codes = ",".join(sorted(source.personas))
    return f"{word:<{_WORD_WIDTH}} {codes}  {source.name} ({_described(source)}): {what}{note}"


def status_line(source: ReadSource, state: SourceState, now: datetime) -> str:
    """What the collector last found: ``failing CN-01  Gone Gazette: answered with HTTP 404, once; …``."""
    if state.checked_at is None:
        word, told = "unread", "not read yet"
    elif state.reason:
        times = "once" if state.failures == 1 else f"{state.failures} times in a row"
        word, told = "failing", f"{state.reason}, {times}; last read {_ago(state.succeeded_at, now)}"
    else:
        word, told = "ok", f"{state.entries} items {_ago(state.succeeded_at, now)}"
    if state.due_at is not None:
        told += f"; next in {max((state.due_at - now).total_seconds(), 0) / 60:.0f} min"
    note = f"; {state.note}" if state.note else ""
    return f"{word:<7} {','.join(sorted(source.personas))}  {source.name}: {told}{note}"


def _ago(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{(now - moment).total_seconds() / 60:.0f} min ago"


def summary_lines(answers: Iterable[Probe], personas: Iterable[Persona]) -> Iterator[str]:
    """How many live, for whom none does, and which ones nobody asks."""
    told = list(answers)
    yield ""
    by_persona: Mapping[str, list[Probe]] = {
        persona.code: [each for each in told if persona.code in each.source.personas] for persona in personas
    }
    for code, own in by_persona.items():
        living = [each for each in own if not each.reason]
        owners = len({each.source.owner_group or each.source.name for each in living})
        yield f"{code}: {len(living)} of {len(own)} sources live, of {owners} owner groups"
    if all(each.reason for each in told):
        yield "None of them answers: is this machine connected to the internet?"
    for persona in personas:
        for source in persona.sources:
            if not source.readable:
                yield f"not asked: {persona.code}  {source.name} ({_why_not(source)})"


def _described(source: ReadSource) -> str:
    parts = [source.kind, source.source_class.value, source.owner_group, source.language, source.reliability]
    return ", ".join(part for part in parts if part)


def _is_quiet(answer: Probe, now: datetime) -> bool:
    return answer.newest is not None and now - answer.newest > QUIET


def _newest(answer: Probe, now: datetime) -> str:
    if answer.newest is None:
        return "none dated"
    hours = (now - answer.newest).total_seconds() / 3600
    return f"newest {hours:.0f} h" if hours < 72 else f"newest {hours / 24:.0f} days"


def _why_not(source: Source) -> str:
    if source.status == "dead":
        return f"dead since {source.checked or 'long'}" + (f": {source.note}" if source.note else "")
    return "switched off" if not source.enabled else f"kind {source.kind} is not read"

"""The evidence desk of the settings, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from bot.evidence.desk import ProcessDesk
from bot.evidence.protocol import EvidenceConfig
from bot.settings import Settings
from personas.persona import Persona

__all__ = ["evidence_config", "evidence_desk"]


def evidence_config(settings: Settings, redis_url: str, *, collect: bool = True) -> EvidenceConfig:
    """What the evidence process needs to know of the settings."""
    return EvidenceConfig(
        redis_url=redis_url,
        user_agent=settings.evidence_user_agent,
        interval_seconds=settings.evidence_interval_seconds,
        loopback_allowed=settings.evidence_loopback,
        collect=collect,
        # A test's sources share one machine, which is in no need of pauses.
        host_pause_seconds=0.0 if settings.evidence_loopback else 1.0,
        log_level=settings.log_level,
        log_format=settings.log_format,
    )


@asynccontextmanager
async def evidence_desk(
    settings: Settings, redis_url: str, personas: Iterable[Persona], *, collect: bool = True
) -> AsyncIterator[ProcessDesk | None]:
    """The desk at work, or ``None`` where the settings switch it off. ``collect``: in the background too, not
    only for questions.
    """
    if not settings.evidence:
        yield None
        return
    async with ProcessDesk(evidence_config(settings, redis_url, collect=collect), personas) as desk:
        yield desk

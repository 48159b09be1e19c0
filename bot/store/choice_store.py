"""What people chose on their home tab: for their own questions, and whom a channel's questions ask.

Shared by all apps of a workspace. Every method raises ``StoreUnavailableError`` when Redis is away.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from bot.choices import Choices, Defaults
from bot.store.errors import translated
from bot.store.keys import CHOICES_SECONDS, PREFIX, Keys

__all__ = ["ChoiceStore"]

DEPTH, LANGUAGE, CHANNEL = "depth", "language", "channel:"
"""Fields of a person's hash; the last one goes before a channel's id."""


class ChoiceStore:
    """``prefix`` sets one test apart from another."""

    def __init__(self, redis: Redis, *, prefix: str = PREFIX) -> None:
        self._redis = redis
        self._keys = Keys(prefix)

    async def of(self, team_id: str, user_id: str) -> Choices:
        """What a person chose."""
        with translated(f"read the choices of {user_id}"):
            stored = await self._redis.hgetall(self._keys.choices(team_id, user_id))
        fields = {str(name): str(value) for name, value in stored.items()}
        channels = [name for name in fields if name.startswith(CHANNEL)]
        channels.sort(key=lambda name: -float(fields[name]))
        return Choices(
            fields.get(DEPTH, ""),
            fields.get(LANGUAGE, ""),
            tuple(name.removeprefix(CHANNEL) for name in channels),
        )

    async def defaults(self, team_id: str, channel: str, user_id: str) -> Defaults:
        """What goes for a person's question in a channel, in one round trip; what is used lives on."""
        mine = self._keys.choices(team_id, user_id)
        with translated(f"read what goes for {user_id} in {channel}"):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.getex(self._keys.channel_agent(team_id, channel), ex=CHOICES_SECONDS)
                pipe.hmget(mine, [DEPTH, LANGUAGE])
                pipe.expire(mine, CHOICES_SECONDS)
                agent, (depth, language), _ = await pipe.execute()
        return Defaults(agent or "", depth or "", language or "")

    async def choose(self, team_id: str, user_id: str, *, depth: str = "", language: str = "") -> None:
        """Keep what is given of these."""
        await self._note(team_id, user_id, {DEPTH: depth} if depth else {LANGUAGE: language})

    async def agents(self, team_id: str, channels: Sequence[str]) -> list[str]:
        """The code of each channel's agent; empty: none."""
        with translated("read the agents of channels"):
            async with self._redis.pipeline(transaction=False) as pipe:
                for channel in channels:
                    pipe.get(self._keys.channel_agent(team_id, channel))
                return [code or "" for code in await pipe.execute()]

    async def set_agent(self, team_id: str, channel: str, code: str, *, by: str) -> None:
        """Whom the channel's questions ask; an empty code: nobody."""
        key = self._keys.channel_agent(team_id, channel)
        with translated(f"set the agent of {channel}"):
            if code:
                await self._redis.set(key, code, ex=CHOICES_SECONDS)
            else:
                await self._redis.delete(key)
        await self._note(team_id, by, {f"{CHANNEL}{channel}": f"{time.time():.0f}"})

    async def _note(self, team_id: str, user_id: str, fields: dict[Any, Any]) -> None:
        key = self._keys.choices(team_id, user_id)
        with translated(f"keep a choice of {user_id}"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, mapping=fields)
                pipe.expire(key, CHOICES_SECONDS)
                await pipe.execute()

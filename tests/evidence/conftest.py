"""What tests of evidence share: a real Valkey, and a local internet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.news_server import NewsServer, serve_news
from tests.support.valkey import doomed_valkey, namespace, redis, valkey

__all__ = ["doomed_valkey", "namespace", "news", "redis", "valkey"]


@pytest.fixture
async def news() -> AsyncIterator[NewsServer]:
    """A local internet."""
    async with serve_news() as server:
        yield server

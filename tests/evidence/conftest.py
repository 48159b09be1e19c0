"""What tests of evidence share: a real Valkey, and a local internet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.news_server import NewsServer, serve_news
from tests.support.valkey import namespace, redis, valkey

__all__ = ["namespace", "news", "redis", "valkey"]


@pytest.fixture
async def news() -> AsyncIterator[NewsServer]:
    """A local internet."""
    async with serve_news() as server:
        yield server

"""The real Valkey for every test of the store."""

from __future__ import annotations

from tests.support.valkey import doomed_valkey, namespace, redis, store, valkey

__all__ = ["doomed_valkey", "namespace", "redis", "store", "valkey"]

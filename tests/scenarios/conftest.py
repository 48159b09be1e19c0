"""Every scenario has a Valkey of its own: the desk's keys have fixed names, and some scenarios stop it."""

from __future__ import annotations

import pytest

from tests.support.valkey import RealValkey, doomed_valkey

__all__ = ["doomed_valkey"]


@pytest.fixture
def valkey(doomed_valkey: RealValkey) -> RealValkey:
    """The scenario's own server."""
    return doomed_valkey

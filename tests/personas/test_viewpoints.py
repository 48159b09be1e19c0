"""Whose view a question asks for that names nobody at its beginning."""

from __future__ import annotations

import pytest

from personas.desk import Desk
from personas.loader import load_personas
from personas.viewpoints import view_asked_for

DESK = Desk(load_personas())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How does Tokyo see it?", "JP-01"),
        ("and from the U.S. perspective?", "US-01"),
        ("What would Washington say?", "US-01"),
        ("and Japan?", "JP-01"),
        ("what about Beijing?", "CN-01"),
        ("What is Japan's view of this?", "JP-01"),
        ("What does this mean for exports to Japan?", None),
        ("why would Beijing accept that Tokyo wins?", None),
        ("how do China and Japan see it?", None),
        ("why does JP-01 differ?", "JP-01"),
        ("Why does Japan differ from the US?", "JP-01"),
        ("where do the U.S. disagree with China?", "US-01"),
        ("how does US-01 see it?", "US-01"),
        ("why do the two differ?", None),
        ("why 72 %?", None),
        ("", None),
    ],
)
def test_the_country_asked_for_its_view(text: str, code: str | None) -> None:
    """Only a country that is asked how it sees things takes over, and only a single one."""
    persona = view_asked_for(text, DESK)
    assert (persona.code if persona else None) == code

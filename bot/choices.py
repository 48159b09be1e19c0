"""What people chose for questions that leave it open: values, without where they are kept."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Choices", "Defaults"]


@dataclass(frozen=True, slots=True)
class Choices:
    """One person's; empty: not chosen."""

    depth: str = ""
    """Key of a format, of a question that does not say "brief" or "in depth"."""
    language: str = ""
    """Code of the answer's language (``bot.assessment.languages``); empty or ``en``: English."""
    channels: tuple[str, ...] = ()
    """Channels whose agent this person chose, the last one first."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What goes for one question; empty: nothing special."""

    agent: str = ""
    """Code of the persona that is asked where the question names nobody."""
    depth: str = ""
    language: str = ""

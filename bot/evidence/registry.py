"""The sources that are read: those of all personas, each once, in the terms that readers see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from bot.evidence.items import SourceClass
from personas.persona import Persona, Source

__all__ = ["ReadSource", "class_of", "registry"]

_CLASSES = {
    "official": SourceClass.OFFICIAL,
    "state_media": SourceClass.STATE_MEDIA,
    "public_media": SourceClass.INDEPENDENT,
    "wire": SourceClass.WIRE,
    "independent": SourceClass.INDEPENDENT,
    "independent_media": SourceClass.INDEPENDENT,
    "think_tank": SourceClass.THINK_TANK,
    "data": SourceClass.DATA,
}
"""A broadcaster under public law counts as independent: nobody of the government decides what it says."""


@dataclass(frozen=True, slots=True)
class ReadSource:
    """A source that is read for one persona or more."""

    id: str
    name: str
    url: str
    kind: Literal["feed", "listing"]
    source_class: SourceClass
    owner_group: str
    reliability: str
    language: str
    country: str
    links: str
    """Pattern of a listing's article addresses; empty: guessed."""
    personas: frozenset[str]
    """Codes of those whose file lists it."""


def registry(personas: Iterable[Persona]) -> tuple[ReadSource, ...]:
    """Every source that can be read, in the order of the files. One that several list is described by the
    first.
    """
    found: dict[str, ReadSource] = {}
    for persona in personas:
        for source in persona.sources:
            if source.readable:
                known = found.setdefault(source.url, _read_source(source, persona))
                found[source.url] = replace(known, personas=known.personas | {persona.code})
    return tuple(found.values())


def class_of(source: Source) -> SourceClass:
    """A source's class as readers see it; one that nobody has judged says no more than a web search."""
    return _CLASSES[source.source_class] if source.source_class else SourceClass.WEB


def _read_source(source: Source, persona: Persona) -> ReadSource:
    return ReadSource(
        id=hashlib.sha256(source.url.encode()).hexdigest()[:16],
        name=source.name,
        url=source.url,
        kind="listing" if source.kind == "html_listing" else "feed",
        source_class=class_of(source),
        owner_group=source.owner_group,
        reliability=source.reliability or "F",
        language=source.language or "",
        country=source.country or persona.iso,
        links=source.links,
        personas=frozenset({persona.code}),
    )

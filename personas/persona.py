"""A country agent as its file describes it: frozen, and valid by construction."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
)

from personas.scripts import KNOWN_SCRIPTS, scripts_of

__all__ = ["Epigraph", "GlossaryTerm", "Institution", "Persona", "Pillar", "Source"]

PILLARS = 3
"""Pillars of a persona's rubric: what the report format has room for."""


def _trimmed(text: str) -> str:
    if text != text.strip():
        raise ValueError("has spaces or line breaks at its ends")
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


def _shaped(pattern: str, example: str) -> AfterValidator:
    """A validator for text that has to look like ``example``."""
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if not shape.fullmatch(text):
            raise ValueError(f"“{text}” does not look like {example}")
        return text

    return AfterValidator(check)


def _known_zone(key: str) -> str:
    try:
        ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        # OSError: zoneinfo opens a folder such as "America" as if it were a zone.
        raise ValueError(f"“{key}” is no IANA time zone") from error
    return key


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"“{url}” does not begin with https:// or http://")
    if not parts.hostname or parts.username is not None or re.search(r"[\s<>|]", url):
        raise ValueError(f"“{url}” is no web address")
    return url


def _known_script(script: str) -> str:
    if script not in KNOWN_SCRIPTS:
        raise ValueError(f"“{script}” is no script we know; known are {', '.join(sorted(KNOWN_SCRIPTS))}")
    return script


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"“{text}” is no regular expression ({error})") from error
    return text


def _day_as_text(value: object) -> object:
    """TOML reads a bare 2026-10-04 as a date; an expert may write it with or without quotes."""
    return value.isoformat() if isinstance(value, dt.date) else value


_LANGUAGE_TAG = r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?"

OptionalText = Annotated[str, AfterValidator(_trimmed)]
Text = Annotated[OptionalText, AfterValidator(_filled)]
LanguageTag = Annotated[Text, _shaped(_LANGUAGE_TAG, "a BCP 47 tag such as zh-Hans or en-IN")]
PillarId = Annotated[Text, _shaped(r"[a-z][a-z0-9_]*", "global_positioning")]
_Item = TypeVar("_Item")
Standing = Literal[
    "official",
    "state_media",
    "public_media",
    "wire",
    "independent",
    "independent_media",
    "think_tank",
    "data",
]
"""Of a source: ``public_media`` is a broadcaster under public law whose newsroom is its own;
``independent_media`` is the older word for ``independent``."""
# A TOML array is a list; only this step from list to tuple is lax, the items stay strict.
Items = Annotated[tuple[_Item, ...], Strict(strict=False), Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Pillar(_Entry):
    """One of the three things the state weighs every development against."""

    id: PillarId
    name: Text
    question: Text


class Institution(_Entry):
    """A body of the state; never a person, because office-holders change."""

    name: Text
    """In English."""
    native: OptionalText = ""
    """Empty where the English name is the native one or the data has none."""
    short: OptionalText = ""
    """The acronym analysts use, ``MOFCOM``."""


class GlossaryTerm(_Entry):
    """A native term of art, printed by its id so that no model can misspell it."""

    id: Annotated[Text, _shaped(r"T[1-9]\d*", "T1")]
    native: Text
    transliteration: OptionalText = ""
    english: Text
    """The official English where one exists."""
    note: OptionalText = ""
    """Background for the writer, not part of the term."""


class Epigraph(_Entry):
    """A quotation in the public domain that may close an assessment; printed exactly as stored."""

    id: Annotated[Text, _shaped(r"[a-z]{2}-[a-z0-9]+(-[a-z0-9]+)*", "cn-laozi-64")]
    native: Text
    translation: OptionalText = ""
    """Our own; empty when the original is English."""
    author: Text
    author_native: OptionalText = ""
    work: Text
    work_native: OptionalText = ""
    year: Text
    """As scholars write it: ``1050``, ``c. 4th c. BCE``."""
    language: LanguageTag
    verified: Literal["text found in public sources", "from knowledge, not re-found"]
    note: OptionalText = ""


class Source(_Entry):
    """A place where this state's doings are published."""

    name: Text
    url: Annotated[Text, AfterValidator(_web_address)]
    kind: Literal["rss", "atom", "html_listing", "search", "api"]
    status: Literal["live", "listed", "memory", "dead"]
    """``live``: fetched and parsed on ``checked``; ``dead`` ones are kept so that nobody tries again."""
    checked: Annotated[
        OptionalText, _shaped(r"(\d{4}-\d{2}(-\d{2})?)?", "2026-10-04"), BeforeValidator(_day_as_text)
    ] = ""
    note: OptionalText = ""
    source_class: Standing | None = Field(default=None, alias="class")
    owner_group: Annotated[OptionalText, _shaped(r"([a-z0-9]+(-[a-z0-9]+)*)?", "cn-state")] = ""
    """Who stands behind it: sources of one group do not corroborate each other. Empty: not judged yet."""
    language: LanguageTag | None = None
    country: Annotated[OptionalText, _shaped(r"([A-Z]{2})?", "GB")] = ""
    """ISO 3166-1 of the publisher, where it is not the persona's own country."""
    reliability: Literal["A", "B", "C", "D", "E", "F"] | None = None
    """Admiralty code, once somebody has judged it."""
    enabled: bool = True
    """False: known, and not to be read for now. Dead ones are not read anyway."""
    links: Annotated[OptionalText, AfterValidator(_pattern)] = ""
    """For ``html_listing``: regular expression that the addresses of its articles match. Empty: guessed."""

    @property
    def readable(self) -> bool:
        """Whether the collector reads it."""
        return self.enabled and self.status != "dead" and self.kind in {"rss", "atom", "html_listing"}


class Persona(_Entry):
    """One country agent: an analyst of its state, never its spokesman."""

    code: Annotated[Text, _shaped(r"[A-Z]{2}-\d{2}", "CN-01")]
    iso: Annotated[Text, _shaped(r"[A-Z]{2}", "CN")]
    name: Text
    """``China Agent``."""
    country: Text
    the_country: Text
    """As it stands inside a sentence: ``China``, ``the United States``."""
    possessive: Annotated[Text, _shaped(r".+’s?", "China’s, with ’")]
    """``China’s``, ``the United States’``."""
    adjective: Text
    capital: Text
    native_name: Text
    languages: Items[LanguageTag]
    scripts: Items[Annotated[Text, AfterValidator(_known_script)]]
    """Unicode scripts of its native terms."""
    time_zone: Annotated[Text, AfterValidator(_known_zone)]
    icon_emoji: Annotated[Text, _shaped(r":[a-z0-9_+\-]+:", ":flag-cn:")]
    aliases: Items[Text]
    """What people may write instead of the code, beside the names above."""
    institutions: Items[Institution]
    style: Text
    """How this state negotiates and signals."""
    red_lines: Items[Text]
    red_lines_note: OptionalText = ""
    pillars: Annotated[tuple[Pillar, ...], Strict(strict=False)]
    """The rubric; three."""
    glossary: Items[GlossaryTerm]
    epigraphs: Items[Epigraph]
    sources: Items[Source]

    # Checks over several fields look at what was valid before them (info.data), so that one mistake in a file
    # does not hide the next.

    @field_validator("iso")
    @classmethod
    def _begins_the_code(cls, iso: str, info: ValidationInfo) -> str:
        code = info.data.get("code", iso)
        if not code.startswith(iso):
            raise ValueError(f"“{iso}” is not how the code {code} begins")
        return iso

    @field_validator("pillars")
    @classmethod
    def _three(cls, pillars: tuple[Pillar, ...]) -> tuple[Pillar, ...]:
        if len(pillars) != PILLARS:
            raise ValueError(f"needs exactly three, has {len(pillars)}")
        return _distinct(pillars, [pillar.id for pillar in pillars])

    @field_validator("aliases")
    @classmethod
    def _distinct_aliases(cls, aliases: tuple[str, ...]) -> tuple[str, ...]:
        return _distinct(aliases, [alias.casefold() for alias in aliases])

    @field_validator("glossary")
    @classmethod
    def _in_its_scripts(
        cls, glossary: tuple[GlossaryTerm, ...], info: ValidationInfo
    ) -> tuple[GlossaryTerm, ...]:
        if "scripts" in info.data:
            allowed = frozenset(info.data["scripts"])
            problems = [problem for term in glossary for problem in _script_problems(term, allowed)]
            if problems:
                raise ValueError("; ".join(problems))
        return _distinct(glossary, [term.id for term in glossary])

    @field_validator("epigraphs")
    @classmethod
    def _named_after_the_state(
        cls, epigraphs: tuple[Epigraph, ...], info: ValidationInfo
    ) -> tuple[Epigraph, ...]:
        start = f"{info.data['iso'].lower()}-" if "iso" in info.data else ""
        strange = [epigraph.id for epigraph in epigraphs if not epigraph.id.startswith(start)]
        if strange:
            raise ValueError(f"id “{strange[0]}” does not begin with {start}")
        return _distinct(epigraphs, [epigraph.id for epigraph in epigraphs])

    @field_validator("sources")
    @classmethod
    def _distinct_sources(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        return _distinct(sources, [source.url for source in sources])

    @property
    def display_name(self) -> str:
        """Sender and signature: ``CN-01, China Agent``."""
        return f"{self.code}, {self.name}"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.time_zone)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything people may call it except code and ISO code, each once, in the file's order."""
        own = (self.country, self.the_country, self.name, self.adjective, self.capital, self.native_name)
        return tuple({name.casefold(): name for name in (*own, *self.aliases)}.values())

    def epigraph(self, epigraph_id: str) -> Epigraph | None:
        """The epigraph with that id."""
        return next((epigraph for epigraph in self.epigraphs if epigraph.id == epigraph_id), None)

    def term(self, term_id: str) -> GlossaryTerm | None:
        """The glossary term with that id, ``T2``."""
        return next((term for term in self.glossary if term.id == term_id), None)


def _distinct(entries: tuple[_Item, ...], keys: list[str]) -> tuple[_Item, ...]:
    repeated = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if repeated:
        raise ValueError(f"“{repeated[0]}” stands there {keys.count(repeated[0])} times")
    return entries


def _script_problems(term: GlossaryTerm, allowed: frozenset[str]) -> list[str]:
    used = scripts_of(term.native)
    if not used:
        return [f"{term.id}: native “{term.native}” has no letter in {', '.join(sorted(allowed))}"]
    if used <= allowed:
        return []
    # Also finds the Latin “o” that somebody typed into a Cyrillic word.
    strange = ", ".join(sorted(used - allowed))
    return [
        f"{term.id}: native “{term.native}” has letters in {strange}, not in {', '.join(sorted(allowed))}"
    ]

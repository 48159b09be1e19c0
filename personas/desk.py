"""Whom a text addresses: the personas on the desk, and the words people use for them.

Two degrees of address, because a country's name is also an ordinary word of the question. A code, or a
name set off by punctuation ("China: …"), is an *address* and is taken off the text. A name that simply
begins the sentence ("China will …") tells who is meant, and stays where it is.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from personas.persona import Persona
from personas.wording import (
    AFTER_CODE,
    AFTER_NAME,
    CODE,
    CODE_LIKE,
    COLON,
    COMMA,
    JOINED,
    NOTHING_MORE,
    OPENING,
    POSSESSIVE,
    after,
    asks,
    brief_end,
    brief_set_off,
    ends_word,
    folded,
    in_depth_end,
    normalised,
)

__all__ = ["BRIEF", "IN_DEPTH", "Address", "Desk", "Format"]

Format = Literal["in-depth", "brief"]
IN_DEPTH: Format = "in-depth"
BRIEF: Format = "brief"

NEAREST = 3
"""Personas suggested at most: what fits one line of a refusal."""

SIMILARITY = 0.75
"""Ratio (0 to 1, difflib) from which a misspelt name is taken for a name: "chna" is 0.89 like "china",
while "what" and "bharat" are 0.6 alike."""

SUGGESTION_SPAN = 400
"""Characters at the beginning of a text in which countries are looked for as suggestions: a paragraph."""


@dataclass(frozen=True, slots=True)
class Address:
    """Who is asked, for what, in which words."""

    persona: Persona | None
    format: Format
    text: str
    """What remains of the question: a piece of the ``normalised`` input; may be empty."""
    depth_named: bool = False
    """Whether the text names the format."""
    mistyped: bool = False
    """Whether the text begins with what looks like a code, of nobody on the desk."""
    nearest: tuple[Persona, ...] = ()
    """Who may have been meant, likeliest first; only when ``persona`` is ``None``."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Whom a text names at its beginning, and where the question starts.

    Several personas when it opens with a pair ("China-U.S. trade"), which addresses nobody.
    """

    personas: tuple[Persona, ...]
    end: int
    by_code: bool = False


class Desk:
    """The personas people can ask."""

    def __init__(self, personas: Iterable[Persona]) -> None:
        self.personas = tuple(personas)
        self._by_code = {persona.code: persona for persona in self.personas}
        self._owners: dict[str, Persona] = {}
        self._names: dict[str, list[str]] = defaultdict(list)
        """Folded names by their first letter, longest first: the longest match wins."""
        for persona in self.personas:
            self._owners |= {folded(name): persona for name in (persona.iso, *persona.names)}
        for name in sorted(self._owners, key=len, reverse=True):
            self._names[name[0]].append(name)

    def by_code(self, code: str) -> Persona | None:
        """The persona with this code, in any case, or ``None``."""
        return self._by_code.get(code.upper())

    def address(self, text: str, *, bound: str | None = None) -> Address:
        """Read whom, and what, a mention's text (without the bot's own mention) asks.

        ``bound`` is the code of the persona that the mentioned bot user is, when it is one: then no code is
        needed. Raises ``ValueError`` when ``bound`` is nobody on the desk; no text makes it raise.
        """
        owner = None
        if bound is not None and (owner := self.by_code(bound)) is None:
            raise ValueError(f"no persona {bound} on the desk")
        text = normalised(text)
        words = folded(text)
        brief, deep = brief_end(words, 0), in_depth_end(words, 0)
        start = brief or deep or 0
        found = self._named_at(text, words, start)
        if owner is not None:
            end = _bound_end(words, start, found, owner)
        elif found is not None and len(found.personas) == 1:
            owner, end = found.personas[0], found.end
        else:
            nearest = found.personas if found else self._nearest(text, words, start)
            mistyped = CODE_LIKE.match(words, after(OPENING, words, start)) is not None
            return Address(None, *_depth(brief, deep, text[start:]), mistyped, nearest[:NEAREST])
        if brief is None and deep is None and end > start:
            # After a name that stays in its sentence, nothing is taken off.
            brief, deep = brief_end(words, end), in_depth_end(words, end)
            end = brief if brief is not None else deep if deep is not None else end
        return Address(owner, *_depth(brief, deep, text[end:]))

    def named_in(self, text: str) -> Iterator[tuple[Persona, int, int]]:
        """Everyone named anywhere in ``normalised`` text, by a name or a code, with where the name begins and
        ends.
        """
        words = folded(text)
        at = 0
        while at < len(words):
            begins = at == 0 or not words[at - 1].isalnum()
            code = CODE.match(words, at) if begins else None
            persona = self._coded(code)
            end = code.end() if code is not None else at
            if persona is None and begins and (name := self._longest_name(text, words, at)) is not None:
                persona, end = self._owners[name], at + len(name)
            if persona is None:
                at += 1
                continue
            yield persona, at, end
            at = end

    def _named_at(self, text: str, words: str, start: int) -> _Found | None:
        at = after(OPENING, words, start)
        found = self._code_at(words, start, at)
        if found is None and not CODE_LIKE.match(words, at):  # "CN-1" is a mistyped code, not the word "CN"
            found = self._name_at(text, words, start, at)
        return found

    def _code_at(self, words: str, start: int, at: int) -> _Found | None:
        code = CODE.match(words, at)
        persona = self._coded(code)
        if code is None or persona is None:
            return None
        joined = JOINED.match(words, code.end())
        other = self._coded(CODE.match(words, joined.end())) if joined else None
        if other is not None and other is not persona:
            return _Found((persona, other), start)
        if POSSESSIVE.match(words, code.end()):  # "CN-01's view of …" is part of the sentence
            return _Found((persona,), start)
        end = after(AFTER_CODE, words, code.end())
        if words.startswith(folded(persona.name), end):  # as we sign: "CN-01, China Agent: …"
            end = after(AFTER_NAME, words, end + len(persona.name))
        return _Found((persona,), end, by_code=True)

    def _coded(self, code: re.Match[str] | None) -> Persona | None:
        return None if code is None else self.by_code(f"{code[1]}-{code[2]}")

    def _name_at(self, text: str, words: str, start: int, at: int) -> _Found | None:
        name = self._longest_name(text, words, at)
        if name is None and words.startswith("the ", at):
            at += len("the ")
            name = self._longest_name(text, words, at)
        if name is None:
            return None
        persona, end = self._owners[name], at + len(name)
        if NOTHING_MORE.match(words, end):
            return _Found((persona,), len(words))
        if COLON.match(words, end):
            return _Found((persona,), after(COLON, words, end))
        joined = JOINED.match(words, end)
        second = self._longest_name(text, words, joined.end()) if joined else None
        if second is not None and self._owners[second] is not persona:
            return _Found((persona, self._owners[second]), start)
        # "brief CN …" and "CN brief …" call somebody by the two letters, as by the code.
        if name == persona.iso.lower() and (start or brief_end(words, end) is not None):
            return _Found((persona,), after(AFTER_CODE, words, end))
        return _Found((persona,), _set_off_end(text, words, end) or start)

    def _longest_name(self, text: str, words: str, at: int) -> str | None:
        """The name that stands at ``at``."""
        for name in self._names.get(words[at : at + 1], ()):
            end = at + len(name)
            if words.startswith(name, at) and ends_word(words, end):
                if len(name) == 2 and name.isascii() and not _means_country(text, words, at, end):
                    continue
                return name
        return None

    def _nearest(self, text: str, words: str, start: int) -> tuple[Persona, ...]:
        """Who may have been meant: a code mistyped, a name misspelt, or countries named further on."""
        at = after(OPENING, words, start)
        code = CODE_LIKE.match(words, at)
        if code:
            return tuple(self._codes_like(code[1]))
        named = self._named_within(text, words, start)
        return tuple(dict.fromkeys([*self._spelt_like(words[at : at + SUGGESTION_SPAN]), *named]))

    def _codes_like(self, letters: str) -> list[Persona]:
        """Personas of this ISO code, or else those one letter or one swap away from it."""
        exact = [persona for persona in self.personas if persona.iso.lower() == letters]
        return exact or [
            persona
            for persona in self.personas
            for iso in [persona.iso.lower()]
            if iso[0] == letters[0] or iso[1] == letters[-1] or iso == letters[::-1]
        ]

    def _spelt_like(self, words: str) -> Iterator[Persona]:
        opening = re.split(r"[^\w .-]", words, maxsplit=1)[0].split(" ")
        for count in range(1, min(3, len(opening)) + 1):
            tried = " ".join(opening[:count]).strip(" .-")
            if len(tried) > 2:
                for name in difflib.get_close_matches(tried, self._owners, n=NEAREST, cutoff=SIMILARITY):
                    yield self._owners[name]

    def _named_within(self, text: str, words: str, start: int) -> Iterator[Persona]:
        for at in range(start, min(len(words), start + SUGGESTION_SPAN)):
            if at == 0 or not words[at - 1].isalnum():
                name = self._longest_name(text, words, at)
                persona = self._owners[name] if name is not None else self._coded(CODE.match(words, at))
                if persona is not None:
                    yield persona


def _depth(brief: int | None, deep: int | None, text: str) -> tuple[Format, str, bool]:
    """The format, the question, and whether the format was named: by "brief" or by "in depth"."""
    return (BRIEF if brief is not None else IN_DEPTH), text, brief is not None or deep is not None


def _bound_end(words: str, start: int, found: _Found | None, owner: Persona) -> int:
    """A bot user that is one persona takes off its own code, and its own name before a colon; a comma may
    be the beginning of a list ("China, Brazil sign …").
    """
    if found is None or found.personas != (owner,):
        return start
    return found.end if found.by_code or ":" in words[start : found.end] else start


def _set_off_end(text: str, words: str, end: int) -> int | None:
    """Where the question starts after a name that ends at ``end``; ``None`` if the name is part of it."""
    if AFTER_NAME.match(words, end):
        return after(AFTER_NAME, words, end)
    comma = COMMA.match(words, end)
    if comma:
        # "China, what will …" calls somebody; "China, Brazil Sign Deal" and "China, 5 others …" list.
        following = text[comma.end() : comma.end() + 1]
        calls = not (following.isupper() or following.isdigit()) or asks(words, comma.end())
        return comma.end() if calls else None
    if words.startswith(" ", end) and brief_set_off(words, end + 1):
        return end + 1
    return None


def _means_country(text: str, words: str, at: int, end: int) -> bool:
    """Whether two letters are a country ("US") and not a word ("us", "in"): capitals, in a text that is not
    all capitals or ends there; or a colon behind them.
    """
    if COLON.match(words, end):
        return True
    return text[at:end].isupper() and (text != text.upper() or NOTHING_MORE.match(words, end) is not None)

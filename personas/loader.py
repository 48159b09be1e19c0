"""Reads the persona files and refuses the whole desk unless every one of them is right."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from personas.persona import Persona

__all__ = ["PersonaError", "load_personas"]

_OWN_FOLDER = Path(__file__).parent

_PLAIN_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "string_type": "must be text in quotation marks",
    "tuple_type": "must be a list in [brackets]",
    "too_short": "is empty",
    "model_type": "must be an entry with fields of its own",
}
"""What an expert reads instead of pydantic's words, by error type."""

_CLAIMED_IN = {"code": "code", "names": "aliases", "epigraphs": "epigraphs"}
"""The field to look at when two files claim the same thing."""


class PersonaError(Exception):
    """One or more persona files are wrong; nothing was loaded.

    Not a ``CountryAgentsError``: ``personas`` imports nothing of ``bot``. It is raised at start-up only,
    where the operator reads it; nobody in Slack does.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        """One sentence each: ``cn-01.toml: pillars: needs exactly three, has 2``."""
        super().__init__("The persona files need correcting:\n" + "\n".join(f"  {line}" for line in problems))


def load_personas(directory: Path | None = None) -> tuple[Persona, ...]:
    """All personas in ``directory`` (by default those that come with the package), ordered by code.

    Every ``*.toml`` in it is one persona; there is nothing else to register. Raises ``PersonaError`` with all
    problems of all files.
    """
    directory = _OWN_FOLDER if directory is None else directory
    files = sorted(directory.glob("*.toml"))
    if not files:
        raise PersonaError((f"{directory.name}: holds no persona files (*.toml)",))
    personas: dict[str, Persona] = {}
    problems: list[str] = []
    for file in files:
        persona, found = _read(file)
        problems += (f"{file.name}: {problem}" for problem in found)
        if persona is not None:
            personas[file.name] = persona
    problems += _clashes(personas)
    if problems:
        raise PersonaError(tuple(problems))
    return tuple(sorted(personas.values(), key=lambda persona: persona.code))


def _read(file: Path) -> tuple[Persona | None, list[str]]:
    """The persona, if the file describes one, and everything that is wrong with the file."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        return None, [f"cannot be read ({error.strerror})"]
    except UnicodeDecodeError as error:
        return None, [f"is not UTF-8 text (byte {error.start})"]
    except tomllib.TOMLDecodeError as error:
        return None, [f"is not valid TOML: {error}"]
    problems = list(_unnormalised(data, ""))
    try:
        persona = Persona.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, problems + [f"{_field(detail['loc'])}: {_sentence(detail)}" for detail in details]
    if file.stem != persona.code.lower():
        problems.append(f"code: {persona.code} belongs into a file named {persona.code.lower()}.toml")
    return persona, problems


def _unnormalised(value: object, field: str) -> Iterator[str]:
    """Text that is not in Unicode NFC looks the same and compares different; invisible controls do worse."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unnormalised(inner, f"{field}, {key}" if field else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from _unnormalised(inner, f"{field} #{number}")
    elif isinstance(value, str):
        if not unicodedata.is_normalized("NFC", value):
            yield f"{field}: is not in Unicode NFC (type it again, or normalise the file)"
        if not value.isprintable() and any(unicodedata.category(c) == "Cc" and c != "\n" for c in value):
            yield f"{field}: holds a control character"


def _field(location: tuple[int | str, ...]) -> str:
    """``sources #3, url``: entries are counted from one, as people count."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f" #{step + 1}"
        else:
            path += f", {step}" if path else step
    return path


def _sentence(detail: ErrorDetails) -> str:
    """A pydantic error in an expert's words; never the value's Python form."""
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "literal_error":
        return f"must be one of {detail['ctx']['expected']}"
    return _PLAIN_WORDS.get(detail["type"], detail["msg"])


def _clashes(personas: dict[str, Persona]) -> Iterator[str]:
    """Codes, names and epigraph ids that two personas claim: nobody could tell which is meant."""
    claims: dict[tuple[str, str], str] = {}
    for file, persona in personas.items():
        twin = claims.get(("code", persona.code))
        if twin is not None:  # a copied file shares everything: one line says it
            yield f"{file}: code: {persona.code} is already claimed by {twin}"
            continue
        own = {("code", persona.code), ("names", persona.iso.casefold())}
        own |= {("names", name.casefold()) for name in persona.names}
        own |= {("epigraphs", epigraph.id) for epigraph in persona.epigraphs}
        for field, claim in sorted(own):
            other = claims.setdefault((field, claim), file)
            if other != file:
                yield f"{file}: {_CLAIMED_IN[field]}: “{claim}” is already claimed by {other}"

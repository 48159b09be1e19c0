"""The desk's persona files with other sources: what an operator's own folder looks like."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from personas.loader import load_personas
from personas.persona import Source

__all__ = ["NOWHERE", "persona_files"]

OWN = Path(sys.modules[load_personas.__module__].__file__ or "").parent
NOWHERE = Source(name="None", url="https://none.example/", kind="rss", status="dead")
"""A source that is not read: a persona has at least one."""


def persona_files(folder: Path, sources: Mapping[str, Sequence[Source]]) -> Path:
    """Write them into a new folder. ``sources`` by file name (``cn-01``); whoever is not in it has one that
    is not read.
    """
    folder.mkdir()
    for path in sorted(OWN.glob("*.toml")):
        text, _, _ = path.read_text(encoding="utf-8").partition("[[sources]]")
        for source in sources.get(path.stem) or (NOWHERE,):
            row = source.model_dump(by_alias=True, mode="json", exclude_none=True, exclude_defaults=True)
            text += "[[sources]]\n" + "".join(f'{key} = "{value}"\n' for key, value in row.items())
        assert tomllib.loads(text)
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder

"""Which Noto font shows a character: a table of Unicode blocks (Unicode 16, Blocks.txt)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

__all__ = ["LATIN", "Face", "face_of", "faces_in", "pieces"]


@dataclass(frozen=True, slots=True)
class Face:
    """A font of the Noto family."""

    name: str
    file: str
    number: int = -1
    """Inside a collection of fonts; -1: the file is one font."""
    from_right: bool = False
    """Its script runs from right to left."""


LATIN = Face("Noto Sans", "NotoSans[wght].ttf")
"""Latin, Greek and Cyrillic, and whatever no other one has."""

_CJK_FILE = "NotoSansCJK-VF.otf.ttc"
_CJK = {
    "ja": Face("Noto Sans CJK JP", _CJK_FILE, 0),
    "ko": Face("Noto Sans CJK KR", _CJK_FILE, 1),
    "zh": Face("Noto Sans CJK SC", _CJK_FILE, 2),
    "zh-hant": Face("Noto Sans CJK TC", _CJK_FILE, 3),
    "zh-tw": Face("Noto Sans CJK TC", _CJK_FILE, 3),
    "zh-hk": Face("Noto Sans CJK HK", _CJK_FILE, 4),
}
"""By language: one character has other shapes in each."""


def _sans(script: str, *, from_right: bool = False) -> Face:
    return Face(f"Noto Sans {script}", f"NotoSans{script}[wght].ttf", from_right=from_right)


_BLOCKS: tuple[tuple[int, int, Face | None], ...] = (
    (0x0530, 0x058F, _sans("Armenian")),
    (0x0590, 0x05FF, _sans("Hebrew", from_right=True)),
    (0x0600, 0x06FF, _sans("Arabic", from_right=True)),
    (0x0750, 0x077F, _sans("Arabic", from_right=True)),
    (0x0870, 0x08FF, _sans("Arabic", from_right=True)),
    (0x0900, 0x097F, _sans("Devanagari")),
    (0x0980, 0x09FF, _sans("Bengali")),
    (0x0A00, 0x0A7F, _sans("Gurmukhi")),
    (0x0A80, 0x0AFF, _sans("Gujarati")),
    (0x0B00, 0x0B7F, _sans("Oriya")),
    (0x0B80, 0x0BFF, _sans("Tamil")),
    (0x0C00, 0x0C7F, _sans("Telugu")),
    (0x0C80, 0x0CFF, _sans("Kannada")),
    (0x0D00, 0x0D7F, _sans("Malayalam")),
    (0x0D80, 0x0DFF, _sans("Sinhala")),
    (0x0E00, 0x0E7F, _sans("Thai")),
    (0x0E80, 0x0EFF, _sans("Lao")),
    (0x1000, 0x109F, _sans("Myanmar")),
    (0x10A0, 0x10FF, _sans("Georgian")),
    (0x1100, 0x11FF, None),
    (0x1200, 0x139F, _sans("Ethiopic")),
    (0x1780, 0x17FF, _sans("Khmer")),
    (0x2190, 0x23FF, _sans("Symbols")),
    (0x2600, 0x27BF, Face("Noto Emoji", "NotoEmoji[wght].ttf")),
    (0x2E80, 0x9FFF, None),
    (0xA8E0, 0xA8FF, _sans("Devanagari")),
    (0xA960, 0xA97F, None),
    (0xAC00, 0xD7FF, None),
    (0xF900, 0xFAFF, None),
    (0xFB1D, 0xFB4F, _sans("Hebrew", from_right=True)),
    (0xFB50, 0xFDFF, _sans("Arabic", from_right=True)),
    (0xFE30, 0xFE4F, None),
    (0xFE70, 0xFEFE, _sans("Arabic", from_right=True)),
    (0xFF00, 0xFFEF, None),
    (0x1F300, 0x1FAFF, Face("Noto Emoji", "NotoEmoji[wght].ttf")),
    (0x20000, 0x3FFFF, None),
)
"""First and last code point, and the face; ``None``: Chinese, Japanese or Korean, by language."""


def face_of(character: str, language: str) -> Face:
    """The face for a character in a text of that language (BCP 47)."""
    code = ord(character)
    for first, last, face in _BLOCKS:
        if first <= code <= last:
            return face or _of_language(language)
    return LATIN


def _of_language(language: str) -> Face:
    tag = language.casefold()
    return _CJK.get(tag) or _CJK.get(tag.split("-")[0]) or _CJK["zh"]


def pieces(text: str, language: str) -> Iterator[tuple[Face, str]]:
    """The text in stretches of one face; spaces and joiners stay with what is before them."""
    faces: list[Face] = []
    for character in text:
        neutral = character.isspace() or character in "\u200c\u200d\ufe0f"
        faces.append(faces[-1] if neutral and faces else face_of(character, language))
    for face, group in groupby(zip(faces, text, strict=True), key=lambda pair: pair[0]):
        yield face, "".join(character for _, character in group)


def faces_in(text: str, language: str) -> dict[Face, str]:
    """The faces a text needs, each with the characters it shows; Latin is always there."""
    shown: dict[Face, set[str]] = {LATIN: set()}
    for face, piece in pieces(text, language):
        shown.setdefault(face, set()).update(piece)
    return {face: "".join(sorted(characters)) for face, characters in shown.items()}

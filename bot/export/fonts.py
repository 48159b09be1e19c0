"""Noto fonts cut down to the characters of one document, as static TrueType that Word and PDF readers take.

The fonts come from the packages ``manimgx-fonts`` (Latin and 21 scripts) and ``manimgx-fonts-cjk``, as Noto
publishes them: variable, the second with cubic outlines. Licence: SIL Open Font License 1.1, which allows
embedding.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any, Final

from fontTools.pens.cu2quPen import Cu2QuPen  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont, newTable  # type: ignore[import-untyped]
from fontTools.varLib.instancer import instantiateVariableFont  # type: ignore[import-untyped]

from bot.export.scripts import LATIN, Face, faces_in

__all__ = ["REGULAR", "EmbeddedFont", "fonts_for"]

REGULAR: Final = ""
_BOLD: Final = "B"
_ITALIC: Final = "I"
_WEIGHT: Final[Mapping[str, int]] = {REGULAR: 400, _BOLD: 700, _ITALIC: 400}
"""Of the axis ``wght``."""
_STYLE_NAMES: Final = {REGULAR: "Regular", _BOLD: "Bold", _ITALIC: "Italic"}
_ITALIC_FILE: Final = "NotoSans-Italic[wght].ttf"

_ALWAYS: Final = "".join(map(chr, range(0x20, 0x7F))) + "\u00a0–—‘’“”…•·"
"""Shown in Latin whatever the text: list marks, page numbers."""

_CURVE_ERROR: Final = 1.0
"""Font units, a thousandth of the em: how far a quadratic outline may lie beside the cubic one."""


@dataclass(frozen=True, slots=True)
class EmbeddedFont:
    """One font file of a document."""

    face: Face
    style: str
    """``REGULAR``, or ``B`` or ``I``: Latin has all three, the other scripts are upright and regular."""
    data: bytes
    """TrueType."""


def fonts_for(text: str, language: str) -> list[EmbeddedFont]:
    """The fonts that show a text, Latin first; nothing in them that it does not need."""
    fonts: list[EmbeddedFont] = []
    for face, characters in faces_in(text, language).items():
        # Digits and punctuation stand in every script, and Latin letters beside all of them.
        wanted = characters + _ALWAYS
        styles = (REGULAR, _BOLD, _ITALIC) if face == LATIN else (REGULAR,)
        fonts += [EmbeddedFont(face, style, _cut(face, style, wanted)) for style in styles]
    return fonts


def _cut(face: Face, style: str, characters: str) -> bytes:
    """Subset, then one weight, then quadratic outlines. Saved in between: the steps leave lazy tables that
    the next one cannot read.
    """
    package = "manimgx_fonts_cjk" if face.number >= 0 else "manimgx_fonts"
    name = _ITALIC_FILE if style == _ITALIC else face.file
    with as_file(files(package) / name) as path, TTFont(path, fontNumber=face.number, lazy=True) as font:
        options = Options()
        # What shapes Indic, Arabic and Thai text; of Chinese it would drag in every variant of a character.
        options.layout_features = [] if face.number >= 0 else ["*"]
        options.notdef_outline = True
        options.drop_tables += ["BASE", "DSIG", "STAT", "VORG", "VVAR", "vhea", "vmtx"]
        subsetter = Subsetter(options)
        subsetter.populate(text=characters)
        subsetter.subset(font)
        cut = _reread(font)
    axes = {axis.axisTag: axis.defaultValue for axis in cut["fvar"].axes} | {"wght": _WEIGHT[style]}
    cut = instantiateVariableFont(cut, axes, inplace=True)
    if "CFF2" in cut:
        cut = _reread(cut)
        _make_quadratic(cut)
    _rename(cut, face.name, _STYLE_NAMES[style])
    return _saved(cut)


def _saved(font: TTFont) -> bytes:
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def _reread(font: TTFont) -> TTFont:
    return TTFont(io.BytesIO(_saved(font)))


def _make_quadratic(font: TTFont) -> None:
    """Replace cubic outlines (CFF2) by TrueType's: Word embeds no others."""
    glyphs = font.getGlyphSet()
    order = font.getGlyphOrder()
    outlines: dict[str, Any] = {}
    for name in order:
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, _CURVE_ERROR, reverse_direction=True))
        outlines[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, outlines
    del font["CFF2"]
    # TrueType's larger form of the table; the counts are filled in when it is saved.
    profile = font["maxp"]
    profile.tableVersion = 0x00010000
    profile.maxZones = 1
    for count in _PROFILE:
        setattr(profile, count, 0)
    font["post"].formatType = 3.0  # without glyph names, which CFF2 does not have
    font.sfntVersion = "\x00\x01\x00\x00"


_PROFILE: Final = (
    *("maxPoints", "maxContours", "maxCompositePoints", "maxCompositeContours", "maxTwilightPoints"),
    *("maxStorage", "maxFunctionDefs", "maxInstructionDefs", "maxStackElements", "maxSizeOfInstructions"),
    *("maxComponentElements", "maxComponentDepth"),
)


def _rename(font: TTFont, family: str, style: str) -> None:
    """Readers look for a font by these names."""
    whole = family if style == "Regular" else f"{family} {style}"
    names = {1: family, 2: style, 4: whole, 6: f"{family.replace(' ', '')}-{style}"}
    font["name"].names = [record for record in font["name"].names if record.nameID in {0, 13, 14}]
    for name_id, value in names.items():
        font["name"].setName(value, name_id, 3, 1, 0x409)

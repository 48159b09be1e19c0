"""A document as Word's DOCX, its fonts inside so that native scripts show on any machine."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import docx
from docx.document import Document as WordDocument
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from bot.export.document import Block, Document, Run, Style
from bot.export.fonts import EmbeddedFont, fonts_for
from bot.export.scripts import LATIN, Face, pieces

__all__ = ["word"]

_INK: Final = RGBColor(29, 53, 87)
"""The desk's colour, that of its apps' icons."""
_GREY: Final = RGBColor(95, 99, 104)
_STYLES: Final[Mapping[Style, str]] = {
    Style.HEADING: "Heading 1",
    Style.SUBHEADING: "Heading 2",
    Style.BULLET: "List Bullet",
    Style.EPIGRAPH: "Quote",
}
_POINTS: Final[Mapping[str, float]] = {"Normal": 10.5, "Title": 20, "Heading 1": 14, "Heading 2": 11.5}

_OBFUSCATED_FONT: Final = "application/vnd.openxmlformats-officedocument.obfuscatedFont"
_OBFUSCATED_BYTES: Final = 32
"""Of a font embedded in a DOCX (ECMA-376, part 4, font embedding): they are XORed with the font's key."""
_EMBED_TAGS: Final = {"": "embedRegular", "B": "embedBold", "I": "embedItalic"}
_MAIN: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_LINKS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE_LINKS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"


def word(document: Document) -> bytes:
    """The file."""
    made = docx.Document()
    _set_up(made, document)
    _add(made.add_paragraph(style="Title"), Run(document.title), document.language)
    byline = made.add_paragraph()
    _add(byline, Run(document.byline), document.language, colour=_GREY, points=9)
    for block in document.blocks:
        _write(made, block, document.language)
    buffer = io.BytesIO()
    made.save(buffer)
    return _with_fonts(buffer.getvalue(), fonts_for(document.text, document.language))


def _set_up(made: WordDocument, document: Document) -> None:
    properties = made.core_properties
    properties.title, properties.author = document.title, document.author
    properties.comments, properties.language = document.organisation, document.language
    section = made.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.2)
    for name, points in _POINTS.items():
        style: Any = made.styles[name]
        style.font.size = Pt(points)
        _set_fonts(style.element.get_or_add_rPr(), LATIN)
        if name != "Normal":
            style.font.color.rgb = _INK
    settings = made.settings.element
    for tag in ("w:saveSubsetFonts", "w:embedTrueTypeFonts"):
        settings.insert(1, OxmlElement(tag))  # behind the zoom, where the schema wants them


def _write(made: WordDocument, block: Block, language: str) -> None:
    paragraph = made.add_paragraph(style=_STYLES.get(block.style, "Normal"))
    small = block.style is Style.SMALL
    if block.style is Style.WARNING:
        paragraph.add_run("! ").bold = True
    for run in block.runs:
        _add(paragraph, run, language, colour=_GREY if small else None, points=8.5 if small else None)


def _add(
    paragraph: Paragraph,
    run: Run,
    language: str,
    *,
    colour: RGBColor | None = None,
    points: float | None = None,
) -> None:
    """Runs of one font each: Word would choose another font for what Latin has not."""
    parent: Any = _link(paragraph, run.url) if run.url else None
    for face, text in pieces(run.text, language):
        added = paragraph.add_run(text)
        added.bold, added.italic = run.bold or None, run.italic or None
        if run.url:
            added.font.color.rgb, added.font.underline = _INK, True
        elif colour is not None:
            added.font.color.rgb = colour
        if points is not None:
            added.font.size = Pt(points)
        _set_fonts(added._r.get_or_add_rPr(), face)  # noqa: SLF001 - the library has no setter for four fonts
        if face.from_right:
            added.font.rtl = True
        if parent is not None:
            parent.append(added._r)  # noqa: SLF001 - nor for links


def _link(paragraph: Paragraph, url: str) -> object:
    link: Any = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), paragraph.part.relate_to(url, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    paragraph._p.append(link)  # noqa: SLF001 - as above
    return link


def _set_fonts(properties: Any, face: Face) -> None:  # noqa: ANN401 - an element of the library's
    fonts = properties.get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    for script in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{script}"), face.name)


# Fonts ------------------------------------------------------------------------------------------------------


def _with_fonts(data: bytes, fonts: Sequence[EmbeddedFont]) -> bytes:
    """The package with the fonts in it: the library writes everything but these parts."""
    table: dict[str, list[str]] = {}
    links: list[str] = []
    parts: dict[str, bytes] = {}
    for number, font in enumerate(fonts, 1):
        key = uuid.uuid4()
        parts[f"word/fonts/font{number}.odttf"] = _obfuscated(font.data, key)
        links.append(
            f'<Relationship Id="rId{number}" Type="{_LINKS}/font" Target="fonts/font{number}.odttf"/>'
        )
        table.setdefault(font.face.name, []).append(
            f'<w:{_EMBED_TAGS[font.style]} r:id="rId{number}" w:fontKey="{{{str(key).upper()}}}" '
            'w:subsetted="1"/>'
        )
    entries = "".join(
        f"<w:font w:name={quoteattr(name)}>{''.join(embedded)}</w:font>" for name, embedded in table.items()
    )
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    parts["word/fontTable.xml"] = (
        f'{head}<w:fonts xmlns:w="{_MAIN}" xmlns:r="{_LINKS}">{entries}</w:fonts>'.encode()
    )
    parts["word/_rels/fontTable.xml.rels"] = (
        f'{head}<Relationships xmlns="{_PACKAGE_LINKS}">{"".join(links)}</Relationships>'.encode()
    )
    kind = f'<Default Extension="odttf" ContentType="{_OBFUSCATED_FONT}"/>'
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as before,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            content = before.read(name)
            if name == "[Content_Types].xml":
                content = content.replace(b"<Default ", kind.encode() + b"<Default ", 1)
            if name not in parts:
                after.writestr(name, content)
        for name, content in parts.items():
            after.writestr(name, content)
    return written.getvalue()


def _obfuscated(data: bytes, key: uuid.UUID) -> bytes:
    mask = key.bytes[::-1] * (_OBFUSCATED_BYTES // 16)
    head = bytes(byte ^ other for byte, other in zip(data, mask, strict=False))
    return head + data[_OBFUSCATED_BYTES:]

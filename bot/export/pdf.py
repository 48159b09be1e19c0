"""A document as PDF: A4, fonts embedded, native scripts shaped."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from fpdf import FPDF, XPos, YPos
from fpdf.enums import TextDirection

from bot.export.document import Block, Document, Run, Style
from bot.export.fonts import REGULAR, fonts_for
from bot.export.scripts import LATIN, pieces

__all__ = ["pdf"]

_MARGIN_MM: Final = 22.0
_INDENT_MM: Final = 6.0
_INK: Final = (29, 53, 87)
"""The desk's colour, that of its apps' icons."""
_GREY: Final = (95, 99, 104)
_BLACK: Final = (20, 20, 20)

_POINTS: Final = {Style.HEADING: 14.0, Style.SUBHEADING: 11.5, Style.SMALL: 8.5}
_TEXT_POINTS: Final = 10.5
_LINE: Final = 0.5
"""Line height in mm for each point of size: 1.4 times the size."""
_ABOVE_MM: Final = {Style.HEADING: 5.0, Style.SUBHEADING: 3.0, Style.BULLET: 1.0, Style.SIGNATURE: 1.0}
_TEXT_ABOVE_MM: Final = 2.2
_KEPT_TOGETHER_MM: Final = 30.0
"""A heading nearer than this to the foot of the page goes to the next one."""


def pdf(document: Document) -> bytes:
    """The file."""
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        return _Writer(document, Path(folder)).written()


class _Pages(FPDF):
    """Pages with a running foot."""

    foot = ""

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(LATIN.name, "", 8)
        self.set_text_color(*_GREY)
        self.cell(0, 5, f"{self.foot} · {self.page_no()}", align="C")


class _Writer:
    def __init__(self, document: Document, folder: Path) -> None:
        self._document = document
        self._pages = pages = _Pages(format="A4")
        pages.set_margin(_MARGIN_MM)
        pages.set_auto_page_break(auto=True, margin=_MARGIN_MM)
        pages.set_title(document.title)
        pages.set_author(document.author)
        pages.set_creator(document.organisation)
        pages.set_lang(document.language)
        for number, font in enumerate(fonts_for(document.text, document.language)):
            path = folder / f"{number}.ttf"
            path.write_bytes(font.data)
            pages.add_font(font.face.name, font.style, path)
            if font.face == LATIN and font.style == "B":
                # The library wants the fourth style as soon as bold and italic are mixed.
                pages.add_font(font.face.name, "BI", path)
        pages.set_text_shaping(use_shaping_engine=True)
        pages.foot = document.author

    def written(self) -> bytes:
        pages, document = self._pages, self._document
        pages.add_page()
        self._paragraph(Block(Style.HEADING, (Run(document.title, bold=True),)), points=19, colour=_INK)
        self._paragraph(Block(Style.SMALL, (Run(document.byline),)), points=9, colour=_GREY)
        pages.set_draw_color(*_INK)
        pages.line(_MARGIN_MM, pages.get_y() + 2, pages.w - _MARGIN_MM, pages.get_y() + 2)
        pages.ln(4)
        for block in document.blocks:
            self._block(block)
        return bytes(pages.output())

    def _block(self, block: Block) -> None:
        style = block.style
        points = _POINTS.get(style, _TEXT_POINTS)
        if style in {Style.HEADING, Style.SUBHEADING}:
            if self._pages.get_y() > self._pages.h - _MARGIN_MM - _KEPT_TOGETHER_MM:
                self._pages.add_page()
            bold = Block(style, tuple(Run(run.text, bold=True, url=run.url) for run in block.runs))
            self._paragraph(bold, points=points, colour=_INK)
        elif style in {Style.BULLET, Style.EPIGRAPH, Style.WARNING}:
            mark = {Style.BULLET: "•  ", Style.WARNING: "!  "}.get(style, "")
            self._pages.set_left_margin(_MARGIN_MM + _INDENT_MM)
            self._paragraph(block, points=points, colour=_BLACK, mark=mark)
            self._pages.set_left_margin(_MARGIN_MM)
        else:
            self._paragraph(block, points=points, colour=_GREY if style is Style.SMALL else _BLACK)

    def _paragraph(
        self, block: Block, *, points: float, colour: tuple[int, int, int], mark: str = ""
    ) -> None:
        pages, height = self._pages, points * _LINE
        pages.ln(_ABOVE_MM.get(block.style, _TEXT_ABOVE_MM))
        pages.set_x(pages.l_margin)
        if mark:
            pages.set_font(LATIN.name, "B", points)
            pages.set_text_color(*_INK)
            pages.set_x(pages.l_margin - _INDENT_MM + 2)
            pages.cell(_INDENT_MM - 2, height, mark, new_x=XPos.RIGHT, new_y=YPos.TOP)
            pages.set_x(pages.l_margin)
        for run in block.runs:
            for face, text in pieces(run.text, self._document.language):
                latin = face == LATIN
                style = ("B" if run.bold else "") + ("I" if run.italic else "") if latin else REGULAR
                pages.set_font(face.name, style, points)
                pages.set_text_color(*(_INK if run.url else colour))
                pages.set_text_shaping(
                    use_shaping_engine=True,
                    direction=TextDirection.RTL if face.from_right else TextDirection.LTR,
                )
                pages.write(height, text, link=run.url)
        pages.ln(height)

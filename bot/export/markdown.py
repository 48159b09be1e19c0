"""A document as Markdown (CommonMark)."""

from __future__ import annotations

import re

from bot.export.document import Block, Document, Run, Style

__all__ = ["markdown"]

_SPECIAL = re.compile(r"([\\`*_<>])|\](?=\()")
_LINE_START = re.compile(r"^(\d*)([#+=\-.)])")
_BEFORE = {Style.HEADING: "## ", Style.SUBHEADING: "### ", Style.BULLET: "- ", Style.WARNING: "> ⚠ "}


def markdown(document: Document) -> bytes:
    """UTF-8."""
    lines = [f"# {_escaped(document.title)}", "", f"*{_escaped(document.byline)}*"]
    previous: Style | None = None
    for block in document.blocks:
        lines += _separator(previous, block.style)
        lines.append(_line(block))
        previous = block.style
    return ("\n".join(lines) + "\n").encode()


def _separator(previous: Style | None, style: Style) -> list[str]:
    if style is previous is Style.BULLET:
        return []
    if style is previous is Style.EPIGRAPH:
        return [">"]
    if style is Style.SMALL and previous is not Style.SMALL:
        return ["", "---", ""]
    return [""]


def _line(block: Block) -> str:
    text = "".join(_run(run) for run in block.runs)
    if block.style in {Style.PARAGRAPH, Style.SMALL, Style.SIGNATURE}:
        return _LINE_START.sub(r"\1\\\2", text)
    if block.style is Style.EPIGRAPH:
        return f"> {text}"
    return f"{_BEFORE[block.style]}{text}"


def _run(run: Run) -> str:
    if run.url:
        return f"[{_escaped(run.text.strip('[]'))}]({run.url})"
    bare = run.text.strip()
    if not bare or not (run.bold or run.italic):
        return _escaped(run.text)
    mark = "***" if run.bold and run.italic else "**" if run.bold else "*"
    before = run.text[: len(run.text) - len(run.text.lstrip())]
    after = run.text[len(run.text.rstrip()) :]
    return f"{before}{mark}{_escaped(bare)}{mark}{after}"


def _escaped(text: str) -> str:
    """Markup that is none of ours stays text."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], text)

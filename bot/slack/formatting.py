"""Which formatting is open at a place in Slack Markdown, and where a text may be cut at all.

The dialect we print has inline marks only (``**bold**``, ``*``, ``_italic_``, ``~~`` and code), never
across lines, and inline links. Everything here looks at text before the cut only, so that what a
message shows never changes when the document grows behind it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["CLOSING_BYTES", "cut_inside", "open_marks", "shown"]

CLOSING_BYTES: Final = 8
"""Room kept in every message for closing marks: "`" or "~~", "**" and "_" together, and a spare."""

_LINK: Final = re.compile(r"\[[^\[\]\n]*\]\([^\s()]*(?:\([^\s()]*\)[^\s()]*)*\)")
_MARK: Final = re.compile(r"\\.|(?P<code>`+)|(?P<link>\[)|(?P<mark>\*\*|\*|~~|_)")


def _is_word(char: str) -> bool:
    return char.isalnum()


def open_marks(document: str, position: int) -> tuple[str, ...]:
    """The marks open just before ``position``, outermost first; a line starts with none open."""
    start = document.rfind("\n", 0, position) + 1
    line = document[start:position]
    marks: list[str] = []
    at = 0
    while (match := _MARK.search(line, at)) is not None:
        at = match.end()
        if marks and marks[-1].startswith("`"):
            if match["code"] == marks[-1]:
                marks.pop()
        elif match["code"]:
            marks.append(match["code"])
        elif match["link"]:
            link = _LINK.match(line, match.start())
            at = link.end() if link else at
        elif match["mark"]:
            _turn(marks, match["mark"], line[match.start() - 1 : match.start()], line[at : at + 1])
    return tuple(marks)


def _turn(marks: list[str], mark: str, before: str, after: str) -> None:
    """Open or close one mark, by CommonMark's rule of which side touches text."""
    closes = before not in {"", " "} and not (mark == "_" and _is_word(after))
    opens = after not in {"", " "} and not (mark == "_" and before != "" and _is_word(before))
    if mark in marks and closes:
        del marks[marks.index(mark) :]
    elif mark not in marks and opens:
        marks.append(mark)


def shown(document: str, start: int, end: int, *, closed: bool = True) -> str:
    """What a message with ``document[start:end]`` shows: without the separator it begins with, marks
    that are open at its start opened again, and (``closed``) those open at its end closed.

    With ``closed=False`` it only grows at its end while ``end`` grows: what a stream has shown so far.
    """
    body = document[start:end].lstrip("\n ")
    if not body:
        return ""
    separator = document[start : end - len(body)]
    head = "" if "\n" in separator else "".join(open_marks(document, start))
    tail = "".join(reversed(open_marks(document, end))) if closed else ""
    return f"{head}{body}{tail}"


def _forbidden(text: str) -> list[tuple[int, int]]:
    """Spans of a text inside which it must not be cut: links."""
    return [match.span() for match in _LINK.finditer(text)]


def _splits_character(text: str, position: int) -> bool:
    after = text[position]
    before = text[position - 1]
    return bool(unicodedata.combining(after)) or after in "\u200c\u200d\ufe0f" or before in "\u200c\u200d"


def cut_inside(text: str, longest: int) -> int:
    """Where to cut a unit of which ``longest`` characters fit: the last space, else the last place
    after CJK punctuation, else between two characters; never inside a link, a mark or a cluster.

    At least 1: a single character always goes, or nothing ever would.
    """
    longest = min(longest, len(text) - 1)
    links = _forbidden(text)
    candidates: dict[str, int] = {}
    for position in range(longest, 0, -1):
        before, after = text[position - 1], text[position]
        inside_link = any(low < position < high for low, high in links)
        if (
            inside_link
            or before == "\\"
            or before in "*_~`"
            or after in "*_~`"
            or _splits_character(text, position)
        ):
            continue
        if after == " " and position > longest // 2:
            return position
        if before in "，。；：、！？）」』" and position > longest // 2:
            candidates.setdefault("clause", position)
        if after == " ":
            candidates.setdefault("space", position)
            break
        candidates.setdefault("character", position)
    for kind in ("clause", "space", "character"):
        if kind in candidates:
            return candidates[kind]
    return max(longest, 1)

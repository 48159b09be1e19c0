"""HTML to plain text, without what a reader does not see."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from lxml import etree  # type: ignore[import-untyped]
from lxml import html as lxml_html

__all__ = ["Element", "document", "drop_hidden", "element_text", "plain_text"]

Element: TypeAlias = Any
"""lxml's element; the library has no types."""

_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object", "embed", "form"})
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dt",
        "figcaption",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
    }
    | {"h5", "h6", "header", "hr", "li", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"}
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:opacity|font-size)\s*:\s*0*(?:\.0+)?\s*(?:px|pt|em|rem|%)?"
    r"\s*(?:;|$|!)|(?:left|top|text-indent)\s*:\s*-\d{3,}|clip\s*:\s*rect\(\s*0|(?:height|width)\s*:\s*[01]px",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<[!/?a-zA-Z]|&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|\w{2,10});")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,300}\?>")


def document(text: str) -> Element | None:
    """The tree of a page; ``None`` where there is none to be made."""
    parser = lxml_html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = lxml_html.document_fromstring(_XML_DECLARATION.sub("", text, count=1), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError):
        return None
    return root if isinstance(root, lxml_html.HtmlElement) else None


def plain_text(markup: str) -> str:
    """The text of a piece of HTML as it is read; plain text comes back with its entities resolved. Lines are
    paragraphs.
    """
    # Feeds escape their HTML once or twice.
    for _ in range(2):
        if not _MARKUP.search(markup):
            break
        root = document(f"<div>{markup}</div>") if "<" in markup else None
        if root is None:
            markup = html.unescape(markup)
            continue
        drop_hidden(root)
        markup = element_text(root)
    return _tidy(markup)


def drop_hidden(root: Element) -> None:
    """Take out of a tree what a browser does not show."""
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            continue
        style = element.get("style") or ""
        hidden = (
            element.tag in _UNSEEN
            or element.get("hidden") is not None
            or element.get("aria-hidden") == "true"
            or (style and _HIDING.search(style) is not None)
        )
        if (
            hidden
            and element is not root
            and element.tag not in {"body", "html"}
            and element.getparent() is not None
        ):
            element.drop_tree()


def element_text(root: Element) -> str:
    """The text of a tree, a line for each block."""
    return _tidy("".join(_strings(root)))


def _strings(root: Element) -> Iterator[str]:
    """Text in the order of the page. A loop of our own: recursion would end with a deep page."""
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if element.tag in _BLOCKS:
            yield "\n"
        if event == "start" and element.text:
            yield element.text
        elif event == "end" and element.tail and element is not root:
            yield element.tail


def _tidy(text: str) -> str:
    text = re.sub(r"[^\S\n]+", " ", text.replace("\u2028", "\n").replace("\u2029", "\n"))
    return re.sub(r" ?\n[ \n]*", "\n", text).strip()

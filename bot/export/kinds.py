"""The kinds of file an assessment can be had as."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Kind"]


class Kind(StrEnum):
    """What a menu offers; the value is the file name's ending."""

    MARKDOWN = "md"
    WORD = "docx"
    PDF = "pdf"

    @property
    def label(self) -> str:
        """What people call it."""
        return {"md": "Markdown", "docx": "Word", "pdf": "PDF"}[self.value]

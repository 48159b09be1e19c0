"""The plan's head, read while the rest of the plan is still being written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.assessment.data_schemas import HEAD, HEAD_ENDS_AT
from bot.assessment.loose_json import parse_object

__all__ = ["PlanHead"]

_FIRST_KEY = re.compile(r'^[^{]*\{\s*"(\w+)"')
_END = re.compile(rf',\s*"{HEAD_ENDS_AT}"\s*:')
"""Inside a string the quotation marks would be escaped."""


class PlanHead:
    """Takes the plan's text piece by piece."""

    def __init__(self) -> None:
        self.data: Mapping[str, Any] | None = None
        """The head's fields, once all of them are there."""
        self.elsewhere = False
        """The model began with another field: the head comes with the whole plan, or not at all."""
        self._text = ""

    def feed(self, piece: str) -> bool:
        """Take more text; True when something became known with it."""
        if self.data is not None or self.elsewhere:
            return False
        self._text += piece
        first = _FIRST_KEY.match(self._text)
        if first is None:
            return False
        if first[1] not in HEAD:
            self.elsewhere = True
            return True
        end = _END.search(self._text)
        if end is None:
            return False
        self.data = parse_object(self._text[: end.start()] + "}") or {}
        return True

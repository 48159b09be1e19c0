"""The web addresses in a question: whoever sends one wants it read."""

from __future__ import annotations

import re

from bot.evidence.web_addresses import UnsafeAddressError, canonical_url
from bot.turns import Question

__all__ = ["MOST_LINKS", "links_in"]

MOST_LINKS = 3
"""Links read of one question: people send one; a list of twenty is an attack on somebody else's server."""

_ADDRESS = re.compile(r"https?://[^\s<>|\"'“”（）]+", re.IGNORECASE)
_CLOSING = ".,;:!?…。，、)]}*_~`’"


def links_in(question: Question) -> list[str]:
    """Canonical addresses in the person's own words, then in what they forwarded; each once. Slack's
    ``<address|label>`` and bare ones.
    """
    found: list[str] = []
    for text in (question.text, *(quoted.text for quoted in question.quoted)):
        for match in _ADDRESS.finditer(text.replace("&amp;", "&")):
            address = match[0]
            while address and address[-1] in _CLOSING and not _closes_one_inside(address):
                address = address[:-1]
            try:
                url = canonical_url(address)
            except UnsafeAddressError:
                continue
            if url not in found:
                found.append(url)
    return found[:MOST_LINKS]


def _closes_one_inside(address: str) -> bool:
    """Whether the last bracket belongs to the address: it has as many that open."""
    return address[-1] == ")" and address.count("(") >= address.count(")")

"""Web addresses of sources: a form that can stand in a Markdown link, and whose they are."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

__all__ = ["link_address", "owner_domain"]

LONGEST_ADDRESS = 400
"""Characters: longer ones are tracking; a dozen of them would fill a message."""

_SAFE = "/:@!$&+,=%~-._*"
"""What stays as it is in path and query, beside letters and digits. Percent-encoded is what ends a Markdown
link (brackets, blanks, quotes) or, as ";", an HTML entity: the address means the same."""
_ENTITY_LIKE = re.compile(r"&(?:lt|gt)", re.IGNORECASE)
"""Entities that are read without their ";" too."""
_SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "gob", "go", "gov", "gouv", "in", "mil", "ne", "net", "nic", "or", "org", "re"}
)
"""Labels under which national registries register names: the domain of news.co.uk is not co.uk."""


def link_address(url: str) -> str | None:
    """The address, percent-encoded so that it survives in a Markdown link letter for letter; ``None``
    where it is no web address or a link to it would be unreadable. Applying it again changes nothing.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except ValueError:  # UnicodeError is one, too
        return None
    if parts.scheme not in ("http", "https") or parts.username or parts.password:
        return None
    if not re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*", host):
        return None
    netloc = f"{host}:{port}" if port else host
    path, query = quote(parts.path, safe=_SAFE) or "/", quote(parts.query, safe=_SAFE + "?")
    address = urlunsplit((parts.scheme, netloc, _without_entities(path), _without_entities(query), ""))
    return address if len(address) <= LONGEST_ADDRESS else None


def _without_entities(text: str) -> str:
    return _ENTITY_LIKE.sub(lambda match: f"&%{ord(match[0][1]):X}{match[0][2]}", text)


def owner_domain(url: str) -> str:
    """The registered domain of an address, ``news.example.co.uk`` → ``example.co.uk``; empty where there is
    none. Registries with rules of their own are few among publishers; for those a wrong guess only makes
    two owners of one.
    """
    try:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    labels = host.split(".")
    national = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if national else -2 :])

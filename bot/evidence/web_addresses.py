"""Web addresses: one form for each document, and which machines may be spoken to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

__all__ = ["UnsafeAddressError", "canonical_url", "check_url", "identity_of", "is_public", "resolved_link"]

LONGEST_URL = 2_000
"""Characters: what browsers and proxies take everywhere; a longer address is an attack or a mistake."""

WEB_PORTS = frozenset({80, 443, 8080, 8443})
"""Where the web is served. Other ports of public machines are databases, consoles and mail."""

_TRACKING = re.compile(
    r"(?:utm_|at_|pk_|hsa_|mc_|_hs|vero_).*"
    r"|fbclid|gclid|dclid|gbraid|wbraid|yclid|msclkid|twclid|igshid|_ga|_gl|wt\.mc_id|cmp|cmpid|ocid|smid|smtyp"
    r"|spm|ref|ref_src|ref_url|partner|ito|ncid|sr_share|taid|traffic_source|xtor",
    re.IGNORECASE,
)
"""Parameters that say how a reader came to a page and never which page it is. The first line: Google's, the
BBC's, Matomo's, HubSpot's and Mailchimp's families; the others are named by those who read them."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CLOSED = tuple(
    map(
        ipaddress.ip_network,
        # Shared by providers; protocol assignments (a cloud's metadata among them); 6to4 relays; IPv6's local
        # NAT64, discard, documentation, segment routing and site-local ranges.
        (
            *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "100::/64"),
            *("2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10"),
        ),
    )
)
"""What Python's registry of special addresses does not know, or not in every version."""


class UnsafeAddressError(ValueError):
    """An address that is never fetched; the message says why, for an analyst, without the address."""


def check_url(url: str, *, any_port: bool = False) -> None:
    """Refuse what is not a plain web address; raises ``UnsafeAddressError``. The machine behind it is checked
    when its name is resolved (``is_public``). ``any_port``: for test servers.
    """
    if len(url) > LONGEST_URL:
        raise UnsafeAddressError("its address is too long")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnsafeAddressError("its address is malformed") from error
    if parts.scheme not in {"http", "https"}:
        raise UnsafeAddressError("its address is neither http nor https")
    if not parts.hostname or re.search(r"[\s\x00-\x1f\x7f\\<>]", url):
        raise UnsafeAddressError("its address is malformed")
    if parts.username is not None or parts.password is not None:
        raise UnsafeAddressError("its address holds a user name")
    if port is not None and port not in WEB_PORTS and not any_port:
        raise UnsafeAddressError("its address names a port that is not the web's")


def is_public(address: str, *, loopback_allowed: bool = False) -> bool:
    """Whether an IP address is a machine of the public internet: not private, loopback, link-local (cloud
    metadata), shared, multicast or reserved, nor one of these inside an IPv6 address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            embedded.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        inner = [each for each in embedded if each is not None]
        if inner:
            return all(is_public(str(each), loopback_allowed=loopback_allowed) for each in inner)
        if int(ip) >> 32 == 0 and int(ip) > 1:  # ::a.b.c.d, obsolete and routed by some
            return False
    if ip.is_loopback:
        return loopback_allowed
    if any(ip in network for network in _CLOSED):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)


def canonical_url(url: str) -> str:
    """The address without fragment, default port and tracking parameters, host in lower case. Raises
    ``UnsafeAddressError`` for what is no web address.
    """
    # As browsers do: feeds hold addresses with blanks, and broken over two lines.
    url = re.sub(r"[\t\r\n]", "", url.strip()).replace(" ", "%20")
    check_url(url, any_port=True)
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    default = {"http": 80, "https": 443}[parts.scheme]
    if parts.port not in {None, default}:
        host = f"{host}:{parts.port}"
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        kept = [(name, value) for name, value in pairs if not _TRACKING.fullmatch(name)]
        if len(kept) != len(pairs):
            query = urlencode(kept)
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._") or "/"
    return urlunsplit((parts.scheme, host, path, query, ""))


def identity_of(url: str) -> str:
    """What two addresses of one document have in common: without scheme, ``www.`` and closing slash."""
    parts = urlsplit(canonical_url(url))
    host = parts.netloc.removeprefix("www.")
    path = re.sub(r"/(?:index\.(?:html?|php|jsp|aspx?))?$", "", parts.path)
    return f"{host}{path}" + (f"?{parts.query}" if parts.query else "")


def resolved_link(page: str, link: str) -> str | None:
    """The canonical address a link on a page leads to; ``None`` for what is no web address."""
    try:
        return canonical_url(urljoin(page, link.strip()))
    except ValueError:
        return None

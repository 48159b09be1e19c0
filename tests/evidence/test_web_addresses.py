"""Web addresses: one form for each document, and which machines may be spoken to."""

from __future__ import annotations

import pytest

from bot.evidence.web_addresses import (
    UnsafeAddressError,
    canonical_url,
    check_url,
    identity_of,
    is_public,
    resolved_link,
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.1",
        "169.254.169.254",  # metadata of the large clouds
        "100.100.100.200",  # and of Alibaba's, in the shared range
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "::7f00:1",
        "2001:db8::1",
        "64:ff9b:1::1",
        "fec0::1",
        "100::1",
    ],
)
def test_a_private_machine_is_not_public(address: str) -> None:
    """Private, loopback, link-local, metadata, shared and reserved addresses, also inside IPv6 ones."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.164", "2606:4700::6810:84e5", "::ffff:8.8.8.8"])
def test_a_machine_of_the_internet_is_public(address: str) -> None:
    """IPv4 and IPv6."""
    assert is_public(address)


def test_the_switch_for_tests_opens_loopback_and_nothing_else() -> None:
    """The metadata service stays closed."""
    assert is_public("127.0.0.1", loopback_allowed=True)
    assert is_public("::1", loopback_allowed=True)
    assert not is_public("169.254.169.254", loopback_allowed=True)
    assert not is_public("10.0.0.1", loopback_allowed=True)
    assert not is_public("0.0.0.0", loopback_allowed=True)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://news.example/a",
        "gopher://news.example/",
        "javascript:alert(1)",
        "//news.example/a",
        "http://",
        "http://user:secret@news.example/",
        "http://news.example:22/",
        "http://news.example:6379/",
        "http://news.example:99999/",
        "http://[::1",
        "http://news.example\\@evil.example/",
        "http://news.example/a\r\nX-Header: 1",
        "http://news.example/" + "a" * 2_000,
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    """Other schemes, credentials, other services' ports, malformed and endless addresses."""
    with pytest.raises(UnsafeAddressError):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://News.Example:443/a?utm_source=rss&id=7#top", "https://news.example/a?id=7"),
        ("http://news.example", "http://news.example/"),
        ("https://news.example./a?fbclid=x", "https://news.example/a"),
        ("https://news.example/a b\n/c", "https://news.example/a%20b/c"),
        ("https://news.example/新闻", "https://news.example/%E6%96%B0%E9%97%BB"),
        ("https://news.example/a%20b?q=x%26y", "https://news.example/a%20b?q=x%26y"),
        ("http://[2001:DB8::1]:8080/a", "http://[2001:db8::1]:8080/a"),
    ],
)
def test_an_address_has_one_form(url: str, canonical: str) -> None:
    """Without fragment, default port and what only says how a reader came; twice canonical is canonical."""
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


def test_addresses_of_one_document_share_an_identity() -> None:
    """Scheme, www., a closing slash and index.html say nothing; a query does."""
    same = ["https://news.example/a/", "http://www.news.example/a", "https://news.example/a/index.html"]
    assert len({identity_of(url) for url in same}) == 1
    assert identity_of("https://news.example/a?id=1") != identity_of("https://news.example/a?id=2")


def test_a_link_is_read_from_its_page() -> None:
    """Relative ones are resolved; what leads nowhere on the web is nothing."""
    assert resolved_link("https://news.example/a/", "../b?utm_medium=x") == "https://news.example/b"
    assert resolved_link("https://news.example/", "mailto:a@news.example") is None
    assert resolved_link("https://news.example/", "javascript:void(0)") is None
    assert resolved_link("https://news.example/", "http://[") is None

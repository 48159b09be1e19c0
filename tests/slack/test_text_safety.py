"""Nothing a model or a person writes can ping anyone or plant a link."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack.text_safety import safe_markdown, safe_mrkdwn, safe_plain
from tests.slack.recogniser import live

ALLOWED = frozenset({"https://example.org/report_(2026)", "https://news.example/a?b=1&c=2"})

LEGITIMATE = [
    "57 % < 60 %",
    "AT&T and R&D",
    "5 > 3",
    "U.S.–China, U.S.-led, the U.S. says",
    "No. 70",
    "e.g. this, i.e. that",
    "Node.js works; so does annex.pdf",
    "a.m. and p.m., Ph.D., Washington, D.C.",
    "growth.However, v2.5 of 3.5bn",
    "习近平：“中国”。新华社。1.中国经济，！？（）",
    "क्\u200dष मी می\u200cخواهم",
    "👩\u200d💻 ☀️",
    "**bold** _italic_ `code` \\* \\_",
    "[S3](https://example.org/report_(2026)) and [S4](https://news.example/a?b=1&c=2).",
    "likely (60–75 %), at 10:30, ratio 3:1, data: none",
    "• first\n• second\n\n### A. Title",
]


@pytest.mark.parametrize("text", LEGITIMATE)
def test_leaves_legitimate_text_alone(text: str) -> None:
    """What analysts write comes out letter for letter."""
    safe = safe_markdown(text, allowed_urls=ALLOWED)
    assert (text, 0) == (safe.text, safe.removed)


ATTACKS = [
    "<!channel>",
    "<!here|here> <!everyone>",
    "<!subteam^S123|@cn-team>",
    "<@U123ABC> <#C123|general>",
    "<https://evil.com|click>",
    "&lt;!channel&gt; &amp;lt;!here&amp;gt; &#60;!here&#62; &#x3C;@U1&#x3E;",
    "&am&#112;;lt;!channel>",
    "＜!channel＞ ＠here ﹤!here﹥ ﹫everyone",
    "\\<!channel\\> <\\!here> \\@channel",
    "<\u200b!channel> @\u200bhere @\u2060everyone @cha\u00adnnel <\u202e!channel>",
    "@channel @here @everyone @CN-01 @𝐜𝐡𝐚𝐧𝐧𝐞𝐥 @ｈｅｒｅ",
    "https://evil.com/?q=secret http://evil.com ftp://x.y slack://open",
    "ｈｔｔｐｓ：//ｅｖｉｌ．ｃｏｍ 𝚎𝚟𝚒𝚕.𝚌𝚘𝚖",
    "www.evil.com evil.com sub.evil.co.uk evil。com evil․com example.com.The",
    "mail me at spy@evil.com or mailto:spy@evil.com tel:+123",
    "[text](https://evil.com) ![image](https://evil.com/?q=1) [x]: https://evil.com",
    "[https:](x)//evil.com [ev](y)il.com [a][b] [b]: evil.com",
    "[[a](https://evil.com)](https://evil.com) ![[x](u)](u)",
    "https:\\//evil.com https\\://evil.com evil\\.com",
    "<!chan\nnel> <!channel\n>",
    "javascript:alert(1) JavaScript:alert(1)",
    "[S3](https://example.org/report_(2026)?q=secret) [S3](https://example.org/report)",
    "<" * 40 + "!channel>" + "&amp;" * 200 + "lt;!here>",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_defuses_every_known_trick(text: str) -> None:
    """Escapes, homoglyphs, invisible characters and nested links do not get through."""
    safe = safe_markdown(text, allowed_urls=ALLOWED)
    assert live(safe.text, allowed_urls=ALLOWED) == []
    assert safe.removed > 0


ALPHABET = st.sampled_from(
    [
        "<", ">", "!", "@", "#", "&", ";", "|", "[", "]", "(", ")", "\\", "/", ":",
        ".", "*", "_", "`", "~", " ", "\n", "＜", "＞", "＠", "．", "：", "／", "\u200b",
        "\u200d", "\u202e", "\ufe0f", "&lt;", "&gt;", "&amp;", "&#60;", "&#64", "amp;",
        "lt;", "channel", "here", "everyone", "!channel", "subteam^S1", "U0123",
        "C0123", "http", "https:", "//", "https://", "www", "evil", "com", ".com",
        "example.org", "mailto:", "spy", "x", "A", "1", "中", "क", "ا", "é",
        "https://example.org/report_(2026)", "](", "![", "]:", "javascript", "ｃ", "𝐜",
        "\x00", "\ud800", "ı", "ſ", "K",
    ]
)  # fmt: skip
HOSTILE = st.lists(ALPHABET, max_size=24).map("".join) | st.text(max_size=40)


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_nothing_live_survives_whatever_is_written(text: str) -> None:
    """No mention, ping or unknown link in any form the text can take, in all three outputs."""
    assert live(safe_markdown(text, allowed_urls=ALLOWED).text, allowed_urls=ALLOWED) == []
    assert live(safe_mrkdwn(text).text) == []
    assert live(safe_plain(text).text) == []


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_applying_it_again_changes_nothing(text: str) -> None:
    """Text may pass the layer twice on its way."""
    once = safe_markdown(text, allowed_urls=ALLOWED).text
    again = safe_markdown(once, allowed_urls=ALLOWED)
    assert (once, 0) == (again.text, again.removed)
    assert safe_mrkdwn(safe_mrkdwn(text).text).text == safe_mrkdwn(text).text
    assert safe_plain(safe_plain(text).text).text == safe_plain(text).text


@settings(max_examples=60, deadline=None)
@given(HOSTILE, st.sampled_from(["\n\n", "\n", " "]), HOSTILE)
def test_units_cleaned_one_by_one_stay_safe_when_joined(first: str, separator: str, second: str) -> None:
    """A trick spread over two units does not work, because a separator stands between them."""
    joined = safe_markdown(first).text + separator + safe_markdown(second).text
    assert live(joined) == []


@given(HOSTILE)
def test_output_can_be_encoded(text: str) -> None:
    """Lone surrogates would break the request."""
    safe_markdown(text).text.encode()
    safe_plain(text).text.encode()


def test_escapes_mrkdwn_signs() -> None:
    """Slack's three signs leave as entities, once."""
    assert safe_mrkdwn("5 < 6 & AT&amp;T").text == "5 &lt; 6 &amp; AT&amp;T"


def test_plain_text_is_one_line() -> None:
    """A header never breaks."""
    assert safe_plain("China,\n  U.S.\tStrike").text == "China, U.S. Strike"


@pytest.mark.parametrize(
    "piece", ["中", "a", "a@", "&amp;", "[x](", "<", "a-", "a.", "\u200d", "http://", "](x)"]
)
def test_endless_text_costs_no_more_than_its_length(piece: str) -> None:
    """A model's endless line cannot stall the process: no pattern looks at text again and again."""
    text = piece * 30_000 + "@.com"
    started = time.process_time()
    safe_markdown(text)
    assert time.process_time() - started < 2.0

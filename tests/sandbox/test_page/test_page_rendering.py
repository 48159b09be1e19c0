"""What the page makes of text: Markdown, mrkdwn, emoji, mentions. Runs the page's own modules in Chromium."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page

import bot.sandbox

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PAGE = Path(bot.sandbox.__file__).parent / "page"
SAMPLE = """Opening line with **bold**, *italic*, ***both***, ~~gone~~ and `code *x*`.

# 1. First title

- one [1](https://example.org/a_(b) "t")
- two
  - nested 新能源生产力
    - deeper
- three

## 2. Second

### A. Third

3. three
4. four

> quoted *line*
> second line

| A | B |
|:--|--:|
| x | 60–75 % |

---

```python
if a < b: print("<b>")
```

Last paragraph, https://example.org/x?a=1&b=2. <@U9> &lt;ok&gt; \\*not italic\\*
"""


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A browser page that can import the modules and shows nothing of its own."""
    app = web.Application()
    app.router.add_static("/static", PAGE)

    async def blank(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>blank</title><body>", content_type="text/html")

    app.router.add_get("/", blank)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    tab = await browser.new_page()
    await tab.goto(f"http://127.0.0.1:{port}/")
    yield tab
    await tab.close()
    await runner.cleanup()


async def markdown(page: Page, text: str) -> str:
    """The HTML the page shows for Markdown."""
    shown = await page.evaluate(
        """async (text) => {
          const { renderMarkdown } = await import("/static/markdown.js");
          const box = document.createElement("div");
          box.append(...renderMarkdown(text));
          return box.innerHTML;
        }""",
        text,
    )
    return str(shown)


async def mrkdwn(page: Page, text: str) -> str:
    """The HTML the page shows for mrkdwn."""
    shown = await page.evaluate(
        """async (text) => {
          const { renderMrkdwn } = await import("/static/mrkdwn.js");
          const box = document.createElement("div");
          box.append(...renderMrkdwn(text));
          return box.innerHTML;
        }""",
        text,
    )
    return str(shown)


async def test_markdown_shows_every_element_of_an_assessment(page: Page) -> None:
    """Headings, nested and numbered lists, quotes, links, tables, rules and code become their elements."""
    shown = await markdown(page, SAMPLE)
    for part in (
        "<strong>bold</strong>",
        "<em>italic</em>",
        "<strong><em>both</em></strong>",
        "<s>gone</s>",
        "<code>code *x*</code>",
        '<h3 class="md-h1">1. First title</h3>',
        '<h4 class="md-h2">2. Second</h4>',
        '<h5 class="md-h3">A. Third</h5>',
        'href="https://example.org/a_(b)"',
        "<ul><li>nested 新能源生产力<ul><li>deeper</li></ul></li></ul>",
        '<ol start="3"><li>three</li><li>four</li></ol>',
        "<blockquote><p>quoted <em>line</em><br>second line</p></blockquote>",
        '<td class="align-right">60–75 %</td>',
        "<hr>",
        'if a &lt; b: print("&lt;b&gt;")',
        'href="https://example.org/x?a=1&amp;b=2"',
        '<span class="mention">@U9</span>',
        "&lt;ok&gt;",
        "*not italic*",
    ):
        assert part in shown, part


@pytest.mark.parametrize(
    "attack",
    [
        "<script>window.hit=1</script>",
        "<img src=x onerror='window.hit=1'>",
        "[click](javascript:window.hit=1)",
        "[click](data:text/html,<script>window.hit=1</script>)",
        "<javascript:alert(1)|x>",
        '<https://example.org" onmouseover="window.hit=1|x>',
        '[x](https://example.org "onload=window.hit=1")',
        "| <svg onload=window.hit=1> |\n|--|\n| <iframe src=javascript:window.hit=1> |",
        "```\n</code><script>window.hit=1</script>\n```",
        ":<b>:",
    ],
)
async def test_markup_in_text_stays_text(page: Page, attack: str) -> None:
    """Neither HTML nor a script URL in Markdown or mrkdwn becomes an element or a link."""
    for shown in (await markdown(page, attack), await mrkdwn(page, attack)):
        verdict: dict[str, Any] = await page.evaluate(
            """(html) => {
              document.body.innerHTML = html;
              const all = [...document.body.querySelectorAll("*")];
              return {
                bad: all.filter((e) => /^(SCRIPT|IMG|SVG|IFRAME)$/i.test(e.tagName)
                  || e.getAttributeNames().some((n) => n.startsWith("on"))).length,
                schemes: [...document.body.querySelectorAll("a")].map((a) => new URL(a.href).protocol),
                hit: window.hit ?? null,
              };
            }""",
            shown,
        )
        assert verdict["bad"] == 0
        assert set(verdict["schemes"]) <= {"https:"}
        assert verdict["hit"] is None


async def test_markdown_that_grows_ends_like_markdown_rendered_at_once(page: Page) -> None:
    """Whatever the cuts between the deltas, the settled view equals one rendering of the whole text."""
    dice = random.Random(7)  # a fixed seed, so that a failure can be repeated
    whole = await markdown(page, SAMPLE)
    for size in (1, 3, 17, 80):
        cuts, at = [], 0
        while at < len(SAMPLE):
            step = dice.randint(1, size)
            cuts.append(SAMPLE[at : at + step])
            at += step
        grown = await page.evaluate(
            """async (deltas) => {
              const { MarkdownView } = await import("/static/markdown.js");
              const view = new MarkdownView();
              for (const delta of deltas) view.append(delta);
              view.settle();
              return view.element.innerHTML;
            }""",
            cuts,
        )
        assert grown == whole


async def test_a_long_stream_stays_cheap(page: Page) -> None:
    """A delta at the end of 9,000 bytes redraws at most the last blocks and keeps the nodes before them."""
    result = await page.evaluate(
        """async (section) => {
          const { MarkdownView } = await import("/static/markdown.js");
          const view = new MarkdownView();
          while (view.text.length < 9000) view.append(section);
          const first = view.element.firstChild;
          const started = performance.now();
          let most = 0;
          for (let i = 0; i < 200; i += 1) {
            view.append(" and more");
            most = Math.max(most, view.rendered);
          }
          const each = (performance.now() - started) / 200;
          return { kept: first === view.element.firstChild, most, each };
        }""",
        SAMPLE,
    )
    assert result["kept"]
    assert result["most"] <= 2
    assert result["each"] < 5  # milliseconds a delta; about 0.1 on an idle machine


async def test_hostile_text_is_rendered_in_good_time(page: Page) -> None:
    """Text made to defeat a naive scanner takes well under a second for a full message."""
    for text in (
        "*a " * 4000,
        "[" * 12000,
        "`" * 11999,
        "**" * 6000,
        "<" * 12000,
        "> " * 3000,
        "_a*b" * 3000,
    ):
        spent = await page.evaluate(
            """async (text) => {
              const { renderMarkdown } = await import("/static/markdown.js");
              const { renderMrkdwn } = await import("/static/mrkdwn.js");
              const started = performance.now();
              renderMarkdown(text);
              renderMrkdwn(text);
              return performance.now() - started;
            }""",
            text,
        )
        assert spent < 1500, text[:6]


async def test_mrkdwn_follows_slacks_rules(page: Page) -> None:
    """Single asterisks are bold, links have labels, bullets and quotes are set off, words are left alone."""
    shown = await mrkdwn(
        page, "*bold* _it_ ~no~ `c` snake_case_name 2*3*4 <https://example.org/a|label>\n• one\n> q"
    )
    for part in (
        "<strong>bold</strong>",
        "<em>it</em>",
        "<s>no</s>",
        "<code>c</code>",
        "snake_case_name",
        "2*3*4",
        ">label</a>",
        '<span class="bullet-mark">•</span><span>one</span>',
        "<blockquote>",
    ):
        assert part in shown, part


async def test_every_flag_is_computed_from_its_letters(page: Page) -> None:
    """:flag-xx: is the pair of regional indicators of the country, for any country."""
    flags = await page.evaluate(
        """async (names) => {
          const { emojiText } = await import("/static/emoji.js");
          return names.map(emojiText);
        }""",
        ["flag-cn", "flag-in", "flag-za", "jp", "warning", "no_such_emoji"],
    )
    assert flags == ["🇨🇳", "🇮🇳", "🇿🇦", "🇯🇵", "⚠️", None]


async def test_typed_names_become_wire_mentions(page: Page) -> None:
    """@CN-01 is replaced in any case and position, but not inside a word, an address or a longer name."""
    typed = {
        "@CN-01 what next?": "<@U1> CN-01 what next?",
        "ask (@cn-01), please": "ask (<@U1> CN-01), please",
        "@dana: a < b & c": "<@U2>: a &lt; b &amp; c",
        "mail me@cn-01 or @cn-012": "mail me@cn-01 or @cn-012",
        "<!channel> <@U2>": "&lt;!channel&gt; &lt;@U2&gt;",
    }
    wired = await page.evaluate(
        """async (texts) => {
          const { state } = await import("/static/state.js");
          const { encodeTyped, decodeTyped } = await import("/static/mentions.js");
          state.mentions = [
            { label: "CN-01", name: "China Agent", icon: ":flag-cn:", inserts: "<@U1> CN-01" },
            { label: "dana", name: "Dana Reyes", icon: null, inserts: "<@U2>" },
          ];
          return texts.map((text) => [encodeTyped(text), decodeTyped(encodeTyped(text))]);
        }""",
        list(typed),
    )
    assert [wire for wire, _ in wired] == list(typed.values())
    assert [back.lower() for _, back in wired] == [text.lower() for text in typed]


async def test_deltas_that_came_during_a_fetch_are_added_once(page: Page) -> None:
    """The fetched text may contain none, some or all of them."""
    cases = [("ab", [" c", " d"]), ("ab c", [" c", " d"]), ("ab c d", [" c", " d"]), ("", ["x"]), ("x", [])]
    joined = await page.evaluate(
        """async (cases) => {
          const { caughtUp } = await import("/static/messages.js");
          return cases.map(([text, deltas]) => caughtUp(text, deltas));
        }""",
        cases,
    )
    assert joined == ["ab c d", "ab c d", "ab c d", "x", "x"]

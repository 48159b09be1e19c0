"""How the sandbox page holds up: hostile text, phone width, colours, keyboard, lost connections."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from bot.sandbox.config import WorkspaceConfig
from bot.sandbox.server import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

DESK = "C0DESK"
OpenPage = Callable[..., Awaitable[Page]]
CallApi = Callable[..., Awaitable[dict[str, Any]]]
Delivered = Callable[..., Awaitable[dict[str, Any]]]
PHONE = {"width": 360, "height": 740}


ATTACK = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'


async def test_markup_in_messages_names_and_blocks_stays_text(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi
) -> None:
    """No way in turns text into markup: typed, posted, streamed, a sender's name, a block, a status."""
    page = await open_page()
    await page.get_by_test_id("composer").fill(ATTACK)
    await page.get_by_test_id("composer").press("Enter")
    await expect(page.get_by_test_id("message")).to_contain_text(ATTACK)
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"{ATTACK} <javascript:alert(1)|x>"}},
        {"type": "context", "elements": [{"type": "plain_text", "text": ATTACK}]},
        {"type": "markdown", "text": f"{ATTACK}\n\n[x](javascript:window.hit=1)"},
    ]
    await api("chat.postMessage", channel=DESK, text=ATTACK, username=ATTACK[:80], icon_emoji=":<b>:")
    await api("chat.postMessage", channel=DESK, text="b", blocks=blocks)
    await api("chat.postMessage", channel=DESK, markdown_text=ATTACK)
    await expect(page.get_by_test_id("message")).to_have_count(4)
    assert await page.locator(".messages img, .messages script, .messages iframe").count() == 0
    assert await page.locator('a[href^="javascript"]').count() == 0
    assert await page.evaluate("window.hit ?? null") is None
    assert len(sandbox.workspace.channels[DESK].messages) == 4


LONG_WORD = "Donaudampfschifffahrtsgesellschaft" * 6
TABLE = "| Hypothesis | Probability | Since last assessment |\n|:--|--:|:-:|\n| Renewal | 60–75 % | ▲ |\n"


async def test_nothing_scrolls_sideways_on_a_phone(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi, card: list[dict[str, Any]]
) -> None:
    """At 360 px, with long words, tables, code and buttons, only the table itself scrolls sideways."""
    root = await sandbox.post_as_user("U0DANA", DESK, f"{LONG_WORD} https://example.org/{'a' * 200}")
    text = f"# {LONG_WORD}\n\n{TABLE}\n- {LONG_WORD}\n\n```\n{'x' * 300}\n```\n"
    await api("chat.postMessage", channel=DESK, thread_ts=root, markdown_text=text)
    await api("chat.postMessage", channel=DESK, thread_ts=root, text="card", blocks=card)
    page = await open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    sideways = """[...document.querySelectorAll("html, body, .scroller, .messages, .message, .message-body")]
      .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
      .map((e) => e.className || e.tagName)"""
    await expect(page.get_by_test_id("replies")).to_be_visible()
    assert await page.evaluate(sideways) == []
    await page.get_by_test_id("replies").click()
    await expect(page.get_by_test_id("thread").get_by_test_id("message")).to_have_count(3)
    assert await page.evaluate(sideways) == []
    box = await page.get_by_test_id("thread").bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"]
    await page.get_by_role("button", name="Close the thread").click()
    await page.get_by_role("button", name="Channels and apps").click()
    await page.get_by_test_id("channel-link").filter(has_text="random").click()
    await expect(page.get_by_role("heading", name="random")).to_be_visible()


CONTRAST = """() => {
  const pen = document.createElement("canvas").getContext("2d");
  const rgb = (colour) => {
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (c) => c.map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "white";
  };
  const chosen = [".message-body", ".author", ".message-head time", ".mention", ".link", ".topic", ".team",
    ".side-link", ".banner-text", ".side-group h2"];
  return chosen.map((selector) => {
    const e = document.querySelector(selector);
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(rgb(back(e)))];
    return [selector, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  }).filter(([, ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_both_schemes_are_readable(open_page: OpenPage, sandbox: Sandbox, scheme: str) -> None:
    """The page follows the system's scheme, and text has WCAG AA contrast (4.5:1) in each."""
    await sandbox.post_as_user("U0KIM", DESK, "<@U0ADA> see <https://example.org|this>")
    page = await open_page(color_scheme=scheme)
    await expect(page.get_by_test_id("message")).to_be_visible()
    background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", background)[0])
    assert (red < 60) == (scheme == "dark")
    assert await page.evaluate(CONTRAST) == []


async def test_the_colour_button_overrides_the_system(open_page: OpenPage) -> None:
    """System, light, dark, in turn; the choice survives a reload."""
    page = await open_page(color_scheme="light")
    button = page.get_by_role("button", name="Colours")
    await button.click()
    await button.click()
    await page.reload()
    await expect(button).to_have_attribute("title", "Colours: dark")
    assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


async def test_the_banner_says_that_this_is_not_slack(open_page: OpenPage) -> None:
    """Name and model stand on top of every page."""
    page = await open_page()
    await expect(page.get_by_role("banner")).to_contain_text("Sandbox workspace – not Slack")
    await expect(page.get_by_role("banner")).to_contain_text("model: scripted")


async def test_the_keyboard_reaches_everything(open_page: OpenPage, sandbox: Sandbox) -> None:
    """? lists the shortcuts, arrows walk messages, Enter opens the thread, Esc goes back to the message."""
    for text in ("one", "two"):
        await sandbox.post_as_user("U0KIM", DESK, text)
    page = await open_page()
    rows = page.locator("#channel-messages").get_by_test_id("message")
    await rows.last.focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("ArrowUp")
    await expect(rows.first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("thread-composer")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(rows.first).to_be_focused()
    await page.keyboard.press("F6")
    await expect(page.locator("#sidebar :focus")).to_have_count(1)


async def test_a_lost_connection_comes_back_with_what_was_missed(
    open_page: OpenPage, browser: Browser
) -> None:
    """The page says so, tries again, and fetches what was written meanwhile."""
    config = replace(WorkspaceConfig(), rate_limits=False)
    first = Sandbox(config)
    await first.start()
    port = int(first.page_url.rsplit(":", 1)[1].strip("/"))
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{first.page_url}?user=U0DANA")
    await page.wait_for_selector("body[data-live=up]")
    await first.aclose()
    await page.wait_for_selector("body[data-live=down]")
    await expect(page.get_by_role("banner")).to_contain_text("Connection lost")
    async with Sandbox(config, port=port) as second:
        await second.post_as_user("U0KIM", DESK, "written meanwhile")
        await expect(page.get_by_text("written meanwhile")).to_be_visible(timeout=15_000)
        await expect(page.get_by_role("banner")).to_contain_text("not Slack")

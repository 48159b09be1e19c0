"""The whole way in a real browser: typed into the sandbox page, answered in its thread."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from bot.demo_workspace import demo_workspace
from tests.support.desk import FAST, PERSONAS, ROOT, OpenDesk, dripping, open_desk
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZE = {"width": 1360, "height": 850}
SCREENSHOT = ROOT / "deploy" / "screenshot.png"
FORM_SCREENSHOT = ROOT / "deploy" / "form.png"
HOME_SCREENSHOT = ROOT / "deploy" / "home.png"
TALL = {"width": 1100, "height": 1090}
"""The whole of the home tab."""
SCREENSHOT_BYTES = 400_000
"""Largest picture in the repository: a README should load at once."""
ANSWER_MS = 30_000


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A tab of Debian's Chromium; a script error on the page fails the test."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = await browser.new_page(viewport=SIZE, color_scheme="light", device_scale_factor=1)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        yield tab
        await browser.close()
    assert complaints == []


@pytest.fixture
async def desk(valkey: RealValkey) -> AsyncIterator[OpenDesk]:
    """The desk as ``country-agents sandbox`` sets it up, with a scripted model that streams."""
    info = {"model": "scripted model", "store": "Valkey"}
    async with open_desk(
        valkey,
        workspace=demo_workspace(PERSONAS, info),
        pace=None,
        tokens_per_second=300,
        first_token_seconds=0.3,
    ) as running:
        yield running


async def test_a_typed_mention_is_answered_before_the_readers_eyes(
    desk: OpenDesk, page: Page, tmp_path: Path
) -> None:
    """@CN-01 chosen with the keyboard, the seed's question, Enter: the answer streams into the thread."""
    await page.goto(f"{desk.sandbox.page_url}?user=U0DANA")
    await page.wait_for_selector("body[data-live=up]")
    composer = page.get_by_test_id("composer")
    await composer.press_sequentially("@cn")
    await expect(page.get_by_test_id("mention-option").first).to_contain_text("CN-01")
    await composer.press("Enter")
    await expect(composer).to_have_value("@CN-01 ")
    await page.keyboard.insert_text(QUESTION)
    await composer.press("Enter")

    thread = page.get_by_test_id("thread")
    headings = thread.get_by_role("heading")
    numbered = thread.get_by_role("heading").filter(has_text="What the truce says")
    await expect(numbered).to_be_visible(timeout=ANSWER_MS)
    assert desk.model.open_streams > 0, "the reader sees text while the model writes"
    await expect(thread).to_contain_text("Wang Anshi", timeout=ANSWER_MS)
    await expect(thread).to_contain_text("不畏浮云遮望眼")
    await expect(thread).to_contain_text("Three Corporate")
    await expect(thread).to_contain_text("not an official position", timeout=ANSWER_MS)
    titles = [" ".join(text.split()) for text in await headings.all_inner_texts()]
    assert [title[:2] for title in titles if title[:1].isdigit()] == [f"{number}." for number in range(1, 9)]
    await expect(thread.get_by_role("button", name="Stop")).to_have_count(0)

    await page.mouse.move(5, 5)
    picture = SCREENSHOT if os.environ.get("UPDATE_SCREENSHOT") == "1" else tmp_path / "page.png"
    await thread.locator("#thread-scroller").evaluate("pane => pane.scrollTo(0, 208)")
    await thread.get_by_text("Jump to latest").evaluate("pill => pill.style.visibility = 'hidden'")
    await page.screenshot(path=picture, animations="disabled")
    assert picture.stat().st_size < SCREENSHOT_BYTES


async def test_the_form_behind_the_command_is_filled_in_and_asked(
    desk: OpenDesk, page: Page, tmp_path: Path
) -> None:
    """/assess and Enter, three inputs, Ask: the question stands in the channel."""
    await page.goto(f"{desk.sandbox.page_url}?user=U0DANA")
    await page.wait_for_selector("body[data-live=up]")
    composer = page.get_by_test_id("composer")
    await composer.press_sequentially("/assess")
    await expect(page.get_by_test_id("command-option").first).to_contain_text("/assess")
    await page.keyboard.press("Escape")
    await composer.press("Enter")
    dialog = page.get_by_role("dialog", name="Ask the country desk")
    await dialog.get_by_role("checkbox", name="CN-01").check()
    await dialog.get_by_role("radio", name="Brief").check()
    await dialog.get_by_role("textbox", name="Question").fill(QUESTION)
    picture = FORM_SCREENSHOT if os.environ.get("UPDATE_SCREENSHOT") == "1" else tmp_path / "form.png"
    await page.screenshot(path=picture, animations="disabled")
    assert picture.stat().st_size < SCREENSHOT_BYTES
    await dialog.get_by_role("button", name="Ask", exact=True).click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    asked = page.get_by_test_id("message").filter(has_text="asks CN-01, China Agent · Brief")
    await expect(asked).to_be_visible(timeout=ANSWER_MS)


async def test_the_home_tab_shows_the_desk_and_how_far_ones_answers_are(
    valkey: RealValkey, page: Page, tmp_path: Path
) -> None:
    """Who is there, one's settings, what is being answered and what was, with links."""
    workspace = demo_workspace(PERSONAS, {"model": "scripted model", "store": "Valkey"})
    async with open_desk(valkey, workspace=workspace, pace=FAST, script=dripping("3")) as desk:
        for asked in (
            "US-01 brief What does the Senate vote on tariffs change?",
            "JP-01 brief How does Tokyo answer the gallium controls?",
        ):
            ts = await desk.ask(asked)
            await desk.answered(ts)
            await desk.at_rest(ts)
        running = await desk.ask(f"CN-01 {QUESTION}")
        await desk.until(lambda: "## 3." in desk.text(running))
        await page.set_viewport_size(TALL)
        await page.goto(f"{desk.sandbox.page_url}?user=U0DANA")
        await page.wait_for_selector("body[data-live=up]")
        await page.get_by_test_id("app-link").click()
        home = page.locator(".home-view")
        await expect(home).to_contain_text("section 3 of 8")
        await expect(home.get_by_role("button", name="Open")).to_have_count(3)
        await expect(home).to_contain_text("How does Tokyo answer the gallium controls?")
        await expect(home.get_by_role("combobox").first).to_be_visible()
        await page.mouse.move(5, 5)
        picture = HOME_SCREENSHOT if os.environ.get("UPDATE_SCREENSHOT") == "1" else tmp_path / "home.png"
        await page.screenshot(path=picture, animations="disabled")
        assert picture.stat().st_size < SCREENSHOT_BYTES

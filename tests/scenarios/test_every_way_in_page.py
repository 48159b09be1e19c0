"""Every way in as people go it in a browser: the sandbox's page, the desk behind it, one app or three.

The world without agents' panes is shared by its tests; each of them has a tab of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from bot.demo_workspace import demo_workspace
from tests.scenarios.test_browser import CHROMIUM, FLAGS, SIZE
from tests.scenarios.test_follow_ups import following
from tests.support.desk import CHANNEL, PERSONAS, OpenDesk, open_desk
from tests.support.outside import without_outside_settings
from tests.support.several_apps import open_several, workspace_of
from tests.support.valkey import valkey_process

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CLIPBOARD = ["clipboard-read", "clipboard-write"]
OpenTab = Callable[[OpenDesk], Awaitable[Page]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, once a module."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        await running.close()


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[("socket", 1), ("http", 3)],
    ids=lambda each: f"{each[0]}-{each[1]}",
)
async def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OpenDesk]:
    """The desk as ``country-agents sandbox`` sets it up, with a scripted model; or ``--apps CN-01 US-01``."""
    transport, apps = request.param
    with pytest.MonkeyPatch.context() as patch, valkey_process() as valkey:
        without_outside_settings(patch)
        if apps == 1:
            config = replace(demo_workspace(PERSONAS, {}), rate_limits=False)
            async with open_desk(valkey, transport=transport, workspace=config, script=following([])) as one:
                yield one
        else:
            folder = tmp_path_factory.mktemp("apps")
            config = workspace_of(transport)
            async with open_several(valkey, folder, workspace=config, script=following([])) as several:
                yield several


@pytest_asyncio.fixture(loop_scope="module")
async def open_tab(browser: Browser) -> AsyncIterator[OpenTab]:
    """Opens the page as Dana; a script error on it fails the test."""
    complaints: list[str] = []
    context = await browser.new_context(viewport=SIZE, color_scheme="light", permissions=CLIPBOARD)

    async def opened(desk: OpenDesk) -> Page:
        tab = await context.new_page()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await tab.goto(f"{desk.sandbox.page_url}?user=U0DANA")
        await tab.wait_for_selector("body[data-live=up]")
        return tab

    yield opened
    await context.close()
    assert complaints == []


async def say(page: Page, words: str, *, where: str = "composer") -> None:
    """Type into a composer and send it."""
    composer = page.get_by_test_id(where)
    await composer.fill(words)
    if await composer.get_attribute("aria-expanded"):
        await page.keyboard.press("Escape")  # it is written out, and no suggestion is meant
    await composer.press("Enter")


async def go_to(page: Page, name: str) -> None:
    """Open a channel or a direct message."""
    await page.get_by_test_id("channel-link").filter(has_text=name).first.click()


def thread(page: Page) -> Locator:
    return page.get_by_test_id("thread")


async def answer_below(page: Page, words: str) -> None:
    """The thread that is open has an answer to the question, to its last line."""
    await expect(thread(page)).to_contain_text(words)
    await expect(thread(page)).to_contain_text("not an official position", timeout=15_000)


async def menu_of(page: Page, message: Locator, entry: str) -> None:
    """Choose in a message's menu."""
    await message.hover()
    await message.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name=entry).click()


async def test_a_mention_and_a_follow_up(desk: OpenDesk, open_tab: OpenTab) -> None:
    """The thread opens by itself; what is written there is answered from it."""
    page = await open_tab(desk)
    await say(page, "@CN-01 brief Who gains from the truce?")
    await answer_below(page, "Who gains from the truce?")
    await say(page, "@CN-01 why is that likely?", where="thread-composer")
    await expect(thread(page)).to_contain_text("Follow-up", timeout=15_000)


async def test_the_command_and_its_form(desk: OpenDesk, open_tab: OpenTab) -> None:
    """With a question at once; alone, with the form; wrong, with a sentence."""
    page = await open_tab(desk)
    await say(page, "/assess brief CN Is the payload right?")
    asked = page.get_by_test_id("message").filter(has_text="Is the payload right?").first
    await expect(asked).to_contain_text("Dana Reyes asks CN-01, China Agent · Brief")
    await answer_below(page, "Is the payload right?")
    await say(page, "/assess")
    form = page.get_by_role("dialog", name="Ask the country desk")
    await form.get_by_role("button", name="Ask", exact=True).click()
    await expect(form.get_by_text("Please complete this required field.")).to_have_count(2)
    await form.get_by_role("checkbox", name="JP-01").check()
    await form.get_by_role("textbox", name="Question").fill("And in Tokyo?")
    await form.get_by_role("radio", name="Brief").check()
    await form.get_by_role("radio", name="In a direct message").check()
    await form.get_by_role("button", name="Ask", exact=True).click()
    await expect(form).to_have_count(0)
    await go_to(page, "Country Agents")
    await expect(page.get_by_test_id("message").filter(has_text="And in Tokyo?").first).to_be_visible()


async def test_the_shortcut_of_a_message(desk: OpenDesk, open_tab: OpenTab) -> None:
    """From its menu to the answer below it."""
    await desk.sandbox.post_as_user("kim", CHANNEL, "Delhi raises its tariffs on solar cells.")
    page = await open_tab(desk)
    message = page.get_by_test_id("message").filter(has_text="Delhi raises its tariffs")
    await menu_of(page, message, "Assess this message")
    form = page.get_by_role("dialog", name="Ask the country desk")
    await expect(form).to_contain_text("Delhi raises its tariffs")
    await form.get_by_role("checkbox", name="IN-01").check()
    await form.get_by_role("radio", name="Brief").check()
    await form.get_by_role("button", name="Ask", exact=True).click()
    await message.get_by_test_id("replies").click()
    await answer_below(page, "Delhi raises its tariffs")


async def test_a_channel_without_us(desk: OpenDesk, open_tab: OpenTab) -> None:
    """The line that is shown invites us, and the button below it asks again."""
    desk.sandbox.workspace.leave(desk.sandbox.workspace.channel("C0RANDOM"), "U0AGENTS")
    page = await open_tab(desk)
    await go_to(page, "random")
    await say(page, "@JP-01 And a mention?")
    await expect(page.locator(".composer-error").first).to_contain_text("not in this channel")
    await expect(thread(page)).to_be_hidden()
    await say(page, "/assess brief CN Here as well?")
    told = page.get_by_test_id("message").filter(has_text="I am not in this channel")
    line = (await told.locator("pre, code").first.inner_text()).strip()
    assert line == "/invite @agents"
    await say(page, "/invite nobody")
    await expect(page.locator(".composer-error").first).to_contain_text("Write whom")
    await say(page, line)
    await expect(page.get_by_test_id("message").filter(has_text="has joined the channel")).to_be_visible()
    await told.get_by_role("button", name="Ask here again").click()
    await answer_below(page, "Here as well?")


async def test_a_direct_message(desk: OpenDesk, open_tab: OpenTab) -> None:
    """No mention is needed; who names nobody chooses."""
    page = await open_tab(desk)
    await go_to(page, "Country Agents")
    await say(page, "brief And who pays for it?")
    await thread(page).get_by_role("combobox").select_option(label="US-01, United States Agent")
    await answer_below(page, "And who pays for it?")
    await expect(thread(page)).to_contain_text("US-01, United States Agent")


async def test_the_home_tab(desk: OpenDesk, open_tab: OpenTab) -> None:
    """What one asked stands there, and its link opens the thread; the other tab is the direct message."""
    page = await open_tab(desk)
    await say(page, "@JP-01 brief How long will the truce on rare earths hold?")
    await answer_below(page, "How long will the truce on rare earths hold?")
    await page.get_by_test_id("app-link").filter(has_text="Country Agents").click()
    home = page.locator(".home-view")
    asked = home.locator(".block-section").filter(has_text="How long will the truce on rare earths hold?")
    await expect(asked.first).to_contain_text("answered")
    assert await page.locator("#channel-scroller").evaluate("pane => pane.scrollTop") == 0
    await asked.first.get_by_role("button", name="Open").click()
    await answer_below(page, "How long will the truce on rare earths hold?")
    await page.get_by_test_id("app-link").filter(has_text="Country Agents").click()
    await page.get_by_test_id("messages-tab").click()
    await expect(page.get_by_test_id("composer")).to_be_visible()
    await expect(page.get_by_test_id("messages-tab")).to_have_attribute("aria-current", "page")


async def test_a_forwarded_message(desk: OpenDesk, open_tab: OpenTab) -> None:
    """Its words are part of the question."""
    await desk.sandbox.post_as_user("kim", CHANNEL, "Moscow closes two consulates.")
    page = await open_tab(desk)
    await menu_of(page, page.get_by_test_id("message").filter(has_text="Moscow closes"), "Forward message")
    dialog = page.get_by_role("dialog", name="Forward this message")
    await expect(dialog).to_contain_text("Moscow closes two consulates.")
    await dialog.get_by_label("Where to").select_option(label="#desk-leads")
    await dialog.get_by_test_id("forward-text").fill("@RU-01 brief")
    await dialog.get_by_role("button", name="Forward").click()
    await expect(dialog).to_have_count(0)
    await go_to(page, "desk-leads")
    message = page.get_by_test_id("message").filter(has_text="Moscow closes two consulates.")
    await message.get_by_test_id("replies").click()
    await answer_below(page, "Moscow closes two consulates.")


async def test_what_is_below_an_answer(desk: OpenDesk, open_tab: OpenTab) -> None:
    """A thumb and its reason, a file, and the link that has the thread forgotten."""
    page = await open_tab(desk)
    await say(page, "@US-01 brief What does Congress do?")
    await answer_below(page, "What does Congress do?")
    await thread(page).get_by_role("button", name="This did not help").click()
    reason = page.get_by_role("dialog", name="Thank you, noted")
    await reason.get_by_role("textbox").fill("Nothing on the Senate.")
    await reason.get_by_role("button", name="Send").click()
    await expect(reason).to_have_count(0)
    export = thread(page).locator(".block-section").filter(has_text="Export this assessment")
    await export.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Markdown").click()
    await expect(thread(page).get_by_test_id("file")).to_be_visible(timeout=30_000)
    await menu_of(page, thread(page).get_by_test_id("message").first, "Copy link")
    link = await page.evaluate("navigator.clipboard.readText()")
    await say(page, f"/assess forget {link}")
    await expect(page.get_by_text("nothing of that thread is kept any more")).to_be_visible()


async def test_an_agents_pane(browser: Browser, open_tab: OpenTab, tmp_path: Path) -> None:
    """Of each app: a suggested question, asked with one press, names its session."""
    with valkey_process() as valkey:
        async with open_several(valkey, tmp_path, workspace=workspace_of("socket", agents=True)) as desk:
            page = await open_tab(desk)
            for app, code in (("Country Agents", "CN-01"), ("US-01", "US-01")):
                await go_to(page, app)
                prompt = page.get_by_test_id("prompt").first
                await expect(prompt).to_contain_text("what changed?")
                await prompt.click()
                await expect(page.locator("#thread-channel")).to_contain_text(
                    f"{code}: What changed this week"
                )

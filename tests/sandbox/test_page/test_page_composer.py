"""Writing on the sandbox page: mentions, commands, editing, reactions, who is writing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bot.sandbox.server import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

DESK = "C0DESK"
OpenPage = Callable[..., Awaitable[Page]]
CallApi = Callable[..., Awaitable[dict[str, Any]]]
Delivered = Callable[..., Awaitable[dict[str, Any]]]
PHONE = {"width": 360, "height": 740}


async def test_a_mention_is_chosen_with_the_keyboard_and_sent_as_slack_would(
    open_page: OpenPage, sandbox: Sandbox
) -> None:
    """Typing @, arrows and Enter put the plain name in the box; the message carries the app's mention."""
    page = await open_page()
    composer = page.get_by_test_id("composer")
    await composer.press_sequentially("@")
    options = page.get_by_test_id("mention-option")
    await expect(options.first).to_contain_text("CN-01")
    await expect(composer).to_have_attribute("aria-expanded", "true")
    await composer.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    active = await options.nth(1).get_attribute("id")
    await expect(composer).to_have_attribute("aria-activedescendant", active or "")
    await composer.press("ArrowUp")
    await composer.press("Enter")
    await expect(composer).to_have_value("@CN-01 ")
    await expect(options.first).to_be_hidden()
    await composer.press_sequentially("what next?")
    await composer.press("Enter")
    await expect(page.get_by_test_id("thread").get_by_test_id("message")).to_contain_text("what next?")
    assert [m.text for m in sandbox.workspace.channels[DESK].messages.values()] == [
        "<@U0AGENTS> CN-01 what next?"
    ]


async def test_escape_closes_the_suggestions_and_enter_then_sends(
    open_page: OpenPage, sandbox: Sandbox
) -> None:
    """After Esc the list stays away, and Enter sends what stands in the box; typed names still resolve."""
    page = await open_page()
    composer = page.get_by_test_id("composer")
    await composer.press_sequentially("@us-01")
    await expect(page.get_by_test_id("mention-option")).to_have_count(1)
    await composer.press("Escape")
    await expect(page.get_by_test_id("mention-option").first).to_be_hidden()
    await composer.press("Enter")
    await sandbox.wait_for(lambda: sandbox.workspace.channels[DESK].messages)
    assert [m.text for m in sandbox.workspace.channels[DESK].messages.values()] == ["<@U0AGENTS> US-01"]


async def test_a_slash_command_is_offered_and_run(open_page: OpenPage, delivered: Delivered) -> None:
    """A slash lists the app's commands, Tab completes, and the app gets the command with its text."""
    page = await open_page()
    composer = page.get_by_test_id("composer")
    await composer.press_sequentially("/as")
    await expect(page.get_by_test_id("command-option")).to_contain_text("/assess")
    await composer.press("Tab")
    await composer.press_sequentially("CN-01 rare earths")
    await composer.press("Enter")
    payload = await delivered("slash_commands")
    assert (payload["command"], payload["channel_id"], payload["user_id"]) == ("/assess", DESK, "U0DANA")
    assert payload["text"].endswith("CN-01 rare earths")
    await expect(composer).to_have_value("")


async def test_an_unknown_command_comes_back_with_a_reason(open_page: OpenPage) -> None:
    """Nothing is lost: the text stands in the box again, beside an explanation."""
    page = await open_page()
    composer = page.get_by_test_id("composer")
    await composer.fill("/nonsense now")
    await composer.press("Enter")
    await expect(page.get_by_text("/nonsense is not a command here")).to_be_visible()
    await expect(composer).to_have_value("/nonsense now")


async def test_long_pasted_text_with_line_breaks_is_sent_whole(open_page: OpenPage, sandbox: Sandbox) -> None:
    """A pasted page of text arrives complete, control characters escaped once."""
    pasted = "\n".join(f"Paragraph {n}: imports < exports & 新能源." for n in range(300))
    page = await open_page()
    composer = page.get_by_test_id("composer")
    await composer.fill(pasted)
    await composer.press("Enter")
    await expect(page.get_by_test_id("message")).to_contain_text("Paragraph 299")
    (message,) = sandbox.workspace.channels[DESK].messages.values()
    assert message.text == pasted.replace("&", "&amp;").replace("<", "&lt;")


async def test_own_messages_are_edited_and_deleted(open_page: OpenPage, sandbox: Sandbox) -> None:
    """The keyboard edits and deletes one's own message, and everyone sees it; others' offer neither."""
    await sandbox.post_as_user("U0DANA", DESK, "<@U0AGENTS> CN-01 frist")
    dana, kim = await open_page("U0DANA"), await open_page("U0KIM")
    row = dana.get_by_test_id("message")
    await row.focus()
    await row.press("e")
    editor = dana.get_by_test_id("editor")
    await expect(editor).to_have_value("@CN-01 frist")
    await editor.fill("@CN-01 first")
    await editor.press("Enter")
    await expect(kim.get_by_test_id("message")).to_contain_text("CN-01 first (edited)")
    await expect(kim.get_by_role("button", name="Edit")).to_have_count(0)
    await row.focus()
    await row.press("Delete")
    await dana.get_by_role("button", name="Delete").last.click()
    await expect(kim.get_by_test_id("message")).to_have_count(0)


async def test_a_reaction_is_counted_for_everyone(open_page: OpenPage, sandbox: Sandbox) -> None:
    """Chosen in the menu of one page it shows on the other; a click takes it back."""
    await sandbox.post_as_user("U0DANA", DESK, "hello")
    dana, kim = await open_page("U0DANA"), await open_page("U0KIM")
    await dana.get_by_test_id("message").focus()
    await dana.keyboard.press("r")
    await dana.get_by_role("menuitem", name="eyes").click()
    await expect(kim.get_by_role("button", name="eyes, 1")).to_be_visible()
    await dana.get_by_role("button", name="eyes, 1").click()
    await expect(kim.get_by_role("button", name="eyes, 1")).to_have_count(0)


async def test_another_user_is_chosen_in_the_switch(open_page: OpenPage) -> None:
    """Switching the user reloads the page as that person, with that person's channels."""
    page = await open_page("U0KIM")
    await expect(page.get_by_test_id("channel-link").filter(has_text="desk-leads")).to_have_count(0)
    await page.get_by_test_id("user-switch").select_option(label="Dana Reyes")
    await expect(page.get_by_test_id("channel-link").filter(has_text="desk-leads")).to_be_visible()
    assert "user=U0DANA" in page.url

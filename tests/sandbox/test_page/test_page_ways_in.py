"""Ways to an app besides a mention, on the sandbox page: message shortcuts, forms, direct messages."""

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


def text(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


def asked(block_id: str, element: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": block_id,
        "label": text(block_id),
        "element": {"action_id": "it"} | element,
    }


OPTIONS = [{"text": text(name), "value": name} for name in ("China", "Japan", "India")]
FORM = {
    "type": "modal",
    "title": text("Assess"),
    "submit": text("Ask"),
    "blocks": [
        asked("Agents", {"type": "multi_static_select", "options": OPTIONS, "max_selected_items": 2}),
        asked("Question", {"type": "plain_text_input", "multiline": True}),
        asked("Depth", {"type": "radio_buttons", "options": OPTIONS[:2], "initial_option": OPTIONS[0]}),
        asked(
            "Where",
            {
                "type": "conversations_select",
                "default_to_current_conversation": True,
                "filter": {"include": ["public", "private"]},
            },
        ),
    ],
}


async def test_a_shortcut_is_found_in_the_messages_menu_and_its_form_filled_in_by_keyboard(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi, delivered: Delivered
) -> None:
    """M, Enter, then Tab and Space through every kind of input; Enter submits."""
    ts = await sandbox.post_as_user("U0KIM", DESK, "Big news.")
    page = await open_page()
    await page.get_by_test_id("message").focus()
    await page.keyboard.press("m")
    await expect(page.get_by_role("menuitem", name="Assess this message")).to_be_focused()
    await page.keyboard.press("Enter")
    payload = await delivered("message_action")
    assert (payload["callback_id"], payload["message_ts"]) == ("assess_message", ts)
    await api("views.open", trigger_id=payload["trigger_id"], view=FORM)
    dialog = page.get_by_role("dialog", name="Assess")
    await expect(dialog.get_by_role("checkbox", name="China")).to_be_focused()
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(dialog.get_by_role("checkbox", name="India")).to_be_disabled()
    await page.keyboard.press("Tab")
    await page.keyboard.type("Why now?")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_label("Where")).to_be_focused()
    await dialog.get_by_role("button", name="Ask", exact=True).press("Enter")
    state = (await delivered("view_submission"))["view"]["state"]["values"]
    chosen = [option["value"] for option in state["Agents"]["it"]["selected_options"]]
    assert chosen == ["China", "Japan"]
    assert state["Question"]["it"]["value"] == "Why now?"
    assert state["Depth"]["it"]["selected_option"]["value"] == "Japan"
    assert state["Where"]["it"]["selected_conversation"] == DESK
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_an_agent_suggests_what_to_ask_in_its_direct_message(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi, delivered: Delivered
) -> None:
    """Opening it tells the app; a prompt is asked with one press; the thread shows its title."""
    page = await open_page()
    await page.get_by_test_id("channel-link").filter(has_text="Country Agents").click()
    event = (await delivered("app_home_opened"))["event"]
    assert event["tab"] == "messages"
    direct = event["channel"]
    prompts = [{"title": "China this week", "message": "CN-01 What changed this week?"}]
    await api("assistant.threads.setSuggestedPrompts", channel_id=direct, prompts=prompts)
    await page.get_by_role("button", name="China this week").click()
    await delivered("message")
    (message,) = sandbox.workspace.channels[direct].messages.values()
    assert message.text == "CN-01 What changed this week?"
    await api("chat.postMessage", channel=direct, thread_ts=message.ts, text="An answer.")
    await expect(page.get_by_test_id("thread")).to_contain_text("An answer.")
    await api("assistant.threads.setTitle", channel_id=direct, thread_ts=message.ts, title="China, this week")
    await expect(page.locator("#thread-channel")).to_have_text("China, this week · Country Agents")

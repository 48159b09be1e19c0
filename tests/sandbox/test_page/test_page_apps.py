"""What an app does on the sandbox page: streams, buttons, modals, App Home, ephemeral messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from bot.sandbox.server import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

DESK = "C0DESK"
DELTA_SECONDS = 0.005
SLOW_SECONDS = 0.1  # some ten deltas
RECIPIENT = {"recipient_user_id": "U0DANA", "recipient_team_id": "T0SANDBOX"}
OpenPage = Callable[..., Awaitable[Page]]
CallApi = Callable[..., Awaitable[dict[str, Any]]]
Delivered = Callable[..., Awaitable[dict[str, Any]]]
PHONE = {"width": 360, "height": 740}


async def test_a_streamed_answer_grows_in_the_thread(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi
) -> None:
    """Deltas appear as they come, under the persona's name, with status and stop button until the end."""
    page = await open_page()
    await page.get_by_test_id("composer").fill("@CN-01 truce?")
    await page.get_by_test_id("send").click()
    thread = page.get_by_test_id("thread")
    await expect(thread).to_be_visible()
    (root,) = sandbox.workspace.channels[DESK].messages
    await api(
        "assistant.threads.setStatus",
        channel_id=DESK,
        thread_ts=root,
        status="is writing section 2 …",
        username="China Agent",
        icon_emoji=":flag-cn:",
    )
    await expect(page.get_by_test_id("status-line")).to_contain_text("is writing section 2 …")
    started = await api(
        "chat.startStream",
        channel=DESK,
        thread_ts=root,
        **RECIPIENT,
        username="CN-01, China Agent",
        icon_emoji=":flag-cn:",
        markdown_text="# 1. What the deal ",
    )
    answer = thread.locator(f'[data-ts="{started["ts"]}"]')
    await expect(answer.get_by_role("heading")).to_have_text("1. What the deal")
    await expect(answer.get_by_test_id("stop-stream")).to_be_visible()
    await api("chat.appendStream", channel=DESK, ts=started["ts"], markdown_text="says\n\n- **one**\n- tw")
    await expect(answer.get_by_role("heading")).to_have_text("1. What the deal says")
    await expect(answer.get_by_role("listitem")).to_have_text(["one", "tw"])
    await api("chat.appendStream", channel=DESK, ts=started["ts"], markdown_text="o\n")
    await api("chat.stopStream", channel=DESK, ts=started["ts"])
    await expect(answer.get_by_role("listitem")).to_have_text(["one", "two"])
    await expect(answer.get_by_test_id("stop-stream")).to_have_count(0)
    await expect(answer).to_contain_text("CN-01, China Agent")
    await expect(page.get_by_test_id("replies")).to_contain_text("1 reply")


async def test_a_thread_opened_in_the_middle_of_a_stream_loses_nothing(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi
) -> None:
    """Deltas that arrive while the thread is being fetched are shown once, neither lost nor doubled."""
    root = await sandbox.post_as_user("U0DANA", DESK, "hello")
    page = await open_page()
    stream = await api("chat.startStream", channel=DESK, thread_ts=root, **RECIPIENT, markdown_text="0")

    written = ["0"]
    opened = asyncio.Event()

    async def write() -> None:
        while not opened.is_set():
            written.append(str(len(written)))
            await api("chat.appendStream", channel=DESK, ts=stream["ts"], markdown_text=f" {written[-1]}")
            await asyncio.sleep(DELTA_SECONDS)

    async def slow(route: Route) -> None:
        await asyncio.sleep(SLOW_SECONDS)  # deltas before the server looks: in the answer and live
        response = await route.fetch()
        await asyncio.sleep(SLOW_SECONDS)  # deltas after it looked: live only
        await route.fulfill(response=response)

    await page.route("**/page/replies*", slow)
    for _ in range(3):
        opened.clear()
        writing = asyncio.create_task(write())
        await page.get_by_test_id("replies").click()
        shown = page.locator(f'#thread [data-ts="{stream["ts"]}"] .md')
        await shown.wait_for()
        opened.set()
        await writing
        await expect(shown).to_have_text(" ".join(written))
        await page.get_by_role("button", name="Close the thread").click()


async def test_the_stop_button_reaches_the_app(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi, delivered: Delivered
) -> None:
    """Pressing Slack's own stop tells the app which stream to end, and the button goes."""
    root = await sandbox.post_as_user("U0DANA", DESK, "hello")
    started = await api(
        "chat.startStream",
        channel=DESK,
        thread_ts=root,
        **RECIPIENT,
        markdown_text="Text",
    )
    page = await open_page()
    await page.get_by_test_id("replies").click()
    await page.get_by_test_id("stop-stream").click()
    event = (await delivered("agent_session_stopped"))["event"]
    assert event["streaming_message_ts"] == [started["ts"]]
    await expect(page.get_by_test_id("stop-stream")).to_have_count(0)


async def test_a_button_delivers_its_action(
    open_page: OpenPage, api: CallApi, delivered: Delivered, card: list[dict[str, Any]]
) -> None:
    """A click reaches the app with action, block and value."""
    await api("chat.postMessage", channel=DESK, text="card", blocks=card)
    page = await open_page()
    await page.get_by_role("button", name="Ask again").click()
    payload = await delivered("block_actions")
    (action,) = payload["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("ask", "foot", "t1")
    assert payload["user"]["id"] == "U0DANA"


async def test_a_chosen_option_is_delivered(
    open_page: OpenPage, api: CallApi, delivered: Delivered, card: list[dict[str, Any]]
) -> None:
    """Choosing in a menu of a message is an action with that option."""
    await api("chat.postMessage", channel=DESK, text="card", blocks=card)
    page = await open_page()
    await page.get_by_role("combobox", name="Format").select_option(label="In depth")
    payload = await delivered("block_actions")
    assert payload["actions"][0]["selected_option"]["value"] == "deep"


async def test_a_button_with_a_confirmation_asks_first(
    open_page: OpenPage, sandbox: Sandbox, api: CallApi, delivered: Delivered, card: list[dict[str, Any]]
) -> None:
    """Denied, the app hears nothing; confirmed, it gets the action."""
    await api("chat.postMessage", channel=DESK, text="card", blocks=card)
    page = await open_page()
    await page.get_by_role("button", name="Stop", exact=True).click()
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert [d for d in sandbox.workspace.deliveries if d.kind == "interactive"] == []
    await page.get_by_role("button", name="Stop", exact=True).click()
    await page.get_by_role("button", name="End it").click()
    assert (await delivered("block_actions"))["actions"][0]["action_id"] == "stop"


def modal(title: str) -> dict[str, Any]:
    """A modal with a text, a choice and an optional field."""

    def text(words: str) -> dict[str, str]:
        return {"type": "plain_text", "text": words}

    options = [{"text": text("China"), "value": "CN"}, {"text": text("Japan"), "value": "JP"}]
    return {
        "type": "modal",
        "callback_id": "watch",
        "title": text(title),
        "submit": text("Save"),
        "blocks": [
            {
                "type": "input",
                "block_id": "indicator",
                "label": text("Indicator"),
                "element": {"type": "plain_text_input", "action_id": "value"},
            },
            {
                "type": "input",
                "block_id": "country",
                "label": text("Country"),
                "element": {"type": "static_select", "action_id": "value", "options": options},
            },
            {
                "type": "input",
                "block_id": "at",
                "optional": True,
                "label": text("Time"),
                "element": {"type": "timepicker", "action_id": "value"},
            },
        ],
    }


async def test_a_modal_is_filled_in_and_submitted(
    open_page: OpenPage, api: CallApi, delivered: Delivered, card: list[dict[str, Any]]
) -> None:
    """A view opened by the app asks for what is required and delivers the values in Slack's shape."""
    await api("chat.postMessage", channel=DESK, text="card", blocks=card)
    page = await open_page()
    await page.get_by_role("button", name="Ask again").click()
    trigger = (await delivered("block_actions"))["trigger_id"]
    await api("views.open", trigger_id=trigger, view=modal("Watch item"))
    dialog = page.get_by_role("dialog", name="Watch item")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_text("Please complete this required field.")).to_have_count(2)
    await dialog.get_by_label("Indicator").fill("export licences")
    await dialog.get_by_label("Country").select_option(label="Japan")
    await dialog.get_by_role("button", name="Save").click()
    values = (await delivered("view_submission"))["view"]["state"]["values"]
    assert values["indicator"]["value"] == {"type": "plain_text_input", "value": "export licences"}
    assert values["country"]["value"]["selected_option"]["value"] == "JP"
    assert values["at"]["value"] == {"type": "timepicker", "selected_time": None}
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_an_app_home_is_shown_when_published(
    open_page: OpenPage, api: CallApi, delivered: Delivered, card: list[dict[str, Any]]
) -> None:
    """Opening the home tells the app, and what it publishes appears."""
    page = await open_page()
    await page.get_by_test_id("app-link").click()
    await delivered("app_home_opened")
    await api("views.publish", user_id="U0DANA", view={"type": "home", "blocks": card[:2]})
    await expect(page.get_by_role("heading", name="Truce")).to_be_visible()


async def test_an_ephemeral_message_is_shown_to_its_user_only(open_page: OpenPage, api: CallApi) -> None:
    """Dana sees it, live and after a reload, marked as hers alone; Kim does not."""
    dana, kim = await open_page("U0DANA"), await open_page("U0KIM")
    await api("chat.postEphemeral", channel=DESK, user="U0DANA", text="I know `CN-01` and `US-01`.")
    await api("chat.postMessage", channel=DESK, text="for all")
    await expect(kim.get_by_test_id("message")).to_have_count(1)
    await expect(dana.get_by_test_id("message")).to_have_count(2)
    await expect(dana.get_by_text("Only visible to you")).to_be_visible()
    await dana.reload()
    await expect(dana.get_by_text("Only visible to you")).to_be_visible()


async def test_an_app_that_does_not_answer_is_reported(
    open_page: OpenPage, api: CallApi, card: list[dict[str, Any]]
) -> None:
    """With no socket open a click ends in a notice, not in silence."""
    await api("chat.postMessage", channel=DESK, text="card", blocks=card)
    page = await open_page()
    await page.get_by_role("button", name="Ask again").click()
    await expect(page.get_by_text("The app did not take this")).to_be_visible(timeout=8_000)

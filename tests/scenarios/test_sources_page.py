"""Sources on the page: the card that counts them, and the list at the end of the answer."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.demo_workspace import demo_workspace
from bot.evidence.items import SourceFailure
from tests.scenarios.test_browser import ANSWER_MS, SCREENSHOT_BYTES, page
from tests.support.citing_script import SINCE, citing
from tests.support.desk import FAST, PERSONAS, ROOT, open_desk
from tests.support.evidence_desk import ScriptedDesk, truce_items
from tests.support.seed_script import QUESTION
from tests.support.valkey import RealValkey

__all__ = ["page"]

pytestmark = pytest.mark.browser

CARD, LIST = "sources-card.png", "sources-list.png"
WIDE = {"width": 1600, "height": 1100}


async def test_the_card_counts_the_sources_and_the_list_links_to_them(
    valkey: RealValkey, page: Page, tmp_path: Path
) -> None:
    """What the answer rests on at its top; number, title, publisher, date and class of each at its end."""
    now = datetime.now(UTC)
    items = [
        replace(item, published_at=now - timedelta(hours=3 * number + 3), retrieved_at=now)
        for number, item in enumerate(truce_items())
    ]
    sources = ScriptedDesk(items, failures=[SourceFailure("Global Times", "did not answer in time")])
    async with open_desk(
        valkey,
        workspace=demo_workspace(PERSONAS, {"model": "scripted model", "store": "Valkey"}),
        pace=FAST,
        evidence=sources,
        script=citing(plan=SINCE, later="[S5]"),
    ) as desk:
        await page.set_viewport_size(WIDE)
        await page.goto(f"{desk.sandbox.page_url}?user=U0DANA")
        await page.wait_for_selector("body[data-live=up]")
        composer = page.get_by_test_id("composer")
        await composer.press_sequentially("@cn")
        await composer.press("Enter")
        await page.keyboard.insert_text(QUESTION)
        await composer.press("Enter")
        thread = page.get_by_test_id("thread")
        link = thread.get_by_role("link", name="2", exact=True)
        await expect(thread).to_contain_text("not an official position", timeout=ANSWER_MS)
        await expect(thread).to_contain_text("independent ·")
        await expect(thread).to_contain_text("1 of 14 sources could not be read: Global Times")
        await expect(thread).to_contain_text("Suspension of export controls extended, Ministry of Commerce")
        assert await link.first.get_attribute("href") == "https://mofcom.example/notice/81"
        messages = thread.get_by_test_id("message")
        await expect(messages.last).to_contain_text("(state media)")
        folder = ROOT / "deploy" if os.environ.get("UPDATE_SCREENSHOT") == "1" else tmp_path
        for name, message in ((CARD, messages.nth(1)), (LIST, messages.last)):
            await message.scroll_into_view_if_needed()
            await page.mouse.move(5, 5)
            await thread.get_by_text("Jump to latest").evaluate("pill => pill.style.visibility = 'hidden'")
            await message.screenshot(path=folder / name, animations="disabled")
            assert (folder / name).stat().st_size < SCREENSHOT_BYTES

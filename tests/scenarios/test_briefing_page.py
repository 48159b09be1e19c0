"""A morning briefing on the page: the card in the channel, the items in its thread."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.demo_workspace import demo_workspace
from tests.scenarios.test_browser import ANSWER_MS, SCREENSHOT_BYTES, page
from tests.support.desk import PERSONAS, ROOT, open_desk
from tests.support.evidence_desk import ScriptedDesk, recent_items
from tests.support.model_replies import ModelRequest, Reply
from tests.support.seed_script import answer
from tests.support.valkey import RealValkey

__all__ = ["page"]

pytestmark = pytest.mark.browser

PICTURE = ROOT / "deploy" / "briefing.png"
ITEMS = (
    (
        "The commerce ministry extended the suspension of the October export controls by one year.",
        ["S1", "S2"],
        "Keeps the licensing lever in reserve while exporters plan a full year ahead.",
        0,
    ),
    (
        "Exports of magnets rose in October to 5,700 tonnes, customs data show.",
        ["S4"],
        "Supports jobs in the magnet provinces before the spring sessions.",
        2,
    ),
    (
        "Importers say that licences for heavy rare earths still take 45 days.",
        ["S5"],
        "Slow licences keep pressure on buyers without a new rule that partners could contest.",
        1,
    ),
)


def written(request: ModelRequest) -> Reply:
    """A briefing of three items, and one thing to watch."""
    if request.schema_name != "briefing":
        return answer(request)
    pillars = PERSONAS.personas[0].pillars
    items = [
        {"what": what, "sources": ids, "so_what": so, "pillar": pillars[pillar].id, "moves": "", "percent": 0}
        for what, ids, so, pillar in ITEMS
    ]
    watch = [{"what": "Officials brief the press on soybean purchases this afternoon.", "source": "S6"}]
    return Reply(json.dumps({"items": items, "to_watch": watch}))


async def test_a_briefing_scheduled_in_the_form_is_read_in_its_thread(
    valkey: RealValkey, page: Page, tmp_path: Path
) -> None:
    """/briefing and Enter, an agent, Schedule; run now; the card, and below it what happened and so what."""
    async with open_desk(
        valkey,
        workspace=demo_workspace(PERSONAS, {"model": "scripted model", "store": "Valkey"}),
        pace=None,
        evidence=ScriptedDesk(recent_items()),
        script=written,
    ) as desk:
        await page.goto(f"{desk.sandbox.page_url}?user=U0DANA")
        await page.wait_for_selector("body[data-live=up]")
        composer = page.get_by_test_id("composer")
        await composer.press_sequentially("/briefing")
        await page.keyboard.press("Escape")
        await composer.press("Enter")
        dialog = page.get_by_role("dialog", name="New briefing")
        await dialog.get_by_role("checkbox", name="CN-01").check()
        await dialog.get_by_role("textbox", name="Topics").fill("rare earths, export controls")
        await dialog.get_by_role("button", name="Schedule", exact=True).click()
        await expect(page.get_by_text("scheduled a briefing")).to_be_visible(timeout=ANSWER_MS)
        await composer.fill("/briefing run now")
        await page.keyboard.press("Escape")
        await composer.press("Enter")
        card = page.get_by_test_id("message").filter(has_text="extended the suspension")
        await expect(card).to_be_visible(timeout=ANSWER_MS)
        await card.get_by_text("1 reply").click()
        thread = page.get_by_test_id("thread")
        await expect(thread).to_contain_text("To watch today", timeout=ANSWER_MS)
        await expect(thread).to_contain_text("Xinhua (state media)")
        await page.mouse.move(5, 5)
        picture = PICTURE if os.environ.get("UPDATE_SCREENSHOT") == "1" else tmp_path / "briefing.png"
        await page.screenshot(path=picture, animations="disabled")
        assert picture.stat().st_size < SCREENSHOT_BYTES

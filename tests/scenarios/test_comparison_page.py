"""A comparison on the page: typed as a command, read in its thread, on a phone as well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.demo_workspace import demo_workspace
from tests.scenarios.test_browser import ANSWER_MS, SCREENSHOT_BYTES, page
from tests.support.comparison_script import VIEWS, scorer
from tests.support.desk import PERSONAS, ROOT, kind_of, open_desk
from tests.support.evidence_desk import ScriptedDesk, recent_items
from tests.support.model_replies import ModelRequest, Reply
from tests.support.seed_script import answer
from tests.support.valkey import RealValkey

__all__ = ["page"]

pytestmark = pytest.mark.browser

PICTURE = ROOT / "deploy" / "comparison.png"
TALL = {"width": 1360, "height": 1240}
PHONE = {"width": 390, "height": 844}
QUESTION = "Does the rare earths truce between China and the United States outlast its first year?"
SAID = {
    "CN-01": (
        "Beijing gains from calm: the lever stays in its hand as long as it is not pulled",
        ("H1", "The ministry extended the suspension by a year, before any talks began", ["S2", "S3"], 2),
        ("H3", "Licences still take 45 days, so pressure is there without a formal end", ["S6"], 1),
    ),
    "US-01": (
        "Washington holds relief cheap and mines of its own dear: either side may walk first",
        ("H3", "The fentanyl tariff stays at 10 per cent, against what Beijing was promised", ["S4"], 0),
        ("H1", "Soybean purchases reached what was agreed, which pays in farm states", ["S7"], 0),
    ),
    "JP-01": (
        "Tokyo reads the truce as a pause: supply comes back, dependence stays",
        ("H1", "Exports of magnets rose to 5,700 tonnes in October", ["S5"], 1),
        ("H3", "Importers wait 45 days for licences of heavy rare earths", ["S6"], 1),
    ),
}
"""By persona: the judgment, then reasons: hypothesis, words, sources, pillar."""


def written(request: ModelRequest) -> Reply:
    """The seed script, with views that read well in a picture."""
    if request.schema_name == "frame":
        data = json.loads(answer(request).text)
        data |= {"event_date": "", "premise": "holds"}
        data["hypotheses"] = [
            "The truce is renewed on its present terms",
            "The truce grows into a wider bargain",
            "The truce lapses and controls return",
        ]
        return Reply(json.dumps(data))
    if request.schema_name != "view":
        return answer(request)
    code = scorer(request)
    judgment, *reasons = SAID[code]
    pillars = PERSONAS.by_code(code).pillars  # type: ignore[union-attr]
    data = json.loads(answer(request).text) | {
        "judgment": judgment,
        "reasons": [
            {"hypothesis": name, "pillar": pillars[pillar].id, "reason": text, "evidence": cited}
            for name, text, cited, pillar in reasons
        ],
        "would_change_if": "A date for the next round of talks is set or missed",
    }
    if code == "JP-01":
        data["likelihoods"][1]["high"] = 24  # one hypothesis on which the ranges of all meet
    return Reply(json.dumps(data))


async def test_a_comparison_is_read_in_its_thread(valkey: RealValkey, page: Page, tmp_path: Path) -> None:
    """/assess compare and Enter; the table on the card, the reasons with their links, the buttons; on a phone
    the table fits its width, and nothing scrolls sideways.
    """
    assert VIEWS["US-01"] == (30, 22, 48)
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
        await composer.fill(f"/assess compare CN-01 US-01 JP-01 {QUESTION}")
        await page.keyboard.press("Escape")
        await composer.press("Enter")
        asked = page.get_by_test_id("message").filter(has_text="asks CN-01, US-01 and JP-01 · Comparison")
        await expect(asked).to_be_visible(timeout=ANSWER_MS)
        ts = next(
            message.ts
            for message in desk.sandbox.workspace.channel("C0DESK").messages.values()
            if kind_of(message) == "question"
        )
        await desk.answered(ts, seconds=ANSWER_MS / 1000)
        await asked.get_by_text("replies").click()
        thread = page.get_by_test_id("thread")
        table = thread.get_by_role("table")
        await expect(table).to_contain_text("48 % (45–54)")
        await expect(thread).to_contain_text("In all ranges: H2 20 %")
        await expect(thread).to_contain_text("US-01 (24–36 %) lies 10 points or more below")
        await expect(thread.get_by_role("button", name="Full assessment US-01")).to_be_visible()
        await page.set_viewport_size(TALL)  # type: ignore[arg-type]
        await page.mouse.move(5, 5)
        picture = PICTURE if os.environ.get("UPDATE_SCREENSHOT") == "1" else tmp_path / "comparison.png"
        await table.evaluate("table => table.closest('[data-testid=message]').scrollIntoView()")
        await thread.get_by_text("Jump to latest").evaluate("pill => pill.style.visibility = 'hidden'")
        await page.screenshot(path=picture, animations="disabled")
        assert picture.stat().st_size < SCREENSHOT_BYTES
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        box = await table.bounding_box()
        assert box is not None
        assert box["width"] <= PHONE["width"]
        await page.screenshot(path=tmp_path / "phone.png", animations="disabled")

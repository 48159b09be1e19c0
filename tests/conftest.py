"""What every test shares: no settings from outside, and no test skipped where it counts."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from bot.settings import Settings


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take our variables, the keys others read, and any ``.env`` out of the test's reach."""
    for name in list(os.environ):
        if name.startswith(("COUNTRY_AGENTS_", "SLACK_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", Path("no-such-folder/.env"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under ``CI=true`` a skipped browser, model or fault test is a failure: a check nobody sees missing is
    none.
    """
    report = yield
    counts = "faults" in item.path.parts or any(map(item.get_closest_marker, ("browser", "local_model")))
    if report.skipped and os.environ.get("CI") == "true" and counts:
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report

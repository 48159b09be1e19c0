"""What every test shares: no settings from outside, and no test skipped where it counts."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.support.outside import without_outside_settings


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take our variables, the keys others read, and any ``.env`` out of the test's reach."""
    without_outside_settings(monkeypatch)


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

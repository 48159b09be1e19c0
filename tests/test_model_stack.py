"""Which servers the settings lead to, and how they are called."""

from __future__ import annotations

from typing import Any

import pytest

from bot.model_stack import DemoModel, endpoints_of
from bot.settings import Settings

OWN = "http://10.0.0.5:8000/v1"
OPENAI = "https://api.openai.com/v1"


def background_of(**fields: Any) -> list[bool]:
    """Whether each endpoint of these settings runs its answers in the background."""
    settings = Settings.load(**{"model_key": "sk-test", **fields})
    return [endpoint.background for endpoint in endpoints_of(settings, None)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"model_url": OPENAI}, True),
        ({"model_url": OWN}, False),
        ({"model_url": "https://api.openai.com.example.net/v1"}, False),
        ({"background": "on"}, True),
        ({"background": "on", "model_url": OWN}, True),
        ({"background": "off"}, False),
        ({"model_api": "chat"}, False),
        ({"background": "on", "model_api": "chat"}, False),
        ({"background": "on", "model_url": OWN, "model_api": "chat"}, False),
    ],
)
def test_answers_run_in_the_background_where_the_provider_has_that(
    fields: dict[str, Any], expected: bool
) -> None:
    """By itself with OpenAI only; never over Chat Completions."""
    assert background_of(**fields) == [expected]


def test_each_of_two_models_is_called_as_its_server_can() -> None:
    """OpenAI behind a server of one's own, and the other way round."""
    fallback = {"fallback_model": "small", "fallback_key": "sk-other"}
    assert background_of(model_url=OWN, **fallback) == [False, True]
    assert background_of(fallback_url=OWN, **fallback) == [True, False]
    assert background_of(fallback_api="chat", background="on", **fallback) == [True, False]


def test_the_demo_model_has_no_background() -> None:
    """It speaks Chat Completions."""
    local = DemoModel("http://127.0.0.1:9/v1", "local", "demo", {}, 100)
    assert [endpoint.background for endpoint in endpoints_of(Settings.load(background="on"), local)] == [
        False
    ]

"""Prices of models: the table, the operator's corrections, and what the doctor says of a missing one."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.findings import Verdict
from bot.llm.port import Usage
from bot.prices import ModelPrice, PricesError, load_prices, price_findings


def test_the_default_model_has_a_price_in_dollars() -> None:
    """So that the budget of money works without any setting; a dated snapshot costs the same."""
    prices = load_prices()
    usage = Usage(input_tokens=1_000_000, cached_tokens=500_000, output_tokens=100_000)

    assert prices.cost(usage, "gpt-6.1-sol") == 2_050_000
    assert prices.of("gpt-6.1-sol-2026-09-29") == prices.of("gpt-6.1-sol")
    assert prices.of("gpt-6.1-solaris") is None


def test_a_setting_corrects_and_extends_the_table() -> None:
    """One model named, all others by ``*``; no cached price means no discount."""
    prices = load_prices('{"gpt-6.1-sol": {"input": 1.5, "output": 8}, "*": {"input": 0, "output": 0}}')

    assert prices.of("gpt-6.1-sol") == ModelPrice(Decimal("1.5"), Decimal("1.5"), Decimal(8))
    assert prices.cost(Usage(output_tokens=5), "my-own") == 0
    assert prices.of("gpt-6-luna") == load_prices().of("gpt-6-luna")


def test_dollar_prices_are_not_taken_for_another_currency() -> None:
    """Who counts in euro gives prices in euro."""
    prices = load_prices('{"my-own": {"input": 1, "output": 2}}', currency="EUR")

    assert prices.unknown(["gpt-6.1-sol", "my-own", "gpt-6.1-sol"]) == ("gpt-6.1-sol",)


@pytest.mark.parametrize(
    "setting",
    [
        "gpt=2",
        "[]",
        '{"m": 3}',
        '{"m": {"input": 1}}',
        '{"m": {"input": 1, "output": "2"}}',
        '{"m": {"input": 1, "output": -2}}',
        '{"m": {"input": 1, "output": NaN}}',
        '{"m": {"input": true, "output": 1}}',
        '{"m": {"input": 1, "output": 1, "cache": 1}}',
    ],
)
def test_prices_that_cannot_be_read_are_told_to_the_operator(setting: str) -> None:
    """With what to write instead."""
    with pytest.raises(PricesError, match=r"must be|needs"):
        load_prices(setting)


def test_a_currency_is_a_code() -> None:
    """ISO 4217."""
    with pytest.raises(PricesError, match="three capital letters"):
        load_prices(currency="$")


def test_the_doctor_warns_of_a_model_without_a_price_where_money_is_limited() -> None:
    """And only there."""
    prices = load_prices()
    models = ["gpt-6.1-sol", "my-own"]

    (finding,) = price_findings(prices, models, money_limited=True)

    assert finding.verdict is Verdict.WARN
    assert "my-own" in finding.sentence
    assert "COUNTRY_AGENTS_PRICES" in finding.advice
    assert price_findings(prices, models, money_limited=False) == []


@given(st.lists(st.integers(0, 10**7), min_size=3, max_size=3))
def test_a_cost_is_never_below_the_exact_one_and_never_a_micro_unit_above(tokens: list[int]) -> None:
    """Rounded up once for each charge."""
    price = ModelPrice(Decimal("1.234"), Decimal("0.0567"), Decimal("9.9"))
    usage = Usage(tokens[0] + tokens[1], tokens[1], tokens[2])

    exact = tokens[0] * price.input + tokens[1] * price.cached_input + tokens[2] * price.output

    assert 0 <= price.cost(usage) - exact < 1

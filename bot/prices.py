"""What a model call costs: prices by model as data (``prices.toml``), and one setting that corrects them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bot.errors import CountryAgentsError
from bot.findings import Finding, Verdict
from bot.llm.port import Usage

__all__ = ["ANY_MODEL", "ModelPrice", "Prices", "PricesError", "load_prices", "price_findings"]

ANY_MODEL: Final = "*"
"""In the setting: the price of every model that is not named."""

_TABLE: Final = Path(__file__).with_name("prices.toml")
_FIELDS: Final = ("input", "cached_input", "output")
_SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""A dated snapshot costs what its model costs."""

_EXAMPLE: Final = '{"my-model": {"input": 2, "cached_input": 0.1, "output": 10}}'
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class PricesError(CountryAgentsError, ValueError):
    """The prices in the settings cannot be read; the message tells the operator what to write."""

    user_message = "This app is not set up completely. Please tell whoever runs it."


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """Units of money a million tokens, which is micro-units a token: sums of whole micro-units are exact."""

    input: Decimal
    cached_input: Decimal
    output: Decimal

    def cost(self, usage: Usage) -> int:
        """Cost in whole micro-units, rounded up. ``usage.input_tokens`` includes the cached ones."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        fresh = usage.input_tokens - cached
        exact = fresh * self.input + cached * self.cached_input + usage.output_tokens * self.output
        return int(exact.to_integral_value(rounding=ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by model name, in one currency (ISO 4217)."""

    by_model: Mapping[str, ModelPrice]
    currency: str = "USD"

    def of(self, model: str) -> ModelPrice | None:
        """The price of a model or of one of its dated snapshots; None: unknown."""
        for name in (model, _SNAPSHOT.sub("", model), ANY_MODEL):
            if name in self.by_model:
                return self.by_model[name]
        return None

    def cost(self, usage: Usage, model: str) -> int | None:
        """Cost in micro-units; None without a price: then a money budget counts nothing."""
        price = self.of(model)
        return None if price is None else price.cost(usage)

    def unknown(self, models: Iterable[str]) -> tuple[str, ...]:
        """Those of the models that have no price, each once."""
        return tuple(model for model in dict.fromkeys(models) if self.of(model) is None)


def load_prices(setting: str = "", *, currency: str = "USD") -> Prices:
    """The built-in prices, corrected by the operator's: a JSON object of model names (or ``*``) to ``input``,
    ``cached_input`` (missing: as ``input``) and ``output``, per million tokens in ``currency``.

    The built-in prices are dollars and are left out for another currency. Raises ``PricesError``.
    """
    if not _CURRENCY.fullmatch(currency):
        raise PricesError("The currency must be a code of three capital letters, as USD or EUR.")
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"), parse_float=Decimal)
    prices: dict[str, ModelPrice] = {}
    if currency == table["currency"]:
        prices = {model: _price(model, row) for model, row in table["models"].items()}
    if setting.strip():
        try:
            rows = json.loads(setting, parse_float=Decimal, parse_constant=Decimal)
        except ValueError as error:
            raise PricesError(f"The prices must be JSON, as {_EXAMPLE}.") from error
        if not isinstance(rows, dict):
            raise PricesError(f"The prices must be a JSON object, as {_EXAMPLE}.")
        prices |= {model: _price(model, row) for model, row in rows.items()}
    return Prices(MappingProxyType(prices), currency)


def _price(model: str, row: Any) -> ModelPrice:  # noqa: ANN401  an operator may write anything
    if not isinstance(row, dict) or not {"input", "output"} <= row.keys() <= set(_FIELDS):
        raise PricesError(f"The price of {model} needs input, output and, if you like, cached_input.")
    values = {"cached_input": row["input"], **row}
    for name in _FIELDS:
        value = values[name]
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not number or not Decimal(value).is_finite() or value < 0:
            raise PricesError(f"The price of {model} is wrong: {name} must be a number of 0 or more.")
    return ModelPrice(*(Decimal(values[name]) for name in _FIELDS))


def price_findings(prices: Prices, models: Iterable[str], *, money_limited: bool) -> list[Finding]:
    """For the doctor: a warning for each model in use whose cost is unknown while money is limited."""
    if not money_limited:
        return []
    return [
        Finding(
            "prices",
            Verdict.WARN,
            f"No price is known for {model}: the daily budget of money does not count it.",
            f"Set COUNTRY_AGENTS_PRICES, as {_EXAMPLE.replace('my-model', model)}, or limit tokens.",
        )
        for model in prices.unknown(models)
    ]

"""What a turn used is counted whatever becomes of its calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from bot.llm.port import (
    Finished,
    FinishReason,
    Model,
    ModelBrokenError,
    ModelCall,
    ModelUnavailableError,
    ResumePoint,
    Role,
    Usage,
)
from bot.llm.web_search import SearchDone, SearchQuery
from bot.metering import SEARCH_TOOL, MeteredModel
from bot.prices import load_prices

POINT = ResumePoint("account", "resp-1", 3, 400)


@dataclass
class Script:
    """A model that plays a script: text, points, an end, or an error."""

    items: list[str | ResumePoint | Finished | Exception]
    name: str = "sol"
    cancelled: list[ResumePoint] = field(default_factory=list)

    async def stream(self, call: ModelCall) -> AsyncGenerator[str | Finished, None]:
        """The script without its points."""
        async for item in self.resumable(call):
            if not isinstance(item, ResumePoint):
                yield item

    async def resumable(self, call: ModelCall) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """The script."""
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item

    def holds(self, point: ResumePoint) -> bool:
        """As its account."""
        return point.account == "account"

    async def cancel(self, point: ResumePoint) -> None:
        """Remember."""
        self.cancelled.append(point)

    async def aclose(self) -> None:
        """Nothing is open."""


def metered(*items: str | ResumePoint | Finished | Exception) -> MeteredModel:
    script: Model = Script(list(items))
    return MeteredModel(script)


def call(turn_id: str = "t1") -> ModelCall:
    """Four hundred characters of question: about a hundred tokens."""
    return ModelCall(turn_id, "section-1", Role.SECTION, "s" * 100, "c" * 200, "i" * 100, 1000)


def end(*tokens: int, model: str = "") -> Finished:
    return Finished(FinishReason.STOP, Usage(*tokens), model)


async def play(model: MeteredModel, turn_id: str = "t1", *, items: int = 99, resumable: bool = False) -> None:
    """Read at most so many items of a call, then close it."""
    stream = model.resumable(call(turn_id)) if resumable else model.stream(call(turn_id))
    async with aclosing(stream):
        async for _ in stream:
            items -= 1
            if not items:
                return


@pytest.mark.parametrize("resumable", [False, True])
async def test_finished_calls_are_summed_by_turn_and_by_the_model_that_answered(resumable: bool) -> None:
    """A call that moved to the second model is paid at that one's price; taking a tally empties it."""
    model = metered("text", end(100, 80, 10, model="luna"))
    await play(model, resumable=resumable)
    await play(model, resumable=resumable)
    await play(model, "t2", resumable=resumable)
    await play(metered("text", end(1, 0, 1)), resumable=resumable)

    assert model.take("t1") == {"luna": Usage(200, 160, 20)}
    assert model.take("t1") == {}
    assert model.take("t2") == {"luna": Usage(100, 80, 10)}


@pytest.mark.parametrize("resumable", [False, True])
async def test_a_call_that_breaks_off_or_is_stopped_is_estimated(resumable: bool) -> None:
    """The provider bills what it wrote, and says nothing of it."""
    broken = metered("x" * 40, ModelBrokenError("gone"))
    with pytest.raises(ModelBrokenError):
        await play(broken, resumable=resumable)
    stopped = metered("x" * 40, "y" * 40, end(1, 0, 1))
    await play(stopped, items=2, resumable=resumable)

    assert broken.take("t1") == {"sol": Usage(100, 0, 10)}
    assert stopped.take("t1") == {"sol": Usage(100, 0, 20)}


@pytest.mark.parametrize("resumable", [False, True])
async def test_a_call_without_an_answer_costs_nothing(resumable: bool) -> None:
    """Errors are not billed."""
    model = metered(ModelUnavailableError("away"))
    with pytest.raises(ModelUnavailableError):
        await play(model, resumable=resumable)

    assert model.take("t1") == {}


async def test_an_answer_that_goes_on_without_us_is_left_to_whoever_sees_its_end() -> None:
    """Handed over to another process, it is not counted twice."""
    first = metered("x" * 400, POINT, "more", end(1, 0, 1))
    await play(first, items=2, resumable=True)
    second = metered("rest", end(100, 0, 110))
    await play(second, resumable=True)

    assert first.take("t1") == {}
    assert second.take("t1") == {"sol": Usage(100, 0, 110)}


async def test_an_answer_that_ends_in_an_error_is_estimated_up_to_there() -> None:
    """It goes on nowhere."""
    model = metered("x" * 400, POINT, ModelBrokenError("gone"))
    with pytest.raises(ModelBrokenError):
        await play(model, resumable=True)

    assert model.take("t1") == {"sol": Usage(100, 0, 100)}


async def test_a_cancelled_answer_is_estimated_once() -> None:
    """Somebody stopped the turn: nobody will see the end."""
    model = metered("x" * 400, POINT, end(1, 0, 1))
    await play(model, items=2, resumable=True)
    await model.cancel(POINT)
    await model.cancel(POINT)

    assert model.take("t1") == {"sol": Usage(100, 0, 100)}


class Searches:
    """A web search of two queries."""

    def __init__(self, end: SearchDone | Exception) -> None:
        self.end = end

    async def search(self, call: ModelCall) -> AsyncGenerator[SearchQuery | SearchDone, None]:
        """Two queries, then the end."""
        yield SearchQuery("first")
        yield SearchQuery("second")
        if isinstance(self.end, Exception):
            raise self.end
        yield self.end


async def test_web_searches_are_counted_and_have_a_price() -> None:
    """Their tokens by the model's price and each search by its own; also of a call that broke off."""
    meter = metered()
    done = SearchDone((), Usage(9_000, 0, 300), "sol", searches=2)
    async with aclosing(meter.counted(Searches(done)).search(call())) as items:
        assert [item async for item in items][-1] == done
    assert meter.take("t1") == {"sol": Usage(9_000, 0, 300), SEARCH_TOOL: Usage(output_tokens=2)}
    broken = meter.counted(Searches(ModelBrokenError("gone"))).search(call())
    with pytest.raises(ModelBrokenError):
        [item async for item in broken]
    assert meter.take("t1") == {"sol": Usage(100, 0, 0), SEARCH_TOOL: Usage(output_tokens=2)}
    assert load_prices().cost(Usage(output_tokens=2), SEARCH_TOOL) == 20_000, "micro-dollars"

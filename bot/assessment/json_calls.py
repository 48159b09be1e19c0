"""JSON calls of a run: asked until the answer can be read, read on where an earlier run was, checkpointed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from bot.assessment import prompts
from bot.assessment.drafting import CHARS_A_TOKEN
from bot.assessment.loose_json import parse_object
from bot.assessment.open_answers import OpenAnswer
from bot.assessment.run import Run
from bot.llm.port import (
    Finished,
    JsonSchema,
    ModelConfigurationError,
    ModelError,
    ModelForgottenError,
    Role,
)

__all__ = ["GIVEN_UP", "JsonCall", "ask_json", "ask_json_or_give_up", "collect_json"]

ATTEMPTS = 2
"""Attempts at a call whose answer cannot be read, the first one included."""

GIVEN_UP = "given_up"
"""In the checkpoint of a call that failed for good: the sentence on why. Another run does without it, too:
text that is on screen would move if the data came after all.
"""

Take = Callable[[str], None]
"""Is given an answer's text as it comes."""


def _as_it_is(data: dict[str, Any]) -> dict[str, Any]:
    return data


@dataclass(frozen=True, slots=True)
class JsonCall:
    """What is asked for."""

    name: str
    """Of the call, and of its checkpoint."""
    schema: JsonSchema
    instruction: str
    max_tokens: int
    priority: int
    """Of the slot it waits for: ``Run.priority``."""
    system: str = ""
    """Another persona's than the run's."""
    shaped: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is
    """Gives the answer the form that is kept."""
    reader: Callable[[], Take] | None = None
    """Made anew for each attempt."""


async def ask_json(run: Run, call: JsonCall) -> dict[str, Any]:
    """The JSON of a call; empty where no attempt gave any. Raises ``ModelError``."""
    name = call.name
    if name in run.checkpoints:
        return dict(run.checkpoints[name])
    asked = call
    for _ in range(ATTEMPTS):
        data = parse_object(await collect_json(run, asked)) or {}
        if any(data.values()):
            data = call.shaped(data)
            break
        data = {}
        run.accounts.counts[f"unreadable_{name}"] += 1
        wish = prompts.repair_instruction(call.instruction, ["It was not the JSON object asked for."])
        asked = replace(call, instruction=wish)
    run.checkpoint(name, data)
    run.settled(name)
    return data


async def ask_json_or_give_up(run: Run, call: JsonCall) -> dict[str, Any]:
    """The same, for what an answer can do without: where the model fails, why stands under ``GIVEN_UP``.
    Raises ``ModelConfigurationError``, which no other call will escape.
    """
    try:
        return await ask_json(run, call)
    except ModelConfigurationError:
        raise
    except ModelError as error:
        data = {GIVEN_UP: error.user_message}
        run.checkpoint(call.name, data)
        run.settled(call.name)
        return data


async def collect_json(run: Run, asked: JsonCall) -> str:
    """The whole text of one call, retried as the run's policy says."""
    name = asked.name
    call = run.call(
        name, Role.PLAN, asked.instruction, asked.max_tokens, schema=asked.schema, system=asked.system
    )

    async def read(begun: OpenAnswer | None) -> str:
        pieces: list[str] = []
        take = asked.reader() if asked.reader is not None else None
        left = asked.max_tokens * CHARS_A_TOKEN
        async with aclosing(run.stream(call, begun)) as stream:
            async for item in stream:
                if isinstance(item, Finished):
                    run.accounts.add(item)
                    break
                run.started.set()
                pieces.append(item)
                if take is not None:
                    take(item)
                left -= len(item)
                if left < 0:
                    run.accounts.counts["endless"] += 1
                    break
        return "".join(pieces)

    async def attempt() -> str:
        async with run.calls.slot(asked.priority):
            if (begun := run.begun(name)) is not None:
                try:
                    return await read(begun)
                except ModelForgottenError:
                    run.lost(name)
            return await read(None)

    return await run.retried(name, attempt)

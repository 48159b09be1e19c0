"""A replica of its own that calls a paced model: ``python pausing_process.py REDIS PREFIX MODEL CALLS``.

It prints ``ready``, waits for a line, then makes its calls one after the other and prints a JSON list
with the outcome of each.
"""

from __future__ import annotations

import asyncio
import json
import sys

from bot.llm.endpoint import ModelEndpoint, RoleSettings, endpoint_id
from bot.llm.openai_model import OpenAIModel
from bot.llm.pacing import PacedModel
from bot.llm.port import ModelCall, ModelError, Role
from bot.store.connection import open_redis
from bot.store.model_governor import SharedPause


async def main(redis_url: str, prefix: str, model_url: str, calls: int) -> None:
    """One call after the other; a 429 is an outcome, not an end."""
    endpoint = ModelEndpoint(
        roles={role: RoleSettings("scripted") for role in Role}, key="test-key", url=model_url
    )
    redis = open_redis(redis_url)
    model = PacedModel(
        OpenAIModel(endpoint),
        SharedPause(redis, endpoint_id(endpoint), prefix=prefix, fresh_seconds=0.1, answer_seconds=10.0),
    )
    print("ready", flush=True)
    sys.stdin.readline()
    outcomes = []
    for number in range(calls):
        call = ModelCall("t1", f"section-{number}", Role.SECTION, "system", "context", "write", 100)
        try:
            async for _ in model.stream(call):
                pass
            outcomes.append("ok")
        except ModelError as error:
            outcomes.append(type(error).__name__)
    await model.aclose()
    await redis.aclose()
    print(json.dumps(outcomes), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))

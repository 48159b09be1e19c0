"""A worker in a process of its own, to be killed: counts upwards in the turn's document, one number a step.

``python worker_process.py URL NAMESPACE LEASE_SECONDS``; prints one JSON list an event.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys

from bot.jobs import HandOverError, Queue, TurnRun
from bot.store.connection import open_redis
from bot.store.stored_turns import Outcome
from bot.store.turn_store import TurnStore

STEP_SECONDS = 0.02


def say(*event: object) -> None:
    """Tell the test."""
    print(json.dumps(event), flush=True)


async def main(url: str, namespace: str, lease_seconds: float) -> None:
    """Work until SIGTERM."""
    redis = open_redis(url)
    store = TurnStore(redis, prefix=namespace)
    queue = await Queue.open(
        url, store=store, name=f"{namespace}-queue", lease_seconds=lease_seconds, concurrency=50
    )

    async def count(run: TurnRun) -> Outcome:
        steps = int(run.turn.question.text)
        done = len(run.stored.delivery.document.split())
        say("started", run.turn.turn_id, done, run.lease.attempt)
        for number in range(done, steps):
            if run.draining.is_set():
                say("handing over", run.turn.turn_id, number)
                raise HandOverError
            await store.record(run.lease, append=f"{number} ")
            await asyncio.sleep(STEP_SECONDS)
        say("finished", run.turn.turn_id)
        return Outcome.ANSWERED

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, queue.drain)
    say("ready")
    await queue.run_worker(count)
    await queue.aclose()
    await redis.aclose()
    say("ended")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))

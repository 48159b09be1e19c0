"""A replica of its own that books calls: ``python booking_process.py URL NAMESPACE CALLS`` prints their
times.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from bot.store.connection import open_redis
from bot.store.governor import Budget, Governor


async def main(url: str, namespace: str, calls: int) -> None:
    """Book from ten tasks at once; times are on the machine's clock, which the server shares."""
    redis = open_redis(url)
    governor = Governor(
        redis, "A1", "T1", {"chat.appendStream": Budget(100, 60.0, burst=20)}, prefix=namespace
    )

    async def some() -> list[float]:
        booked = []
        for _ in range(calls // 10):
            slot = await governor.reserve("chat.appendStream")
            booked.append(time.time() + slot.seconds)
        return booked

    booked = await asyncio.gather(*(some() for _ in range(10)))
    await redis.aclose()
    print(json.dumps([at for times in booked for at in times]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

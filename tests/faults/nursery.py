"""Replicas that need no time to start: a process that has loaded the program forks one for every order.

Loading it takes two seconds of a core. Where replicas die every few seconds that would be most of what the
machine does; nothing else about a replica is different from one that was started by itself.

What time it is in a replica can be set from outside by signals (``BACK``, ``FORWARD``): its wall clock jumps,
and its monotonic clock goes on, as when somebody sets a machine's clock.

As a process (``python -m tests.faults.nursery``) it reads orders, a JSON line each, from its standard input,
and writes a line for each replica that was born or has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import time_machine

from tests.support.desk import ROOT

__all__ = ["BACK", "FORWARD", "JUMP_SECONDS", "Child", "Nursery"]

BACK, FORWARD = signal.SIGUSR1, signal.SIGUSR2
"""Signals that set a replica's wall clock; the one after the other sets it right again."""

JUMP_SECONDS = 3600.0
"""By how much: an hour, as where somebody mistakes a time zone."""


class Child:
    """A process of the nursery. ``returncode`` as ``asyncio.subprocess.Process`` has it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def end(self, code: int) -> None:
        """It has ended."""
        self.returncode = code
        self._ended.set()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # its end is about to be told
                os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait for its end; the exit code."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode


class Nursery:
    """The process, seen from the tests."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._orders: deque[asyncio.Future[Child]] = deque()
        self._children: dict[int, Child] = {}
        self._reading = asyncio.create_task(self._read(), name="nursery")

    @classmethod
    async def open(cls) -> Nursery:
        """Start it; orders may be given at once. Close it with ``aclose``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.nursery"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def bear(self, environment: Mapping[str, str], log: Path) -> Child:
        """A new ``country-agents serve`` with this environment, its standard error in ``log``."""
        assert self._process.stdin is not None
        order = json.dumps({"environment": dict(environment), "log": str(log)})
        born: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._orders.append(born)
        self._process.stdin.write(order.encode() + b"\n")
        return await born

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            what, pid, *code = line.split()
            child = self._children.setdefault(int(pid), Child(int(pid)))
            if what == b"born":
                self._orders.popleft().set_result(child)
            else:
                child.end(int(code[0]))

    async def aclose(self) -> None:
        """End it, and what of its replicas still lives."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading


# The process ------------------------------------------------------------------------------------------------


def main() -> None:
    """Fork a replica for each line of the standard input, until it ends."""
    from bot.__main__ import main as run  # noqa: PLC0415 - what takes the time, here and not in the tests

    children: set[int] = set()

    def reap(*_: object) -> None:
        """Tell of all that have ended; one more may end meanwhile and call this again, inside of it."""
        with contextlib.suppress(ChildProcessError):  # none is left
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                children.discard(ended[0])
                os.write(1, b"ended %d %d\n" % (ended[0], os.waitstatus_to_exitcode(ended[1])))

    gc.freeze()
    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin.buffer:
        order = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # nobody ends before it is known
        pid = os.fork()
        if pid == 0:
            _become_a_replica(order["environment"], order["log"])
            code = run(["serve"])
            logging.shutdown()
            sys.exit(code)
        children.add(pid)
        os.write(1, b"born %d\n" % pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for pid in list(children):
        os.kill(pid, signal.SIGKILL)


def _become_a_replica(environment: Mapping[str, str], log: str) -> None:
    """Let go of all that is the nursery's."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    nothing = os.open(os.devnull, os.O_RDWR)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, place in enumerate((nothing, nothing, written)):
        os.dup2(place, stream)
    os.environ.clear()
    os.environ.update(environment)
    _let_its_clock_be_set()


def _let_its_clock_be_set() -> None:
    """Each signal moves the wall clock on from where it is."""
    clock = contextlib.ExitStack()
    offset = 0.0

    def move(number: int, _: object) -> None:
        nonlocal offset
        offset += JUMP_SECONDS if number == FORWARD else -JUMP_SECONDS
        clock.close()  # right again
        if offset:
            clock.enter_context(time_machine.travel(time.time() + offset, tick=True))

    for number in (BACK, FORWARD):
        signal.signal(number, move)


if __name__ == "__main__":
    main()

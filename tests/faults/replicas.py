"""``country-agents serve`` processes with their logs: to be killed, asked to go, and replaced."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from bot.settings import Settings
from tests.faults.nursery import BACK, FORWARD, Child, Nursery
from tests.support.desk import environment_of

__all__ = ["Replica"]


class Replica:
    """One process; its standard error, JSON lines, goes to a file of its own."""

    def __init__(self, process: Child, log: Path) -> None:
        self.process = process
        self._log = log
        self._read = 0
        self._events: list[dict[str, Any]] = []

    @classmethod
    async def start(
        cls, nursery: Nursery, settings: Settings, log: Path, *, variables: Mapping[str, str] | None = None
    ) -> Replica:
        """Start it; it takes questions once its socket is connected."""
        environment = environment_of(settings) | {"COUNTRY_AGENTS_LOG_FORMAT": "json"} | dict(variables or {})
        return cls(await nursery.bear(environment, log), log)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.returncode is None

    async def kill(self) -> None:
        """Kill -9, if it still runs."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def set_clock(self, *, forward: bool) -> None:
        """Set its wall clock an hour forward or back."""
        self.process.send_signal(FORWARD if forward else BACK)

    async def ended(self) -> int:
        """The exit code, once it has ended."""
        return await self.process.wait()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Its log lines so far, in order; of one event or of all."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):  # half written
                    break
                self._read += len(line)
                if line.startswith(b"{"):
                    self._events.append(json.loads(line))
        return [event for event in self._events if name is None or event.get("event") == name]

    def tail(self, lines: int = 200) -> str:
        """The end of the log, for whoever looks at a failure."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def ports(self) -> set[int]:
        """Local TCP ports of its connections."""
        if not self.alive:
            return set()
        connections = psutil.Process(self.process.pid).net_connections("tcp")
        return {connection.laddr.port for connection in connections}

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

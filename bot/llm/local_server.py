"""The local demo model: llama.cpp's OpenAI-compatible server (xllamacpp) in a process of its own.

``LocalServer.start`` runs ``python -m bot.llm.local_server GGUF`` and restarts it when it crashes; a
native crash never takes the app along, and an app that dies, however it dies, takes its model along.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import secrets
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

import structlog

from bot.errors import CountryAgentsError

__all__ = ["INSTALL_COMMAND", "LocalServer", "LocalServerError", "Threads", "main"]

INSTALL_COMMAND = "pip install 'country-agents[local]'"
"""What brings the engine; the same extra is locked in requirements-local.txt."""

MODEL_ALIAS = "local"
"""The model's name on the wire; the server serves one model and ignores what it is asked for."""

CONTEXT_TOKENS = 4096
"""The longest call of the demo profile (prefix, plan, instruction, answer) stays below 1,000 tokens;
the rest is room for a long question. The KV cache is allocated at start: 28 kB a token for the 1.5B."""

START_TIMEOUT_SECONDS = 120.0
"""Loading takes 1-9 s from a warm or cold disk; a slow network disk must not be cut off."""

MAX_RESTARTS = 3
"""A server that has crashed this often in a row will crash again: leave it down, and say so."""
STEADY_SECONDS = 600.0
"""A server that ran this long was well: its next crash is counted as the first again."""
RESTART_DELAY_SECONDS = 1.0
"""Lets the kernel free memory and port, and keeps a crash loop from eating a core."""

_ENGINE = "xllamacpp"
"""Optional, without types, and needed by the server process alone: so imported by name, inside it."""

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_PARENT_POLL_SECONDS = 1.0
_STOP_SECONDS = 3.0
"""The server ends at once on SIGTERM unless native code hangs; then it is killed."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class LocalServerError(CountryAgentsError):
    """The local model could not be started; the message says why and what to do."""

    user_message = (
        "The demo model could not be started. Please tell whoever runs this app to look at "
        "`country-agents doctor`."
    )


@dataclass(frozen=True, slots=True)
class Threads:
    """How many threads generate text, and how many read the prompt.

    llama.cpp's threads meet several hundred times a token. With a generating thread on every core,
    anything else that runs makes them all wait: measured on two cores with one of them busy, 1.5B,
    two threads fall from 30 to 4-10 tokens/s while one thread keeps its 20. Reading a prompt meets
    rarely a token, so all cores are worth it: 82 instead of 43 tokens/s when idle, 47 when busy.
    """

    generation: int
    prompt: int

    @classmethod
    def for_this_machine(cls) -> Threads:
        """All cores this process may use for the prompt, all but one for generation."""
        cores = _cores()
        return cls(generation=max(1, cores - 1), prompt=cores)

    def environment(self) -> dict[str, str]:
        """Variables for the server's OpenMP runtime. Waiting threads sleep instead of spinning where only
        the prompt has several (no loss when idle, 35 instead of 20 tokens/s with both cores busy);
        several generating threads need the spin (19 instead of 30 tokens/s without).
        """
        return {"OMP_WAIT_POLICY": "PASSIVE"} if self.generation == 1 else {}


class LocalServer:
    """A running, supervised local model server. Create it with ``start``; end it with ``aclose``."""

    def __init__(
        self, command: Sequence[str], key: str, environment: dict[str, str], log: Path | None
    ) -> None:
        self._command = command
        self._environment = environment
        self._log_path = log
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.key = key
        """The API key the server wants; random for each start of the app."""
        self.url = ""
        """Base URL as OpenAI clients want it, with ``/v1``; the same after a restart."""

    @classmethod
    async def start(
        cls,
        gguf: Path,
        *,
        threads: Threads | None = None,
        context_tokens: int = CONTEXT_TOKENS,
        log_path: Path | None = None,
        start_timeout_seconds: float = START_TIMEOUT_SECONDS,
    ) -> LocalServer:
        """Start the server and return when the model is loaded.

        ``log_path`` takes the engine's own log (appended; addresses and timings, no text of people at
        its level); without it the log is dropped. Raises ``LocalServerError``.
        """
        threads = threads or Threads.for_this_machine()
        command = [sys.executable, "-m", __spec__.name, str(gguf), "--supervised"]
        command += ["--port", str(_free_port()), "--context", str(context_tokens)]
        command += ["--threads", str(threads.generation), "--prompt-threads", str(threads.prompt)]
        server = cls(command, secrets.token_urlsafe(24), {**os.environ, **threads.environment()}, log_path)
        await server._launch(start_timeout_seconds)
        server._supervisor = asyncio.create_task(server._supervise(start_timeout_seconds))
        return server

    @property
    def pid(self) -> int | None:
        """Process id of the server, for memory and CPU figures; ``None`` while it is down."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def aclose(self) -> None:
        """End the server; closing twice is fine."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        await self._end()

    async def _launch(self, timeout_seconds: float) -> None:
        log = self._log_path.open("ab") if self._log_path is not None else None
        with log if log is not None else contextlib.nullcontext():
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if log is None else log,
                env=self._environment,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("both are pipes")
        # the key goes through the pipe: other users of the machine can read a command line
        stdin.write(f"{self.key}\n".encode())
        try:
            line = await asyncio.wait_for(stdout.readline(), timeout_seconds)
            hello = json.loads(line or b"{}")
        except TimeoutError:
            hello = {"error": f"The model was not loaded within {timeout_seconds:.0f} seconds."}
        except BaseException:
            await self._end()
            raise
        if "url" not in hello:
            await self._end()
            reason = hello.get("error") or f"The engine ended with exit code {self._process.returncode}."
            raise LocalServerError(f"The local demo model could not be started. {reason}")
        self.url = hello["url"]

    async def _supervise(self, timeout_seconds: float) -> None:
        """Restart the server when it ends by itself; the port and the key stay."""
        loop = asyncio.get_running_loop()
        crashes = 0
        while self._process is not None:
            launched_at = loop.time()
            code = await self._process.wait()
            crashes = 1 if loop.time() - launched_at > STEADY_SECONDS else crashes + 1
            if crashes > MAX_RESTARTS:
                _log.error("local_model.given_up", exit_code=code, restarts=MAX_RESTARTS)
                return
            _log.warning("local_model.crashed", exit_code=code, crashes=crashes)
            await asyncio.sleep(RESTART_DELAY_SECONDS)
            with contextlib.suppress(LocalServerError):
                await self._launch(timeout_seconds)
                _log.info("local_model.restarted", crashes=crashes)

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _cores() -> int:
    """Cores this process may really use: its affinity mask, and a container's CPU quota if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no cgroup v2 here, or no quota: "max 100000"
        quota, period = _CGROUP_QUOTA.read_text().split()
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def _free_port() -> int:
    """A port nobody uses now. It is chosen here so that a restarted server can take the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: Sequence[str] | None = None) -> int:
    """The server process: load the model, print one JSON line with ``url`` and ``key`` (or ``error``)
    on standard output, serve until terminated. Exit code 1 when it could not start.
    """
    parser = argparse.ArgumentParser(prog="python -m bot.llm.local_server", description=main.__doc__)
    parser.add_argument("gguf", type=Path, help="the model file")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--threads", type=int, default=Threads.for_this_machine().generation)
    parser.add_argument("--prompt-threads", type=int, default=Threads.for_this_machine().prompt)
    parser.add_argument("--context", type=int, default=CONTEXT_TOKENS, help="context window in tokens")
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="read the key from standard input, and end when it closes or the parent process dies",
    )
    options = parser.parse_args(arguments)
    # the engine writes to both standard streams: keep the real output for our one line
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if options.supervised:
        parent = os.getppid()
        key = sys.stdin.readline().strip()
        threading.Thread(target=_die_with, args=(parent,), name="parent-watch", daemon=True).start()
    else:
        key = secrets.token_urlsafe(24)
    try:
        server = _serve(options, key)
    except LocalServerError as error:
        _say(output, {"error": str(error)})
        return 1
    _say(output, {"url": f"{server.listening_address}/v1", "key": key})
    threading.Event().wait()
    return 0


class _Engine(Protocol):
    """What we use of xllamacpp's server object."""

    listening_address: str


def _say(output: TextIO, line: dict[str, str]) -> None:
    output.write(json.dumps(line) + "\n")
    output.flush()


def _die_with(parent: int) -> None:
    """End this process when ``parent`` is gone. The pipe alone would not do: a forked sibling may hold
    its other end open; the parent's id alone is noticed a second later.
    """
    while os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin], [], [], _PARENT_POLL_SECONDS)
        if readable and not os.read(sys.stdin.fileno(), 4096):
            break
    os._exit(0)


def _serve(options: argparse.Namespace, key: str) -> _Engine:
    """Load the model and serve it; returns xllamacpp's server, which lives as long as the object."""
    try:
        xllamacpp = importlib.import_module(_ENGINE)
    except ModuleNotFoundError:
        raise LocalServerError(f"Its engine is not installed: run `{INSTALL_COMMAND}`.") from None
    except ImportError as error:
        raise LocalServerError(
            f"Its engine cannot be loaded ({error}). On Debian: `apt-get install libgomp1 libstdc++6`."
        ) from None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(options.gguf)
    parameters.model_alias = {MODEL_ALIAS}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = options.port
    parameters.api_keys = [key]
    parameters.ui = False
    parameters.n_ctx = options.context
    parameters.n_parallel = 1  # one call at a time, so that the shared prefix stays in the one cache
    parameters.cache_ram_mib = 0  # no second cache of old prompts in memory: ours share one prefix
    parameters.cpuparams.n_threads = options.threads
    parameters.cpuparams_batch.n_threads = options.prompt_threads
    try:
        engine: _Engine = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise LocalServerError(
            f"The engine cannot load {options.gguf.name}: not a model it knows, or too little memory."
        ) from error
    return engine


if __name__ == "__main__":
    sys.exit(main())

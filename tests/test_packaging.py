"""The distribution, its locks and the commands of the Makefile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-local.txt", "requirements-dev.txt", "requirements-build.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(lock: str) -> dict[str, str]:
    """Package -> version of a lock."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", text, re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    """The package names of requirement lines."""
    return {re.split(r"[\[<>=~! ;]", line, maxsplit=1)[0] for line in requirements}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_lock_names_a_registry(lock: str) -> None:
    """A lock installs the same bytes from whichever registry the machine uses."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    for pin in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in pin, pin.splitlines()[0]
    assert "://" not in text
    assert not re.search(r"^--|^-[a-z]", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_agree(lock: str) -> None:
    """What runs is what was tested: no package has another version in another lock."""
    tested = pins("requirements-dev.txt")
    assert {name: v for name, v in pins(lock).items() if tested.get(name, v) != v} == {}


def test_the_locks_hold_what_the_project_declares() -> None:
    """A dependency that is added to pyproject.toml is locked (``make lock``) in the same commit."""
    project = PROJECT["project"]
    run, local = names(project["dependencies"]), names(project["optional-dependencies"]["local"])
    dev = names(PROJECT["dependency-groups"]["dev"])
    assert run <= set(pins("requirements.txt"))
    assert run | local <= set(pins("requirements-local.txt"))
    assert run | local | dev <= set(pins("requirements-dev.txt"))
    assert names(PROJECT["build-system"]["requires"]) <= set(pins("requirements-build.txt"))


def test_running_needs_neither_tests_nor_the_local_model() -> None:
    """The image stays small."""
    assert not {"pytest", "playwright", "xllamacpp", "hatchling"} & set(pins("requirements.txt"))


def test_the_three_packages_are_named_one_by_one() -> None:
    """Nothing else of the checkout gets into the wheel."""
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [
        "bot",
        "handlers",
        "personas",
    ]


def test_the_wheel_holds_the_data_files(tmp_path: Path) -> None:
    """Personas and the sandbox's page are data: a wheel without them would start and fail."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "-qq",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            ROOT,
        ],
        check=True,
        timeout=50,
    )
    [wheel] = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "wheel", "zip")
    for package in ("bot", "handlers", "personas"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (tmp_path / "wheel" / path.relative_to(ROOT)).is_file(), path
    assert not (tmp_path / "wheel" / "tests").exists()


def test_the_version_is_in_the_changelog() -> None:
    """A released version says what it brought."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{PROJECT['project']['version']}]" in changelog


def test_every_make_target_of_the_readme_exists() -> None:
    """And each is listed by plain ``make``."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)`", readme, re.MULTILINE))
    listed = subprocess.run(["make", "-C", ROOT], check=True, capture_output=True, text=True).stdout
    assert {first or second for first, second in named} <= set(re.findall(r"make ([a-z]+)", listed))


def test_ci_calls_the_readmes_test_command() -> None:
    """One way to test, for people and machines."""
    assert "make --no-print-directory test" in (ROOT / ".ci/run").read_text().splitlines()[-1]
    assert "\nmake test" in (ROOT / "README.md").read_text(encoding="utf-8")


def set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up script of a copy of the checkout's top level."""
    for name in (*LOCKS, "pyproject.toml"):
        shutil.copy(ROOT / name, checkout)
    (checkout / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/setup", checkout / ".ci")
    return subprocess.run(
        [checkout / ".ci/setup", "dev"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_missing_python_is_one_sentence(tmp_path: Path) -> None:
    """Not a shell error."""
    done = set_up(tmp_path, PYTHON="python3.999")
    assert done.returncode == 1
    assert done.stderr.startswith("There is no python3.999 here.")
    assert len(done.stderr.splitlines()) == 1


def fake_python(folder: Path, script: str) -> str:
    """An interpreter that answers the set-up's questions as told."""
    path = folder / "python-of-the-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_an_old_python_is_one_sentence(tmp_path: Path) -> None:
    """The sentence says how to name a newer one."""
    done = set_up(tmp_path, PYTHON=fake_python(tmp_path, "exit 1"))
    assert done.returncode == 1
    assert "is older than 3.11" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_python_without_venv_is_one_sentence(tmp_path: Path) -> None:
    """Debian splits venv off: the sentence names its package."""
    script = 'case "$2" in *ensurepip*) exit 1;; esac; exit 0'
    done = set_up(tmp_path, PYTHON=fake_python(tmp_path, script))
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert len(done.stderr.splitlines()) == 1

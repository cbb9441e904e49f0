"""The rules of the house: sizes, names, and imports that run one way only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("suite", "strategies", "leaderboard") for path in (ROOT / folder).rglob("*.py"))
HANDBOOK = sorted((ROOT / "docs" / "handbook").glob("*.py"))
EVERYTHING = SOURCES + HANDBOOK + sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 70


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_a_house() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_a_file_is_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert path.stem not in ("utils", "util", "helpers", "helper", "misc", "common", "manager")


@pytest.mark.parametrize("path", SOURCES + HANDBOOK, ids=named)
def test_a_function_fits_a_screen_and_a_file_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno <= LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_imports_run_one_way(path: Path) -> None:
    modules = {name.partition(".")[0] for name in imported(path)}
    if path.is_relative_to(ROOT / "suite"):
        # Kernels lie below everything, so that they can be used alone; how they are compiled is the same everywhere.
        others = {name for name in imported(path) if name != "strategies.kernels.compiling"}
        assert not {name.partition(".")[0] for name in others} & {"strategies", "leaderboard"}
    if not path.is_relative_to(ROOT / "suite" / "commands"):
        # Commands parse and print: what others need of them belongs to the layer below.
        assert not any(name.startswith("suite.commands") for name in imported(path))
    if path.is_relative_to(ROOT / "leaderboard"):
        assert "strategies" not in modules
    if path.is_relative_to(ROOT / "strategies"):
        ours = {name for name in imported(path) if name.startswith("suite")}
        allowed = ("suite.registry", "suite.pool", "suite.features", "suite.errors", "suite.selection")
        assert all(name.startswith(allowed) for name in ours), ours
    if path.is_relative_to(ROOT / "strategies" / "kernels"):
        standard = set(sys.stdlib_module_names) | {"__future__"}
        assert modules - standard <= {"numpy", "numba", "strategies"}
        assert not any(name.startswith("suite") for name in imported(path))
    if path.is_relative_to(ROOT / "suite" / "statistics"):
        assert modules - set(sys.stdlib_module_names) <= {"numpy", "scipy", "suite", "__future__"}


MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}
LAZY_CYCLES = {
    (
        "suite.engines",
        "suite.engines.transformers",
    ): "the engine is chosen by name, and only the chosen one is imported",
}
"""Modules that import one another, one of them inside a function, and why that import waits."""


def needs(path: Path, *, lazy: bool) -> set[str]:
    """The modules of ours that a file imports when it is loaded; with `lazy`, inside functions as well."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not lazy:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` needs the module; any other name, the package.
            found.update(inside & MODULES.keys() or {node.module})
        waiting.extend(ast.iter_child_nodes(node))
    return found & MODULES.keys()


def cycles(*, lazy: bool) -> set[tuple[str, ...]]:
    """Modules that reach one another, each group once and sorted."""
    direct = {module: needs(path, lazy=lazy) for module, path in MODULES.items()}

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        waiting = list(direct[start])
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting.extend(direct[module])
        return found

    reach = {module: reached(module) for module in direct}
    return {
        tuple(sorted(other for other in found if module in reach[other]))
        for module, found in reach.items()
        if module in found
    }


def test_no_module_needs_itself() -> None:
    assert cycles(lazy=False) == set()
    assert cycles(lazy=True) == LAZY_CYCLES.keys()


def test_kernels_load_without_the_rest() -> None:
    code = (
        "import sys; from strategies.kernels import (k_center, facility_location, farthest, max_coverage, novelselect, "
        "replay_novelselect, repr_filter, reverse_greedy_prune)\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('suite', 'torch', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"

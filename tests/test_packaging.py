"""What `pip install` gives: archives that hold the tree, a light installation that works, extras that are named."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from suite.extras import PROVIDES, explained

ROOT = Path(__file__).parents[1]
PACKAGES = ("suite", "strategies", "leaderboard")
BESIDE = ("pyproject.toml", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta as b; print(b.{what}(sys.argv[1]))"


class Archives(NamedTuple):
    """The wheel, the archive of sources, and the wheel that is built from those."""

    wheel: Path
    sources: Path
    wheel_of_sources: Path


def built(what: str, folder: Path, place: Path) -> Path:
    """Build in a process of its own, as pip does; returns the archive."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(what=what), str(place)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return place / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """Built from a copy, so that nothing is left in the tree."""
    place = tmp_path_factory.mktemp("archives")
    tree = place / "tree"
    tree.mkdir()
    for name in PACKAGES:
        copytree(ROOT / name, tree / name, ignore=ignore_patterns("__pycache__"))
    for name in BESIDE:
        (tree / name).write_bytes((ROOT / name).read_bytes())
    sources = built("build_sdist", tree, place)
    with tarfile.open(sources) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (unpacked,) = (place / "unpacked").iterdir()
    again = place / "again"
    again.mkdir()
    return Archives(built("build_wheel", tree, place), sources, built("build_wheel", unpacked, again))


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def needed(wheel: Path) -> set[str]:
    """The distributions that the wheel needs without an extra, and what those need: names in canonical form."""
    (metadata,) = importlib.metadata.distributions(path=[str(wheel)])
    found: set[str] = set()
    waiting = [(written, frozenset({""})) for written in metadata.requires or []]
    while waiting:
        written, extras = waiting.pop()
        need = Requirement(written)
        if need.marker is not None and not any(need.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = str(canonicalize_name(need.name))
        if name in found and not need.extras:
            continue
        found.add(name)
        try:
            below = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            pytest.fail(f"{name}, which breadth needs, is not installed here")
        waiting += [(inner, frozenset({"", *need.extras})) for inner in below]
    return found


def parts(name: str) -> Iterator[Path]:
    """The entries of site-packages that belong to a distribution."""
    distribution = importlib.metadata.distribution(name)
    for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
        yield Path(str(distribution.locate_file(top)))


@pytest.fixture(scope="module")
def light(archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `breadth` of a fresh environment that holds the wheel and exactly what it needs without an extra."""
    place = tmp_path_factory.mktemp("light") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "-q", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(archives.wheel)], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    for name in needed(archives.wheel):
        for part in parts(name):
            if not (packages / part.name).exists():
                (packages / part.name).symlink_to(part)
    return place / "bin" / "breadth"


def asked(breadth: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command outside the tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(breadth), *arguments],
        cwd=folder,
        env={**environment, "BREADTH_HOME": str(folder / "home"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_wheel_holds_the_tree_and_nothing_else(archives: Archives) -> None:
    tree = {
        str(path.relative_to(ROOT))
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names_in(archives.wheel) == tree
    assert any(name.endswith(".toml") for name in tree)
    assert any(name.endswith(".css") for name in tree)


def test_sources_build_the_same_wheel(archives: Archives) -> None:
    assert names_in(archives.wheel_of_sources) == names_in(archives.wheel)
    with tarfile.open(archives.sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names


def test_nothing_heavy_is_needed_without_an_extra(archives: Archives) -> None:
    heavy = {"torch", "triton", "trl", "peft", "accelerate", "vllm", "ray", "gradio", "lm-eval", "kaleido"}
    assert not needed(archives.wheel) & heavy


def test_every_extra_that_errors_name_is_one_of_the_wheel(archives: Archives) -> None:
    (metadata,) = importlib.metadata.distributions(path=[str(archives.wheel)])
    assert set(PROVIDES) | {"bench", "dev", "docs", "test"} == set(metadata.metadata.get_all("Provides-Extra") or [])


@pytest.mark.parametrize("command", [("tracks",), ("strategies",), ("metrics",), ("leaderboard", "--help"), ("-h",)])
def test_the_light_command_works_outside_the_tree(light: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    done = asked(light, tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert "failed" not in done.stdout


def test_the_light_command_selects_measures_and_checks(light: Path, tmp_path: Path) -> None:
    for arguments in (
        ("select", "k-center", "--track", "microworld", "-o", "picks.json"),
        ("measure", "picks.json", "--track", "microworld", "--metrics", "vendi,novelsum,facility-location"),
        ("init", "my-method"),
        ("check", "my-method"),
        ("board", "--track", "microworld", "--store", f"file:{ROOT / 'docs' / 'results' / 'store'}"),
    ):
        done = asked(light, tmp_path, *arguments)
        assert done.returncode == 0, (arguments, done.stderr)


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("train", ("run", "--track", "microworld", "--strategies", "random")),
        ("train", ("ladder", "--track", "microworld", "-o", "ladder")),
        ("train", ("select", "longest", "--track", "microworld", "-o", "picks.json")),
        ("board", ("leaderboard", "--no-open")),
    ],
)
def test_a_command_that_needs_an_extra_says_which(
    light: Path, tmp_path: Path, extra: str, arguments: tuple[str, ...]
) -> None:
    done = asked(light, tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.count("Error:") == 1
    assert f"pip install 'breadth[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_import_that_fails_deep_inside_names_the_extra(light: Path, tmp_path: Path, tiny_base: Path) -> None:
    embedder = f"causal-lm:{tiny_base}"
    done = asked(light, tmp_path, "select", "k-center", "--track", "microworld", "--embedder", embedder)
    assert done.returncode == 1
    assert done.stderr.count("Error:") == 1
    assert "needs torch, which is not installed: pip install 'breadth[train]'" in done.stderr
    shown = asked(light, tmp_path, "--debug", "select", "k-center", "--track", "microworld", "--embedder", embedder)
    assert "Traceback" in shown.stderr


def test_only_what_an_extra_brings_is_explained() -> None:
    missing = explained(ModuleNotFoundError("No module named 'trl.trainer'", name="trl.trainer"))
    assert missing is not None
    assert "breadth[train]" in str(missing)
    assert explained(ModuleNotFoundError("No module named 'somebody'", name="somebody")) is None
    assert explained(ImportError("cannot import name")) is None


def test_the_lowest_versions_are_those_that_are_promised() -> None:
    """What .ci/lowest.txt pins is what pyproject.toml states as the lowest, for every dependency of ours but torch."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = ("train", "board", "embeddings", "figures", "docs", "umap", "eval", "ray")
    stated = [*project["dependencies"], *(need for extra in extras for need in project["optional-dependencies"][extra])]
    pinned = dict(
        line.split("==") for line in (ROOT / ".ci" / "lowest.txt").read_text().splitlines() if not line.startswith("#")
    )
    for need in map(Requirement, stated):
        if need.name not in ("breadth", "torch"):
            (lowest,) = [limit.version for limit in need.specifier if limit.operator == ">="]
            assert Version(lowest) == Version(pinned.pop(need.name)), need
    assert not pinned

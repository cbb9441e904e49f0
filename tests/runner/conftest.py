"""A home in which the tiny track's base model is built already: tests of the runner need not wait for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from suite.runner.cells import Cell
from suite.runner.experiment import Experiment
from suite.stores.url import open_store
from suite.track import load_track

TINY = Path(__file__).parents[1] / "tracks" / "tiny.toml"


def experiment() -> Experiment:
    """The tiny track over the store of the present BREADTH_HOME."""
    from suite.home import default_store

    return Experiment(
        track=load_track(str(TINY)),
        store=open_store(default_store()),
        notify=lambda message: None,
        progress=lambda title: lambda done, total: None,
    )


@pytest.fixture(scope="session")
def built_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of built base models, made once."""
    home = tmp_path_factory.mktemp("built")
    before = os.environ.get("BREADTH_HOME")
    os.environ["BREADTH_HOME"] = str(home)
    try:
        made = experiment()
        made.base(made.track.base_models[0].name)
    finally:
        os.environ.pop("BREADTH_HOME")
        if before is not None:
            os.environ["BREADTH_HOME"] = before
    return home / "cache" / "base-models"


@pytest.fixture
def tiny_home(own_home: Path, built_base: Path) -> Path:
    """This test's own BREADTH_HOME with the base model in it."""
    shutil.copytree(built_base, own_home / "cache" / "base-models")
    return own_home


@pytest.fixture
def breadth(own_home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real command in a process of its own."""

    def run(
        *arguments: str, timeout: float = 180, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "BREADTH_HOME": str(own_home), **(environment or {})},
            check=False,
        )

    return run


def command(*arguments: str) -> list[str]:
    """The command line of a `breadth` call with this interpreter."""
    return [sys.executable, "-m", "suite.commands.main", *arguments]


def stored_results(home: Path) -> dict[str, bytes]:
    """Every file of the store, by its path."""
    store = home / "store"
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*.json"))}


__all__ = ["TINY", "Cell", "command", "experiment", "stored_results"]

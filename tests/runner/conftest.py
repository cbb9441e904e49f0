"""A home in which the tiny track's base model is built already: tests of the runner need not wait for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tiny_track import command, experiment


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

"""Fixtures that every part of the suite shares."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from suite.intake.sandbox.isolation import Isolation

# Tiny models train fifty times slower when torch's threads spin against each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named after their argument: two processes that pack the same content may not make the same bytes."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def breadth_data() -> Path:
    """The folder of real public data; CI must have it, a stranger's machine need not."""
    root = Path(__file__).parents[1]
    folder = Path(os.environ.get("BREADTH_DATA") or root.parent / "shared" / "data")
    if not folder.is_dir():
        reason = "real data not found: set BREADTH_DATA to a folder with pools/ and evals/"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder.resolve()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a BREADTH_HOME of its own, so that none reads what another or the user left."""
    home = tmp_path / "home"
    monkeypatch.setenv("BREADTH_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Llama with its tokenizer; never write into it."""
    from tiny_models import build_tiny_base

    return build_tiny_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """An installed Chrome or Chromium; CI must have one, a stranger's machine need not."""
    from suite.errors import FigureError
    from suite.figures.export import find_browser

    try:
        return find_browser()
    except FigureError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def browser(browser_path: Path) -> Iterator[Browser]:
    """That browser, running. A module at a time: its event loop would be in the way of tests that have their own."""
    from browsing import PATIENCE
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(browser_path), args=["--no-sandbox"], timeout=PATIENCE
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def isolation() -> Isolation:
    """The sandbox of this machine; CI must have one, a stranger's machine need not."""
    from suite.intake.sandbox.isolation import SandboxMissing, find_isolation

    try:
        return find_isolation()
    except SandboxMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def vllm_python() -> str:
    """The python of an environment with vLLM; CI must have one (`make vllm`), a stranger's machine need not."""
    from suite.engines.vllm.finding import PYTHON

    local = Path(__file__).parents[1] / ".venv-vllm" / "bin" / "python"
    python = os.environ.get(PYTHON) or (str(local) if local.exists() else "")
    if not python:
        reason = f"no vLLM: run `make vllm`, or set {PYTHON} to the python of an environment that has it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return python


@pytest.fixture
def with_vllm(vllm_python: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine finds vLLM, in processes that the test starts as well; gives its python."""
    monkeypatch.setenv("BREADTH_VLLM_PYTHON", vllm_python)
    return vllm_python


@pytest.fixture(scope="session")
def built_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny track's base model, built once: no test of runs and studies waits for it again."""
    from tiny_track import experiment

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

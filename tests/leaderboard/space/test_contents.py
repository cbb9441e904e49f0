"""What goes to a Space is enough, and light: its files alone serve the page."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from factories import experiment
from leaderboard_requests import archive
from packaging.requirements import Requirement

from leaderboard.space.contents import MANIFEST, known_files, page_files
from leaderboard.space.requirements import TOO_HEAVY
from leaderboard.views import VIEWS, View
from suite.boards import prepare
from suite.intake.overview import read_listing
from suite.stores import LocalStore
from suite.stores.hub.repository import git_oid
from suite.track import load_track

START_SECONDS = 300.0
"""A machine that does much else takes long to import Gradio."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The files of the Space."""
    return page_files()


@pytest.fixture(scope="module")
def space(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the Space."""
    folder = tmp_path_factory.mktemp("space")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A store with results of the embedded track, and the tables that a publication makes of them."""
    made = LocalStore(tmp_path_factory.mktemp("store"))
    track = load_track("microworld")
    facts = {"track_identity": track.identity, "base_model": track.base_models[0].name}
    for record in experiment({"longest": 0.2, "k-center": 0.0}, seeds=3, draws=5):
        made.put(record.model_copy(update={"cell": record.cell.model_copy(update=facts)}))
    _, tables = prepare(track, made)
    made.write(tables)
    return made


@pytest.fixture(scope="module")
def page(space: Path, store: LocalStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page, served by the Space's app.py with nothing else of Breadth at hand."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH" and not key.startswith("HF_")}
    own = {"PYTHONPATH": str(space), "BREADTH_STORE": store.url, "GRADIO_SERVER_PORT": str(port)}
    own["BREADTH_REQUESTS"] = store.url
    home = {"BREADTH_HOME": str(tmp_path_factory.mktemp("home")), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("alone.py"))],
        cwd=space,
        env=kept | own | home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address)
        yield address
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        loaded = json.loads(said)
        assert {"leaderboard.app", "suite.results"} <= loaded.keys()
        assert all(Path(file).is_relative_to(space) for file in loaded.values())
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[str], address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1])
        try:
            httpx.get(address, timeout=30).raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the page did not come up"
            time.sleep(0.3)
        else:
            return


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.NAME)
def test_every_view_is_served_by_the_files_of_the_space_alone(page: str, view: View) -> None:
    found = httpx.get(page, params={"view": view.NAME, "track": "microworld"}, timeout=60)
    assert found.status_code == 200
    assert re.search(rf'"title": ?"{re.escape(view.TITLE)} [^"]*microworld', found.text)
    assert "could not be read" not in found.text
    if view is VIEWS[0]:
        assert "k-center" in found.text


def test_tables_scripts_and_styles_are_served_too(page: str) -> None:
    front = httpx.get(page, timeout=60).text
    links = {
        link.replace("\\", "").replace("&amp;", "&") for link in re.findall(r'(?:breadth|export)/[^"\' <>]+', front)
    }
    files = [link for link in links if "?" in link or link.startswith("export/")]
    assert {"breadth", "export"} == {link.partition("/")[0] for link in files}
    for link in files:
        found = httpx.get(f"{page}/{link}", timeout=60)
        assert found.status_code == 200, link
        assert found.content, link


def test_a_submission_is_checked_by_the_files_of_the_space_alone(page: str, store: LocalStore) -> None:
    query = {"send": "yes", "author": "ada"}
    headers = {"x-breadth": "submission"}
    found = httpx.post(f"{page}/submission", params=query, content=archive(), headers=headers, timeout=300).json()
    assert "is queued as request" in found["html"]
    assert [request.author for request in read_listing(store).requests] == ["ada"]
    # A built-in strategy is known by its row: a Space has none of them installed.
    taken = httpx.post(f"{page}/submission", params=query, content=archive("k-center"), headers=headers, timeout=300)
    assert "name" in taken.json()["html"]
    assert "1 problem; nothing was sent." in taken.json()["html"]


def test_nothing_of_a_space_is_heavy_or_in_excess(files: dict[str, bytes]) -> None:
    lines = [line for line in files["requirements.txt"].decode().splitlines() if not line.startswith("#")]
    needs = {need.name: need for need in map(Requirement, lines)}
    assert {"gradio", "plotly", "numpy", "scipy", "pydantic", "huggingface-hub", "pyarrow", "jinja2"} <= needs.keys()
    assert not {name.replace("-", "_") for name in needs} & {*TOO_HEAVY, "breadth"}
    assert all(str(need.specifier).startswith(("==", ">=")) or need.name == "pydantic-core" for need in needs.values())
    tops = {path.split("/")[0] for path in files}
    assert tops == {"LICENSE", "app.py", MANIFEST, "leaderboard", "requirements.txt", "suite"}
    for foreign in (
        "suite/training",
        "suite/engines/transformers",
        "suite/engines/vllm",
        "suite/commands/run.py",
        "leaderboard/space",
        "leaderboard/command",
    ):
        assert not [path for path in files if path.startswith(foreign)], foreign
    assert not [path for path in files if "/." in path or "__pycache__" in path or path.endswith((".pyc", "~"))]
    assert "suite/tracks/microworld.toml" in files
    assert sum(map(len, files.values())) < 2 * 2**20


def test_the_manifest_names_everything_as_git_does(files: dict[str, bytes]) -> None:
    others = {path: git_oid(content) for path, content in files.items() if path != MANIFEST}
    assert known_files(files[MANIFEST]) == others
    assert page_files() == files
    for damaged in (b"", b"[]", b'{"files": 3}', b"{"):
        assert known_files(damaged) == {}


def test_a_space_without_a_store_says_what_is_missing(space: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "BREADTH_STORE")}
    script = str(Path(__file__).with_name("alone.py"))
    done = subprocess.run(
        [sys.executable, script], cwd=space, env=kept | {"PYTHONPATH": str(space)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "BREADTH_STORE is not set" in done.stderr

"""What a dry run looks at is what is on this disk: it never asks the Hub, and never fetches a file."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tiny_track import experiment

from suite.base_models.resolve import download, is_ready
from suite.cost.cards import find_card
from suite.cost.reckoning import reckon
from suite.errors import StorageError, TrainingError
from suite.registry import strategies
from suite.runner.cells import Cell
from suite.runner.experiment import Experiment
from suite.runner.plan import make_plan
from suite.sources import fetch, nothing_fetched
from suite.track import HubModel, Source, TaskSpec

COMMIT = 40 * "a"
MODEL = HubModel(kind="hub", name="theirs", hub="org/model", revision=COMMIT)
asked: list[str] = []


class Nobody(BaseHTTPRequestHandler):
    """Has nothing, and remembers what it was asked for."""

    def do_GET(self) -> None:
        asked.append(self.path)
        self.send_error(404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a Hub that is on and has nothing."""
    from huggingface_hub import constants

    asked.clear()
    server = HTTPServer(("127.0.0.1", 0), Nobody)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    place = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", place)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield place
    server.shutdown()
    server.server_close()


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder of the model's commit in a Hub's cache of its own."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "models--org--model" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    return folder


def of_the_hub() -> tuple[Experiment, list[Cell]]:
    made = experiment()
    made.track = made.track.model_copy(update={"base_models": (MODEL,)})
    cells = [Cell(made.track, None, 0, "theirs", 0, 0)]
    return made, [*cells, Cell(made.track, strategies.parse("random"), made.track.default_budget, "theirs", 0, 0)]


def test_a_config_alone_is_no_model_and_a_dry_run_of_it_fetches_nothing(
    address: str, snapshot: Path, tiny_base: Path
) -> None:
    made, cells = of_the_hub()
    shutil.copy(tiny_base / "config.json", snapshot)
    assert not is_ready(MODEL, made.track, cache=made.folders.cache)
    plan = make_plan(made, cells, 1)
    assert [planned.state for planned in plan.cells] == ["to do", "to do"]
    assert len(reckon(made, plan, find_card("H100")).rows) == 2, "its size is known by its config"
    assert asked == []


def test_weights_half_there_are_none_and_whole_ones_are_read_where_they_lie(
    address: str, snapshot: Path, tiny_base: Path
) -> None:
    made, cells = of_the_hub()
    shutil.copytree(tiny_base, snapshot, dirs_exist_ok=True)
    (snapshot / "model.safetensors").rename(snapshot / "one.safetensors")
    index = snapshot / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}')
    assert not is_ready(MODEL, made.track, cache=made.folders.cache)
    index.write_text('{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}')
    assert is_ready(MODEL, made.track, cache=made.folders.cache)
    assert [planned.state for planned in make_plan(made, cells, 1).cells] == ["trained", "to do"]
    assert made.base("theirs").folder == snapshot
    assert asked == []


def test_items_that_are_not_here_are_not_fetched_for_a_plan(address: str, snapshot: Path, tiny_base: Path) -> None:
    made, cells = of_the_hub()
    shutil.copytree(tiny_base, snapshot, dirs_exist_ok=True)
    data = Source(local="evals/mine.jsonl", url=f"{address}/mine.jsonl")
    task = TaskSpec(name="mine", kind="exact-match", format="jsonl", data=data)
    made.track = made.track.model_copy(
        update={"evaluation": made.track.evaluation.model_copy(update={"tasks": (task,)})}
    )
    assert {planned.state for planned in make_plan(made, cells, 1).cells} == {"to do"}
    assert asked == []
    with nothing_fetched(), pytest.raises(StorageError, match="Only a run downloads it"):
        fetch(data, notify=print)
    with pytest.raises(StorageError, match="404"):
        fetch(data, notify=print)
    assert asked == ["/mine.jsonl"]


def test_a_hub_that_nobody_answers_for_is_an_error_in_a_sentence(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(TrainingError, match=r"org/model \(revision a+\) cannot be had from the Hub"):
        download("org/model", COMMIT)

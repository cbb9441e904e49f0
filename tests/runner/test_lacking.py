"""What a machine lacks to run a track, as `breadth doctor` tells it, and as a worker that refuses to start."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_track import TINY, command_in_process

from suite.runner.lacking import lacking
from suite.runner.preflight import CannotRun
from suite.track import load_track, track_names

H100 = "NVIDIA H100 80GB HBM3, 81559 MiB"
CPU = "AMD EPYC, 2 cores"


@pytest.fixture
def no_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREADTH_VLLM_PYTHON", "/nowhere/python")


def without(monkeypatch: pytest.MonkeyPatch, *absent: str) -> None:
    """As if these packages were not installed."""
    found: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in absent else found(name, *rest))


def test_a_track_lacks_what_its_engine_its_tasks_and_its_models_need(
    no_vllm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    vllm, *models = lacking(load_track("m2m"), H100)
    assert "which is no program" in vllm
    assert ["llama-2-7b needs 114 GiB" in models[0], "llama-3-8b needs 136 GiB" in models[1]] == [True, True]
    assert len(lacking(load_track("m2m-lora"), H100)) == 1, "its adapters and its judge fit"
    without(monkeypatch, "torch", "lm_eval", "sentence_transformers")
    told = " ".join(lacking(load_track("mads-15pct"), H100))
    for word in ("needs torch", "breadth[train]", "needs lm_eval", "breadth[eval]", "breadth[embeddings]"):
        assert word in told


def test_the_doctor_says_of_every_track_what_is_missing(no_vllm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> dict[str, tuple[str, str]]:
        findings = json.loads(command_in_process("doctor", "--json"))
        return {one["what"]: (one["status"], one["advice"]) for one in findings if one["what"].startswith("track ")}

    monkeypatch.setattr("suite.machine.gpus", list)
    assert set(told()) == {f"track {name}" for name in track_names()}
    assert told()["track microworld"] == ("ok", "")
    assert "which is no program" in told()["track m2m"][1]
    assert "needs a GPU" in told()["track m2m"][1]
    without(monkeypatch, "torch")
    status, advice = told()["track microworld"]
    assert status == "limited"
    assert "Fine-tuning needs torch" in advice


def test_a_worker_refuses_tracks_that_it_cannot_run(no_vllm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("worker", "--store", "file:board", "--once", "--tracks")
    monkeypatch.setattr("suite.machine.gpus", list)
    with pytest.raises(CannotRun, match=r"Track m2m cannot run here\. .*is no program.*needs a GPU"):
        command_in_process(*call, "m2m")
    without(monkeypatch, "peft")
    with pytest.raises(CannotRun, match=r"Track tiny cannot run here\. Fine-tuning needs peft"):
        command_in_process(*call, str(TINY))


def test_a_worker_left_to_itself_serves_what_it_can_run(
    no_vllm: None, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from suite.home import default_store
    from suite.intake.running import served_tracks
    from suite.stores import open_store

    def served(machine: str) -> tuple[set[str], str]:
        said: list[str] = []
        monkeypatch.setattr("suite.machine.hardware", lambda: machine)
        monkeypatch.setattr("suite.machine.gpus", lambda: [machine] if "MiB" in machine else [])
        return set(served_tracks(None, open_store(default_store()), notify=said.append)), "\n".join(said)

    assert served(CPU) == ({"alpaca-cpu", "microworld"}, "")
    tracks, said = served(H100)
    assert tracks == {"alpaca-10m", "alpaca-cpu", "microworld", "small-gpu"}
    assert "m2m-lora is not served: Track m2m-lora cannot run here." in said

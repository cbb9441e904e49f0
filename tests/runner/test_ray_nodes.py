"""Which nodes of a Ray cluster may serve a run; their answers here, the cluster itself in the tests beside this one."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_track import experiment

from suite.engines import EngineFacts
from suite.engines.vllm import finding
from suite.home import data_folder
from suite.runner.ray_actor import CellProcess, Node, code, libraries, shared_environment
from suite.runner.ray_cluster import RayCluster
from suite.runner.stages import evaluation_key

OURS = {"vllm": "0.32.0", "torch": "2.11.0", "transformers": "5.0.0"}


@pytest.fixture
def cluster(tmp_path: Path) -> RayCluster:
    return RayCluster(shared=tmp_path, engine=EngineFacts("vllm", OURS))


@pytest.fixture
def node() -> Node:
    return Node("worker-3", "8 x H100", code(), libraries(), engine=dict(OURS))


def test_a_node_of_the_same_versions_serves(cluster: RayCluster, node: Node) -> None:
    assert cluster.refused(node) is None


def test_a_node_whose_engine_is_another_is_refused(cluster: RayCluster, node: Node) -> None:
    """Its results would lie under the driver's key and never count as finished: each run would make them again."""
    older = {"vllm": "0.31.0", "torch": "2.11.0", "flashinfer": "0.2"}
    reason = cluster.refused(replace(node, engine=older))
    assert reason is not None
    assert reason.startswith("Node worker-3 would evaluate with other versions of vllm")
    assert (
        "(flashinfer 0.2, here missing; transformers missing, here 5.0.0; vllm 0.31.0, here 0.32.0). Install" in reason
    )
    absent = cluster.refused(replace(node, engine={}, no_engine="vLLM is not installed for /usr/bin/python."))
    assert absent == "Node worker-3 cannot evaluate with vllm: vLLM is not installed for /usr/bin/python."
    # What Breadth itself is comes first: it decides what a node says of its engine.
    assert "another version of Breadth" in str(cluster.refused(replace(node, code="other", engine=older)))


def test_a_node_says_which_engine_it_has(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real interpreter whose vLLM is nothing but its metadata."""
    script, installed = tmp_path / "python", tmp_path / "installed" / "vllm-0.32.7.dist-info"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={installed.parent} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv(finding.PYTHON, str(script))
    finding._versions.cache_clear()

    def asked(engine: str) -> Node:
        return CellProcess(0, 1, str(tmp_path), "unseen", engine, {}).node()  # type: ignore[arg-type]

    without = asked("vllm")
    assert (without.engine, without.unseen) == ({}, (str(own_home),))
    assert f"vLLM is not installed for {script}" in without.no_engine
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.7\n")
    finding._versions.cache_clear()
    found = asked("vllm")
    assert (found.engine["vllm"], found.no_engine) == ("0.32.7", "")
    assert found.engine == EngineFacts.of("vllm").versions
    assert asked("transformers").engine == EngineFacts.of("transformers").versions


def test_a_node_whose_harness_is_another_is_refused(cluster: RayCluster, node: Node) -> None:
    """Prompts and metrics of harness tasks follow from its version as from that of any library that evaluates."""
    assert libraries()["lm_eval"] == importlib.metadata.version("lm_eval")
    reason = cluster.refused(replace(node, libraries=libraries() | {"lm_eval": "0.4.1"}))
    assert reason is not None
    assert reason.startswith(
        "Node worker-3 has other versions of libraries than this machine (lm_eval 0.4.1, here 0.4."
    )


def test_a_node_without_the_drivers_folders_is_refused(cluster: RayCluster, node: Node) -> None:
    reason = cluster.refused(replace(node, unseen=("/shared/home", "/shared/data")))
    assert reason is not None
    assert reason.startswith(
        "Node worker-3 does not see /shared/home and /shared/data of this machine. Put BREADTH_HOME"
    )


def test_a_node_takes_over_what_the_driver_reads_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would otherwise go by the environment that it was started in."""
    here, data, elsewhere = tmp_path / "home", tmp_path / "data", tmp_path / "elsewhere"
    for folder in (here, data):
        folder.mkdir()
    (here / "token").touch()
    facts = EngineFacts.of("transformers")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREADTH_DATA", "data")
    monkeypatch.setenv("HF_HOME", "models")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HF_DATASETS_CACHE", raising=False)
    given = shared_environment(here, facts)
    assert given == {"BREADTH_HOME": str(here), "BREADTH_DATA": str(data), "HF_HOME": str(tmp_path / "models")}
    monkeypatch.setenv("BREADTH_DATA", "no-such-folder")
    monkeypatch.delenv("HF_HOME")
    without = shared_environment(here, facts)
    assert without == {"BREADTH_HOME": str(here), "BREADTH_DATA": ""}

    def asked(environment: dict[str, str]) -> tuple[str, ...]:
        for name in ("BREADTH_HOME", "BREADTH_DATA", "HF_HOME"):
            monkeypatch.setenv(name, str(elsewhere))
        return CellProcess(0, 1, str(tmp_path), "token", "transformers", environment)._unseen()

    assert asked({}) == (str(elsewhere),)
    assert asked(given) == ()
    assert asked(given | {"BREADTH_DATA": str(elsewhere)}) == (str(elsewhere),)
    assert asked(without) == ()
    assert data_folder() is None


def test_a_node_computes_as_the_key_of_an_evaluation_says(tmp_path: Path) -> None:
    for invariant in (True, False):
        given = shared_environment(tmp_path, EngineFacts("vllm", OURS, invariant))
        assert given["VLLM_BATCH_INVARIANT"] == str(int(invariant))


def test_evaluations_in_batches_and_invariant_of_them_are_kept_apart() -> None:
    """The key of the transformers engine is that of results made before vLLM had a mode."""
    track = experiment().track
    versions = {"torch": "2.11.0", "transformers": "5.0.0"}
    keys = [
        evaluation_key("w" * 64, "b" * 64, track, (), EngineFacts(name, versions, invariant))  # type: ignore[arg-type]
        for name, invariant in (("vllm", False), ("vllm", True), ("transformers", False))
    ]
    assert len(set(keys)) == 3
    assert keys[2] == "b179edbb4d3b8f0ad1b4c1cd82ee9e5d529d3ab3559975bd17a2c5a141e34014"

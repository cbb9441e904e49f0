"""Which nodes of a Ray cluster may serve a run; their answers here, the cluster itself in the tests beside this one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_track import experiment

from suite.engines import EngineFacts
from suite.engines.vllm import finding
from suite.runner.ray_actor import CellProcess, Node, code_version
from suite.runner.ray_cluster import RayCluster
from suite.runner.stages import evaluation_key

OURS = {"vllm": "0.32.0", "torch": "2.11.0", "transformers": "5.0.0"}


@pytest.fixture
def cluster(tmp_path: Path) -> RayCluster:
    return RayCluster(shared=tmp_path, engine=EngineFacts("vllm", OURS))


@pytest.fixture
def node() -> Node:
    return Node("worker-3", "8 x H100", code_version(), sees=True, engine=dict(OURS))


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


def test_a_node_says_which_engine_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real interpreter whose vLLM is nothing but its metadata."""
    script, installed = tmp_path / "python", tmp_path / "installed" / "vllm-0.32.7.dist-info"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={installed.parent} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv(finding.PYTHON, str(script))
    finding._versions.cache_clear()

    def asked(engine: str) -> Node:
        return CellProcess(0, 1, str(tmp_path), str(tmp_path / "unseen"), engine).node()  # type: ignore[arg-type]

    without = asked("vllm")
    assert (without.engine, without.sees) == ({}, False)
    assert f"vLLM is not installed for {script}" in without.no_engine
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.7\n")
    finding._versions.cache_clear()
    found = asked("vllm")
    assert (found.engine["vllm"], found.no_engine) == ("0.32.7", "")
    assert found.engine == EngineFacts.of("vllm").versions
    assert asked("transformers").engine == EngineFacts.of("transformers").versions


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

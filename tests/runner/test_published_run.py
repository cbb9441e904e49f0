"""A run on a store on the Hub, as a user starts it: with the Hub away, with a wrong token, and as it should be."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from hub.fake_hub import FakeHub
from hub.fixtures import hub
from tiny_track import TINY

from suite.stores import LocalStore

__all__ = ["hub"]

Breadth = Callable[..., "subprocess.CompletedProcess[str]"]
URL = "hf://datasets/org/results"
RUN = ("run", "--track", str(TINY), "--jobs", "1", "--seeds", "1", "--store", URL)


def test_a_run_publishes_and_outlives_an_outage(hub: FakeHub, breadth: Breadth, tiny_home: Path) -> None:
    signed_in = hub.environment(tiny_home / "hf")
    repository = hub.repositories["datasets", "org/results"]

    refused = breadth(*RUN, environment=signed_in | {"HF_TOKEN": "hf_wrong"})
    assert refused.returncode == 1
    assert "hf auth login" in refused.stderr
    assert "hf_wrong" not in refused.stderr + refused.stdout
    assert "cells recorded" not in refused.stdout

    hub.stop()
    alone = breadth(*RUN, "--strategies", "longest", timeout=500, environment=signed_in)
    assert alone.returncode == 0, alone.stderr
    assert "cannot be reached" in alone.stderr
    assert "The run goes on" in alone.stderr
    assert "3 cells recorded" in alone.stdout
    assert "3 results wait in" in alone.stdout
    assert f"breadth push --store {URL}" in alone.stdout

    hub.start()
    done = breadth(*RUN, "--strategies", "longest;random", "--draws", "1", timeout=500, environment=signed_in)
    assert done.returncode == 0, done.stderr
    assert "1 cells recorded, 3 finished before" in done.stdout
    assert f"Published to {URL}: 4 results" in done.stdout
    assert len([path for path in repository.files if path.startswith("results/tiny/")]) == 4

    pulled = breadth("pull", URL, "--to", str(tiny_home / "pulled"), environment=signed_in)
    assert pulled.returncode == 0, pulled.stderr
    assert len(list(LocalStore(tiny_home / "pulled").results("tiny"))) == 4

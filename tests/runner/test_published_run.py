"""A run on a store on the Hub: with a wrong token, with the Hub away (as a user starts it), and as it should be."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hub.fake_hub import FakeHub
from hub.fixtures import hub, pointed
from hub.pointing import sign_in
from tiny_track import TINY, whole_command

from suite.stores import LocalStore

__all__ = ["hub", "pointed"]

Breadth = Callable[..., "subprocess.CompletedProcess[str]"]
URL = "hf://datasets/org/results"
RUN = ("run", "--track", str(TINY), "--jobs", "1", "--seeds", "1", "--store", URL)


def test_a_run_publishes_and_outlives_an_outage(
    pointed: FakeHub, breadth: Breadth, tiny_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = pointed.repositories["datasets", "org/results"]
    sign_in("hf_wrong", monkeypatch)
    refused = whole_command(*RUN)
    assert refused.returncode == 1
    assert "hf auth login" in refused.stderr
    assert "hf_wrong" not in refused.stderr + refused.stdout
    assert "cells recorded" not in refused.stdout

    pointed.stop()
    signed_in = pointed.environment(tiny_home / "hf")
    alone = breadth(*RUN, "--strategies", "longest", timeout=500, environment=signed_in)
    assert alone.returncode == 0, alone.stderr
    assert "cannot be reached" in alone.stderr
    assert "The run goes on" in alone.stderr
    assert "3 cells recorded" in alone.stdout
    assert "3 results wait in" in alone.stdout
    assert f"breadth push --store {URL}" in alone.stdout

    pointed.start()
    sign_in("hf_worker", monkeypatch)
    done = whole_command(*RUN, "--strategies", "longest;random", "--draws", "1")
    assert done.returncode == 0, done.stderr
    assert "1 cells recorded, 3 finished before" in done.stdout
    assert f"Published to {URL}: 4 results" in done.stdout
    assert len([path for path in repository.files if path.startswith("results/tiny/")]) == 4

    pulled = whole_command("pull", URL, "--to", str(tiny_home / "pulled"))
    assert pulled.returncode == 0, pulled.stderr
    assert len(list(LocalStore(tiny_home / "pulled").results("tiny"))) == 4

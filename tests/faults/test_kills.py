"""A run that is killed at random moments and started again: the same results, exactly once, nothing left over."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.killing import CELLS, Killer, Starter, left_over, without_cost


@pytest.fixture
def killer(tmp_path: Path, built_base: Path) -> Iterator[Killer]:
    """Kills runs of the tiny track; what they must come to is what a run gave that nobody disturbed."""
    starter = Starter(tmp_path)
    whole = tmp_path / "whole"
    shutil.copytree(built_base, whole / "cache" / "base-models")
    started = time.monotonic()
    assert starter.start(whole).ended() == 0, starter.said(whole)
    seconds = time.monotonic() - started
    expected = without_cost(whole)
    assert len(expected) == CELLS
    assert left_over(whole, starter.scratch) == []
    yield Killer(starter, built_base, expected, seconds, seed=int(os.environ.get("BREADTH_KILL_SEED", "0")))
    starter.close()


def test_10_kills(killer: Killer) -> None:
    tally = killer.kill(10)
    assert tally.kills == 10
    assert tally.rounds >= 1


@pytest.mark.long
@pytest.mark.timeout(0)
def test_200_kills(killer: Killer) -> None:
    """With BREADTH_KILL_LOG every kill is written down as it happens: see docs/results/kills.md."""
    log = os.environ.get("BREADTH_KILL_LOG")

    def say(line: str) -> None:
        if log:
            with Path(log).open("a") as file:
                file.write(line + "\n")

    tally = killer.kill(int(os.environ.get("BREADTH_KILLS", "200")), say)
    say(f"{tally}")
    assert tally.in_a_write > 0

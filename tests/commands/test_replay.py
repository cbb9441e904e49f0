"""`breadth replay`: a pick is certified from scratch, a wrong one is found, and what cannot be replayed is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from tiny_track import TINY
from typer.testing import CliRunner

from suite.commands.main import application
from suite.errors import UsageError
from suite.microworld import world
from suite.pool import pool_from_records
from suite.selection import read_selection

Breadth = Callable[..., Result]
WHERE = ("--track", str(TINY), "--tokenizer", "words")


@pytest.fixture
def breadth(monkeypatch: pytest.MonkeyPatch) -> Breadth:
    """Runs the whole command within this process."""
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(application(), list(arguments))


@pytest.fixture
def picks(breadth: Breadth, tmp_path: Path) -> Path:
    path = tmp_path / "picks.json"
    done = breadth("select", "novelselect:neighbours=3", *WHERE, "-o", str(path))
    assert done.exit_code == 0, done.output
    return path


def test_steps_are_certified(breadth: Breadth, picks: Path) -> None:
    done = breadth("replay", str(picks), *WHERE, "--step", "1", "--step", "5")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("certified") == 2


def test_a_pick_that_is_not_the_winner_is_found(breadth: Breadth, picks: Path) -> None:
    pool = pool_from_records(world(11).pool_samples(60))
    given = read_selection(picks, pool)
    rows = given.rows[np.r_[0, 2, 1, 3 : len(given)]]
    dataclasses.replace(given, rows=rows, ids=pool.id_of(rows)).save(picks)
    done = breadth("replay", str(picks), *WHERE, "--step", "1")
    assert done.exit_code == 1
    assert "another row wins" in done.stdout


def test_what_cannot_be_replayed(breadth: Breadth, picks: Path, tmp_path: Path) -> None:
    over = breadth("replay", str(picks), *WHERE, "--step", "1000")
    assert isinstance(over.exception, UsageError)
    assert "--step 1000 is no step" in str(over.exception)
    other = tmp_path / "random.json"
    assert breadth("select", "random", *WHERE, "-o", str(other)).exit_code == 0
    refused = breadth("replay", str(other), *WHERE)
    assert isinstance(refused.exception, UsageError)
    assert "these can: novelselect" in str(refused.exception)

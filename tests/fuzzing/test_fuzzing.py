"""Every reader of strangers' bytes, fed with spoiled files: an answer or a BreadthError, soon, in bounded memory.

The long form gives each reader 100,000 inputs (or BREADTH_FUZZ_INPUTS, from the seed BREADTH_FUZZ_SEED on) and writes
a line a reader into the file that BREADTH_FUZZ_LOG names; docs/results/fuzzing.md holds what came of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzing import feeding, files, records, submissions, tables
from fuzzing.feeding import Target, feed, note

FEW, MANY = 150, 100_000
Find = Callable[[str], Target]


def _everything(folder: Path) -> list[Target]:
    plain = [*submissions.TARGETS, *records.TARGETS, *files.TARGETS]
    return [*plain, *(target for part in (records, files, tables) for target in part.targets_in(folder))]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    by_name = {target.name: target for target in _everything(tmp_path_factory.mktemp("fuzzing"))}
    assert sorted(by_name) == sorted(NAMES)
    return by_name.__getitem__


NAMES = [
    "submission archive",
    "submission.toml",
    "selection.jsonl",
    "strategy.py",
    "a sandbox's answer",
    "result JSON",
    "request JSON",
    "worker JSON",
    "pointer JSON",
    "submission record",
    "a run's log",
    "URL query",
    "selection file",
    "pool as jsonl",
    "pool as csv",
    "pool as parquet",
    "track.toml",
    "study JSON",
    "board's facts JSON",
    "board's rows parquet",
    "cells parquet",
    "moments parquet",
    "scores parquet",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_few_hundred_inputs(name: str, find: Find) -> None:
    fed = feed(find(name), FEW)
    assert fed.inputs >= FEW
    assert len(fed.answers) > 1 or name in ("URL query", "a run's log"), "it does not reach beyond the first check"


def test_more_inputs_than_hypothesis_takes_at_once(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "BATCH", 20)
    assert feed(find("URL query"), 120).inputs >= 120


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", NAMES)
def test_100000_inputs(name: str, find: Find) -> None:
    target = find(name)
    inputs, first = os.environ.get("BREADTH_FUZZ_INPUTS", MANY), os.environ.get("BREADTH_FUZZ_SEED", 1_000_000)
    fed = feed(target, int(inputs), int(first))
    note(target, fed)

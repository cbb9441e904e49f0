"""A small baseline, made once, and a laboratory beside it; shared by the tests of regressions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from suite.regression.baseline import Baseline
from suite.regression.checking import check, renewed
from suite.regression.observing import Laboratory
from suite.regression.setting import Setting

CHOSEN = ("novelselect", "k-center", "random")


@pytest.fixture(scope="session")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory(Setting(samples=600, budget=60).pinned()) as made:
        yield made


@pytest.fixture(scope="session")
def noted(laboratory: Laboratory) -> Baseline:
    """The small baseline for whoever compares no times: these are of one session, where a record has five."""
    empty = Baseline(setting=laboratory.setting)
    return renewed(empty, check(empty, CHOSEN, laboratory))


@pytest.fixture(scope="session")
def baseline(laboratory: Laboratory) -> Baseline:
    empty = Baseline(setting=laboratory.setting)
    return renewed(empty, check(empty, CHOSEN, laboratory, recording=True))

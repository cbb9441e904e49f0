"""For pytest, where Breadth is installed: a fixture that asserts a strategy's golden picks.

    def test_mine(breadth_regress):
        breadth_regress("my-strategy:depth=3")

`metrics=True` asserts the metrics of its picks as well, `timed=True` time and memory. `pytest --breadth-update` records
what is now instead; `--breadth-baseline FILE` says where (breadth-baseline.json beside the project's pytest settings by
default). Nothing of Breadth is imported until the fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suite.regression.golden import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("breadth", "selection strategies and their golden picks")
    group.addoption(
        "--breadth-update",
        action="store_true",
        help="record what tests ask for of strategies (picks, metrics, time, memory), instead of asserting it",
    )
    group.addoption("--breadth-baseline", metavar="FILE", help="the baseline [breadth-baseline.json]")


@pytest.fixture(scope="session")
def _breadth_golden(request: pytest.FixtureRequest) -> Iterator[Golden]:
    from suite.regression.baseline import FILE, baseline_path
    from suite.regression.golden import Golden

    written = request.config.getoption("--breadth-baseline")
    path = baseline_path(Path(written)) if written else request.config.rootpath / FILE
    with Golden(path, update=bool(request.config.getoption("--breadth-update"))) as golden:
        yield golden


@pytest.fixture
def breadth_regress(_breadth_golden: Golden) -> Callable[..., None]:
    """Assert that a strategy, in its one-line form, picks what it picked.

    `metrics=True` asserts the metrics of its picks too, and `timed=True` time and memory: as ratios to calibration
    kernels and within the thresholds of `breadth regress`. Worse fails; better does not.
    """

    def assert_golden(spec: str, *, metrics: bool = False, timed: bool = False) -> None:
        __tracebackhide__ = True
        if reason := _breadth_golden.complaint(spec, metrics=metrics, timed=timed):
            pytest.fail(reason, pytrace=False)

    return assert_golden

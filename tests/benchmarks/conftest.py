"""What every benchmark may use: `growth`, and a summary of ratios and exponents beside the stored ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from growth import Growth, changes, read_reference
from pytest_benchmark.fixture import BenchmarkFixture

_RUN: dict[str, Any] = {}


@pytest.fixture
def growth(benchmark: BenchmarkFixture) -> Growth:
    """Records seconds over sizes: `growth.record("rows", sizes, seconds)` fits, keeps and checks the exponent."""
    return Growth(benchmark.name, benchmark.extra_info)


def pytest_benchmark_update_json(config: pytest.Config, benchmarks: Any, output_json: dict[str, Any]) -> None:
    """Keep the run for the summary."""
    _RUN.update(output_json)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Ratios and exponents, each beside the stored one; names of benchmarks are as pytest-benchmark has them."""
    if _RUN.get("benchmarks"):
        terminalreporter.section("ratios and exponents (stored: docs/results/bench/reference.json)")
        for line in changes(read_reference(), _RUN):
            terminalreporter.write_line(re.sub(r"^test_", "", line))

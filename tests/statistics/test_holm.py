"""Holm's correction against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from suite.statistics.holm import holm


def literal(p_values: list[float]) -> list[float]:
    """The k-th smallest of n is multiplied by n - k + 1; none may fall below a smaller one's; 1 is the most."""
    n = len(p_values)
    order = sorted(range(n), key=lambda index: p_values[index])
    adjusted = [0.0] * n
    worst = 0.0
    for rank, index in enumerate(order, start=1):
        worst = max(worst, (n - rank + 1) * p_values[index])
        adjusted[index] = min(1.0, worst)
    return adjusted


def test_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=30))
def test_definition(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(literal(p_values))
    assert (holm(p_values) >= np.array(p_values)).all()


def test_the_correction_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    # Two tables alone: statsmodels collects garbage at every call.
    for p_values in (rng.random(30) ** 3, np.asarray([0.01, 0.01, 1.0, 0.0, 0.04])):
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="p values"):
        holm([0.5, wrong])

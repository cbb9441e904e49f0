"""Rows sorted by their digits are sorted as numpy does it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from suite.diversity.kernels import sorted_rows
from suite.diversity.kernels.sorted_rows import sort_rows

FINITE = {"allow_nan": False, "allow_infinity": False, "min_value": 0.0}


@settings(max_examples=200, deadline=None)
@given(
    values=arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 60)),
        elements=st.one_of(
            st.floats(max_value=2.0, **FINITE), st.floats(**FINITE), st.sampled_from([0.0, 1.0, 5e-324])
        ),
    )
)
def test_equal_to_numpy(values: np.ndarray) -> None:
    expected = np.sort(values, axis=1)
    sort_rows(values)
    assert np.array_equal(values, expected)


@pytest.mark.parametrize("spread", [1e-3, 1e-8, 1e-15, 0.0])
@pytest.mark.parametrize("outlier", [None, 2.0, 1e300])
def test_values_close_together_beside_one_far_off(spread: float, outlier: float | None) -> None:
    rng = np.random.default_rng(0)
    values = 0.25 + spread * rng.normal(size=(20, 3_000))
    if outlier is not None:
        values[:, 7] = outlier
    expected = np.sort(values, axis=1)
    sort_rows(values)
    assert np.array_equal(values, expected)


def test_rows_that_digits_tell_little_of_go_to_numpy() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(size=(3, 3_000))
    values[1] *= 1e-9
    values[1, 0] = 1.0
    finished = sorted_rows._sort_by_digits(values)
    assert finished.tolist() == [True, False, True]
    assert (np.diff(values[[0, 2]], axis=1) >= 0).all()

"""Slopes over levels: against multiple regression, in simulated worlds, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from interval_coverage import WORLDS, lines

from suite.statistics.regression import ONE_SIGMA
from suite.studies.slopes import fitted_line, partial_slope, rank_correlation

ROOM = 3.5 * np.sqrt(ONE_SIGMA * (1 - ONE_SIGMA) / (2 * WORLDS))


@pytest.mark.parametrize("levels", [4, 7])
def test_one_sigma_covers_as_often_as_it_says_though_levels_stand_off_the_line(levels: int) -> None:
    """The slope, the band at a quarter and the slope at equal length; single seeds as points cover far less."""
    *held, naive = lines(levels)
    assert np.abs(np.array(held) - ONE_SIGMA).max() < ROOM
    assert naive < 0.5


def test_a_level_counts_once() -> None:
    twice = np.repeat(np.linspace(0, 1, 4), 2)
    for fit in (lambda: fitted_line(twice, twice), lambda: partial_slope(twice, twice, twice)):
        with pytest.raises(ValueError, match="average the scores of its seeds"):
            fit()


def test_the_partial_slope_is_that_of_multiple_regression() -> None:
    rng = np.random.default_rng(3)
    level = np.linspace(0, 1, 21)
    length = 20 + 8 * level + rng.normal(0, 3, 21)
    score = 0.2 + 0.03 * length + rng.normal(0, 0.02, 21)
    found = partial_slope(level, length, score)
    design = np.column_stack([np.ones(21), level, length])
    coefficients, squares, _, _ = np.linalg.lstsq(design, score, rcond=None)
    error = np.sqrt(squares[0] / (21 - 3) * np.linalg.inv(design.T @ design)[1, 1])
    assert found.slope == pytest.approx(coefficients[1])
    assert found.slope_sd == pytest.approx(error, rel=0.05)
    plain = fitted_line(level, score)
    assert plain.slope is not None
    assert found.slope is not None
    assert found.slope_sd is not None
    assert abs(found.slope) < 3 * found.slope_sd < plain.slope


def test_at_one_length_the_partial_slope_is_the_slope() -> None:
    level = np.linspace(0, 1, 21)
    score = 0.1 * level + np.random.default_rng(1).normal(0, 0.02, 21)
    assert partial_slope(level, np.full(21, 30.1), score).slope == pytest.approx(fitted_line(level, score).slope)


def test_length_that_follows_the_level_is_not_told_apart() -> None:
    level = np.linspace(0, 1, 7)
    score = 0.1 * level + np.random.default_rng(1).normal(0, 0.02, 7)
    found = partial_slope(level, 10 + 30 * level, score)
    assert found.slope is None
    assert "cannot be told apart" in found.note
    assert partial_slope([0, 0.5, 1], [1, 2, 3], [0, 1, 2]).note == "3 levels are too few for a slope and a covariate"


def test_points_on_a_line_have_a_slope_and_no_band() -> None:
    level, length = np.linspace(0, 1, 7), np.array([10.0, 14, 11, 13, 16, 12, 15])
    for found in (fitted_line(level, 0.3 + 0.1 * level), partial_slope(level, length, 0.1 * level + 0.02 * length)):
        assert found.slope == pytest.approx(0.1)
        assert found.slope_sd is None
        assert found.note == "the points lie on a line: no noise to judge by"


def test_rank_correlation_says_what_n_must_show() -> None:
    levels = np.linspace(0, 1, 7)
    at_the_limit = np.array([1, 0, 3, 2, 6, 4, 5])
    swapped = rank_correlation(levels, at_the_limit)
    assert swapped.rho == pytest.approx(1 - 6 * float(((at_the_limit - np.arange(7)) ** 2).sum()) / 336)
    assert swapped.reaches == (abs(swapped.rho or 0) >= 0.7857)
    assert rank_correlation(levels, [0, 5, 1, 6, 2, 3, 4]).reaches is False
    flat = rank_correlation(levels, np.full(7, 0.5))
    assert (flat.rho, flat.reaches) == (None, None)
    assert "constant" in flat.note
    assert rank_correlation(levels[:4], [0, 1, 2, 3]).critical is None
    assert rank_correlation(levels[:4], [0, 1, 2, 3]).reaches is False
    assert rank_correlation(np.arange(12), np.arange(12)).critical == pytest.approx(0.587, abs=0.002)

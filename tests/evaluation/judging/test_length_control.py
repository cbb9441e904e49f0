"""The length-controlled win rate: an effect of length that was put in comes out, and sklearn agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.errors import EvaluationError
from suite.evaluation.judging.length_control import (
    FULL,
    MINIMAL,
    Calibration,
    length_controlled,
    load_calibration,
    read_calibration,
)


def simulated(
    quality: float, length_effect: float, *, longer: float = 0.0, items: int = 3000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Preferences and lengths of a model whose answers are `longer` and whose judge likes (or not) that."""
    rng = np.random.default_rng(seed)
    lengths = rng.normal(-longer, 300, items)
    chance = 1 / (1 + np.exp(-(quality + length_effect * np.tanh(lengths / lengths.std(ddof=1)))))
    return (rng.random(items) < chance).astype(float), lengths


def test_an_effect_of_length_is_taken_off() -> None:
    # Negative: the judge likes what is longer than the baseline's answer.
    preferences, lengths = simulated(-0.5, -2.0, longer=400)
    found = length_controlled(preferences, lengths)
    assert found is not None
    assert preferences.mean() > 0.6
    assert found.win_rate == pytest.approx(1 / (1 + np.exp(0.5)), abs=0.03)
    assert found.coefficients[0] == pytest.approx(-2.0, abs=0.25)
    assert found.method == MINIMAL
    assert np.isnan(found.standard_error)


def test_without_an_effect_the_win_rate_stays() -> None:
    preferences, lengths = simulated(0.7, 0.0)
    found = length_controlled(preferences, lengths)
    assert found is not None
    assert found.win_rate == pytest.approx(preferences.mean(), abs=0.01)


def test_the_regression_is_sklearn_s() -> None:
    """Ties and all, at the penalty that alpaca_eval's own cross-validation would choose from."""
    from sklearn.linear_model import LogisticRegression

    from suite.evaluation.judging.length_control import _minimum

    preferences, lengths = simulated(-0.3, -1.5, items=400)
    preferences[::7] = 0.5
    features = np.stack([np.tanh(lengths / lengths.std(ddof=1)), np.ones(400)], axis=1)
    weights = np.linspace(0.2, 1, 400)
    for inverse in (0.01, 1.0, 100.0):
        model = LogisticRegression(C=inverse, l1_ratio=1, solver="liblinear", fit_intercept=False, tol=1e-8)
        # As alpaca_eval has it: every row twice, with either label, weighted by its probability.
        twice = np.concatenate([features, features])
        labels = np.repeat([1, 0], 400)
        model.fit(twice, labels, sample_weight=np.concatenate([preferences, 1 - preferences]) * np.tile(weights, 2))
        np.testing.assert_allclose(_minimum(features, preferences, weights, inverse), model.coef_[0], atol=2e-3)


def test_difficulties_and_held_rows_enter_the_full_regression() -> None:
    preferences, lengths = simulated(0.2, -1.0, items=1500)
    rng = np.random.default_rng(1)
    difficulty = rng.normal(0, 1, 1500)
    held = 400
    spread = rng.normal(0, 1, held)
    # The model that was told to be short or long: equal quality, so only length explains its preferences.
    calibration = Calibration(
        lengths=np.tanh(spread),
        difficulties=rng.normal(0, 1, held),
        preferences=1 / (1 + np.exp(np.tanh(spread))),
        difficulty=difficulty,
    )
    found = length_controlled(preferences, lengths, calibration=calibration)
    assert found is not None
    assert found.method == FULL
    assert found.win_rate == pytest.approx(1 / (1 + np.exp(-0.2)), abs=0.04)
    assert found.coefficients[1] == pytest.approx(0.0, abs=0.15)
    assert 0 < found.standard_error < 0.01


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_turning_a_pair_round_turns_the_win_rate_round(seed: int) -> None:
    preferences, lengths = simulated(0.4, -1.0, items=60, seed=seed)
    one, other = length_controlled(preferences, lengths), length_controlled(1 - preferences, -lengths)
    assert one is not None
    assert other is not None
    assert one.win_rate == pytest.approx(1 - other.win_rate, abs=1e-3)


def test_nothing_to_control() -> None:
    assert length_controlled(np.ones(9), np.arange(9.0)) is None
    assert length_controlled(np.ones(40), np.full(40, 7.0)) is None


def test_the_calibration_is_read_and_told_when_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "df_gamed.csv"
    path.write_text("index,preference,std_delta_len,instruction_difficulty\n0,0.25,1.5,0.1\n1,0.5,-2,0.7\n")
    found = read_calibration(path, ["1", "0"])
    np.testing.assert_allclose(found.lengths, np.tanh([1.5, -2]))
    np.testing.assert_allclose(found.difficulty, [0.7, 0.1])
    with pytest.raises(EvaluationError, match="no table of AlpacaEval's calibration"):
        read_calibration(path, ["2"])
    monkeypatch.setenv("BREADTH_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told: list[str] = []
    assert load_calibration(["0"], told.append) is None
    assert MINIMAL in told[0]

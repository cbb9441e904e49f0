"""Length-controlled win rate: what the win rate would be, were the model's answers as long as the baseline's.

A logistic regression explains each preference by the difference in length, tanh((baseline - model) / its standard
deviation), the instruction's difficulty and a constant; the win rate is then predicted at no difference. Its L1 penalty
is chosen by five-fold cross-validation. Source: Dubois et al., Length-Controlled AlpacaEval, 2024 (arXiv 2404.04475),
`length_controlled_v1` of alpaca_eval: the difficulties, and the answers of a model told to be short or long that hold
the length coefficient in place (weight 0.2 in all), are published for the baseline gpt4_1106_preview alone. Without
them the regression has length and constant only (`length_controlled_minimal`) and is named so.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from suite.errors import EvaluationError, StorageError
from suite.reporting import Notify
from suite.sources import fetch
from suite.track import Source

FOLDS = 5
PENALTIES = np.logspace(-4, 4, 10)
"""Inverse strengths of the penalty that cross-validation chooses from."""
FEWEST = 2 * FOLDS
"""Items below which no regression is fitted."""
HELD_WEIGHT = 0.2 / 2
"""Weight of a calibration row: 0.2, over two versions of the model that was told."""
FULL, MINIMAL = "length_controlled_v1", "length_controlled_minimal"

CALIBRATION = Source(
    local="evals/alpaca_eval/df_gamed.csv",
    url="https://huggingface.co/datasets/tatsu-lab/alpaca_eval/resolve/2edc6fad8be6b14ea7230aabfd08188da6b8b814/df_gamed.csv",
    sha256="97aeec3f1c7de6dee6fd31fe66f1702623f4614c3efe1c6fc5f4927cd5fd674d",
)


@dataclass(frozen=True)
class Calibration:
    """The published rows: tanh of the scaled length difference, difficulty and preference, each of shape (rows,).

    `difficulty` has the difficulty of each of the items at hand, shape (items,).
    """

    lengths: np.ndarray
    difficulties: np.ndarray
    preferences: np.ndarray
    difficulty: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class Controlled:
    """A length-controlled win rate in [0, 1], its standard error over items as alpaca_eval states it (nan where the
    regression knows no difficulties), and the regression behind it.

    `coefficients` are of length, difficulty (0 where it is not in the regression) and constant.
    """

    win_rate: float
    standard_error: float
    method: str
    coefficients: tuple[float, float, float]


def length_controlled(
    preferences: np.ndarray, lengths: np.ndarray, *, calibration: Calibration | None = None
) -> Controlled | None:
    """The win rate at equal length; None with fewer than 10 items or where no lengths differ.

    `preferences` has shape (items,), 1 where the model is preferred, 0.5 for a tie; `lengths` is the baseline's length
    less the model's, in characters. Deterministic.
    """
    count = len(preferences)
    spread = float(lengths.std(ddof=1)) if count >= FEWEST else 0.0
    if not spread:
        return None
    length, constant = np.tanh(lengths / spread), np.ones(count)
    if calibration is None:
        features, targets, weights = np.stack([length, constant], axis=1), preferences, constant
    else:
        held = len(calibration.preferences)
        features = np.concatenate(
            [
                np.stack([calibration.lengths, calibration.difficulties, np.zeros(held)], axis=1),
                np.stack([length, calibration.difficulty, constant], axis=1),
            ]
        )
        targets = np.concatenate([calibration.preferences, preferences])
        weights = np.concatenate([np.full(held, HELD_WEIGHT), constant])
    found = _fitted(features, targets, weights)
    at_no_difference = features[-count:] * np.array([0.0, *[1.0] * (features.shape[1] - 1)])
    predicted = 1 / (1 + np.exp(-(at_no_difference @ found)))
    return Controlled(
        win_rate=float(predicted.mean()),
        # Without difficulties all items are predicted alike, which says nothing of how sure that is.
        standard_error=float(predicted.std(ddof=1) / np.sqrt(count)) if calibration is not None else float("nan"),
        method=MINIMAL if calibration is None else FULL,
        coefficients=(float(found[0]), 0.0 if calibration is None else float(found[1]), float(found[-1])),
    )


def load_calibration(items: Sequence[str], notify: Notify) -> Calibration | None:
    """The published rows with the difficulties of these items of AlpacaEval (by position); None where not to be had.

    `notify` is told when they are not, since the win rate is then another one.
    """
    try:
        if os.environ.get("HF_HUB_OFFLINE") == "1":
            from suite.sources import local_copy

            if local_copy(CALIBRATION) is None:
                raise StorageError(f"{CALIBRATION.local} is not in BREADTH_DATA, and HF_HUB_OFFLINE is set.")
        path = fetch(CALIBRATION, notify=notify)
    except StorageError as error:
        notify(f"{error} The length-controlled win rate is computed without instruction difficulties ({MINIMAL}).")
        return None
    return read_calibration(path, items)


def read_calibration(path: Path, items: Sequence[str]) -> Calibration:
    """Read `df_gamed.csv`; EvaluationError names what it lacks."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        difficulty = {str(int(float(row["index"]))): float(row["instruction_difficulty"]) for row in rows}
        return Calibration(
            lengths=np.tanh([float(row["std_delta_len"]) for row in rows]),
            difficulties=np.array([float(row["instruction_difficulty"]) for row in rows]),
            preferences=np.array([float(row["preference"]) for row in rows]),
            difficulty=np.array([difficulty[item] for item in items]),
        )
    except (KeyError, ValueError) as error:
        raise EvaluationError(f"{path} is no table of AlpacaEval's calibration ({error}); fetch it again.") from error


def _fitted(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients under the penalty whose held-out loss is least, fitted on all rows; ties go to the stronger one."""
    fold = np.arange(len(targets)) % FOLDS
    losses = []
    for inverse in PENALTIES:
        held_out = []
        for one in range(FOLDS):
            inside = fold != one
            found = _minimum(features[inside], targets[inside], weights[inside], inverse)
            held_out.append(_loss(features[~inside] @ found, targets[~inside]) @ weights[~inside] / (~inside).sum())
        losses.append(float(np.mean(held_out)))
    return _minimum(features, targets, weights, float(PENALTIES[int(np.argmin(losses))]))


def _loss(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return targets * np.logaddexp(0, -scores) + (1 - targets) * np.logaddexp(0, scores)


def _minimum(features: np.ndarray, targets: np.ndarray, weights: np.ndarray, inverse: float) -> np.ndarray:
    """The least of |w|_1 + inverse * weighted loss; w is split into two positive parts, so that it is smooth."""
    count = features.shape[1]

    def value(parts: np.ndarray) -> tuple[float, np.ndarray]:
        scores = features @ (parts[:count] - parts[count:])
        slope = features.T @ (weights * (1 / (1 + np.exp(-scores)) - targets)) * inverse
        total = parts.sum() + inverse * float(_loss(scores, targets) @ weights)
        return total, np.concatenate([1 + slope, 1 - slope])

    found = minimize(value, np.zeros(2 * count), jac=True, method="L-BFGS-B", bounds=[(0, None)] * (2 * count))
    return np.asarray(found.x[:count] - found.x[count:])

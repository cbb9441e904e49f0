"""Spearman, Pearson and Kendall tau-b of a table under many weightings of its rows at once, by matrix products.

A bootstrap draw weighs every row by how often it was drawn, a jackknife step sets the rows of one cluster to zero. With
weights w the weighted midrank of row i is the sum over j of w_j [x_j < x_i] plus half of w_j [x_j = x_i], so one
product of the weights with an (n, n) matrix ranks every weighting; tau-b is a ratio of quadratic forms in w. Time is
O(n^2) a weighting, memory O(n^2).
"""

from __future__ import annotations

import numpy as np

NAMES = ("spearman", "pearson", "kendall", "mean")
BLOCK = 2**22
"""Values of one temporary array, so that many weightings of many rows stay within about 100 MB."""


def _ranks(values: np.ndarray) -> np.ndarray:
    """Midranks, shape (n,), from 1."""
    from scipy import stats  # takes a second to import, and a page that only shows coefficients needs none

    return np.asarray(stats.rankdata(values))


class Association:
    """How strongly two columns of one length go together, under any weights of their rows."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self.x, self.y = _standard(x), _standard(y)
        self._signs = [np.sign(column[:, None] - column[None, :]) for column in (self.x, self.y)]

    def under(self, weights: np.ndarray) -> np.ndarray:
        """Coefficients under each row of `weights`, shape (m, n); returns shape (m, 4), float64, in order of `NAMES`.

        The fourth is the mean of Pearson and Spearman (NovelSum's own summary). nan where a side is constant.
        """
        rows = max(1, BLOCK // weights.shape[1])
        return np.concatenate([self._block(weights[start : start + rows]) for start in range(0, len(weights), rows)])

    def plain(self) -> np.ndarray:
        """The four coefficients of the table itself, shape (4,)."""
        return self.under(np.ones((1, len(self.x))))[0]

    def permuted(self, order: np.ndarray, which: int) -> np.ndarray:
        """Spearman (0), Pearson (1) or Kendall (2) when y stands in each row of `order`, shape (m, n); (m,)."""
        if which < 2:
            x, y = (_unit(_ranks(side) if which == 0 else side) for side in (self.x, self.y))
            return y[order] @ x
        signs_x, signs_y = (signs.astype(np.int8) for signs in self._signs)
        below = np.sqrt(float((signs_x != 0).sum()) * float((signs_y != 0).sum()))
        rows = max(1, BLOCK // signs_x.size)
        sums = [
            np.einsum("ij,mij->m", signs_x, signs_y[part[:, :, None], part[:, None, :]], dtype=np.int32)
            for part in (order[start : start + rows] for start in range(0, len(order), rows))
        ]
        return np.concatenate(sums) / below if below else np.full(len(order), np.nan)

    def shares(self) -> np.ndarray:
        """What each row adds to Spearman, Pearson and Kendall, shape (n, 3): the sums are the coefficients.

        Where x and y are independent, the sum of squares over independent rows is the coefficient's variance.
        """
        x, y = self.x, self.y
        signs_x, signs_y = self._signs
        below = np.sqrt((signs_x**2).sum() * (signs_y**2).sum())
        spearman = _unit(_ranks(x)) * _unit(_ranks(y))
        kendall = (signs_x * signs_y).sum(axis=1) / below if below else np.zeros(len(x))
        # A row moves tau-b by its pairs from either side, so by twice these; the mean brings the sum back to tau-b.
        kendall = 2 * kendall - kendall.mean()
        return np.stack([spearman, _unit(x) * _unit(y), kendall], axis=1)

    def _block(self, weights: np.ndarray) -> np.ndarray:
        signs_x, signs_y = self._signs
        # Summed signs are twice the midrank up to a constant that correlation does not see.
        spearman = _weighted_pearson(weights, weights @ signs_x.T, weights @ signs_y.T)
        pearson = _weighted_pearson(weights, self.x[None, :], self.y[None, :])
        kendall = _ratio(
            _form(weights, signs_x * signs_y), np.sqrt(_form(weights, signs_x**2) * _form(weights, signs_y**2))
        )
        return np.stack([spearman, pearson, kendall, (pearson + spearman) / 2], axis=1)


def _standard(column: np.ndarray) -> np.ndarray:
    """Centred and scaled, so that no weighting loses digits to a large mean; a constant column becomes zeros."""
    if np.ptp(column) == 0:
        return np.zeros_like(column)
    centred = column - column.mean()
    return centred / np.abs(centred).max()


def _unit(column: np.ndarray) -> np.ndarray:
    """Centred and of length one; a constant column becomes zeros."""
    centred = column - column.mean()
    length = np.sqrt(centred @ centred)
    return centred / length if np.ptp(column) > 0 else np.zeros_like(centred)


def _form(weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.einsum("mi,mi->m", weights @ matrix, weights)


def _weighted_pearson(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1, keepdims=True)
    x = x - (weights * x).sum(axis=1, keepdims=True) / total
    y = y - (weights * y).sum(axis=1, keepdims=True) / total
    of_x, of_y = ((weights * side**2).sum(axis=1) for side in (x, y))
    # What rounding leaves of a constant side is no variance.
    floor = 1e-20 * total[:, 0]
    of_x, of_y = (np.where(of > floor, of, 0.0) for of in (of_x, of_y))
    return _ratio((weights * x * y).sum(axis=1), np.sqrt(of_x * of_y))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    found = np.full(len(above), np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return np.clip(found, -1.0, 1.0)

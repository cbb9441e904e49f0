"""Greedy maximisation of NovelSum (Yang et al., ACL 2025, section 6): exact picks without evaluating every row.

With picks j of density delta_j, s(x, j) = (delta_x + delta_j) (1 - x . j), its k values in ascending order s_1 .. s_k
and weights w_r = r ** -distance_power, a row's value is V(x) = sum of w_r s_r (the mean differs by 1 / k, alike for
all rows). Every step takes the unpicked row of the largest value. V neither only falls nor only rises as picks are
added, and it is not submodular: a stale value bounds nothing, and the textbook lazy greedy picks wrong rows. Three
facts give upper bounds all the same.

*More picks.* Weights do not rise with the rank, so by the rearrangement inequality V is the smallest weighted sum
over all orders of the s. Appending new values at the end is one such order: with G_k(x) the sum of w_i s(x, j_i) in
the order of the picks, V_k(x) <= V_m(x) + G_k(x) - G_m(x), for V_m or any bound of it. G needs no distances one by
one: with H, A the sums of the weights and of the weights times the picks' densities, and P, Q the same sums of the
picks' rows, G(x) = delta_x (H - x . P) + A - x . Q, two products whatever k - m.

*Constant time.* No row is longer than 1, so G grows from m to k by at most delta_x (H_k - H_m + |P_k - P_m|) + A_k -
A_m + |Q_k - Q_m|: new picks that lie in many directions leave short sums. And where no distance exceeds D it grows
by at most D (delta_x (H_k - H_m) + A_k - A_m). The lesser of the two counts.

*Buckets.* Split the s into value-ordered buckets. Averaging over all orders within each of them, V is at most the
sum over buckets of their mean times the weights of the ranks they cover. With 32 buckets of geometric sizes this is
tight, and adding a value takes five comparisons.

Picks come in blocks. Within a block, rows whose constant-time bound lies below the best value known are skipped; so
are, of the rest, those whose G grew too little, in float32 with its error added. The others follow, the largest
bound first: they enter the distances they miss in their list and their buckets, in float64, and those still above
merge their list and get V. At the end of a block one matrix product hands every row its missing distances.

*Rounding.* Lists may be float32: rounding a value to 24 bits changes it, and so V, by at most 2 ** -24 of itself.
Rows that this and the rounding of products leave undecided are evaluated again in float64, one pair at a time, in one
fixed order of operations: the picks are those of a literal float64 evaluation, and equal rows have equal values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from strategies.kernels.checks import (
    TIE,
    checked_budget,
    checked_first,
    checked_matrix,
    checked_power,
    checked_quality,
    checked_weights,
)
from strategies.kernels.novelty_lists import BUCKETS
from strategies.kernels.novelty_state import Picked, Precision, Rows
from strategies.kernels.novelty_steps import SEEDS, absorb, pick_block, take

BLOCK = 80
CHUNK_ROWS = 400
"""Products of so many rows with a block of picks stay in the cache until they are handed out."""
SMALLEST_RATIO = 1.15
FARTHEST = 2.0
"""No cosine distance exceeds it."""
LENGTH_TOLERANCE = 1e-3
"""How far the length of a row may be from 1: what float16 leaves is taken, and the bounds allow for it."""


def novelselect(
    embeddings: np.ndarray,
    density: np.ndarray,
    budget: int,
    *,
    first: int,
    distance_power: float = 1.0,
    dtype: DTypeLike = np.float32,
    quality: np.ndarray | None = None,
    farthest: float = FARTHEST,
    memory: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Pick rows one by one, each adding most to the density-weighted distance from the picks so far.

    `embeddings` (n, d) are unit rows, `density` (n,) their densities (not negative; see
    `suite.features.density.knn_density`); returns (budget,), int64, in the order picked, beginning with row `first`.
    The value of a row is the mean over picks j of rank_j ** -distance_power (density_x + density_j) d(x, j), ranks
    ascending over the density-weighted distances d = 1 - cosine, those under 1e-12 being 0. Values within 1e-12
    (relative) of the largest are ties, and the lowest row wins. `quality` (n,), not negative, multiplies the values
    of its rows. `farthest` is a cosine distance that no two rows exceed; a small one may save a little time. `dtype`
    is that of the lists, n x budget values; it changes memory, never the picks. Where the lists would take more than
    `memory` bytes there are none: about a kilobyte a row beside the embeddings, the same picks, several times
    slower. Deterministic. `progress` is called with the picks made and the budget, a block at a time. Raises
    ValueError for a bad shape, value, budget or first row, or rows found beyond `farthest`. Source: Yang et al. (ACL
    2025), section 6.
    """
    unit = unit_rows_in_float64(embeddings)
    count = len(unit)
    size = checked_budget(budget, count)
    start = checked_first(first, count)
    checked_power(distance_power, "distance_power")
    if not farthest > 0.0:
        raise ValueError(f"farthest must be a distance above 0, not {farthest}")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, not {np.dtype(dtype)}")
    densities = checked_weights(density, count, "density")
    weights = checked_quality(quality, count)
    if size == 1 or ((unit == unit[0]).all() and 1.0 - unit[0] @ unit[0] < TIE):
        return _first_and_lowest(start, size)
    listed = memory is None or count * size * np.dtype(dtype).itemsize <= memory
    single = np.ascontiguousarray(embeddings, dtype=np.float32)  # no copy of what is float32 already
    return _Greedy(unit, single, densities, weights, size, distance_power, np.dtype(dtype), listed, farthest).run(
        start, progress
    )


class _Greedy:
    """One run: the arrays, and the loop over blocks."""

    def __init__(
        self,
        unit: np.ndarray,
        single: np.ndarray,
        density: np.ndarray,
        quality: np.ndarray,
        budget: int,
        distance_power: float,
        dtype: np.dtype,
        listed: bool,
        farthest: float,
    ):
        count, dimensions = unit.shape
        self.farthest = farthest
        longest = float(np.einsum("ij,ij->i", unit, unit).max())
        lists = np.empty((count, budget if listed else 0), dtype=dtype)
        self.rows = Rows(
            embeddings=unit,
            single=single,
            density=density,
            quality=quality,
            lists=lists,
            bits=lists.view(np.uint32 if dtype == np.float32 else np.uint64),
            merged=np.zeros(count, dtype=np.int64),
            filled=np.zeros(count, dtype=np.int64),
            grown=np.zeros(count),
            excess=np.zeros(count),
            seen=np.zeros(count, dtype=np.int64),
            bound=np.zeros(count),
            splits=np.full((count, BUCKETS), np.inf, dtype=dtype),
            sums=np.zeros((count, BUCKETS)),
            counts=np.zeros((count, BUCKETS), dtype=np.int64),
        )
        self.across, self.products = np.empty(BLOCK * CHUNK_ROWS), np.empty(BLOCK * CHUNK_ROWS)
        weights = np.arange(1.0, budget + 1) ** -distance_power
        self.picked = Picked(
            rows=np.empty(budget, dtype=np.int64),
            embeddings=np.zeros((budget, dimensions)),
            sums=np.zeros((2, dimensions)),
            density=np.zeros(budget),
            weights=weights,
            weight_sums=np.concatenate([[0.0], np.cumsum(weights)]),
            density_sums=np.zeros(budget + 1),
        )
        # Sums of up to `budget` terms are rounded too; the tie rule sets distances to 0 that are not.
        rounding = 2.0**-24 + 2.0**-46 if dtype == np.float32 else 0.0
        # A product of d terms is off by d roundings at most; weighted sums of picks by one more for each of them.
        product = (dimensions + 4) * 2.0**-52 * longest
        self.precision = Precision(
            relative=rounding + 4 * budget * 2.0**-53,
            absolute=TIE + product,
            tie=TIE,
            ratio=max(SMALLEST_RATIO, budget ** (1.0 / (BUCKETS - 3))),
            farthest=(farthest if farthest < FARTHEST else 1.0 + longest) + TIE,
            # A product of d terms, and of factors that were rounded first.
            single=(dimensions + 6) * 2.0**-23 * longest**0.5,
            longest=longest**0.5,
            heaviest=float(density.max()),
            widest=2.0 * float(density.max()) * float(quality.max()),
            # Where rows are a little too long, 1 - cosine falls below the 0 that lists take it for.
            summed=TIE + 2 * product + 4 * budget * 2.0**-52 * (1.0 + longest) + max(longest - 1.0, 0.0),
        )

    def run(self, first: int, progress: Callable[[int, int], None] | None) -> np.ndarray:
        """The picks, block by block; each begins with every row knowing its distances to all picks."""
        budget = len(self.picked.rows)
        take(self.rows, self.picked, first, 0)
        seeds = np.full(SEEDS, -1, dtype=np.int64)
        known, made = 0, 1
        while made < budget:
            # Early picks change every value much, so the first blocks are short.
            stop = min(budget, made + min(BLOCK, max(4, made // 6)))
            self._absorb(known, made)
            pick_block(self.rows, self.picked, self.precision, made, stop, seeds)
            known, made = made, stop
            if progress is not None:
                progress(made, budget)
        return self.picked.rows

    def _absorb(self, start: int, stop: int) -> None:
        chosen = self.picked.embeddings[start:stop]
        # The same memory for every part: what is new is cleared by the system first.
        for begin in range(0, len(self.rows.bound), CHUNK_ROWS):
            part = self.rows.embeddings[begin : begin + CHUNK_ROWS]
            shape = (stop - start, len(part))
            across = np.matmul(chosen, part.T, out=self.across[: shape[0] * shape[1]].reshape(shape))
            if self.farthest < FARTHEST and 1.0 - across.min() > self.precision.farthest:
                raise ValueError(f"rows lie {1.0 - across.min():.6g} apart, beyond farthest={self.farthest}")
            products = self.products[: shape[0] * shape[1]].reshape(shape[::-1])
            products[...] = across.T
            absorb(self.rows, self.picked, self.precision, products, begin, start, stop)


def unit_rows_in_float64(embeddings: np.ndarray) -> np.ndarray:
    """`embeddings` as float64 rows of length 1 (within 1e-3); ValueError names the first other row."""
    unit = checked_matrix(embeddings, "embeddings").astype(np.float64, copy=False)
    lengths = np.sqrt(np.einsum("ij,ij->i", unit, unit))
    if (abs(lengths - 1) > LENGTH_TOLERANCE).any():
        bad = int(np.flatnonzero(abs(lengths - 1) > LENGTH_TOLERANCE)[0])
        raise ValueError(f"embeddings must be rows of length 1; row {bad} has length {lengths[bad]:.6g}")
    return unit


def _first_and_lowest(first: int, size: int) -> np.ndarray:
    """Where all rows are equal all values are 0, and the lowest rows win."""
    others = np.arange(size, dtype=np.int64)
    if first < size:
        others = others[others != first]
    return np.concatenate([[np.int64(first)], others])[:size]

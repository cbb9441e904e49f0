"""Walk over rows in a given order and keep those that no kept row resembles.

Rows of the walk are compared with the kept ones in blocks, by a float32 product; what it leaves open, and what the
rows of one block are to each other, is decided in float64.
"""

from __future__ import annotations

import numpy as np

from strategies.kernels.checks import TIE, Progress, checked_budget, checked_directions
from strategies.kernels.compiling import compiled

BLOCK_ROWS = 256
DECIMALS = 12


def repr_filter(
    embeddings: np.ndarray,
    budget: int,
    *,
    order: np.ndarray,
    threshold: float,
    progress: Progress | None = None,
) -> tuple[np.ndarray, int]:
    """Walk the rows in `order` and accept each whose cosine to all accepted so far lies under `threshold`.

    `embeddings` is (n, d), float32 or float64, of rows of any length but 0; `order` is a permutation of the rows.
    Cosines are float64; one within 1e-12 of the threshold reaches it. Returns rows (budget,), int64, and how many
    of them were accepted, which are the first. Where the walk ends before the budget, the rest are the rejected rows
    with the smallest cosine to their nearest accepted row (cosines are rounded to 12 decimals; ties go by the order of
    the walk). Deterministic; 4 budget d bytes beside the rows. Raises ValueError for a bad shape, value, budget or
    order, and for a row of zeros. Source: Liu et al. (ICLR 2024), Deita, "Repr Filter".
    """
    rows, scales = checked_directions(embeddings, "embeddings")
    size = checked_budget(budget, len(rows))
    walk = np.asarray(order)
    if walk.shape != (len(rows),) or not np.array_equal(np.sort(walk), np.arange(len(rows))):
        raise ValueError(f"order must hold each of the {len(rows)} rows once")
    walk = walk.astype(np.int64)
    if not np.isfinite(threshold):
        raise ValueError(f"threshold must be a number, not {threshold}")
    accepted = np.empty(size, dtype=np.int64)
    kept = np.empty((size, rows.shape[1]), dtype=np.float32)
    rejected = np.zeros(len(rows), dtype=np.bool_)
    # A float32 sum of d products of unit rows, themselves rounded, is off by at most this.
    slack = (rows.shape[1] + 5) * float(np.finfo(np.float32).eps)
    count = 0
    for start in range(0, len(walk), BLOCK_ROWS):
        block = walk[start : start + BLOCK_ROWS]
        products = _unit(rows, scales, block) @ kept[:count].T
        before = count
        count = _walk(block, products, rows, scales, accepted, count, rejected, threshold - TIE, slack)
        kept[before:count] = _unit(rows, scales, accepted[before:count])
        if progress:
            progress(count, size)
        if count == size:
            return accepted, count
    rest = walk[rejected[walk]]
    nearest = np.concatenate(
        [
            _nearest(block, _unit(rows, scales, block) @ kept[:count].T, rows, scales, accepted[:count], slack)
            for block in np.array_split(rest, -(-len(rest) // BLOCK_ROWS))
        ]
    )
    fill = rest[np.argsort(np.round(nearest, DECIMALS), kind="stable")]
    accepted[count:] = fill[: size - count]
    return accepted, count


def _unit(rows: np.ndarray, scales: np.ndarray, which: np.ndarray) -> np.ndarray:
    return (rows[which] * scales[which, None]).astype(np.float32)


@compiled()
def _walk(
    block: np.ndarray,
    products: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray,
    accepted: np.ndarray,
    count: int,
    rejected: np.ndarray,
    bar: float,
    slack: float,
) -> int:
    """Accept or reject the rows of a block until the budget is full; returns how many are accepted now."""
    before = count
    for place in range(len(block)):
        if count == len(accepted):
            break
        row = block[place]
        resembles = False
        for number in range(before):
            product = products[place, number]
            if product >= bar + slack or (
                product >= bar - slack and _cosine(rows, scales, row, accepted[number]) >= bar
            ):
                resembles = True
                break
        for number in range(before, count):
            if resembles:
                break
            resembles = _cosine(rows, scales, row, accepted[number]) >= bar
        if resembles:
            rejected[row] = True
        else:
            accepted[count] = row
            count += 1
    return count


@compiled()
def _nearest(
    block: np.ndarray,
    products: np.ndarray,
    rows: np.ndarray,
    scales: np.ndarray,
    accepted: np.ndarray,
    slack: float,
) -> np.ndarray:
    """The cosine of each row of a block to its nearest accepted row, in float64."""
    nearest = np.full(len(block), -np.inf)
    for place in range(len(block)):
        floor = products[place].max() - 2 * slack
        for number in range(len(accepted)):
            if products[place, number] >= floor:
                nearest[place] = max(nearest[place], _cosine(rows, scales, block[place], accepted[number]))
    return nearest


@compiled(fastmath={"reassoc", "nsz", "contract"})
def _cosine(rows: np.ndarray, scales: np.ndarray, one: int, other: int) -> float:
    total = 0.0
    for dimension in range(rows.shape[1]):
        total += np.float64(rows[one, dimension]) * np.float64(rows[other, dimension])
    return total * scales[one] * scales[other]

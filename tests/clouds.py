"""Point clouds for property tests: every kind on which a selection kernel has ever gone wrong."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

SHAPES = ("random", "cluster", "clusters", "equal", "axes", "stretched")


@st.composite
def clouds(draw: st.DrawFn, max_rows: int = 50, max_dimensions: int = 12, unit: bool = True) -> np.ndarray:
    """Embeddings (n, d), 1 <= n <= max_rows, float32 or float64, rows of length 1 where `unit` says so.

    One of: random directions; one tight cluster; several clusters; all rows equal; few directions and their
    opposites, so that most values tie; an anisotropic cloud. Up to a quarter of the rows are exact copies of others.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, dimensions = draw(st.integers(1, max_rows)), draw(st.integers(1, max_dimensions))
    shape = draw(st.sampled_from(SHAPES))
    points = rng.normal(size=(rows, dimensions))
    if shape == "cluster":
        points = points[:1] + 1e-3 * points
    elif shape == "clusters":
        points = rng.normal(size=(4, dimensions))[rng.integers(4, size=rows)] + 0.1 * points
    elif shape == "equal":
        points = np.repeat(points[:1], rows, axis=0)
    elif shape == "axes":
        points = np.eye(dimensions)[rng.integers(dimensions, size=rows)] * rng.choice([-1.0, 1.0], size=(rows, 1))
    elif shape == "stretched":
        points *= 10.0 ** -np.arange(dimensions)
    copies = draw(st.integers(0, rows // 4))
    points[rng.integers(rows, size=copies)] = points[rng.integers(rows, size=copies)]
    if unit:
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(draw(st.sampled_from(["f4", "f8"])))


def budgets(rows: int) -> st.SearchStrategy[int]:
    """Any budget, with 1 and all rows among the likely ones."""
    return st.sampled_from([1, rows]) | st.integers(1, rows)

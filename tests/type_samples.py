"""Samples that hold types, for tests of the diversity-controlled strategies."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from strategies.even_sampling import TypeIncidences


def incidences_of(samples: list[list[int]]) -> TypeIncidences:
    """TypeIncidences of samples given as lists of types."""
    offsets = np.concatenate([[0], np.cumsum([len(held) for held in samples])]).astype(np.int64)
    return TypeIncidences(np.asarray([kind for held in samples for kind in held], dtype=np.int64), offsets)


SAMPLES = st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=30)

"""What `novelselect` keeps of rows and picks while it runs: arrays that its compiled loops read and write."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """What is known of every row; V stands for the value computed from its list."""

    embeddings: np.ndarray  # (n, d), float64
    single: np.ndarray  # the same, float32
    density: np.ndarray  # (n,), float64
    quality: np.ndarray  # (n,), float64: values and bounds are multiplied by it
    lists: np.ndarray  # (n, budget), float32 or float64: its s, the first `merged` ascending; (n, 0) without lists
    bits: np.ndarray  # the same memory as unsigned integers
    merged: np.ndarray  # (n,), int64
    filled: np.ndarray  # (n,), int64: how many picks its list and its buckets know of
    grown: np.ndarray  # (n,), float64: G after `filled` picks, the sum of its s weighted in the order of the picks
    excess: np.ndarray  # (n,), float64: what to add to G for an upper bound of V
    seen: np.ndarray  # (n,), int64: how many picks its bound knows of
    bound: np.ndarray  # (n,), float64: upper bound of V after `seen` picks; -inf once picked
    splits: np.ndarray  # (n, BUCKETS), as the lists: upper ends of its buckets
    sums: np.ndarray  # (n, BUCKETS), float64
    counts: np.ndarray  # (n, BUCKETS), int64


class Picked(NamedTuple):
    """What is known of the picks, in the order picked."""

    rows: np.ndarray  # (budget,), int64
    embeddings: np.ndarray  # (budget, d), float64
    sums: np.ndarray  # (2, d), float64: of their embeddings, each times its weight, and that times its density
    density: np.ndarray  # (budget,), float64
    weights: np.ndarray  # (budget,), float64: w_1 ..
    weight_sums: np.ndarray  # (budget + 1,), float64: H_0 ..
    density_sums: np.ndarray  # (budget + 1,), float64: A_0 ..


class Precision(NamedTuple):
    """How far a list's value may be from the float64 one: `relative` of it, and `absolute` a unit of weight."""

    relative: float
    absolute: float
    tie: float
    ratio: float  # of the sizes of neighbouring buckets
    farthest: float  # no distance exceeds it: 2, but for the rounding of unit rows
    single: float  # how far a float32 product with a row may be off, a unit of length
    longest: float  # row: 1, but for rounding
    heaviest: float  # density there is
    widest: float  # twice that, times the largest quality
    summed: float  # how far G may be off, a unit of weight, where it comes from the weighted sums of the picks

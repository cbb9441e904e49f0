"""Over how many GPUs the vllm engine can split a model: each takes a whole share of every matrix."""

from __future__ import annotations

from suite.cost.shapes import Shape, ShapeUnknown, shape_of_named

VOCABULARY_STEP = 64
"""vLLM lengthens a vocabulary to a multiple of this."""


def splits_over(shape: Shape, gpus: int) -> bool:
    """Whether vLLM splits such a model over so many GPUs.

    Heads and the feed-forward layer are shared out evenly; keys and values too, or one is held by several GPUs. Source:
    vLLM 0.32, config/model.py and the layers of model_executor.
    """
    vocabulary = -(-shape.vocabulary // VOCABULARY_STEP) * VOCABULARY_STEP
    keys = shape.kv_heads % gpus == 0 or gpus % shape.kv_heads == 0
    return keys and not any(size % gpus for size in (shape.heads, shape.intermediate, vocabulary))


def largest_split(shape: Shape, there: int) -> int:
    """The most of `there` GPUs that vLLM splits such a model over."""
    return max(gpus for gpus in range(1, there + 1) if splits_over(shape, gpus))


def least_split(least: int, *shapes: Shape) -> int:
    """The least number of GPUs from `least` on that vLLM splits all such models over; `least` where there is none."""
    most = max([least, *(shape.heads for shape in shapes)])
    counts = range(least, most + 1)
    return next((gpus for gpus in counts if all(splits_over(shape, gpus) for shape in shapes)), least)


def split_of(model: str, revision: str, there: int) -> int:
    """The most of `there` GPUs that vLLM splits a folder's or the Hub's model over; all where its shape is unknown."""
    try:
        return largest_split(shape_of_named(model, revision), there)
    except ShapeUnknown:
        return there

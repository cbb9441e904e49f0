"""Bytes of a model's weights: counted in its files where they are on this disk, else reckoned from its shape."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from suite.base_models.resolve import weight_files
from suite.cost.shapes import ShapeUnknown, config_here, shape_of_named

FLOATS = ("F64", "F32", "F16", "BF16")
"""What engines convert to their own precision; numbers of other kinds (quantised ones) keep their size."""
BYTES = {"I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8}


def weight_bytes(model: str, revision: str, width: int) -> float | None:
    """Bytes that an engine holds of a model (a folder, or a name of the Hub), `width` a floating-point number.

    None where nobody here can tell: neither the files nor the shape are known.
    """
    config = config_here(model, revision)
    if config is not None and (counted := _counted(config.parent, width)) is not None:
        return counted
    if config is not None and "quantization_config" in json.loads(config.read_text(encoding="utf-8")):
        return None
    try:
        return float(width * shape_of_named(model, revision).parameters)
    except ShapeUnknown:
        return None


def _counted(folder: Path, width: int) -> float | None:
    """Bytes of the tensors in a folder's safetensors; None unless all of them are there and can be read."""
    from safetensors import SafetensorError, safe_open

    total = 0.0
    try:
        for path in weight_files(folder):
            with safe_open(path, framework="numpy") as file:
                for tensor in file.keys():  # noqa: SIM118 - it is no mapping
                    part = file.get_slice(tensor)
                    kind = part.get_dtype()
                    total += prod(part.get_shape()) * (width if kind in FLOATS else BYTES.get(kind, 1))
    except (OSError, SafetensorError):
        return None
    return total

"""Engines: what runs a fine-tuned model for evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from suite.errors import EvaluationError

if TYPE_CHECKING:
    from suite.engines.protocol import Engine


def open_engine(
    name: Literal["auto", "transformers", "vllm"],
    folder: Path,
    *,
    dtype: Literal["float32", "bfloat16"] = "float32",
    batch_size: int = 64,
) -> Engine:
    """Load a base model (or a full fine-tune) into the engine of that name; `auto` takes `transformers`.

    Raises EvaluationError for an engine that this version cannot run.
    """
    if name == "vllm":
        raise EvaluationError(
            'The vllm engine is not part of this version. Set engine = "auto" or "transformers" in the track\'s '
            "[evaluation] table; both use a GPU where there is one."
        )
    from suite.engines.transformers import TransformersEngine

    return TransformersEngine(folder, dtype=dtype, batch_size=batch_size)

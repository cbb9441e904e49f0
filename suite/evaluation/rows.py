"""How many rows an engine computes at a time where nobody states it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from suite.track import Evaluation

ROWS: Mapping[Literal["transformers", "vllm"], int] = {"transformers": 16, "vllm": 128}
"""vLLM reads all weights once a token, however many rows share it, and lets rows wait whose keys and values have no
place; transformers holds those of all its rows, and their logits."""


def rows_stated(evaluation: Evaluation) -> int | None:
    """The rows that a track itself states; None where it leaves them to the engine."""
    return evaluation.batch_size if "batch_size" in evaluation.model_fields_set else None


def judges_rows(engine: Literal["transformers", "vllm"], stated: int | None) -> int:
    """Rows of a judge beside models of which so many are computed at a time, if that is stated.

    A judge of the transformers engine is a larger model than those, with longer prompts: it has no more than ROWS.
    """
    return min(stated or ROWS[engine], ROWS[engine]) if engine == "transformers" else stated or ROWS[engine]

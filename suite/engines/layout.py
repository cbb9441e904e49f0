"""What a track says of an engine's memory: its table [evaluation.vllm]."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class VllmLayout(BaseModel):
    """How the vllm engine lays out its memory; what is asked, and so the track's identity, does not depend on it.

    `context`: the most tokens of a prompt with its answer (by default the greater of the recipe's max_length and
    4,096, as far as the model has positions); `memory_share`: of a GPU's memory, for weights, adapters and cache;
    `adapters`: how many adapters are computed together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: int | None = Field(default=None, gt=0)
    memory_share: float = Field(default=0.9, gt=0, le=1)
    adapters: int = Field(default=16, gt=0)

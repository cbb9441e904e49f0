"""How a code task draws the programs that a model writes."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class CodeSpec(BaseModel):
    """Once and greedily, or `samples` times, scored by pass@`pass_at`; a track's table [evaluation.tasks.code]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int = Field(default=1, gt=0, le=1000)
    pass_at: int = Field(default=1, gt=0)
    temperature: float = Field(default=0.0, ge=0, le=5)
    top_p: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.pass_at > self.samples:
            raise ValueError("pass_at is at most samples")
        if self.samples > 1 and not self.temperature:
            raise ValueError("several samples need a temperature above 0: greedy ones are all the same")
        return self

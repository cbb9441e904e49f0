"""What golden picks are made from: a small pinned pool and features that are the same on every machine.

The pool is the embedded world's, generated; embeddings are `hashed` (whole numbers, see `suite.features.hashed`) and
tokens are words. So a strategy's picks do not hang on how a processor rounds: what is left to differ between kinds of
processor are the last bits of dot products, which the tie rule of every kernel (1e-12) swallows. What is built on
linear algebra of its own (topics, by principal components) can still differ; then its features have other bytes, which
a report says.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from suite.errors import BreadthError, RegressionError
from suite.features.base import TrackContext

if TYPE_CHECKING:
    from suite.pool import Pool
    from suite.registry import Strategy

NAME = "regression"
REFERENCE_ROWS = frozenset({"full", "oracle"})
"""Reference rows, never ranked: one picks everything, the other reads what the pool hides."""


class Setting(BaseModel):
    """The pool, how much is picked of it, and what features are made by; part of every baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    world_seed: int = 1
    samples: int = Field(default=2_000, ge=10, le=100_000)
    budget: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0)
    embedder: str = "hashed?dimensions=64"
    tokenizer: str = "words"
    fingerprint: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Of the pool; empty while nothing is pinned yet."""

    @cached_property
    def pool(self) -> Pool:
        """The pool. Raises RegressionError where this version of Breadth generates another one than is pinned."""
        from suite.microworld import world
        from suite.pool import pool_from_records

        made = pool_from_records(world(self.world_seed).pool_samples(self.samples))
        if self.fingerprint and made.fingerprint != self.fingerprint:
            raise RegressionError(
                f"The baseline's pool has fingerprint {self.fingerprint[:12]}, and this Breadth generates "
                f"{made.fingerprint[:12]}: nothing can be held against it. Make a new baseline with --update."
            )
        return made

    def pinned(self) -> Setting:
        """The same setting with the fingerprint of its pool."""
        return self.model_copy(update={"fingerprint": self.pool.fingerprint})

    def context(self) -> TrackContext:
        """What strategies and metrics may know: no base model is there."""
        return TrackContext(NAME, self.samples, embedder=self.embedder, tokenizer=self.tokenizer)


def default_strategies(context: TrackContext) -> list[str]:
    """Every registered strategy that can be run here: offline, without a base model, at its default parameters."""
    from suite.registry import strategies

    names = [cls.info.name for cls in strategies if not cls.index_only and cls.info.name not in REFERENCE_ROWS]
    return [name for name in names if _runs(strategies.parse(name), context)]


def _runs(strategy: Strategy, context: TrackContext) -> bool:
    try:
        resolved = [feature.resolve(context) for feature in strategy.requires(context)]
    except BreadthError:
        return False  # it wants a model, which is named by a parameter
    return not any(feature.reference_only for feature in resolved)

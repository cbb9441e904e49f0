"""A program for one test: embeds a pool in small batches, each noted, and says how far it is."""

from __future__ import annotations

import sys
from pathlib import Path

import killed_states

from suite.features import Embeddings, text_models

pool = killed_states.pool
SAMPLES = killed_states.SAMPLES


def feature(model: Path) -> Embeddings:
    """The feature of the test."""
    return Embeddings(embedder=f"causal-lm:{model}")


def small_batches() -> None:
    """Batches of a few texts, so that a kill comes between two of them."""
    text_models.TOKENS_A_BATCH["cpu"] = 200


if __name__ == "__main__":
    small_batches()
    killed_states.compute(feature(Path(sys.argv[1])), Path(sys.argv[2]))

"""A program for one test: builds the tiny base into a folder, a checkpoint a step, and says each step it ended."""

from __future__ import annotations

import sys
from pathlib import Path

from suite.base_models.build import ensure_base
from suite.base_models.packing import Corpus
from suite.microworld import world
from suite.track import BuiltModel

TINY = BuiltModel(
    kind="built",
    name="tiny",
    text="microworld",
    vocabulary=320,
    hidden=16,
    layers=2,
    heads=2,
    kv_heads=1,
    intermediate=32,
    positions=64,
    steps=40,
    batch_size=4,
    sequence_length=16,
    learning_rate=5e-3,
)
TEXT = Corpus("microworld 1, 300 texts", lambda: world(1).pretraining_texts(300))

if __name__ == "__main__":
    ensure_base(
        TINY,
        TEXT,
        Path(sys.argv[1]),
        workers=int(sys.argv[2]),
        checkpoint_seconds=0.0,
        progress=lambda step, steps: print(step, flush=True),
    )

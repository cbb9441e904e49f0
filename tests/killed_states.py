"""A program for one test: computes neuron states in small batches, each noted, and says how far it is."""

from __future__ import annotations

import sys
from pathlib import Path

from tiny_models import tiny_samples

from suite.features import TrackContext, row_spool
from suite.features.activations import NeuronStates
from suite.features.base import Feature
from suite.features.store import FeatureStore
from suite.pool import Pool, pool_from_records

SAMPLES = 300


def pool() -> Pool:
    """The pool of the test."""
    samples = tiny_samples(SAMPLES, seed=4, longest=20)
    return pool_from_records([{"id": one.id, "instruction": one.instruction, "output": one.output} for one in samples])


def feature(model: Path) -> NeuronStates:
    """The feature of the test."""
    return NeuronStates(density=0.1, standardise=40, model=str(model))


def compute(wanted: Feature, folder: Path) -> None:
    """Compute a feature of the pool into a store, every batch noted, and say how far it is."""
    row_spool.SECONDS_BETWEEN_NOTES = 0.0
    FeatureStore(folder).ensure(
        wanted, pool(), TrackContext("test", SAMPLES), lambda label: lambda done, total: print(done, flush=True)
    )


if __name__ == "__main__":
    compute(feature(Path(sys.argv[1])), Path(sys.argv[2]))

"""A worker in a process of its own, with a small but real piece of work for each cell. The tests kill it.

    python working_process.py BOARD NAME

Serves the queue in the folder BOARD until it is told to drain. A cell is a chain of hashes, long enough to be killed
in, whose outcome is the cell's result; what the store has already is not made again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from suite.intake.evaluator import Control
from suite.intake.lifecycle import Terms
from suite.intake.queue import Queue
from suite.intake.requests import Request
from suite.intake.worker import QueueWorker
from suite.results import CellIdentity, Cost, Hashes, Result, TaskScore
from suite.stores import LocalStore, Store

CELLS = 4
ROUNDS = 150_000
TERMS = Terms(
    lease=timedelta(seconds=2),
    heartbeat=timedelta(seconds=0.4),
    allowance=timedelta(seconds=0.5),
    watched=timedelta(seconds=1.2),
    # The killer is blind: the same request may die with its worker several times, and none shall fail for that here.
    deaths=50,
)


def cell(name: str, number: int) -> CellIdentity:
    """The cell with that number of a submission."""
    return CellIdentity(
        track="microworld",
        track_identity="0" * 64,
        strategy=name,
        spec=name,
        budget=500,
        base_model="micro",
        selection_seed=0,
        training_seed=number,
    )


def cell_result(content: bytes, name: str, number: int) -> Result:
    """The result of one cell, computed from what was submitted."""
    digest = content + bytes([number])
    for _ in range(ROUNDS):
        digest = hashlib.sha256(digest).digest()
    sha256 = digest.hex()
    values = np.array([byte % 2 for byte in digest])
    return Result(
        cell=cell(name, number),
        reference=False,
        selection_size=500,
        parameters={},
        hashes=Hashes(pool=sha256, selection=sha256, base_weights=sha256, weights=sha256),
        engine="transformers",
        versions={},
        training=None,
        tasks=(TaskScore.pack(values, name="t", kind="exact-match", unit="accuracy", chance=0, items_sha256=sha256),),
        first_prompt_ids=(),
        cost=Cost(
            host="here",
            hardware="none",
            finished_at="2026-01-01T00:00:00Z",
            feature_seconds=0,
            selection_seconds=0,
            training_seconds=0,
            evaluation_seconds=0,
            peak_memory_bytes=0,
            training_flops=0,
            evaluation_tokens=0,
        ),
    )


class Hashing:
    """Evaluates a submission cell by cell."""

    def __init__(self, store: Store):
        self.store = store

    def evaluate(self, request: Request, folder: Path, control: Control) -> None:
        """Put every cell that the store does not hold."""
        content = (folder / "archive").read_bytes()
        for number in range(CELLS):
            control.check()
            control.stage(f"cell {number}")
            if self.store.of_cell(cell(request.wanted.name, number).id):
                control.say(f"cell {number} was there")
            else:
                self.store.put(cell_result(content, request.wanted.name, number))


def unpacked(archive: bytes, folder: Path, request: Request) -> Sequence[str]:
    """Writes the archive's bytes into the folder."""
    folder.mkdir(parents=True)
    (folder / "archive").write_bytes(archive)
    return []


def main(board: str, name: str) -> None:
    """Serve until SIGTERM."""
    store = LocalStore(Path(board))
    worker = QueueWorker(
        Queue(store, terms=TERMS),
        Hashing(store),
        unpacked,
        name=name,
        tracks=["microworld"],
        folder=Path(board).parent / "workers" / name,
        notify=lambda line: print(line, flush=True),
        poll=0.1,
        trouble=0.2,
    )
    with worker.signals():
        worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

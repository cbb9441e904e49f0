"""What runs on a node of a Ray cluster: an actor that holds what Ray gave it, and two processes under it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.engines import engine_versions
from suite.errors import EngineError, StorageError
from suite.hashing import library_versions, sources_sha256
from suite.machine import hardware, host_name
from suite.runner.workers import WorkerDied, WorkerFailed, cell_worker

if TYPE_CHECKING:
    from suite.engines import EngineName


@dataclass(frozen=True)
class Node:
    """What an actor says of the machine it is on; `devices` are the GPUs that Ray gave it, by their numbers there.

    `engine` are the versions that what is evaluated there will carry; where it cannot be had, `no_engine` says why.
    """

    host: str
    hardware: str
    code: str
    sees: bool
    devices: tuple[str, ...] = ()
    engine: dict[str, str] = field(default_factory=dict, hash=False)
    no_engine: str = ""


class CellProcess:
    """The actor: holds what Ray gave it and runs a trainer and an evaluator in processes of their own under it."""

    def __init__(self, number: int, threads: int, logs: str, token: str, engine: EngineName):
        devices = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        self._own = tuple(device for device in devices.split(",") if device)
        self._token = Path(token)
        self._engine = engine
        self._progress = (0, 0)
        self._workers = {
            "trainer": cell_worker("trainer", number, threads=threads, logs=Path(logs), devices=devices),
            "evaluator": cell_worker("evaluator", number, threads=threads, logs=Path(logs), devices=devices),
        }

    def node(self) -> Node:
        """Where this is; the processes are started if the node sees what the driver sees."""
        engine: dict[str, str] = {}
        no_engine = ""
        try:
            engine = engine_versions(self._engine)
        except EngineError as error:
            no_engine = str(error)
        node = Node(host_name(), hardware(), code_version(), self._token.is_file(), self._own, engine, no_engine)
        if node.sees:
            for worker in self._workers.values():
                worker.start()
        return node

    def call(self, kind: str, payload: Any) -> tuple[str, Any]:
        """What a worker answered: `done` with the answer, or `failed`, `died`, `storage` with the reason."""
        self._progress = (0, 0)
        try:
            return "done", self._workers[kind].call(payload, self._told)
        except StorageError as error:
            return "storage", str(error)
        except WorkerDied as error:
            return "died", f"{error} Node: {host_name()}."
        except WorkerFailed as error:
            return "failed", str(error)

    def progress(self) -> tuple[int, int]:
        """How far the call in hand is."""
        return self._progress

    def _told(self, done: int, total: int) -> None:
        self._progress = (done, total)


def code_version() -> str:
    """Breadth's sources and the libraries that train and evaluate, as one text."""
    from suite.engines import TRANSFORMERS_LIBRARIES
    from suite.training.job import LIBRARIES as TRAINING_LIBRARIES

    versions = library_versions({*TRANSFORMERS_LIBRARIES, *TRAINING_LIBRARIES})
    return f"{sources_sha256('suite')} {sorted(versions.items())}"

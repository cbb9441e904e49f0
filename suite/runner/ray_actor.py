"""What runs on a node of a Ray cluster: an actor that holds what Ray gave it, and two processes under it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.engines import engine_versions
from suite.errors import EngineError, StorageError
from suite.hashing import library_versions, sources_sha256
from suite.home import data_folder, home
from suite.machine import hardware, host_name
from suite.runner.workers import WorkerDied, WorkerFailed, cell_worker

if TYPE_CHECKING:
    from suite.engines import EngineFacts, EngineName

HUB_FOLDERS = ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")
"""Where libraries of the Hub keep models and data sets, for whoever sets it."""


@dataclass(frozen=True)
class Node:
    """What an actor says of the machine it is on; `devices` are the GPUs that Ray gave it, by their numbers there.

    `code` is the sha256 of Breadth's sources, `libraries` are the versions of what trains and evaluates, `unseen` the
    driver's folders that it does not have. `engine` are the versions that what is evaluated there will carry; where it
    cannot be had, `no_engine` says why.
    """

    host: str
    hardware: str
    code: str
    libraries: dict[str, str] = field(hash=False)
    unseen: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    engine: dict[str, str] = field(default_factory=dict, hash=False)
    no_engine: str = ""


class CellProcess:
    """The actor: holds what Ray gave it and runs a trainer and an evaluator in processes of their own under it.

    `environment` is the driver's (see `shared_environment`) and takes the place of what the node was started with.
    `token` names a file that the driver has put into its BREADTH_HOME: a node that finds it has the same.
    """

    def __init__(
        self, number: int, threads: int, logs: str, token: str, engine: EngineName, environment: dict[str, str]
    ):
        # Before a worker or what it is forked from is started: they are given this process's variables.
        os.environ.update(environment)
        devices = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        self._own = tuple(device for device in devices.split(",") if device)
        self._token = token
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
        node = Node(host_name(), hardware(), code(), libraries(), self._unseen(), self._own, engine, no_engine)
        if not node.unseen:
            for worker in self._workers.values():
                worker.start()
        return node

    def _unseen(self) -> tuple[str, ...]:
        data = data_folder()
        there = {home(): (home() / self._token).is_file()} | ({data: data.is_dir()} if data else {})
        return tuple(str(folder) for folder, seen in there.items() if not seen)

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


def shared_environment(folder: Path, engine: EngineFacts) -> dict[str, str]:
    """What a node takes over from this machine, the driver, whose BREADTH_HOME is `folder`.

    Verdicts are kept in its home, tasks read their data where it does (from the public sources where BREADTH_DATA is
    not set here, whatever the node has), and vLLM computes as the keys of its evaluations say.
    """
    data = data_folder()
    variables = {"BREADTH_HOME": str(folder), "BREADTH_DATA": str(data.absolute()) if data and data.is_dir() else ""}
    if engine.name == "vllm":
        variables["VLLM_BATCH_INVARIANT"] = "1" if engine.batch_invariant else "0"
    set_here = {name: os.environ[name] for name in HUB_FOLDERS if os.environ.get(name)}
    return variables | {name: str(Path(value).expanduser().absolute()) for name, value in set_here.items()}


def code() -> str:
    """The sha256 of Breadth's sources on this machine."""
    return sources_sha256("suite")


def libraries() -> dict[str, str]:
    """The versions of the libraries that train and evaluate on this machine; the engine says its own."""
    from suite.engines import TRANSFORMERS_LIBRARIES
    from suite.training.job import LIBRARIES as TRAINING_LIBRARIES

    return library_versions({*TRANSFORMERS_LIBRARIES, *TRAINING_LIBRARIES, "lm_eval"})

"""On several GPUs vLLM fails in processes of its own: what they said is read from its log, as vLLM 0.32 writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suite.engines.vllm.child import Child, OutOfMemory
from suite.engines.vllm.finding import Installation
from suite.errors import EngineError

SENTENCE = (
    "Exception: WorkerProc initialization failed due to an exception in a background process. "
    "See stack trace for root cause."
)
BEFORE = "INFO 11-26 20:00:01 [config/model.py:560] Lower max_num_seqs where a card runs out of memory: 1."
FREE = (
    "ValueError: Free memory on device cuda:1 (2.5/79.2 GiB) on startup is less than desired GPU memory utilization "
    "(0.9, 71.28 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes."
)
FULL = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.2 GiB."
PEER = "torch.distributed.DistBackendError: NCCL error: remote process exited or there was a network error"
OTHER = "RuntimeError: Detected mismatched driver"


def log_of(*causes: str) -> str:
    """The log of workers that fail one after the other, each with an exception."""
    lines = [BEFORE]
    for number, cause in enumerate(causes):
        prefix = (
            f"(Worker_TP{number} pid=41{number}) ERROR 11-26 20:00:0{number} [v1/executor/multiproc_executor.py:953] "
        )
        told = [
            "WorkerProc failed to start.",
            "Traceback (most recent call last):",
            '  File "worker.py", line 3',
            cause,
        ]
        lines += [prefix + line for line in told]
    return "\n".join([*lines, "Traceback (most recent call last):", SENTENCE]) + "\n"


def started(log: str, folder: Path) -> Child:
    """A process that writes that log and fails to start."""
    answer = json.dumps({"error": "failed", "message": SENTENCE})
    (folder / "said").write_text(log)
    script = folder / "python"
    script.write_text(f"#!/bin/sh\ncat {folder / 'said'} >&2\nread call\necho '{answer}'\nread call\n")
    script.chmod(0o755)
    return Child(Installation(str(script), {"vllm": "0.32.0"}), {}, folder / "logs")


@pytest.mark.parametrize(("causes", "quoted"), [((FREE,), FREE), ((PEER, FULL), FULL), ((FULL, PEER), FULL)])
def test_memory_that_runs_out_there_is_said_so(causes: tuple[str, ...], quoted: str, tmp_path: Path) -> None:
    with pytest.raises(OutOfMemory) as caught:
        started(log_of(*causes), tmp_path)
    assert str(caught.value).startswith(f"vLLM could not start: {quoted} (log: ")


def test_another_cause_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=rf"could not start: {OTHER} \(log: ") as caught:
        started(log_of(OTHER, PEER), tmp_path)
    assert not isinstance(caught.value, OutOfMemory)


def test_without_a_cause_the_sentence_stands(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="See stack trace for root cause") as caught:
        started(f"{BEFORE}\n{SENTENCE}\n", tmp_path)
    assert not isinstance(caught.value, OutOfMemory)

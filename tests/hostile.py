"""Runs code as a submission's `select` in the sandbox, on the tiny track, and looks whether anything of it is left."""

from __future__ import annotations

import functools
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sent import TRACK

from suite.features import TrackContext
from suite.intake.evaluator import EvaluationFailed
from suite.intake.sandbox.handed import described_context, write_pool
from suite.intake.sandbox.isolation import Isolation
from suite.intake.sandbox.limits import MIB, Limits
from suite.intake.sandbox.selecting import picked_rows
from suite.intake.sandbox.supervise import Outcome, run_job
from suite.intake.selections import Which
from suite.pool import Pool
from suite.pool.loading import load_pool

WHICH = Which("tiny", 8, 0)
LIMITS = Limits(wall_seconds=60, cpu_seconds=30, memory=400 * MIB, tmp=16 * MIB, shared=4 * MIB, file_bytes=8 * MIB)
"""Room for imports on a busy machine, little for anything else."""

STRATEGY = '''\
import ctypes, gc, importlib, json, os, resource, signal, socket, subprocess, sys, time
from dataclasses import dataclass
import numpy as np
from suite.registry import Strategy, register

libc = ctypes.CDLL(None, use_errno=True)

def system(call, *arguments):
    """A call of the C library; its error as Python's."""
    if getattr(libc, call)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

{beside}

@register("my-method", level="meso", deterministic=True)
@dataclass(frozen=True)
class MyMethod(Strategy):
    def select(self, pool, budget, *, features, rng):
{body}
        return np.arange(budget)
'''


@dataclass(frozen=True)
class Verdict:
    """What came of a submission: the reason it failed (empty where it did not), the rows, and how the run went."""

    reason: str
    rows: tuple[int, ...]
    outcome: Outcome


def attack(isolation: Isolation, body: str, *, beside: str = "", limits: Limits = LIMITS) -> Verdict:
    """The verdict on a strategy whose `select` begins with these lines and would then return a fine selection."""
    outcome = outcome_of(isolation, body, beside=beside, limits=limits)
    try:
        rows, _ = picked_rows(outcome, WHICH, len(tiny_pool()))
    except EvaluationFailed as failed:
        return Verdict(str(failed), (), outcome)
    return Verdict("", tuple(rows.tolist()), outcome)


def outcome_of(
    isolation: Isolation,
    body: str,
    *,
    beside: str = "",
    limits: Limits = LIMITS,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """How the run of such a strategy ended; nothing of it is left when this returns."""
    code = STRATEGY.replace("{beside}", textwrap.dedent(beside)).replace(
        "{body}", textwrap.indent(textwrap.dedent(body), " " * 8)
    )
    began = time.time()
    pool = tiny_pool()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "strategy.py").write_text(code)
        (folder / "strategy.py").chmod(0o644)
        write_pool(pool, folder / "pool.arrow")
        handed = {"/job/strategy.py": folder / "strategy.py", "/job/pool.arrow": folder / "pool.arrow"}
        outcome = run_job(isolation, job_of(pool), handed, limits, stopped)
        assert sorted(path.name for path in folder.iterdir()) == ["pool.arrow", "strategy.py"]
        assert (folder / "strategy.py").read_text() == code
    assert not left_behind(began), "processes of the sandbox are left"
    return outcome


def left_behind(since: float) -> list[psutil.Process]:
    """Processes of a sandbox that began since then and are children of ours, or of nobody any more."""
    found = []
    for process in psutil.process_iter():
        try:
            if not _inside(process) or process.create_time() < since - 1 or process.status() == psutil.STATUS_ZOMBIE:
                continue
            above = [parent for parent in process.parents() if parent.pid != 1 and not _inside(parent)]
            if not above or psutil.Process() in above:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _inside(process: psutil.Process) -> bool:
    return "/sandbox/child.py" in process.cmdline()


@functools.cache
def tiny_pool() -> Pool:
    return load_pool(TRACK)


def job_of(pool: Pool) -> dict[str, Any]:
    return {
        "do": "select",
        "name": "my-method",
        "module": "submissions.my_method",
        "context": described_context(TrackContext(track="tiny", pool_size=len(pool))),
        "features": [],
        "arrays": [],
        "fingerprint": pool.fingerprint,
        "size": WHICH.budget,
        "seed": WHICH.seed,
    }

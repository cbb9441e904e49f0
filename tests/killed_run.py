"""A program for the tests of killed runs: starts `breadth run` in forks of itself, so that libraries load once.

Each line it reads is the BREADTH_HOME of one attempt. It answers with the attempt's process id, and with how it ended
once it has. What an attempt prints goes to `said.txt` beside its home. Only the start differs from what users run: the
runner and its workers are forked from a process that has imported everything and computed nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

from tiny_track import TINY


def load() -> None:
    """Import what runners and workers import."""
    import numba  # noqa: F401
    import peft  # noqa: F401
    import torch
    import trl  # noqa: F401
    from transformers import AutoModelForCausalLM, LlamaForCausalLM  # noqa: F401

    import strategies.builtin  # noqa: F401
    import suite.diversity
    import suite.evaluation.run
    import suite.runner.runner
    import suite.runner.workers
    import suite.training.finetune
    from suite.commands.main import application

    application()
    torch.set_num_threads(1)
    forked = multiprocessing.get_context("fork")
    suite.runner.workers.multiprocessing.get_context = lambda method=None: forked  # type: ignore[attr-defined]


def attempt(home: Path) -> None:
    """One `breadth run`, in a process of its own."""
    os.setsid()
    output = os.open(home.parent / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ["BREADTH_HOME"] = str(home)
    sys.argv = ["breadth", "run", "--track", str(TINY), "--jobs", "1"]
    from suite.commands.main import run

    code = 1
    try:
        run()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    load()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            attempt(Path(line.strip()))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

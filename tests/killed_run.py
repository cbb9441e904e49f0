"""A program for the tests of killed runs: starts `breadth run` in forks of itself, so that libraries load once.

Each line it reads is the BREADTH_HOME of one attempt, what is the matter with training (`-` is nothing), and more
options of `breadth run`. It answers with the attempt's process id, and with how it ended once it has. What an attempt
prints goes to `said.txt` beside its home. Only the start differs from what users run: the runner and its workers are
forked from a process that has imported everything and computed nothing.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import traceback
from multiprocessing.context import ForkContext, ForkProcess
from pathlib import Path
from typing import Any

from tiny_track import TINY


class OneAtATime(ForkProcess):
    """A fork of the runner. Two that were made at once would each hold the pipe whose end tells the other to leave."""

    starting = threading.Lock()

    def start(self) -> None:
        with self.starting:
            super().start()


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
    forked = ForkContext()
    forked.Process = OneAtATime  # type: ignore[misc]
    suite.runner.workers.multiprocessing.get_context = lambda method=None: forked  # type: ignore[attr-defined]


NOTHING = "-"
"""What is the matter where nothing is."""
GREEDY_SEED = 2
"""The training seed whose fine-tunes want too much memory."""


def greedy(matter: str) -> None:
    """Let fine-tunes of one seed ask for more memory than there is: refused by the system, or killed by the kernel."""
    import suite.training.finetune as finetune

    build = finetune.build_trainer

    def build_greedy(job: Any, *arguments: Any) -> Any:
        trainer = build(job, *arguments)
        if job.training_seed == GREEDY_SEED:
            trainer.train = kill if matter == "killed" else exhaust
        return trainer

    finetune.build_trainer = build_greedy


def kill() -> None:
    """What the kernel does to a process when memory has run out."""
    os.kill(os.getpid(), signal.SIGKILL)


def exhaust() -> None:
    """Take memory until torch gets none any more, of which this process may have 256 MiB more."""
    import torch

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**28, before[1]))
    try:
        held = [torch.zeros(2**22)]
        while True:
            held.append(torch.zeros(2**22))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def attempt(home: Path, matter: str, options: list[str]) -> None:
    """One `breadth run`, in a process of its own."""
    os.setsid()
    if matter != NOTHING:
        greedy(matter)
    output = os.open(home.parent / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ["BREADTH_HOME"] = str(home)
    sys.argv = ["breadth", "run", "--track", str(TINY), "--jobs", "1", *options]
    from suite.commands.main import run

    code = 1
    try:
        run()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    load()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            place, matter, *options = line.split()
            attempt(Path(place), matter, options)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

"""Imported by the process that worker processes are forked from: what fine-tuning and evaluating load, once.

Nothing is computed here and no device is asked for, so that a fork starts as a fresh process would. A library that
cannot be imported is left to the worker that needs it, whose log says why.
"""

import gc
import os
import signal
from contextlib import suppress

from suite.runner.workers import THREAD_VARIABLES

LOOK_SECONDS = 0.5
runner = os.getppid()


def leave_with_runner(*_: object) -> None:
    """End a process whose runner has gone while it was still importing."""
    if os.getppid() != runner:
        os._exit(1)


# Ctrl-C is the runner's to answer.
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGALRM, leave_with_runner)
signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)
os.environ.update(
    dict.fromkeys(THREAD_VARIABLES, "1") | {"CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false"}
)

with open(os.devnull, "wb") as nowhere:
    heard = {stream: os.dup(stream) for stream in (1, 2)}
    for stream in heard:
        os.dup2(nowhere.fileno(), stream)
    with suppress(Exception):
        import peft  # noqa: F401
        from transformers import LlamaForCausalLM  # noqa: F401
        from trl import SFTConfig, SFTTrainer  # noqa: F401

        import suite.evaluation.run
        import suite.training.finetune  # noqa: F401
    for stream, kept in heard.items():
        os.dup2(kept, stream)
        os.close(kept)

signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_DFL)
# Pages that the collector never writes to are shared by all workers.
gc.freeze()

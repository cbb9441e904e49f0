"""lm-evaluation-harness as an optional library: a clear word where it is missing, and quiet where it is not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from suite.errors import EvaluationError

INSTALL = "pip install 'breadth[eval]'"


def check_harness(task: str) -> str:
    """The harness's version. Raises EvaluationError, naming `task`, where it is not installed."""
    if importlib.util.find_spec("lm_eval") is None:
        raise EvaluationError(
            f"Task {task} is one of lm-evaluation-harness, which is not installed here: {INSTALL}, and run again."
        )
    return importlib.metadata.version("lm_eval")


@contextmanager
def quiet_harness() -> Iterator[None]:
    """Only errors of the harness inside the block, and none of its progress bars: progress is ours to show."""
    import datasets
    import lm_eval.api.task as tasks

    def silent(iterable: Iterable[Any], **_: Any) -> Iterable[Any]:
        return iterable

    bars = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    loggers = [logging.getLogger(name) for name in ("lm_eval", "datasets")]
    levels, bar = [logger.level for logger in loggers], tasks.tqdm
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    # The harness gives no way to switch this bar off.
    tasks.tqdm = silent
    try:
        yield
    finally:
        tasks.tqdm = bar
        if not bars:
            datasets.enable_progress_bars()
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

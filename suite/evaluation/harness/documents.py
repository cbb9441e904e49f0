"""Where the documents of a harness task come from: a copy under BREADTH_DATA, else the Hub at a pinned commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suite.errors import EvaluationError
from suite.evaluation.harness.layouts import LOCAL_SETS, Document
from suite.home import data_folder

REVISIONS: Mapping[str, str] = {
    "Rowan/hellaswag": "218ec52e09a7e7462a5400043bb9a69a41d06b76",
    "allenai/ai2_arc": "210d026faf9955653af8916fad021475a3f00453",
    "cais/mmlu": "c30699e8356da336a370243923dbaf21066bb9fe",
    "google/IFEval": "966cd89545d6b6acfd7638bc708b98261ca58e84",
    "openai/gsm8k": "e53f048856ff4f594e959d75785d2c2d37b678ee",
    "truthfulqa/truthful_qa": "741b8276f2d1982aa3d5b832d3ee81ed3b896490",
}
"""Commits of data sets of the Hub; of others the newest is taken, and what was in it is hashed into the result."""


def load_documents(path: str, name: str | None, *, task: str, revision: str | None = None) -> Any:
    """The splits of a data set, as the harness reads them (a `datasets.DatasetDict`).

    Raises EvaluationError, naming `task`, where neither place has it.
    """
    import datasets

    local = _local(path, name)
    if local is not None:
        return datasets.DatasetDict({split: datasets.Dataset.from_list(rows) for split, rows in local.items() if rows})
    try:
        return datasets.load_dataset(path, name, revision=revision or REVISIONS.get(path))
    except Exception as error:
        # A missing, gated or unreachable set fails in datasets, huggingface_hub or httpx, each with errors of its own.
        raise EvaluationError(_why_not(path, task, error)) from error


def _local(path: str, name: str | None) -> Mapping[str, list[Document]] | None:
    folder = data_folder()
    known = LOCAL_SETS.get(path)
    if folder is None or known is None or not (folder / "evals" / known.folder).is_dir():
        return None
    return known.read(folder / "evals" / known.folder, name or "")


def _why_not(path: str, task: str, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "gated" in str(error).lower():
        return (
            f"Task {task} reads {path}, which is gated on the Hub: accept its terms there, log in with `hf auth "
            "login`, and run again."
        )
    place = f"evals/{LOCAL_SETS[path].folder}" if path in LOCAL_SETS else ""
    copy = f", or set BREADTH_DATA to a folder with {place}" if place else ""
    return (
        f"Task {task} reads {path}, which cannot be had from the Hub: {reason.rstrip('.')}. Check the connection{copy}."
    )

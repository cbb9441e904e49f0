"""The parts of Breadth that need more than its light installation, and the one sentence that says how to get them.

`pip install breadth` selects, measures, checks, submits and reads boards. What fine-tunes, serves the page or draws
PNGs comes with an extra: `pip install 'breadth[train]'`. A command that needs one says so before it begins.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Literal

from suite.errors import BreadthError

Extra = Literal["train", "gpu", "eval", "ray", "board", "embeddings", "umap", "figures"]

PROVIDES: Mapping[Extra, tuple[str, ...]] = {
    "train": ("torch", "trl", "peft", "accelerate"),
    "gpu": ("vllm",),
    "eval": ("lm_eval",),
    "ray": ("ray",),
    "board": ("gradio", "fastapi", "starlette", "uvicorn", "anyio"),
    "embeddings": ("sentence_transformers",),
    "umap": ("umap",),
    "figures": ("kaleido", "choreographer"),
}
"""The packages of each extra by the names they are imported under."""


class MissingExtra(BreadthError):  # noqa: N818 - nothing is wrong; something is not there
    """A library of an extra is not installed; the message names the extra."""


def hint(extra: Extra) -> str:
    """The command that installs an extra."""
    return f"pip install 'breadth[{extra}]'"


def require(extra: Extra, what: str) -> None:
    """Raise MissingExtra unless every package of the extra is installed; `what` begins the sentence: `A run`.

    Nothing is imported. Called before work begins, so that nobody waits for hours to be told.
    """
    absent = [name for name in PROVIDES[extra] if not _installed(name)]
    if absent:
        raise MissingExtra(f"{what} needs {', '.join(absent)}, which is not installed: {hint(extra)}.")


def explained(error: ImportError) -> MissingExtra | None:
    """The error to show in place of an import that failed because an extra is not installed; None for any other."""
    absent = (error.name or "").partition(".")[0]
    for extra, names in PROVIDES.items():
        if absent in names:
            return MissingExtra(f"This needs {absent}, which is not installed: {hint(extra)}.")
    return None


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # a package whose parts were taken out of the interpreter
        return False

"""Hostile submissions as a worker meets them: features stay as they were, and whoever comes next is served."""

from __future__ import annotations

import hashlib
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest
from hostile import left_behind
from intake.test_sandbox import selected
from sent import PYTHON, TOML
from tiny_track import TINY, command_in_process

from suite.home import default_store
from suite.intake.archive import write_files
from suite.intake.evaluator import EvaluationFailed
from suite.intake.queue import Queue
from suite.intake.sandbox import limits
from suite.intake.sandbox.isolation import Isolation
from suite.intake.submission import CODE, MANIFEST
from suite.stores import open_store

TAMPERS = {
    "in place": ("points[0] = 0", "read-only"),
    "by the back door": ("points.setflags(write=True)", "WRITEABLE"),
    "in memory": ("import ctypes; ctypes.memset(np.asarray(points).ctypes.data, 0, 8)", "ended by SIGSEGV"),
    "in the file": (
        "import glob; [open(name, 'r+b') for name in glob.glob('/features/*/*.npy')]",
        "Read-only|Permission",
    ),
}


def code(body: str) -> str:
    """A strategy that reads embeddings and begins its `select` with these lines."""
    lines = textwrap.indent(f"points = np.asarray(features[Embeddings(dimensions=4)])\n{body}\n", " " * 8)
    return (
        PYTHON.replace("import numpy as np", "import numpy as np\nfrom suite.features import Embeddings")
        .replace("        return np.arange", f"{lines}        return np.arange")
        .replace(
            "    def select",
            "    def requires(self, track):\n        return (Embeddings(dimensions=4),)\n\n    def select",
        )
    )


def contents(folder: Path) -> dict[str, str]:
    """The sha256 of every file of computed features."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.npy"))}


@pytest.mark.parametrize("name", TAMPERS)
def test_features_cannot_be_tampered_with(name: str, isolation: Isolation, tmp_path: Path, own_home: Path) -> None:
    body, said = TAMPERS[name]
    selected(isolation, tmp_path / "fine", code("assert points.shape == (len(pool), 4)"))
    before = contents(own_home / "cache")
    assert before
    with pytest.raises(EvaluationFailed, match=said):
        selected(isolation, tmp_path / "hostile", code(body))
    assert contents(own_home / "cache") == before


HOSTILE = {
    "bomb": "        import os\n        while True:\n            os.fork()",
    "hog": "        kept = [np.ones(2**27) for _ in range(10**6)]",
    "thief": "        open('/root/.cache/huggingface/token').read()",
}


def test_a_worker_outlives_them_and_serves_the_next(
    tmp_path: Path, tiny_home: Path, isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two gibibytes are as far beyond what is allowed as the usual eight, and sooner filled.
    monkeypatch.setattr(limits, "Limits", partial(limits.Limits, memory=2048 * limits.MIB))
    began = time.time()
    for name, body in HOSTILE.items():
        python = PYTHON.replace("my-method", name).replace(
            "        return np.arange", f"{body}\n        return np.arange"
        )
        write_files(
            {MANIFEST: TOML.replace("my-method", name).replace(', "25%"', "").encode(), CODE: python.encode()},
            tmp_path / name,
        )
        command_in_process("submit", str(tmp_path / name), "--track", str(TINY), "--author", f"author-{name}", "--yes")
    command_in_process("init", "fine-draw", "--track", str(TINY), "--in", str(tmp_path))
    command_in_process("submit", str(tmp_path / "fine-draw"), "--track", str(TINY), "--author", "ada", "--yes")
    said = command_in_process("worker", "--tracks", str(TINY), "--once", "--jobs", "1", "--name", "w1")
    assert "4 request(s) brought to an end." in said
    listing = Queue(open_store(default_store())).listing()
    states = {request.wanted.name: (request.state, request.fault) for request in listing.requests}
    assert states == {**dict.fromkeys(HOSTILE, ("failed", "submission")), "fine-draw": ("published", None)}, [
        request.reason for request in listing.requests
    ]
    assert not left_behind(began)

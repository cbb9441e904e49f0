"""What an engine holds of the card: while it rests, after `close`, and when its process has ended."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from findings import Findings, Setting
from models import base_model, engine_of, environment

LEFT = "<=0.1"
PROCESS = """
import json, sys
from pathlib import Path
import torch
from suite.engines import open_engine
from suite.engines.protocol import GenerationRequest
name, dtype, base, device = sys.argv[1:]
def in_use():
    free, total = torch.cuda.mem_get_info()
    return total - free
def held():
    # vLLM computes in a process of its own: the card alone can tell what it holds.
    if device == "cpu":
        return 0
    return in_use() - before if name == "vllm" else torch.cuda.memory_reserved()
before = 0 if device == "cpu" else in_use()
engine = open_engine(name, Path(base), dtype=dtype)
asked = [GenerationRequest((5, 6, 7), 8, ())] * 4
written = engine.generate(asked)
loaded = held()
engine.rest()
rested = held()
same = engine.generate(asked) == written
engine.close()
print(json.dumps([loaded, rested, same, held()]))
"""


def measure(setting: Setting, findings: Findings) -> None:
    """The life of an engine: vllm where it can be had for a GPU, else transformers."""
    findings.once("engine", lambda: _engine(setting))


def _engine(setting: Setting) -> dict[str, Any]:
    import json

    base, engine = base_model(setting), engine_of(setting)
    before = _used(setting)
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, engine, setting.dtype, str(base), setting.device],
        capture_output=True,
        text=True,
        env=environment(setting),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded, rested, same, closed = json.loads(done.stdout.splitlines()[-1])
    return {
        "rows": [
            [f"held while the {engine} engine runs", loaded / 2**30, "GiB", ""],
            ["held while it rests (a judge's turn)", rested / 2**30, "GiB", LEFT],
            ["answers after its rest", "the same" if same else "others", "", ""],
            ["held after close", closed / 2**30, "GiB", LEFT],
            ["more in use on the card after the process than before", (_used(setting) - before) / 2**30, "GiB", LEFT],
        ]
    }


def _used(setting: Setting) -> int:
    """Bytes in use on the card, by whomever."""
    if setting.device == "cpu":
        return 0
    asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]) * 2**20

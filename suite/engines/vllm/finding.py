"""Which vLLM there is, in which interpreter, and whether it can be used on this machine."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from suite.errors import EngineError
from suite.machine import visible_gpus

SUPPORTED = SpecifierSet(">=0.26,<0.34")
TESTED = "0.32.0"
PYTHON = "BREADTH_VLLM_PYTHON"
SERVER = Path(__file__).with_name("server.py")
# Batch-invariant kernels are made for these cards and later ones (Hopper).
INVARIANT_CAPABILITY = 9.0


@dataclass(frozen=True)
class Installation:
    """An interpreter with a vLLM that this Breadth can use, and the versions of its libraries."""

    python: str
    versions: dict[str, str]

    @property
    def for_cpus(self) -> bool:
        """Whether it is a build that computes on the processor."""
        return "cpu" in (Version(self.versions["vllm"]).local or "")

    def check_device(self) -> None:
        """Raise EngineError where this build has nothing to compute on."""
        if not self.for_cpus and not visible_gpus():
            raise EngineError(
                f"vLLM {self.versions['vllm']} of {self.python} is a build for GPUs, and no GPU is visible here. Use "
                f"the transformers engine, or set {PYTHON} to the python of an environment with a CPU build of vLLM."
            )

    @property
    def batch_invariant(self) -> bool:
        """Whether answers do not depend on what else is in the batch; VLLM_BATCH_INVARIANT decides where it is set."""
        wanted = os.environ.get("VLLM_BATCH_INVARIANT")
        if wanted is not None:
            return wanted == "1"
        return not self.for_cpus and compute_capability() >= INVARIANT_CAPABILITY


def interpreter() -> str:
    """The interpreter that is to run vLLM: that of BREADTH_VLLM_PYTHON, else the one that runs Breadth."""
    return os.environ.get(PYTHON) or sys.executable


def find_vllm() -> Installation:
    """The vLLM to use. Raises EngineError when there is none in the range, and says what to do."""
    python = interpreter()
    if shutil.which(python) is None:
        raise EngineError(f"{PYTHON} is {python}, which is no program. Set it to the python of vLLM's environment.")
    versions = _versions(python)
    if "vllm" not in versions:
        raise EngineError(
            f"vLLM is not installed for {python}. Install it there (pip install 'vllm{_range()}'), or in an "
            f'environment of its own and set {PYTHON} to its python; engine = "transformers" needs neither.'
        )
    if not _supported(versions["vllm"]):
        raise EngineError(
            f"vLLM {versions['vllm']} of {python} is not one that this version of Breadth knows ({_range()}; tested "
            f"with {TESTED}). Install one of these, or use the transformers engine."
        )
    return Installation(python, versions)


def is_there_for_gpus() -> bool:
    """Whether there is a GPU and a usable vLLM for it: where the `auto` engine means this one."""
    if not visible_gpus():
        return False
    try:
        return not find_vllm().for_cpus
    except EngineError:
        return False


def compute_capability() -> float:
    """The lowest CUDA compute capability among the GPUs, 0 without any."""
    if shutil.which("nvidia-smi") is None:
        return 0.0
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    lines = answer.stdout.split() if answer.returncode == 0 else []
    return min((float(line) for line in lines if line.replace(".", "").isdigit()), default=0.0)


@functools.cache
def _versions(python: str) -> dict[str, str]:
    answer = subprocess.run(
        [python, "-P", str(SERVER), "--versions"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    try:
        return dict(json.loads(answer.stdout))
    except ValueError as error:
        last = answer.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise EngineError(f"{python} cannot tell its versions: {last[0]}. It must be Python 3.11 or later.") from error


def environment() -> dict[str, str]:
    """The environment of vLLM's interpreter: ours, without what would lead it to our libraries."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _supported(version: str) -> bool:
    try:
        return SUPPORTED.contains(Version(version).public, prereleases=True)
    except InvalidVersion:
        return False


def _range() -> str:
    return ",".join(sorted(map(str, SUPPORTED), reverse=True))

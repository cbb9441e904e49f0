"""What machine this is, in the words a cost block and `breadth doctor` print."""

from __future__ import annotations

import itertools
import os
import platform
from pathlib import Path


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Physical memory in bytes."""
    import psutil

    return int(psutil.virtual_memory().total)


def host_name() -> str:
    """The name of this machine."""
    return platform.node()


def processor() -> str:
    """The processor's model name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpus() -> list[str]:
    """Names of CUDA devices, asked of the driver so that torch need not be imported."""
    import shutil
    import subprocess

    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []


def visible_gpus() -> tuple[str, ...]:
    """The CUDA devices this process may use, as CUDA_VISIBLE_DEVICES names them; that variable limits them, if set."""
    found = gpus()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None or not found:
        return tuple(str(number) for number in range(len(found)))
    # As CUDA reads it: what follows a name that is none counts no more.
    return tuple(itertools.takewhile(lambda name: name not in ("", "-1"), (part.strip() for part in named.split(","))))


def hardware() -> str:
    """One line: GPUs where there are any, else the processor with its cores."""
    found = gpus()
    return "; ".join(found) if found else f"{processor()}, {cores()} cores"

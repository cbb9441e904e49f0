"""Memory of one piece of work inside a process that does many: its peak, and handing it back."""

from __future__ import annotations

import gc
import resource
import sys
from pathlib import Path


def reset_peak_memory() -> None:
    """Start a new peak, on the GPU where there is one and of the process where the system (Linux) can."""
    import torch

    if torch.cuda.is_available():
        for device in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(device)
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def peak_memory_bytes() -> int:
    """Peak since the reset: memory of all visible GPUs where there is one, else resident memory of the process.

    Systems without /proc cannot reset, so there it is the peak of the process's whole life.
    """
    import torch

    if torch.cuda.is_available():
        return sum(int(torch.cuda.max_memory_allocated(device)) for device in range(torch.cuda.device_count()))
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def gpu_in_use() -> bool:
    """Whether this process has used a GPU. Does not load torch: a process without it has not."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def give_back_memory() -> None:
    """Free what nothing but cycles holds any more, and give what torch keeps of GPUs to other processes.

    What an error is raised through stays alive with its traceback: call this when the error is gone.
    """
    gc.collect()
    if gpu_in_use():
        import torch

        torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> str | None:
    """What ran out of memory, in words; None when the error says something else."""
    import torch

    if isinstance(error, torch.cuda.OutOfMemoryError):
        return "The GPU"
    # The allocator of torch for the CPU raises a plain RuntimeError.
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "not enough memory" in str(error):
        return "This machine"
    return None

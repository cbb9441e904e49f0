"""Which processes of vLLM there are."""

from __future__ import annotations

import psutil


def children(pid: int) -> list[psutil.Process]:
    """Those that run vLLM; what other tests of this process have left is not theirs."""

    def runs_vllm(process: psutil.Process) -> bool:
        try:
            return any(word.endswith("vllm/server.py") for word in process.cmdline())
        except psutil.Error:  # gone, or a zombie
            return False

    return [process for process in psutil.Process(pid).children(recursive=True) if runs_vllm(process)]

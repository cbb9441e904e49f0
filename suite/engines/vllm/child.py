"""vLLM's process as seen from ours: started, asked over pipes, and never left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from suite.engines.vllm.finding import SERVER, Installation, environment
from suite.engines.vllm.server import short_of_memory
from suite.errors import EngineError

LAST_LINES = 3
LINE_LENGTH = 300
GOODBYE_SECONDS = 20
ELSEWHERE = "in a background process"
"""In vLLM's words when one of the processes that hold a GPU each did not start: why stands in the log alone."""
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)

# What vLLM's logger puts before each line: process, level, time, and the place in its source.
_LOGGER = re.compile(r"^.*?\[[\w./]+:\d+\] ")
_EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception|OutOfMemory\w*): ")


class OutOfMemory(EngineError):  # noqa: N818 - an outcome of a call, named as one
    """The process said so, or the system killed it, which is how memory of the machine runs out."""


class Child:
    """One process of vLLM. `settings` are those of `server.Engine`.

    What it prints goes to a log that is deleted with it, unless something went wrong. It is the head of a session of
    its own: Ctrl-C goes to our process alone, and with it end its own children.
    """

    def __init__(self, installation: Installation, settings: dict[str, Any], logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="vllm-", suffix=".log", dir=logs)
        self.log = Path(name)
        self._keep_log = False
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [installation.python, "-P", str(SERVER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=handle,
                env=child_environment(installation),
                start_new_session=True,
            )
        finally:
            os.close(handle)
        try:
            self.call("start", **settings)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its session."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def call(self, do: str, **message: Any) -> Any:
        """Ask it something and wait. Raises EngineError with its reason, OutOfMemory among them, or when it is gone."""
        line = json.dumps({"do": do, **message}, separators=(",", ":")) + "\n"
        try:
            _stream(self._process.stdin).write(line.encode())
            _stream(self._process.stdin).flush()
            answer = json.loads(_stream(self._process.stdout).readline())
        except (OSError, ValueError) as error:
            raise self._died() from error
        if "error" in answer:
            self._keep_log = True
            reason, memory = _first_line(answer["message"]), answer["error"] == "memory"
            if ELSEWHERE in reason and (cause := cause_in(self.log.read_text(errors="replace"))):
                reason, memory = cause, short_of_memory(cause)
            raise (OutOfMemory if memory else EngineError)(f"vLLM could not {do}: {reason} (log: {self.log})")
        return answer["ok"]

    def close(self) -> None:
        """End it and all it started. Its memory is free when this returns, that on a GPU too."""
        with suppress(OSError):
            _stream(self._process.stdin).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        _stream(self._process.stdout).close()
        if not self._keep_log:
            self.log.unlink(missing_ok=True)

    def _died(self) -> EngineError:
        self._keep_log = True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE_SECONDS)
        code = self._process.poll()
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        last = " | ".join(line[:LINE_LENGTH] for line in lines[-LAST_LINES:]) or "nothing"
        if code in KILLED:
            return OutOfMemory(
                f"The vLLM process was killed, perhaps for memory; it last said: {last} (log: {self.log})"
            )
        reason = "stopped answering" if code is None else f"ended with code {code}"
        return EngineError(f"The vLLM process {reason}; it last said: {last} (log: {self.log})")


def child_environment(installation: Installation) -> dict[str, str]:
    """Ours, with what vLLM reads from it."""
    chosen = environment() | {
        # One process: nothing is left when it is gone, and no memory of a GPU is held by a grandchild.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        # For the one token more than a model has positions that a likelihood asks for and nobody reads.
        "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",
        "VLLM_BATCH_INVARIANT": "1" if installation.batch_invariant else "0",
    }
    if installation.for_cpus:
        # Small functions are compiled with a C++ compiler on first use otherwise, half a minute each time.
        chosen |= {"TORCHDYNAMO_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}
        chosen.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    return chosen


def cause_in(log: str) -> str:
    """Why a process of vLLM's own did not start, from its log: for lack of memory, or the first reason; else empty.

    The others of its group fail with it, each with an exception about the one that is gone.
    """
    _, _, failed = log.partition("WorkerProc failed to start")
    lines = (_LOGGER.sub("", line).strip() for line in (failed or log).splitlines())
    causes = [line[:LINE_LENGTH] for line in lines if _EXCEPTION.match(line) and ELSEWHERE not in line]
    return next((cause for cause in causes if short_of_memory(cause)), (causes or [""])[0])


def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _first_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return (lines or ["no reason given"])[0][:LINE_LENGTH]

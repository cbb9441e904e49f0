"""Runs one job in the sandbox and watches it from outside: what it prints, what it uses, and that it is gone.

Limits of single processes are set inside, by the kernel. Those of all its processes together (processor time, memory)
are summed here every few hundredths of a second, for control groups are not to be had on every machine; what goes
over a limit is killed, and with the first process of its namespace all others are.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import select
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from suite.intake.sandbox.isolation import Handed, Isolation, import_places
from suite.intake.sandbox.limits import MIB, Limits

WATCH_SECONDS = 0.05
GONE_SECONDS = 30.0
KEPT_PRINT = 16 * 2**10
"""Bytes of what it prints that are kept: the last ones."""
WRITABLE = ("/tmp", "/dev/shm")
SAME_HASHES = ("answer", "ask")
"""Jobs whose outcome must not change with the order in which a set of texts is gone through."""
CALLED_OFF = "it was called off"
OWN_PROCESSES = 2
"""Of bubblewrap itself."""
ADDRESSES = 8192 * MIB
"""Of address space beyond the memory limit, which libraries reserve and never touch."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `broken` says which limit it broke or how it died, and is empty where it ended by itself."""

    broken: str
    answer: bytes
    printed: str
    seconds: float
    cpu_seconds: float
    peak_memory: int
    """Bytes of all its processes together, as far as was seen."""
    memory_by: str = "summed over its processes"
    late: bool = False
    """Whether it broke a limit of time, by the wall or of the processor."""


def run_job(
    isolation: Isolation,
    job: Mapping[str, Any],
    handed: Mapping[str, Path],
    limits: Limits,
    stopped: Callable[[], bool] = lambda: False,
    given: Sequence[int] = (),
) -> Outcome:
    """Do one job (see `child`) with what is handed in; returns when no process of it is left, whatever happens.

    `stopped` is asked all the time; once it says so the run ends as soon as its processes can be killed. `given` are
    descriptors that the run takes over under the same numbers; here they are closed.
    """
    with contextlib.ExitStack() as ours:
        with contextlib.ExitStack() as theirs:
            for descriptor in given:
                theirs.callback(os.close, descriptor)
            reading, writing = os.pipe()
            ours.callback(os.close, reading)
            theirs.callback(os.close, writing)
            user = isolation.user()
            file = Path(ours.enter_context(tempfile.TemporaryDirectory(prefix="breadth-job-"))) / "job.json"
            file.write_text(json.dumps(_document(job, user, writing, limits)), encoding="utf-8")
            file.chmod(0o644)
            places = Handed({**handed, "/job/job.json": file})
            with isolation.command(places, limits, same_hashes=job["do"] in SAME_HASHES) as (line, descriptors):
                process = subprocess.Popen(
                    line,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[*descriptors, writing, *given],
                    start_new_session=True,
                    # bubblewrap stands in the /proc of its children with all that it was started with.
                    env={},
                )
        return _Watched(process, reading, limits, stopped).outcome()


def _document(job: Mapping[str, Any], user: int | None, answer: int, limits: Limits) -> dict[str, Any]:
    """The job as the child reads it."""
    return {
        **job,
        "path": import_places(),
        "user": user,
        "answer": answer,
        "limits": {
            "cpu_seconds": int(limits.cpu_seconds) + 1,
            "file_bytes": limits.file_bytes,
            "open_files": limits.open_files,
            "address_space": limits.memory + ADDRESSES,
            "processes": limits.processes if user is not None or _counts_apart() else None,
        },
    }


class _Watched:
    """One run, from its start to the end of its last process."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, limits: Limits, stopped: Callable[[], bool]):
        self.process, self.limits, self.stopped = process, limits, stopped
        assert process.stdout is not None
        self.pipes = {process.stdout.fileno(): self._print, reading: self._answer}
        self.started = time.monotonic()
        self.answer = bytearray()
        self.printed, self.print_size = b"", 0
        self.broken, self.late = "", False
        self.cpu, self.peak = 0.0, 0
        self.first: int | None = None
        """A descriptor of the first process inside: when it is gone, so are all others."""
        self.first_pid = 0
        self._spare(process.pid)

    def outcome(self) -> Outcome:
        """Watch until it has ended or has to be ended."""
        try:
            self._watch()
        except BaseException:
            self.broken = "its watcher was interrupted"
            raise
        finally:
            self._end()
        return Outcome(
            broken=self.broken,
            answer=bytes(self.answer),
            printed=self.printed.decode("utf-8", "replace"),
            seconds=time.monotonic() - self.started,
            cpu_seconds=self.cpu,
            peak_memory=self.peak,
            late=self.late,
        )

    def _watch(self) -> None:
        selector = selectors.DefaultSelector()
        for descriptor in self.pipes:
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ)
        looked = 0.0
        with selector:
            # Whoever closes both pipes is watched on.
            while not self.broken and (selector.get_map() or self.process.poll() is None):
                if not selector.get_map():
                    time.sleep(WATCH_SECONDS)
                for key, _ in selector.select(WATCH_SECONDS) if selector.get_map() else ():
                    if not self._read(key.fd):
                        selector.unregister(key.fd)
                if time.monotonic() - looked >= WATCH_SECONDS:
                    self._look()
                    looked = time.monotonic()

    def _read(self, descriptor: int) -> bool:
        try:
            content = os.read(descriptor, 2**16)
        except BlockingIOError:
            return True
        self.pipes[descriptor](content)
        return bool(content)

    def _print(self, content: bytes) -> None:
        self.print_size += len(content)
        self.printed = (self.printed + content)[-KEPT_PRINT:]
        if self.print_size > self.limits.printed:
            self.broken = f"it printed more than {_size(self.limits.printed)}"

    def _answer(self, content: bytes) -> None:
        self.answer += content
        if len(self.answer) > self.limits.answer:
            self.broken = f"it handed out more than {_size(self.limits.answer)}"

    def _look(self) -> None:
        """Sum what its processes use, and decide."""
        limits = self.limits
        if time.monotonic() - self.started > limits.wall_seconds:
            self.broken, self.late = f"it ran longer than {limits.wall_seconds:g} seconds", True
        elif self.stopped():
            self.broken = CALLED_OFF
        try:
            processes = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        self._hold(processes)
        memory, cpu = 0, 0.0
        for process in processes:
            memory += _private(process.pid)
            with contextlib.suppress(psutil.Error):
                cpu += sum(process.cpu_times()[:4])
        if memory > limits.memory:
            # Pages that forks share were counted for each of them.
            memory = sum(_proportional(process.pid) for process in processes)
        self.peak, self.cpu = max(self.peak, memory), max(self.cpu, cpu)
        if memory > limits.memory:
            self.broken = f"its processes used more than {_size(limits.memory)} of memory together"
        elif self.cpu > limits.cpu_seconds:
            self.broken, self.late = f"it used more than {limits.cpu_seconds:g} seconds of processor time", True
        elif len(processes) > limits.processes + OWN_PROCESSES:
            self.broken = f"it ran more than {limits.processes} processes at once"
        elif self._files() > limits.files:
            self.broken = f"it made more than {limits.files:,} files"

    def _files(self) -> int:
        """How many files there are where it can write: empty ones take memory that no limit of size counts."""
        used = 0
        for place in WRITABLE:
            with contextlib.suppress(OSError):
                inside = f"/proc/{self.first_pid}/root{place}"
                # Until its own are mounted, the first process still sees the places of this machine.
                if os.stat(inside).st_dev != _device(place):
                    found = os.statvfs(inside)
                    used += found.f_files - found.f_ffree
        return used

    def _hold(self, processes: Sequence[psutil.Process]) -> None:
        if processes and self.first is None:
            with contextlib.suppress(ProcessLookupError):
                self.first_pid = processes[0].pid
                self.first = os.pidfd_open(self.first_pid)
                self._spare(processes[0].pid)

    def _end(self) -> None:
        """Kill what is left and wait until all of it is gone."""
        if self.broken:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._hold(psutil.Process(self.process.pid).children())
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            if self.first is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self.first, signal.SIGKILL)
        code = self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        if self.first is not None:
            # A descriptor of a process can be read once it has ended, and the first one ends after all others.
            waiting = select.poll()
            waiting.register(self.first, select.POLLIN)
            waiting.poll(int(GONE_SECONDS * 1000))
            os.close(self.first)
        if not self.broken and code != 0:
            self.broken = self._died(code)

    def _died(self, code: int) -> str:
        number = code - 128 if code > 128 else -code
        if number == signal.SIGXCPU or (number == signal.SIGKILL and self.cpu > 0.9 * self.limits.cpu_seconds):
            self.late = True
            return f"it used more than {self.limits.cpu_seconds:g} seconds of processor time"
        if number in set(signal.Signals):
            return f"it was ended by {signal.Signals(number).name}"
        return f"it ended with exit code {code} and no answer"

    def _spare(self, pid: int) -> None:
        """Where the machine runs out of memory, the kernel shall take this process and spare the worker."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def _private(pid: int) -> int:
    """Bytes of a process that are no file's; pages it shares with forks count whole."""
    return _sum_of(Path(f"/proc/{pid}/status"), rb"^Rss(?:Anon|Shmem):\s+(\d+) kB")


def _proportional(pid: int) -> int:
    """The same with shared pages divided among those that share them; where the kernel does not tell, `_private`."""
    return _sum_of(Path(f"/proc/{pid}/smaps_rollup"), rb"^Pss_(?:Anon|Shmem):\s+(\d+) kB") or _private(pid)


def _sum_of(file: Path, line: bytes) -> int:
    try:
        content = file.read_bytes()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESRCH, errno.EACCES, errno.EPERM):
            return 0
        raise
    return 1024 * sum(int(number) for number in re.findall(line, content, re.MULTILINE))


def _counts_apart() -> bool:
    """Whether the kernel counts the processes of a user namespace by themselves (since 5.14)."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return found is not None and (int(found[1]), int(found[2])) >= (5, 14)


def _device(place: str) -> int | None:
    try:
        return os.stat(place).st_dev
    except OSError:
        return None


def _size(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def fitted(limits: Limits) -> Limits:
    """The limits with no more than half of this machine's memory."""
    return replace(limits, memory=min(limits.memory, psutil.virtual_memory().total // 2))

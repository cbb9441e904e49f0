"""Kills runs at random moments and looks at what they leave: shared by the short and the long form of the test."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from killed_run import NOTHING
from tiny_track import stored_results

PROGRAM = Path(__file__).parents[1] / "killed_run.py"
CELLS = 9
FINISHED = (
    "cache/base-models/*/model.safetensors",
    "cache/features/*/meta.json",
    "cache/selections/*.json",
    "cache/models/*/trained.json",
    "cache/evaluations/*.json",
    "store/results/*/*/*/*.json",
)
"""What stands for a stage's finished output."""
WRITES = 30
"""Files and folders that a whole run writes one after another, of which a kill waits for some."""
PATIENCE = 600.0
"""Seconds after which an attempt counts as hanging."""
LEAVING_SECONDS = 60.0
"""Seconds within which workers of a killed runner have to be gone; they need one or two."""


def without_cost(home: Path) -> dict[str, Any]:
    """The results of a home by their paths, the cost block aside."""
    records = {path: json.loads(content) for path, content in stored_results(home).items()}
    for record in records.values():
        del record["cost"]
    return records


def finished(home: Path) -> dict[str, tuple[int, int]]:
    """Every finished output with its inode and time of change: one that was made anew has others."""
    found = {}
    for path in (path for pattern in FINISHED for path in home.glob(pattern)):
        name = str(path.relative_to(home))
        if "/." not in name:  # else it is half-written
            status = path.stat()
            found[name] = (status.st_ino, status.st_mtime_ns)
    return found


def half_written(home: Path) -> list[str]:
    """The names of half-written files and folders; whoever writes them may go on meanwhile."""
    return [name for _, folders, files in os.walk(home) for name in (*folders, *files) if name.endswith(".part")]


def left_over(home: Path, scratch: Path) -> list[str]:
    """What no finished run may leave: half-written files, folders of unfinished work, temporary files."""
    unfinished = [path for path in home.rglob("*") if path.suffix in (".part", ".scratch", ".work")]
    # torch makes an empty folder for compiled code as soon as somebody asks where it would lie.
    temporary = [path for path in scratch.iterdir() if not path.name.startswith("torchinductor_")]
    return sorted(str(path) for path in (*unfinished, *temporary))


@dataclass
class Attempt:
    """One `breadth run` that was started; `ended` waits for its end and gives its exit status."""

    pid: int
    program: subprocess.Popen[str]

    def runs(self) -> bool:
        """Whether it has not ended yet."""
        try:
            return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """Kill the runner as the kernel would; its workers notice by themselves."""
        if self.runs():
            os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> int:
        """The exit status, negative for a signal."""
        assert self.program.stdout is not None
        return int(self.program.stdout.readline())


class Starter:
    """The program that starts runs, with the libraries in its memory and a folder for temporary files of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        root = PROGRAM.parents[1]
        paths = [str(root), str(PROGRAM.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(self.scratch)}
        self.program = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.program.stdout is not None
        assert self.program.stdout.readline() == "ready\n"

    def start(self, home: Path, matter: str = NOTHING, options: Sequence[str] = ()) -> Attempt:
        """A run over `home`; `matter` says what ails fine-tunes of one seed: `refused` memory, or `killed` for it."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(" ".join([str(home), matter, *options]) + "\n")
        self.program.stdin.flush()
        return Attempt(int(self.program.stdout.readline()), self.program)

    def run(self, home: Path, matter: str = NOTHING) -> tuple[int, str]:
        """The exit status of a run over `home` that nobody disturbs, and what it printed, as one line."""
        status = self.start(home, matter).ended()
        return status, self.said(home).replace("\n", "")

    def said(self, home: Path) -> str:
        """What the last attempt over `home` printed."""
        return (home.parent / "said.txt").read_text()

    def workers(self) -> list[psutil.Process]:
        """The processes that it has started and that have not ended yet."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != self.program.pid and str(PROGRAM) in process.cmdline():
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def wait_for_workers(self) -> None:
        """Workers of killed runners end by themselves."""
        deadline = time.monotonic() + LEAVING_SECONDS
        while left := self.workers():
            assert time.monotonic() < deadline, f"workers of killed runners go on: {left}"
            time.sleep(0.05)

    def close(self) -> None:
        """End the program; everything that it started has to have ended before."""
        assert self.program.stdin is not None
        self.program.stdin.close()
        self.program.wait(timeout=60)


@dataclass
class Tally:
    """How the kills went."""

    kills: int = 0
    rounds: int = 0
    """Runs that came to their end after kills."""
    in_a_write: int = 0
    """Kills that left something half-written, which the next writer had to clear away."""
    after: dict[str, int] = field(default_factory=dict)
    """Kills by the furthest stage of which any output was finished when they came."""


class Killer:
    """Kills runs over one home until they end by themselves, again and again; every moment is drawn from `rng`.

    With `options`, runs of fewer cells: of all the `whole` came to in `seconds`, those that `counts` says.
    """

    def __init__(
        self,
        starter: Starter,
        base_models: Path,
        whole: dict[str, Any],
        seconds: float,
        seed: int,
        *,
        options: Sequence[str] = (),
        counts: Callable[[Any], bool] = lambda record: True,
    ):
        self.starter, self.base_models, self.options = starter, base_models, options
        self.expected = {path: record for path, record in whole.items() if counts(record)}
        share = len(self.expected) / len(whole)
        self.seconds, self.writes = share * seconds, round(share * WRITES)
        self.rng = random.Random(seed)
        self.home = starter.folder / "kills" / "home"
        self.home.parent.mkdir()
        self.tally = Tally()

    def kill(self, kills: int, say: Callable[[str], None] = lambda line: None) -> Tally:
        """Do so many kills, and let the last run end; raises AssertionError as soon as anything is amiss."""
        self._anew()
        before: dict[str, tuple[int, int]] = {}
        while True:
            attempt = self.starter.start(self.home, options=self.options)
            moment = self._moment() if self.tally.kills < kills else None
            started = time.monotonic()
            while attempt.runs() and not (moment and moment(time.monotonic() - started)):
                assert time.monotonic() - started < PATIENCE, self.starter.said(self.home)
                time.sleep(0.002)
            attempt.kill()
            status = attempt.ended()
            assert status in (0, -signal.SIGKILL), self.starter.said(self.home)
            now = finished(self.home)
            redone = {path for path, facts in before.items() if now.get(path) != facts}
            assert not redone, f"finished work was done again or lost: {redone}"
            before = now
            if status:
                self._count(say)
                continue
            self._check_end()
            self.tally.rounds += 1
            same = f"same {len(self.expected)} results, nothing left"
            say(f"round {self.tally.rounds} ended after {self.tally.kills} kills: {same}")
            if self.tally.kills >= kills:
                return self.tally
            self._anew()
            before = {}

    def _anew(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        # Every fifth round builds the base model as well.
        if self.tally.rounds % 5 != 4:
            shutil.copytree(self.base_models, self.home / "cache" / "base-models")

    def _moment(self) -> Callable[[float], bool]:
        """When to kill: after a time, or as soon as so many files are being written at once after one another."""
        if self.rng.random() < 0.5:
            after = self.rng.uniform(0.0, self.seconds)
            return lambda elapsed: elapsed > after
        wanted, seen = self.rng.randrange(1, self.writes), set[str]()

        def in_a_write(elapsed: float) -> bool:
            seen.update(half_written(self.home))
            return len(seen) >= wanted

        return in_a_write

    def _count(self, say: Callable[[str], None]) -> None:
        self.tally.kills += 1
        parts = half_written(self.home)
        self.tally.in_a_write += bool(parts)
        counts = dict.fromkeys((pattern.split("/")[1] for pattern in FINISHED), 0)
        for name in finished(self.home):
            counts[name.split("/")[1]] += 1
        furthest = next((name for name, count in reversed(counts.items()) if count), "nothing")
        self.tally.after[furthest] = self.tally.after.get(furthest, 0) + 1
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        say(f"kill {self.tally.kills}: {listed}; {len(parts)} half-written")

    def _check_end(self) -> None:
        said, cells = self.starter.said(self.home), len(self.expected)
        counted = re.search(r"(\d+) cells recorded, (\d+) finished before, 0 failed", said)
        assert counted is not None or f"All {cells} cells were finished before" in said, said
        assert counted is None or int(counted[1]) + int(counted[2]) == cells
        assert "damaged" not in said, said
        assert without_cost(self.home) == self.expected
        assert len(list(self.home.glob("store/results/*/*/*/*.json"))) == cells
        self.starter.wait_for_workers()
        assert left_over(self.home, self.starter.scratch) == []

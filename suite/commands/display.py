"""What people see while a long command works: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from suite.runner.runner import Watcher

if TYPE_CHECKING:
    from suite.reporting import Progress as Callback
    from suite.runner.cells import Cell
    from suite.runner.schedule import Unit

PLAIN_INTERVAL_SECONDS = 15


class Display(Watcher):
    """Shows a run's progress; use as a context manager around the work."""

    def __init__(self, console: Console, total_cells: int = 0):
        self.console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._total = total_cells
        self._cells: TaskID | None = None
        self._lanes: dict[int, TaskID] = {}
        self._titles: dict[str, tuple[TaskID, float]] = {}
        self._begun = time.monotonic()
        self._guard = threading.Lock()

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def say(self, message: str) -> None:
        """Print one line above the bars."""
        self.console.print(Text(message, style="dim"))

    def work(self, title: str) -> Callback:
        """A progress callback for a piece of work, such as a feature or the pretraining of a base model."""

        def progress(done: int, total: int) -> None:
            with self._guard:
                task, spoken = self._titles.get(title, (None, 0.0))
                if task is None:
                    task = self._bars.add_task(title, total=total)
                    spoken = time.monotonic()
                self._bars.update(task, completed=done, total=total, visible=done < total)
                if not self.console.is_terminal and time.monotonic() - spoken > PLAIN_INTERVAL_SECONDS:
                    spoken = time.monotonic()
                    self.console.print(f"  {title}: {done} of {total}", highlight=False)
                self._titles[title] = (task, spoken)

        return progress

    def selecting(self, cell: Cell, done: int, total: int) -> None:
        """Show which selection is being made."""
        self.work("selections")(done, total)

    def started(self, lane: int, unit: Unit) -> None:
        """Show what a lane works on."""
        with self._guard:
            if self._cells is None:
                if "selections" in self._titles:
                    self._bars.update(self._titles["selections"][0], visible=False)
                self._cells = self._bars.add_task("[bold]cells[/]", total=self._total)
            if lane not in self._lanes:
                self._lanes[lane] = self._bars.add_task(f"lane {lane}", total=1)
            self._bars.update(self._lanes[lane], description=f"  lane {lane}: {unit}", completed=0, total=1)

    def progressed(self, lane: int, stage: str, done: int, total: int) -> None:
        """Move a lane's bar."""
        with self._guard:
            self._bars.update(self._lanes[lane], completed=done, total=total)

    def finished(self, lane: int, unit: Unit, seconds: float) -> None:
        """Count the unit's cells."""
        self._count(unit, f"{seconds:.0f} s")

    def failed(self, lane: int, unit: Unit, reason: str) -> None:
        """Say which unit failed and why."""
        self.console.print(Text.assemble(("failed ", "bold red"), f"{unit}: {reason}"))
        self._count(unit, "failed")

    def _count(self, unit: Unit, what: str) -> None:
        with self._guard:
            if self._cells is None:
                return
            self._bars.advance(self._cells, len(unit.cells))
            done = int(self._bars.tasks[self._bars.task_ids.index(self._cells)].completed)
            if not self.console.is_terminal:
                elapsed = time.monotonic() - self._begun
                line = f"  [{done}/{self._total}] {elapsed:5.0f} s  {unit} ({what})"
                self.console.print(line, highlight=False, markup=False)

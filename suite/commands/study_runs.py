"""What the verbs of studies that fine-tune share: running their cells, and writing their figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from suite.errors import BreadthError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go
    from rich.console import Console

    from suite.commands.display import Display
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.runner.runner import Outcome
    from suite.track import Track


def one_budget(track: Track, written: Sequence[str] | None) -> int:
    """The budget of a study. Raises UsageError for several: scores and metrics compare only within one."""
    if written and len(written) > 1:
        raise UsageError(
            f"A study is made within one budget, not {len(written)} ({', '.join(written)}); run it once for each."
        )
    return track.check_budget(written[0] if written else None)


def run_cells(experiment: Experiment, cells: Sequence[Cell], lanes: int, display: Display) -> Outcome:
    """Finish every cell that is not finished yet."""
    from suite.runner.runner import Runner

    return Runner(experiment, jobs=lanes, watcher=display).run(cells)


def say_outcome(console: Console, outcome: Outcome) -> None:
    """How many cells were run, and what kept others from it."""
    console.print(
        f"{len(outcome.recorded)} cells recorded, {len(outcome.finished_before)} finished before, "
        f"{len(outcome.failed)} failed.",
        highlight=False,
    )
    for failure in outcome.failed:
        console.print(f"  failed: {failure.cell}: {failure.reason}", markup=False, highlight=False)


def refuse_failures(outcome: Outcome | None) -> None:
    """Raise BreadthError where cells failed: the tables are written, and say what they lack."""
    if outcome is not None and outcome.failed:
        raise BreadthError(
            f"{len(outcome.failed)} cells failed; the reasons stand above, and the tables say what is missing."
        )


def write_figure(figure: go.Figure, folder: Path, name: str, console: Console, *, width: int, height: int) -> None:
    """Write NAME.html and NAME.png; without a browser for the PNG, say so and go on."""
    from suite.errors import FigureError
    from suite.figures.export import write_html, write_png

    write_html(figure, folder / f"{name}.html")
    try:
        write_png(figure, folder / f"{name}.png", width=width, height=height)
    except FigureError as error:
        # The tables of hours of training must not be lost for want of a picture.
        console.print(f"No {name}.png: {error}", markup=False, highlight=False)

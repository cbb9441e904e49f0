"""What the verbs of studies that fine-tune share: running their cells, and writing their figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from suite.errors import BreadthError, UsageError
from suite.plain_text import duration, visible

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go
    from rich.console import Console

    from suite.commands.executing import Where
    from suite.results import Cost, Result
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.runner.runner import Outcome
    from suite.stores import Store
    from suite.studies.scored import Gathered
    from suite.track import Track

Table = TypeVar("Table", covariant=True)


@dataclass(frozen=True)
class Asked:
    """How a study is to be carried out, as its options say."""

    where: Where
    run: bool
    dry_run: bool
    discard_models: bool


class Study(Protocol[Table]):
    """A study that fine-tunes: the cells that can run, and the table of what the store holds of them."""

    @property
    def cells(self) -> list[Cell]:
        """The cells that can run; asking for them makes the selections."""

    @property
    def gathered(self) -> Gathered:
        """The store's results of these cells, once they have run."""

    def table(self) -> Table:
        """The table."""


def one_budget(track: Track, written: Sequence[str] | None) -> int:
    """The budget of a study. Raises UsageError for several: scores and metrics compare only within one."""
    if written and len(written) > 1:
        raise UsageError(
            f"A study is made within one budget, not {len(written)} ({', '.join(written)}); run it once for each."
        )
    return track.check_budget(written[0] if written else None)


def carry_out(
    track: Track,
    planned: Sequence[Cell],
    make: Callable[[Experiment], Study[Table]],
    console: Console,
    store: Store,
    asked: Asked,
) -> tuple[Table, Outcome | None] | None:
    """A study's table and what running its cells came to (None where nothing was to be run).

    A dry run prints the state of the planned cells instead, and gives None.
    """
    from rich.console import Console

    from suite.commands.display import Display
    from suite.commands.plan_tables import print_costs, print_plan
    from suite.cost.cards import find_card
    from suite.cost.reckoning import reckon
    from suite.extras import require
    from suite.runner.experiment import Experiment
    from suite.runner.plan import make_plan
    from suite.runner.runner import Runner

    if asked.run and not asked.dry_run:
        require("train", "A study that fine-tunes")
    lanes = asked.where.lanes_here()
    with Display(Console(stderr=True, soft_wrap=True), len(planned)) as display:
        experiment = Experiment(track, store, display.say, display.work, asked.discard_models)
        if asked.dry_run:
            plan = make_plan(experiment, planned, lanes)
            print_plan(console, plan)
            print_costs(console, reckon(experiment, plan, find_card(None), asked.where.gpus_per_cell))
            return None
        # Tasks that cannot run here say so now, not after hours of selecting.
        _ = experiment.tasks
        executor = asked.where.executor(experiment, planned) if asked.run else None
        study = make(experiment)
        outcome = Runner(experiment, executor=executor, watcher=display).run(study.cells) if executor else None
        table = study.table()
    if outcome is not None:
        say_outcome(console, outcome)
    say_spent(console, study.gathered.results)
    return table, outcome


def say_outcome(console: Console, outcome: Outcome) -> None:
    """How many cells were run, and what kept others from it."""
    console.print(
        f"{len(outcome.recorded)} cells recorded, {len(outcome.finished_before)} finished before, "
        f"{len(outcome.failed)} failed.",
        highlight=False,
    )
    for failure in outcome.failed:
        console.print(f"  failed: {failure.cell}: {failure.reason}", markup=False, highlight=False)


def say_spent(console: Console, results: Sequence[Result]) -> None:
    """The wall time that the results of a study took on their lanes, as they record it, for each kind of machine."""
    by_machine: dict[str, list[Cost]] = {}
    for result in results:
        by_machine.setdefault(result.cost.hardware, []).append(result.cost)
    for machine, costs in by_machine.items():
        training = sum(cost.training_seconds for cost in costs)
        evaluation = sum(cost.evaluation_seconds for cost in costs)
        console.print(
            f"Cost: {duration(training)} of training and {duration(evaluation)} of evaluation, summed over "
            f"{len(costs)} cells, each on one lane ({visible(machine)}).",
            highlight=False,
            markup=False,
        )


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

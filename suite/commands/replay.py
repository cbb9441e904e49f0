"""`breadth replay`: certify steps of a finished greedy selection from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import SelectionError, UsageError

if TYPE_CHECKING:
    from suite.registry import Replay
    from suite.runner.experiment import Experiment
    from suite.selection import Selection


def replay(
    selection: Annotated[Path, typer.Argument(help="A selection saved by `breadth select` (.json).")],
    track: Annotated[str, typer.Option(help="The track whose pool it was picked from.")] = "microworld",
    step: Annotated[
        list[int] | None, typer.Option(help="A step to certify, 1 to budget - 1; repeatable. Default: the last.")
    ] = None,
    base_model: Annotated[str | None, typer.Option(help="The target model it was picked for.")] = None,
    embedder: Annotated[str | None, typer.Option(help="The embedder it was picked with, if not the track's.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="The tokenizer it was picked with, likewise.")] = None,
) -> None:
    """Evaluate single steps of a selection anew, over the whole pool, without what made it fast.

    Exits with 1 when a step's pick is not the one its strategy's definition asks for.

    Examples:

      breadth replay novelselect.json --track microworld

      breadth replay novelselect.json --track alpaca-cpu --step 100 --step 499
    """

    from suite.commands.opening import opened
    from suite.selection import read_selection
    from suite.track import load_track

    definition = load_track(track)
    model = definition.base_model(base_model).name
    with opened(definition, embedder=embedder, tokenizer=tokenizer) as experiment:
        given = read_selection(selection, experiment.pool)
        done = _replayed(experiment, model, given, step or [len(given) - 1])
    _print(given, done)
    if not all(one.picked == one.winner for one in done):
        raise typer.Exit(1)


def _replayed(experiment: Experiment, model: str, given: Selection, steps: list[int]) -> list[Replay]:
    from suite.features.store import compute_features
    from suite.registry import CanReplay, strategies

    strategy = strategies.parse(given.strategy)
    if not isinstance(strategy, CanReplay):
        able = ", ".join(cls.info.name for cls in strategies if hasattr(cls, "replay"))
        raise UsageError(f"{given.strategy} cannot be replayed; these can: {able}.")
    wrong = [number for number in steps if not 1 <= number < len(given)]
    if wrong:
        raise UsageError(
            f"--step {wrong[0]} is no step of {len(given)} picks: write 1 to {len(given) - 1} (step 0 is drawn)."
        )
    selector = experiment.selector(model)
    computed = compute_features(
        strategy.requires(selector.context),
        experiment.pool,
        selector.context,
        selector.features,
        progress_for=experiment.progress,
    )
    done = []
    for number in steps:
        computed.features.progress = experiment.progress(f"step {number}")
        try:
            done.append(strategy.replay(given.rows, number, features=computed.features))
        except ValueError as error:
            raise SelectionError(f"{given.strategy} cannot be replayed: {error}") from error
    return done


def _print(given: Selection, done: list[Replay]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False, title=f"{given.strategy}: {len(given):,} picks")
    for heading in ("step", "row picked", "its value", "row that wins", "its value", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for one in done:
        table.add_row(
            f"{one.step:,}",
            str(one.picked),
            f"{one.picked_value:.12g}",
            str(one.winner),
            f"{one.winner_value:.12g}",
            "[green]certified[/]" if one.picked == one.winner else "[red]another row wins[/]",
        )
    console.print(table)

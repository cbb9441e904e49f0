"""`breadth run`: select, fine-tune, evaluate and rank the strategies of a track."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from suite.commands.executing import Where
from suite.commands.options import DiscardModels, ExecutorOption, GpusPerCell, RayAddress
from suite.commands.submitted import Trust
from suite.errors import BreadthError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from suite.engines import EngineName
    from suite.runner.cells import Cell, Wanted
    from suite.runner.experiment import Experiment
    from suite.runner.runner import Outcome
    from suite.track import Track

EngineOption = Annotated[
    str | None,
    typer.Option(help="vllm, transformers, or auto (vllm where it is installed and has a GPU). Default: the track's."),
]


def run(
    track: Annotated[str, typer.Option(help="A track (`breadth tracks` lists them) or a .toml file of your own.")],
    strategies: Annotated[
        str | None,
        typer.Option(
            help="Comma- or semicolon-separated; parameters as name:key=value; a submission by its folder, as in "
            "./my-method. Default: the track's list."
        ),
    ] = None,
    budget: Annotated[list[str] | None, typer.Option(help="A budget of the track (500 or 15%); repeatable.")] = None,
    base_model: Annotated[list[str] | None, typer.Option(help="A base model of the track; repeatable.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Only the first N registered seeds (rows stay unranked).")] = None,
    draws: Annotated[int | None, typer.Option(help="Only the first N selection draws of random.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Lanes, which share the GPUs; default one a GPU or core.")] = None,
    executor: ExecutorOption = "local",
    ray_address: RayAddress = None,
    gpus_per_cell: GpusPerCell = 1,
    store: Annotated[str | None, typer.Option(help="Where results go: file:FOLDER, hf://datasets/ORG/NAME.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print cells, what is cached, time and costs.")] = False,
    card: Annotated[
        str | None, typer.Option(help="A GPU to reckon costs for: H100, A100-40GB; default the first.")
    ] = None,
    discard_models: DiscardModels = False,
    engine: EngineOption = None,
    trust: Trust = False,
) -> None:
    """Select, fine-tune, evaluate, record and rank. Finished work is never done twice; stop and go on at any time.

    Examples:

      breadth run --track microworld

      breadth run --track microworld --strategies "random;k-means:clusters=50;longest"

      breadth run --track microworld --strategies random,./my-method --seeds 1

      breadth run --track alpaca-cpu --budget 500 --jobs 2 --dry-run

      breadth run --track microworld --store hf://datasets/my-org/results

      breadth run --track small-gpu --engine vllm

      breadth run --track small-gpu --dry-run --card H100

      breadth run --track small-gpu --executor ray --ray-address 10.0.0.1:6379
    """
    from suite.commands.submitted import with_submissions
    from suite.errors import UsageError
    from suite.runner.cells import Wanted
    from suite.track import load_track

    if card is not None and not dry_run:
        raise UsageError("--card is what a dry run reckons costs for; a run takes the machine as it is. Add --dry-run.")
    definition = load_track(track)
    named = split_strategies(strategies)
    wanted = Wanted(
        strategies=with_submissions(named, definition, trust_code=trust) if named else None,
        budgets=tuple(definition.check_budget(written) for written in budget) if budget else None,
        base_models=tuple(base_model) if base_model else None,
        seeds=seeds,
        draws=draws,
    )
    chosen = engine_named(engine)
    where = Where(executor, ray_address, jobs, gpus_per_cell)
    _run(definition, wanted, store, where, dry_run=dry_run, discard_models=discard_models, card=card, engine=chosen)


def _run(
    definition: Track,
    wanted: Wanted,
    store: str | None,
    where: Where,
    *,
    dry_run: bool,
    discard_models: bool,
    card: str | None,
    engine: EngineName | None,
) -> None:
    from rich.console import Console

    from suite.commands.display import Display
    from suite.commands.plan_tables import print_costs, print_plan
    from suite.commands.publication import published
    from suite.cost.cards import find_card
    from suite.cost.reckoning import reckon
    from suite.home import default_store
    from suite.runner.experiment import Experiment
    from suite.runner.plan import make_plan
    from suite.runner.runner import Runner
    from suite.stores.url import open_store

    console = Console(soft_wrap=True)
    cells = _cells(definition, wanted, console)
    with Display(Console(stderr=True, soft_wrap=True), len(cells)) as display:
        experiment = Experiment(
            track=definition,
            store=open_store(store or default_store()),
            notify=display.say,
            progress=display.work,
            discard_models=discard_models,
            engine_asked=engine,
        )
        if dry_run:
            plan = make_plan(experiment, cells, where.lanes_here())
        else:
            executor = where.executor(experiment, cells)
            with published(experiment.store, definition, display) as publication:
                outcome = Runner(experiment, executor=executor, watcher=display).run(cells)
    if dry_run:
        print_plan(console, plan)
        print_costs(console, reckon(experiment, plan, find_card(card), where.gpus_per_cell))
        return
    _print_outcome(console, experiment, outcome)
    if publication:
        publication.report(console)
    if outcome.failed:
        raise BreadthError(f"{len(outcome.failed)} of {len(cells)} cells failed; the reasons stand above.")


def _cells(track: Track, wanted: Wanted, console: Console) -> list[Cell]:
    from suite.runner.cells import chosen_strategies, plan_cells

    chosen, missing = chosen_strategies(track, wanted.strategies)
    if missing:
        console.print(f"[dim]Not installed here, left out: {', '.join(missing)}.[/]")
    return plan_cells(track, chosen, wanted)


def split_strategies(written: str | None) -> tuple[str, ...] | None:
    """Split a list of strategies: at semicolons, else at the commas that do not belong to parameters."""
    if written is None:
        return None
    if ";" in written:
        parts = written.split(";")
    else:
        parts = []
        for piece in written.split(","):
            # `k-means:clusters=5,seed=1` is one strategy: a piece with `=` before any `:` goes on with the last one.
            if parts and "=" in piece.split(":")[0]:
                parts[-1] += "," + piece
            else:
                parts.append(piece)
    names = tuple(part.strip() for part in parts if part.strip())
    if not names:
        raise UsageError("--strategies names no strategy; `breadth strategies` lists them.")
    return names


def engine_named(written: str | None) -> EngineName | None:
    """The engine of that name; UnknownNameError lists those there are."""
    from typing import cast, get_args

    from suite.engines import EngineName

    if written is not None and written not in get_args(EngineName):
        raise UnknownNameError("engine", written, get_args(EngineName))
    return cast("EngineName | None", written)


def _print_outcome(console: Console, experiment: Experiment, outcome: Outcome) -> None:
    from suite.boards import load_board
    from suite.commands.board_terminal import print_board

    if outcome.finished_before and not outcome.recorded and not outcome.failed:
        console.print(f"All {len(outcome.finished_before)} cells were finished before; nothing was run.")
    else:
        console.print(
            f"{len(outcome.recorded)} cells recorded, {len(outcome.finished_before)} finished before, "
            f"{len(outcome.failed)} failed."
        )
    for failure in outcome.failed:
        console.print(f"  failed: {failure.cell}: {failure.reason}", markup=False, highlight=False)
    ran = {cell.identity.spec for cell in (*outcome.recorded, *outcome.finished_before)}
    print_board(load_board(experiment.track, experiment.store).without_variants(but=ran), console)
    console.print(
        f"\nBrowse it again: [bold]breadth board --track {experiment.track.name}[/] "
        f"(also --format csv, json, markdown). Results: {experiment.store.url}",
        highlight=False,
    )

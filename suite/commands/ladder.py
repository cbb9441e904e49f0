"""`breadth ladder`: how the score goes with a strategy's level of diversity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.commands.executing import Where
from suite.commands.options import (
    DiscardModels,
    ExecutorOption,
    GpusPerCell,
    Lanes,
    RayAddress,
    StudyBudgets,
    StudyDryRun,
    StudyModel,
    StudyRuns,
    StudySeeds,
    StudyStore,
    TrackOption,
)

if TYPE_CHECKING:
    from rich.console import Console

    from suite.studies.ladder_plan import LadderPlan
    from suite.studies.ladder_table import LadderTable


def ladder(
    track: TrackOption,
    strategies: Annotated[str | None, typer.Option(help="Comma-separated. Default: all that have levels.")] = None,
    levels: Annotated[
        int | None, typer.Option(help="How many evenly spaced levels. Default: the track's, or 7.")
    ] = None,
    budget: StudyBudgets = None,
    base_model: StudyModel = None,
    seeds: StudySeeds = None,
    length_control: Annotated[
        bool, typer.Option("--length-control/--no-length-control", help="Train the ladder again at equal lengths.")
    ] = False,
    jobs: Lanes = None,
    executor: ExecutorOption = "local",
    ray_address: RayAddress = None,
    gpus_per_cell: GpusPerCell = 1,
    store: StudyStore = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")] = Path("ladder"),
    run: StudyRuns = True,
    dry_run: StudyDryRun = False,
    discard_models: DiscardModels = False,
) -> None:
    """Fine-tune at every level of every diversity-controlled strategy, and fit the score on the level.

    Results are those of `breadth run` and go to the same store; stop and go on at any time. Writes table.csv,
    ladder.md, ladder.json and the figure as ladder.html and ladder.png. With --length-control the ladder stands twice,
    the second time with equal mean response lengths at every level.

    Examples:

      breadth ladder --track microworld -o ladder

      breadth ladder --track alpaca-cpu --budget 500 --strategies micro-response,macro-response --levels 4

      breadth ladder --track microworld --length-control --dry-run
    """
    from rich.console import Console

    from suite.commands.run import split_strategies
    from suite.commands.study_runs import Asked, carry_out, one_budget, refuse_failures
    from suite.home import default_store
    from suite.stores.url import open_store
    from suite.studies.kept import keep
    from suite.studies.ladder import LadderStudy
    from suite.studies.ladder_plan import plan_ladder
    from suite.track import load_track

    definition = load_track(track)
    plan = plan_ladder(
        definition,
        specs=split_strategies(strategies),
        levels=levels,
        budget=one_budget(definition, budget),
        base_model=base_model,
        seeds=seeds,
        length_control=length_control,
    )
    opened, console = open_store(store or default_store()), Console(soft_wrap=True)
    asked = Asked(Where(executor, ray_address, jobs, gpus_per_cell), run, dry_run, discard_models)
    done = carry_out(definition, plan.cells, lambda experiment: LadderStudy(experiment, plan), console, opened, asked)
    if done is None:
        _say_reduced(console, plan)
        return
    table, outcome = done
    _write(table, plan, output, console)
    _say_table(console, table, output, keep(opened.folder, definition.name, "ladder", table))
    refuse_failures(outcome)


def _write(table: LadderTable, plan: LadderPlan, output: Path, console: Console) -> None:
    from suite.atomic import write_text
    from suite.commands.ladder_formats import ladder_csv, ladder_markdown
    from suite.commands.study_runs import write_figure
    from suite.figures.ladder import ladder_figure, ladder_size

    facts = {
        "track": table.track,
        "budget": f"{table.budget:,}",
        "base model": table.base_model,
        "training seeds": ", ".join(map(str, table.training_seeds)),
        "levels": ", ".join(f"{level:.3g}" for level in plan.levels),
        "tasks in the score": ", ".join(table.tasks) or "none",
        "score": table.score_version,
    }
    write_text(output / "table.csv", ladder_csv(table))
    write_text(output / "ladder.md", ladder_markdown(table, facts))
    write_text(output / "ladder.json", table.model_dump_json(indent=1) + "\n")
    width, height = ladder_size(table)
    write_figure(ladder_figure(table), output, "ladder", console, width=width, height=height)


def _say_reduced(console: Console, plan: LadderPlan) -> None:
    if plan.reduced:
        console.print(f"Reduced, and the table will say so: {'; '.join(plan.reduced)}.", highlight=False)


def _say_table(console: Console, table: LadderTable, output: Path, kept: Path) -> None:
    from rich.table import Table

    from suite.commands.ladder_formats import slope_words, spearman_words

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("strategy", "slope (points)", "above the lowest", "at equal length", "rho over levels"):
        shown.add_column(heading)
    for one in table.strategies:
        if one.line is None or one.at_equal_length is None:
            shown.add_row(one.spec, "-", "-", "-", one.why_no_slope)
            continue
        shown.add_row(
            one.spec,
            *(slope_words(part, noted=False) for part in (one.line, one.above_lowest, one.at_equal_length)),
            spearman_words(one),
        )
    console.print(shown)
    for word, said in (("Reduced", table.reduced), ("No scores", (table.withheld,) if table.withheld else ())):
        if said:
            console.print(f"{word}: {'; '.join(said)}.", highlight=False, markup=False)
    if table.incomplete:
        console.print(f"Incomplete: {len(table.incomplete)} cells have no result.", highlight=False)
    console.print(
        f"Written to {output}: table.csv, ladder.md, ladder.json, ladder.html. Kept for reports: {kept}",
        highlight=False,
        markup=False,
    )

"""`breadth correlate`: which diversity metric says beforehand how well a model does."""

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

    from suite.registry import Metric
    from suite.studies.correlate_table import CorrelateTable
    from suite.studies.panel import PanelPlan


def correlate(
    track: TrackOption,
    panel: Annotated[
        Path | None, typer.Option(help="A file of strategies, one a line. Default: 44 selections of every kind.")
    ] = None,
    budget: StudyBudgets = None,
    base_model: StudyModel = None,
    metrics: Annotated[str, typer.Option(help="all, or names parted by commas.")] = "all",
    seeds: StudySeeds = None,
    jobs: Lanes = None,
    executor: ExecutorOption = "local",
    ray_address: RayAddress = None,
    gpus_per_cell: GpusPerCell = 1,
    store: StudyStore = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")] = Path("correlate"),
    run: StudyRuns = True,
    dry_run: StudyDryRun = False,
    discard_models: DiscardModels = False,
) -> None:
    """Select a panel, measure every metric on it, fine-tune on it, and correlate (the protocol of NovelSum).

    Results are those of `breadth run` and go to the same store; stop and go on at any time. Writes table.csv,
    selections.csv, correlate.md, correlate.json, and two figures as html and png: coefficients, and scatter.

    Examples:

      breadth correlate --track microworld -o correlate

      breadth correlate --track alpaca-cpu --budget 500 --seeds 1

      breadth correlate --track microworld --panel mine.txt --metrics novelsum,vendi,mean-length --dry-run
    """
    from rich.console import Console

    from suite.commands.study_runs import Asked, carry_out, one_budget, refuse_failures
    from suite.home import default_store
    from suite.stores.url import open_store
    from suite.studies.correlate import CorrelateStudy
    from suite.studies.kept import keep
    from suite.studies.panel import default_panel, plan_panel, read_panel
    from suite.track import load_track

    definition = load_track(track)
    plan = plan_panel(
        definition,
        read_panel(panel, definition) if panel else default_panel(definition),
        budget=one_budget(definition, budget),
        base_model=base_model,
        seeds=seeds,
    )
    chosen = _metrics(metrics)
    opened, console = open_store(store or default_store()), Console(soft_wrap=True)
    asked = Asked(Where(executor, ray_address, jobs, gpus_per_cell), run, dry_run, discard_models)
    done = carry_out(
        definition, plan.cells, lambda experiment: CorrelateStudy(experiment, plan, chosen), console, opened, asked
    )
    if done is None:
        _say_panel(console, plan, len(chosen))
        return
    table, outcome = done
    _write(table, output, console)
    _say_table(console, table, output, keep(opened.folder, definition.name, "correlate", table))
    refuse_failures(outcome)


def _metrics(written: str) -> list[Metric]:
    from suite.commands.levels import chosen_metrics
    from suite.errors import UsageError

    chosen = chosen_metrics(written)
    if not chosen:
        raise UsageError("A correlation needs at least one metric; write all, or names parted by commas.")
    return chosen


def _write(table: CorrelateTable, output: Path, console: Console) -> None:
    from suite.atomic import write_text
    from suite.commands.correlate_formats import correlate_csv, correlate_markdown, panel_csv
    from suite.commands.study_runs import write_figure
    from suite.figures.correlation import coefficients_figure, coefficients_size, scatter_figure, scatter_size

    facts = {
        "track": table.track,
        "budget": f"{table.budget:,}",
        "base model": table.base_model,
        "selections": str(len(table.panel)),
        "training seeds": ", ".join(map(str, table.training_seeds)),
        "tasks in the performance": ", ".join(table.tasks) or "none",
    }
    write_text(output / "table.csv", correlate_csv(table))
    write_text(output / "selections.csv", panel_csv(table))
    write_text(output / "correlate.md", correlate_markdown(table, facts))
    write_text(output / "correlate.json", table.model_dump_json(indent=1) + "\n")
    if table.correlations:
        width, height = coefficients_size(table)
        write_figure(coefficients_figure(table), output, "coefficients", console, width=width, height=height)
        width, height = scatter_size(table)
        write_figure(scatter_figure(table), output, "scatter", console, width=width, height=height)


def _say_panel(console: Console, plan: PanelPlan, metrics: int) -> None:
    console.print(f"{len(plan.panel.entries)} selections, {metrics} metrics of each.", highlight=False)
    for one in plan.panel.left_out:
        console.print(f"Left out: {one.name} ({one.reason}).", highlight=False, markup=False)
    if short := plan.reduced():
        console.print(f"Reduced, and the table will say so: {'; '.join(short)}.", highlight=False)


def _say_table(console: Console, table: CorrelateTable, output: Path, kept: Path) -> None:
    from rich.table import Table

    from suite.commands.correlate_formats import with_interval

    for one in table.correlations:
        which = "all selections" if one.degenerate_included else "without degenerate selections"
        shown = Table(box=None, header_style="bold", pad_edge=False, title=f"{which}, n = {one.selections}")
        for heading in ("metric", "Spearman", "mean with Pearson"):
            shown.add_column(heading, no_wrap=True)
        for row in one.metrics:
            values = ("flagged", "") if row.flag else (with_interval(row.spearman), with_interval(row.mean))
            shown.add_row(row.metric, *values)
        console.print(shown)
        for row in one.metrics:
            if row.remark:
                console.print(f"{row.metric}: {row.remark}.", highlight=False, markup=False)
        console.print(one.lead.words, highlight=False, markup=False)
    for word, said in (("Reduced", table.reduced), ("No correlation", (table.withheld,) if table.withheld else ())):
        if said:
            console.print(f"{word}: {'; '.join(said)}.", highlight=False, markup=False)
    if table.incomplete:
        console.print(f"Incomplete: {len(table.incomplete)} cells have no result.", highlight=False)
    for left in table.left_out:
        console.print(f"Left out: {left.name}: {left.reason}", highlight=False, markup=False)
    console.print(f"Written to {output}. Kept for reports: {kept}", highlight=False, markup=False)

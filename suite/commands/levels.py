"""`breadth levels`: how far diversity-controlled strategies move, level by level."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from suite.registry import Metric
    from suite.studies.levels import LevelsPlan, LevelsStudy, LevelsTable


def levels(
    track: Annotated[str, typer.Option(help="The track whose pool, budgets and levels are used.")] = "m2m",
    budget: Annotated[list[str] | None, typer.Option(help="A budget of the track; repeatable. Default: all.")] = None,
    strategies: Annotated[str | None, typer.Option(help="Comma-separated. Default: all that have levels.")] = None,
    levels: Annotated[int | None, typer.Option(help="How many evenly spaced levels. Default: the track's.")] = None,
    metrics: Annotated[str, typer.Option(help="all, none or names, at the track's default budget.")] = "all",
    base_model: Annotated[str | None, typer.Option(help="The target model. Default: the track's first.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="A tokenizer in place of the target model's.")] = None,
    embedder: Annotated[str | None, typer.Option(help="One in place of the track's, such as tfidf-svd.")] = None,
    seed: Annotated[int, typer.Option(help="Selection seed.", min=0)] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")] = Path("levels"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be selected and measured.")] = False,
) -> None:
    """Select with every diversity-controlled strategy at every level and budget, and measure how far metrics move.

    Writes levels.csv, movement.csv, levels.md and every selection. Stopped runs go on where they were.

    Examples:

      breadth levels --track m2m --embedder tfidf-svd -o levels

      breadth levels --track alpaca-cpu --strategies micro-response,macro-response --levels 5 --metrics mean-length
    """
    from rich.console import Console

    from suite.commands.opening import opened
    from suite.commands.run import split_strategies
    from suite.studies.levels import LevelsStudy, plan_levels
    from suite.track import load_track

    definition = load_track(track)
    plan = plan_levels(
        definition,
        specs=split_strategies(strategies),
        budgets=[definition.check_budget(written) for written in budget or ()],
        levels=levels,
        metrics=chosen_metrics(metrics),
        seed=seed,
    )
    model = definition.base_model(base_model).name
    console = Console(soft_wrap=True)
    with opened(definition, embedder=embedder, tokenizer=tokenizer) as experiment:
        study = LevelsStudy(experiment, plan, model, output)
        if dry_run:
            _say_plan(console, plan, study)
            return
        table = study.run()
    # A table is passed on: where the tokenizer lies on this machine is nobody's business.
    words = "/".join(Path(tokenizer).parts[-2:]) if tokenizer else "its own"
    facts = {
        "track": definition.name,
        "pool": f"{len(experiment.pool):,} samples",
        "embedder": study.selector.context.embedder,
        "target model": model,
        "tokenizer": words,
        "selection seed": str(seed),
    }
    _write(table, plan, facts, output)
    _say_outcome(console, table, output)


def _write(table: LevelsTable, plan: LevelsPlan, facts: dict[str, str], output: Path) -> None:
    from suite.atomic import write_text
    from suite.commands.levels_formats import as_markdown, levels_csv, movement_csv

    write_text(output / "levels.csv", levels_csv(table, plan))
    write_text(output / "movement.csv", movement_csv(table))
    write_text(output / "levels.md", as_markdown(table, plan, facts))


def chosen_metrics(written: str) -> list[Metric]:
    """The metrics named by `--metrics`: all, none, or names parted by commas."""
    from suite.errors import UsageError
    from suite.registry import metrics

    if written.strip() == "none":
        return []
    names = metrics.names() if written.strip() == "all" else [name.strip() for name in written.split(",")]
    if not any(names):
        raise UsageError("--metrics names no metric; write all, none or names.")
    return [metrics.parse(name) for name in names if name]


def _say_plan(console: Console, plan: LevelsPlan, study: LevelsStudy) -> None:
    families = dict.fromkeys(point.family for point in plan.points if point.level is not None)
    levels = dict.fromkeys(point.level for point in plan.points if point.level is not None)
    budgets = dict.fromkeys(point.budget for point in plan.points)
    console.print(f"Strategies: {', '.join(families)}", highlight=False)
    console.print(f"Levels:     {', '.join(f'{level:.4g}' for level in levels)}", highlight=False)
    console.print(f"Budgets:    {', '.join(f'{size:,}' for size in budgets)}", highlight=False)
    console.print(
        f"{len(plan.points)} selections, {study.made_before()} of them made before; {plan.measurements} values to "
        f"measure, at budget {plan.measured_budget:,}. Nothing was selected.",
        highlight=False,
    )


def _say_outcome(console: Console, table: LevelsTable, output: Path) -> None:
    lacking = [row for row in table.rows if row.problem]
    failed = sum(len(row.failures) for row in table.rows)
    console.print(
        f"{len(table.rows) - len(lacking)} of {len(table.rows)} selections lie in {output / 'selections'}; the tables "
        f"are {output / 'levels.md'}, levels.csv and movement.csv.",
        highlight=False,
    )
    if lacking:
        console.print(
            f"{len(lacking)} could not be made; the tables say why. First: {lacking[0].problem}", markup=False
        )
    if failed:
        console.print(f"{failed} values could not be measured; they are left empty.", highlight=False)

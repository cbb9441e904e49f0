"""`breadth measure`: the diversity metrics of a selection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import UsageError

if TYPE_CHECKING:
    from suite.registry import Metric
    from suite.runner.experiment import Experiment
    from suite.selection import Selection


def measure(
    selection: Annotated[Path, typer.Argument(help="A saved selection (.json), or a file of ids, one a line.")],
    track: Annotated[str, typer.Option(help="The track whose pool the ids belong to.")] = "microworld",
    metrics: Annotated[str | None, typer.Option(help="Comma-separated metrics. Default: all of them.")] = None,
    base_model: Annotated[str | None, typer.Option(help="The target model, for metrics that count its tokens.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Measure how diverse a selection is; values compare only between selections of equal size.

    Examples:

      breadth measure k-center.json --track microworld

      breadth measure my-ids.txt --track alpaca-cpu --metrics mean-length,ttr --json
    """
    from rich.console import Console

    from suite.commands.display import Display
    from suite.home import default_store
    from suite.registry import metrics as registry
    from suite.runner.experiment import Experiment
    from suite.selection import read_selection
    from suite.stores.url import open_store
    from suite.track import load_track

    names = [name.strip() for name in metrics.split(",") if name.strip()] if metrics else registry.names()
    if not names:
        raise UsageError("--metrics names no metric; leave it out to measure all of them.")
    chosen = [registry.parse(name) for name in names]
    definition = load_track(track)
    model = definition.base_model(base_model).name
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        experiment = Experiment(
            track=definition, store=open_store(default_store()), notify=display.say, progress=display.work
        )
        given = read_selection(selection, experiment.pool)
        values = _values(experiment, model, chosen, given)
    if as_json:
        import json

        typer.echo(json.dumps({"selection": str(selection), "size": len(given), "metrics": values}, indent=1))
    else:
        _print(given, chosen, values)


def _values(experiment: Experiment, model: str, chosen: list[Metric], given: Selection) -> dict[str, float]:
    from suite.features.store import compute_features

    selector = experiment.selector(model)
    progress = experiment.progress("metrics")
    values: dict[str, float] = {}
    for done, metric in enumerate(chosen):
        progress(done, len(chosen))
        computed = compute_features(
            metric.requires(selector.context),
            experiment.pool,
            selector.context,
            selector.features,
            progress_for=experiment.progress,
        )
        values[metric.spec] = float(metric.measure(given, experiment.pool, computed.features))
    return values


def _print(given: Selection, chosen: list[Metric], values: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, title=f"{given.strategy}: {len(given):,} samples")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("more diverse")
    for metric in chosen:
        table.add_row(metric.spec, f"{values[metric.spec]:.6g}", "higher" if metric.higher_is_diverse else "lower")
    Console().print(table)

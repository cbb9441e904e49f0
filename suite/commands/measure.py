"""`breadth measure`: the diversity metrics of selections."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import UsageError

if TYPE_CHECKING:
    from suite.commands.measure_tables import Row
    from suite.registry import Metric


class Format(StrEnum):
    """How the values are written."""

    table = "table"
    csv = "csv"
    markdown = "markdown"
    json = "json"


def measure(
    selections: Annotated[
        list[Path], typer.Argument(help="Saved selections (.json), or files of ids, one a line; several at once.")
    ],
    track: Annotated[str, typer.Option(help="The track whose pool the ids belong to.")] = "microworld",
    metrics: Annotated[str | None, typer.Option(help="Comma-separated metrics. Default: all of them.")] = None,
    base_model: Annotated[str | None, typer.Option(help="The target model, for metrics that count its tokens.")] = None,
    embedder: Annotated[
        str | None, typer.Option(help="In place of the track's embedder, such as tfidf-svd?dimensions=256.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="In place of the base model's: a folder, a Hub name, or words.")
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.table,
    seconds: Annotated[bool, typer.Option("--seconds", help="Also write how long each metric took.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs, as --format json.")] = False,
) -> None:
    """Measure how diverse selections are; values compare only between selections of equal size.

    A metric that cannot be measured is named with its reason on the error stream and left empty; the exit status
    is then 1.

    Examples:

      breadth measure k-center.json --track microworld

      breadth measure random.json k-center.json --track microworld --format csv > metrics.csv

      breadth measure my-ids.txt --track alpaca-cpu --metrics mean-length,ttr --json
    """
    from suite.commands import measure_tables

    chosen = _chosen(metrics)
    rows = _measured(selections, track, chosen, base_model, embedder, tokenizer)
    if as_json or output_format is Format.json:
        typer.echo(measure_tables.as_json(rows, seconds))
    elif output_format is Format.csv:
        typer.echo(measure_tables.as_csv(rows, seconds), nl=False)
    elif output_format is Format.markdown:
        typer.echo(measure_tables.as_markdown(rows, seconds), nl=False)
    else:
        measure_tables.show(rows, seconds)
    _warn(rows)


def _chosen(written: str | None) -> list[Metric]:
    """The metrics named, which are parted by commas; a parameter after a comma belongs to the metric before it."""
    from suite.registry import metrics as registry

    if written is None:
        return [registry.parse(name) for name in registry.names()]
    specs: list[str] = []
    for part in (part.strip() for part in written.split(",")):
        if "=" in part and ":" not in part and specs:
            specs[-1] += f",{part}"
        elif part:
            specs.append(part)
    if not specs:
        raise UsageError("--metrics names no metric; leave it out to measure all of them.")
    return [registry.parse(spec) for spec in specs]


def _measured(
    paths: list[Path],
    track: str,
    chosen: list[Metric],
    base_model: str | None,
    embedder: str | None,
    tokenizer: str | None,
) -> list[Row]:

    from suite.commands.measure_tables import Row
    from suite.commands.opening import opened
    from suite.diversity.measuring import measure_selections
    from suite.selection import read_selection
    from suite.track import load_track

    definition = load_track(track)
    model = definition.base_model(base_model).name
    with opened(definition, embedder=embedder, tokenizer=tokenizer) as experiment:
        given = [read_selection(path, experiment.pool) for path in paths]
        selector = experiment.selector_for(model, chosen)
        measured = measure_selections(
            chosen, given, experiment.pool, selector.context, selector.features, experiment.progress
        )
    return [Row(path, one, values) for path, one, values in zip(paths, given, measured, strict=True)]


def _warn(rows: list[Row]) -> None:
    """Name what has no value and why, and sizes that differ; exit with 1 when something has no value."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    if len(sizes := sorted({len(row.selection) for row in rows})) > 1:
        written = ", ".join(f"{size:,}" for size in sizes)
        console.print(f"Sizes differ ({written}): values compare only between selections of equal size.")
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for one in row.measured:
            if one.value is None:
                reasons.setdefault((one.metric.spec, one.reason), []).append(row.path.stem)
    for (spec, reason), names in reasons.items():
        of = "" if len(rows) == 1 else f" of {', '.join(names)}" if len(names) < len(rows) else " of all"
        console.print(Text.assemble((f"No {spec}{of}: ", "bold red"), reason))
    if reasons:
        raise typer.Exit(1)

"""`breadth overlap`: which strategies pick the same rows, and where on a map of the pool."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from suite.registry import Strategy
    from suite.studies.overlap import OverlapOutcome
    from suite.track import Track


class Format(StrEnum):
    """How the outcome is written."""

    table = "table"
    csv = "csv"
    markdown = "markdown"
    json = "json"


def overlap(
    track: Annotated[str, typer.Option(help="The track whose pool and budgets are used.")] = "microworld",
    strategies: Annotated[str | None, typer.Option(help="Comma-separated. Default: the track's.")] = None,
    budget: Annotated[list[str] | None, typer.Option(help="A budget; repeatable. Default: the default.")] = None,
    map_of: Annotated[
        list[str] | None,
        typer.Option("--map", help="Two strategies to draw on the map, as 'A;B'; repeatable."),
    ] = None,
    no_map: Annotated[bool, typer.Option("--no-map", help="No map of the pool, and no embeddings for it.")] = False,
    base_model: Annotated[str | None, typer.Option(help="The target model. Default: the track's first.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="A tokenizer in place of the target model's.")] = None,
    embedder: Annotated[str | None, typer.Option(help="One in place of the track's, such as tfidf-svd.")] = None,
    output_format: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.table,
    figures: Annotated[Path | None, typer.Option(help="Draw heat map and maps into this folder, HTML and PNG.")] = None,
    store: Annotated[str | None, typer.Option(help="Where the outcome is kept, as file:FOLDER.")] = None,
) -> None:
    """Compare what strategies pick: Jaccard index of every pair, against what unrelated draws would share.

    Selections are made where they were not made before; nothing is trained. The outcome is kept for the report.

    Examples:

      breadth overlap --track microworld --strategies random,k-center,k-means

      breadth overlap --track alpaca-cpu --strategies "k-center;published:set=car" --map "k-center;published:set=car"

      breadth overlap --track microworld --figures overlap-figures --format markdown
    """
    from suite.commands.opening import opened
    from suite.commands.run import split_strategies
    from suite.home import default_store
    from suite.stores.url import open_store
    from suite.studies.kept import keep
    from suite.studies.overlap import NAME, OverlapStudy
    from suite.track import load_track

    definition = load_track(track)
    budgets = [definition.check_budget(written) for written in dict.fromkeys(budget or [])]
    asked = None if no_map else [_two(written) for written in map_of or []]
    chosen, absent = _chosen(definition, split_strategies(strategies))
    place = open_store(store or default_store()).folder
    with opened(definition, embedder=embedder, tokenizer=tokenizer) as experiment:
        for name in absent:
            experiment.notify(f"The track lists strategy {name!r}, which is not installed here; it is left out.")
        study = OverlapStudy(experiment, definition.base_model(base_model).name)
        outcome = study.run(chosen, budgets or [definition.default_budget], asked)
        keep(place, definition.name, NAME, outcome)
    _print(outcome, output_format)
    if figures:
        for path in _draw(outcome, figures):
            typer.echo(f"Written to {path}.", err=True)


def _chosen(track: Track, specs: tuple[str, ...] | None) -> tuple[list[Strategy], list[str]]:
    """The strategies named and no others, or the track's own with its reference rows; then those not installed."""
    from suite.registry import strategies as registry
    from suite.runner.cells import chosen_strategies

    if specs is None:
        return chosen_strategies(track, None)
    named = [registry.parse(spec) for spec in specs]
    return list({strategy.spec: strategy for strategy in named}.values()), []


def _two(written: str) -> tuple[str, str]:
    from suite.commands.run import split_strategies
    from suite.errors import UsageError
    from suite.registry import strategies as registry

    specs = split_strategies(written) or ()
    if len(specs) != 2:
        raise UsageError(
            f"--map {written!r} names {len(specs)} strategies; it takes two, such as --map 'random;k-center'."
        )
    first, second = (registry.parse(spec).spec for spec in specs)
    return first, second


def _print(outcome: OverlapOutcome, output_format: Format) -> None:
    from suite.commands import overlap_formats as formats

    if output_format is Format.table:
        formats.show(outcome)
        return
    write = {Format.csv: formats.as_csv, Format.markdown: formats.as_markdown, Format.json: formats.as_json}
    typer.echo(write[output_format](outcome), nl=False)


def _draw(outcome: OverlapOutcome, folder: Path) -> list[Path]:
    """The figures of an outcome as HTML and PNG; HTML first, since a PNG needs a browser."""
    from suite.figures.export import write_html, write_png
    from suite.figures.overlap import overlap_figure
    from suite.figures.pool_map import map_figure

    drawn = []
    for table in outcome.tables:
        drawn.append((f"overlap-{table.budget}", overlap_figure(outcome, table)))
        for number, picks in enumerate(table.maps, start=1):
            assert outcome.pool_map is not None
            drawn.append((f"map-{table.budget}-{number}", map_figure(outcome, table, picks)))
    paths = []
    for name, figure in drawn:
        paths.append(folder / f"{name}.html")
        write_html(figure, paths[-1])
    for name, figure in drawn:
        paths.append(folder / f"{name}.png")
        write_png(figure, paths[-1], width=figure.layout.width or 900, height=figure.layout.height)
    return paths

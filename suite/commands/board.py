"""`breadth board`: the ranked table of a track, from the results of a store."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.commands.options import TrackOption

if TYPE_CHECKING:
    from suite.aggregate import Board
    from suite.stores import Store
    from suite.track import Track


class Format(StrEnum):
    """How the board is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    SVG = "svg"


def board(
    track: TrackOption = "microworld",
    budget: Annotated[str | None, typer.Option(help="Only this budget: a count (500) or a share (15%).")] = None,
    base_model: Annotated[str | None, typer.Option(help="Only this base model of the track.")] = None,
    store: Annotated[str | None, typer.Option(help="Where results are: file:FOLDER, hf://datasets/ORG/NAME.")] = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="List other settings of a strategy, too (csv and json always do).")
    ] = False,
) -> None:
    """Rank the strategies of a track by the models that were fine-tuned on what they picked.

    Every difference to `random` is paired item by item and comes with its 95 % interval.

    Examples:

      breadth board --track microworld

      breadth board --track alpaca-cpu --budget 500

      breadth board --track microworld --format csv --output microworld.csv

      breadth board --track microworld --format svg --output board.svg

      breadth board --track microworld --format json | jq '.tables[0].rows[0]'
    """
    from suite.boards import load_board
    from suite.home import default_store
    from suite.stores import open_store
    from suite.track import load_track

    chosen = load_track(track)
    opened = open_store(store or default_store())
    whole = filled(load_board(chosen, opened), opened, track)
    if opened.trouble:
        when = f"as of {opened.as_of:%Y-%m-%d %H:%M} UTC" if opened.as_of else "only what lies on this disk"
        typer.echo(f"Shown is {when}: {opened.trouble}", err=True)
    _write(_narrowed(whole, chosen, budget, base_model), format, output, variants)


def filled(whole: Board, store: Store, name: str) -> Board:
    """The board itself, or a StoreError that says how results of its track, called `name`, come to be."""
    from suite.errors import StoreError

    if not whole.results:
        skipped = f" ({len(whole.skipped)} files in it are no results of this version)" if whole.skipped else ""
        trouble = f" {store.trouble}" if store.trouble else ""
        raise StoreError(
            f"The store {store.url} holds no results of track {whole.track}{skipped}.{trouble} "
            f"Make some with `breadth run --track {name}`, or name another store with --store."
        )
    return whole


def _narrowed(whole: Board, track: Track, budget: str | None, base_model: str | None) -> Board:
    from suite.errors import StoreError, UnknownNameError

    known = [model.name for model in track.base_models]
    if base_model is not None and base_model not in known:
        raise UnknownNameError(f"base model of track {track.name}", base_model, known)
    size = None if budget is None else track.check_budget(budget)
    narrowed = whole.narrowed(size, base_model)
    if whole.tables and not narrowed.tables:
        there = ", ".join(f"{table.base_model} at budget {table.budget}" for table in whole.tables)
        raise StoreError(f"No results of track {track.name} fit --budget and --base-model. There are: {there}.")
    return narrowed


def _write(board: Board, format: Format, output: Path | None, variants: bool) -> None:
    from suite.commands import board_formats

    if not variants and format not in (Format.CSV, Format.JSON):
        board = board.without_variants()

    if format is Format.TABLE and output is None:
        from rich.console import Console

        from suite.commands.board_terminal import print_board

        print_board(board, Console())
        return
    if format is Format.TABLE:
        text = _plain_table(board)
    elif format is Format.SVG:
        text = _picture(board)
    else:
        text = {
            Format.JSON: board_formats.as_json,
            Format.CSV: board_formats.as_csv,
            Format.MARKDOWN: board_formats.as_markdown,
        }[format](board)
    if output is None:
        typer.echo(text, nl=False)
    else:
        from suite.atomic import write_text

        write_text(output, text)
        typer.echo(f"Written to {output}.", err=True)


def _picture(board: Board) -> str:
    """The terminal's table as an SVG that fetches nothing: a font of the reader's own takes the web font's place."""
    import re
    from io import StringIO

    from rich.console import Console

    from suite.commands.board_terminal import print_board

    console = Console(record=True, width=100, file=StringIO(), force_terminal=True)
    print_board(board, console)
    drawn = console.export_svg(title=f"breadth board --track {board.track}")
    return re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)


def _plain_table(board: Board) -> str:
    from io import StringIO

    from rich.console import Console

    from suite.commands.board_terminal import print_board

    page = StringIO()
    print_board(board, Console(file=page, width=100, color_system=None))
    return page.getvalue()

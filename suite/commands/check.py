"""`breadth check`: every rule that a submission breaks, before anybody else sees it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from suite.intake.check import Report
    from suite.track import Track


class CheckFormat(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    JSON = "json"


def check(
    path: Annotated[Path, typer.Argument(help="A submission's folder, or an archive (.tar.gz) of it.")],
    format: Annotated[CheckFormat, typer.Option(help="table for people, json for programs.")] = CheckFormat.TABLE,
    track: Annotated[
        list[str] | None, typer.Option(help="A track file of your own, beside the tracks of the board; repeatable.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch pools that are not on this machine.")] = False,
    pack: Annotated[
        Path | None, typer.Option(help="Write the archive of a submission that passes, as it is sent.")
    ] = None,
) -> None:
    """Check a submission: every broken rule at once, with file, line, value, rule and what to do.

    The server checks by the same rules. Nothing of the submission is run. Exits 0 when it passes, 1 when a rule is
    broken, 2 when there is nothing to check.

    Examples:

      breadth check my-method

      breadth check my-method.tar.gz --format json

      breadth check my-method --download --pack my-method.tar.gz

    Ids are held against the pool where it is on this machine; what only the server can check is said. The rules
    stand in submissions/README.md.
    """
    from suite.atomic import write_bytes
    from suite.intake.archive import pack as packed
    from suite.intake.check import Surroundings, known_tracks
    from suite.intake.check import check as checked
    from suite.intake.names import built_in_names
    from suite.intake.pool_ids import ids_at_hand, ids_fetched
    from suite.track import load_track

    def fetched(one: Track) -> frozenset[str] | str:
        return ids_fetched(one, lambda line: typer.echo(line, err=True))

    around = Surroundings(
        taken=built_in_names(),
        tracks=known_tracks(*map(load_track, track or ())),
        pool_ids=fetched if download else ids_at_hand,
    )
    report = checked(path, around)
    if pack is not None and report.passed:
        write_bytes(pack, packed(report.files))
    _write(report, path, format)
    if pack is not None:
        typer.echo(f"Packed as {pack}." if report.passed else f"Not packed: {pack} was not written.", err=True)
    if not report.passed:
        raise typer.Exit(1)


def _write(report: Report, path: Path, format: CheckFormat) -> None:
    if format is CheckFormat.JSON:
        import json

        typer.echo(json.dumps(report.as_dict(), indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    # Values come from strangers: they are made safe where they are noted, and no markup is read in them.
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if report.passed and report.submission is not None:
        what = f"{report.selections} selections, {report.ids:,} ids" if report.selections else "one strategy"
        console.print(f"{report.submission.name} {report.submission.version} passes: {report.kind}, {what}.")
    else:
        _print_problems(report)
        console.print(f"{path}: {len(report.problems)} problem(s).", style="bold red")
    for line in report.unchecked:
        console.print(f"Not checked here: {line}.", style="dim")


def _print_problems(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False, show_lines=False)
    for heading, least in (("where", 18), ("what stands there", 12), ("rule", 24), ("what to do", 24)):
        table.add_column(heading, overflow="fold", min_width=least)
    for problem in report.problems:
        cells = (problem.place, problem.value, problem.sentence, problem.remedy)
        table.add_row(*map(Text, cells))
    console.print(table)

"""`breadth init`: a new submission's folder that already passes every check."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class SubmissionKind(StrEnum):
    """What a submission holds beside submission.toml."""

    INDEX_ONLY = "index-only"
    CODE = "code"


def init(
    name: Annotated[str, typer.Argument(help="The name on the board and of the folder: lower-case words and hyphens.")],
    kind: Annotated[
        SubmissionKind, typer.Option(help="index-only: the ids you picked. code: a strategy.py that picks.")
    ] = SubmissionKind.INDEX_ONLY,
    track: Annotated[str, typer.Option(help="The first track it takes part in (`breadth tracks`).")] = "microworld",
    folder: Annotated[Path, typer.Option("--in", help="The folder to make it in.")] = Path(),
) -> None:
    """Make the folder of a new submission. It passes `breadth check` as it is; change it into your method.

    Examples:

      breadth init my-method

      breadth init my-method --kind code

      breadth init my-method --track alpaca-cpu --in submissions

    An index-only submission begins with ids drawn evenly from the track's pool at its default budget, one draw for
    every registered seed: put your own in their place. The tutorial is submissions/README.md.
    """
    from rich.console import Console

    from suite.commands.display import Display
    from suite.intake.check import known_tracks
    from suite.intake.scaffold import check_new, new_files, write_new
    from suite.pool.loading import load_pool
    from suite.track import load_track

    target = folder / name
    check_new(name, target)
    definition = load_track(track)
    pool = None
    if kind is SubmissionKind.INDEX_ONLY:
        with Display(Console(stderr=True, soft_wrap=True)) as display:
            pool = load_pool(definition, progress=display.work("pool"), notify=display.say)
    files = new_files(name, kind.value, definition, pool)
    write_new(files, target, known_tracks(definition))
    _print_next(target, kind, track, list(files))


def _print_next(target: Path, kind: SubmissionKind, track: str, files: list[str]) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False)
    place = target if target.is_absolute() or len(target.parts) > 1 else f"./{target}"
    trust = " --trust-my-own-code" if kind is SubmissionKind.CODE else ""
    own = f" --track {track}" if track.endswith(".toml") else ""
    console.print(f"Made {place} with {' and '.join(files)}. Next:")
    console.print(f"  1. put your {'ids' if kind is SubmissionKind.INDEX_ONLY else 'method'} in {target / files[1]}")
    console.print(f"  2. breadth check {place}{own}")
    console.print(f"  3. breadth run --track {track} --strategies random,{place} --seeds 1 --draws 1{trust}")

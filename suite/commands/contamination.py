"""`breadth contamination`: how much of a track's evaluation its pool holds, and which selections take more of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import UsageError

if TYPE_CHECKING:
    from suite.runner.experiment import Experiment
    from suite.selection import Selection
    from suite.studies.contamination import ContaminationOutcome


class Format(StrEnum):
    """How the outcome is written."""

    table = "table"
    csv = "csv"
    markdown = "markdown"
    json = "json"


def contamination(
    track: Annotated[str, typer.Option(help="The track whose pool is searched for its tasks' questions.")],
    selections: Annotated[
        list[Path] | None, typer.Argument(help="Saved selections (.json), or files of ids: do they take more of it?")
    ] = None,
    evals: Annotated[
        str | None, typer.Option(help="Also every known evaluation set of a folder, or of BREADTH_DATA (all).")
    ] = None,
    strategies: Annotated[
        str | None, typer.Option(help="Also the selections that these strategies have made before, all seeds.")
    ] = None,
    budget: Annotated[list[str] | None, typer.Option(help="Of which budget; repeatable. Default: the default.")] = None,
    base_model: Annotated[str | None, typer.Option(help="For which target model. Default: the track's first.")] = None,
    passages: Annotated[bool, typer.Option("--passages", help="Passages count as part of their questions.")] = False,
    examples: Annotated[int, typer.Option(help="How many pairs to show of each task.", min=0)] = 3,
    output_format: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.table,
    store: Annotated[str | None, typer.Option(help="Where the outcome is kept, as file:FOLDER.")] = None,
) -> None:
    """Count the questions of a track's tasks that share 13 words in a row with a prompt of its pool.

    Words are compared without case and punctuation. A question of 6 to 12 words counts where it is an instruction or an
    input as a whole; shorter ones are not checked. A selection is marked when it holds significantly more overlapping
    samples than a random draw of its size (hypergeometric test, Holm over the selections).

    Examples:

      breadth contamination --track alpaca-cpu

      breadth contamination --track m2m --evals all --format csv > overlap.csv

      breadth contamination --track alpaca-cpu --evals all picks.json my-ids.txt --strategies "random;k-center"
    """
    from suite.commands.opening import opened
    from suite.stores.url import open_store
    from suite.studies.contamination import NAME, check_contamination
    from suite.studies.contamination_sets import folder_questions, track_questions
    from suite.studies.kept import keep
    from suite.track import load_track

    definition = load_track(track)
    folder = _folder(evals)
    with opened(definition) as experiment:
        if store:
            experiment.store = open_store(store)
        place = experiment.store.folder
        given = [*_read(experiment, selections or []), *_made(experiment, strategies, budget, base_model)]
        asked, missing = track_questions(definition, experiment.notify)
        if folder:
            more, absent = folder_questions(folder)
            asked, missing = [*asked, *more], [*missing, *absent]
        outcome = check_contamination(
            definition,
            experiment.pool,
            asked,
            missing,
            selections=given,
            passages=passages,
            examples=examples,
            progress=experiment.progress("samples searched"),
        )
        keep(place, definition.name, NAME, outcome)
    _print(outcome, output_format)


def _print(outcome: ContaminationOutcome, output_format: Format) -> None:
    from suite.commands import contamination_formats as formats

    if output_format is Format.json:
        typer.echo(formats.as_json(outcome))
    elif output_format is Format.csv:
        typer.echo(formats.as_csv(outcome), nl=False)
    elif output_format is Format.markdown:
        typer.echo(formats.as_markdown(outcome), nl=False)
    else:
        formats.show(outcome)


def _folder(written: str | None) -> Path | None:
    from suite.home import data_folder
    from suite.studies.contamination_sets import ALL

    if written is None:
        return None
    if written != ALL:
        if not Path(written).is_dir():
            raise UsageError(f"--evals {written} is no folder; give one laid out like BREADTH_DATA/evals, or all.")
        return Path(written)
    folder = data_folder()
    if folder is None or not folder.is_dir():
        raise UsageError("--evals all reads BREADTH_DATA/evals: set BREADTH_DATA to a folder with evaluation sets.")
    return folder


def _read(experiment: Experiment, paths: list[Path]) -> list[tuple[str, Selection]]:
    from suite.selection import read_selection

    stems = [path.stem for path in paths]
    return [
        (path.stem if stems.count(path.stem) == 1 else str(path), read_selection(path, experiment.pool))
        for path in paths
    ]


def _made(
    experiment: Experiment, written: str | None, budgets: list[str] | None, base_model: str | None
) -> list[tuple[str, Selection]]:
    """The cached selections of some strategies; UsageError for one that has none."""
    from suite.commands.run import split_strategies
    from suite.registry import strategies as registry
    from suite.runner.cells import Wanted, plan_cells

    specs = split_strategies(written)
    if specs is None:
        return []
    chosen = [registry.parse(spec) for spec in specs]
    track = experiment.track
    model = track.base_model(base_model).name
    if not experiment.base_ready(model):
        raise UsageError(f"No selection for {model} was made on this machine: it has no such base model yet.")
    sizes = tuple(track.check_budget(size) for size in budgets) if budgets else (track.default_budget,)
    found: dict[str, Selection] = {}
    for strategy in chosen:
        before = len(found)
        wanted = Wanted(budgets=sizes, base_models=(model,))
        for cell in plan_cells(track, [strategy], wanted):
            if cell.strategy is None:
                continue
            picked = experiment.selector(model).cached(cell.strategy, cell.budget, cell.selection_seed)
            if picked is not None:
                draw = "" if cell.strategy.info.deterministic else f" draw {cell.selection_seed}"
                size = f" {cell.budget}" if len(sizes) > 1 else ""
                found[f"{cell.strategy.spec}{size}{draw}"] = picked.selection
        if len(found) == before:
            raise UsageError(
                f"No selection of {strategy.spec} was made yet; make it with `breadth select` or `breadth run`."
            )
    return list(found.items())

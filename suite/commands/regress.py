"""`breadth regress`: whether strategies still pick what they picked, as fast, and as well."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import BreadthError, RegressionError

if TYPE_CHECKING:
    from rich.console import Console

    from suite.regression.baseline import Baseline
    from suite.regression.checking import Check
    from suite.regression.quality import Trained


def regress(
    strategies: Annotated[
        str | None,
        typer.Option(help="Comma- or semicolon-separated, parameters as name:key=value. Default: the baseline's."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", "-b", help="The baseline's file or folder [./breadth-baseline.json].")
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Also fine-tune on the picks, and compare with the baseline's models.")
    ] = False,
    untimed: Annotated[bool, typer.Option("--untimed", help="Picks and metrics alone: no time, no memory.")] = False,
    jobs: Annotated[int | None, typer.Option(help="Lanes of --train; default one a GPU or core.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a summary for a pull request to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Make what is now the baseline, after asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Update without asking.")] = False,
) -> None:
    """Hold strategies against a baseline: golden picks, metrics, time, memory and, with --train, quality.

    The pool is small, generated and pinned; time is measured against calibration kernels in the same run, so that
    another machine or a busy one is no regression. Each aspect is identical, equivalent (within noise), better, worse
    or broken. Exit status: 0 where nothing is worse, 1 where something is worse, 2 where something is broken (other
    picks, another metric of the same picks, a failure) or nothing could be checked.

    Examples:

      breadth regress --update --yes

      breadth regress

      breadth regress --strategies "k-center;my-strategy:depth=3" --markdown summary.md

      breadth regress --train --json
    """
    from suite.regression.baseline import baseline_path

    asked = Asked(baseline_path(baseline), strategies, train, not untimed, jobs)
    try:
        known, found, trained = _carried_out(asked, update=update)
        raise typer.Exit(_told(asked, known, found, trained, markdown, as_json=as_json, update=update, yes=yes))
    except RegressionError:
        raise
    except BreadthError as error:
        # Exit status 1 says that a strategy became worse, and nothing else may say so.
        raise RegressionError(str(error)) from error


@dataclass(frozen=True)
class Asked:
    """What is to be checked, and how, as the options say."""

    path: Path
    strategies: str | None
    train: bool
    timed: bool
    jobs: int | None


def _carried_out(asked: Asked, *, update: bool) -> tuple[Baseline, Check, Trained | None]:
    from rich.console import Console

    from suite.commands.display import Display
    from suite.commands.run import split_strategies
    from suite.regression.baseline import Baseline, read_baseline
    from suite.regression.checking import check
    from suite.regression.observing import Laboratory
    from suite.regression.quality import train
    from suite.regression.setting import default_strategies
    from suite.runner.executors import count_lanes

    known = Baseline() if update and not asked.path.exists() else read_baseline(asked.path)
    if not (update or known.strategies or asked.strategies):
        raise RegressionError(f"{asked.path} records no strategy, so nothing can be checked: add --update.")
    specs = split_strategies(asked.strategies) or tuple(known.strategies)
    here = known.on_the_pool_of_now() if update else known
    if here != known:
        # Another pool has other picks of everything.
        specs = tuple(dict.fromkeys([*known.strategies, *specs]))
    with Display(Console(stderr=True, soft_wrap=True)) as display, Laboratory(here.setting) as laboratory:
        if asked.strategies is None and update:
            specs = tuple(dict.fromkeys([*specs, *default_strategies(laboratory.context)]))
        found = check(here, specs, laboratory, timed=asked.timed, recording=update, watch=display.work("strategies"))
        if not asked.train:
            return known, found, None
        trained = train(
            found,
            here,
            asked.path,
            lanes=count_lanes(asked.jobs),
            watcher=display,
            notify=display.say,
            progress=display.work,
        )
        return known, trained.check, trained


def _told(
    asked: Asked,
    known: Baseline,
    found: Check,
    trained: Trained | None,
    markdown: Path | None,
    *,
    as_json: bool,
    update: bool,
    yes: bool,
) -> int:
    """Show and write the outcome, update the baseline where that is asked for; the exit status."""
    from rich.console import Console

    from suite.atomic import write_text
    from suite.commands import regress_formats
    from suite.regression.verdicts import EXIT_BROKEN, exit_code

    console = Console(soft_wrap=True, stderr=as_json)
    regress_formats.show(found, console)
    unchecked = bool(found.unrecorded) and not update
    status = EXIT_BROKEN if unchecked else exit_code(found.verdict)
    if as_json:
        typer.echo(regress_formats.as_json(found, status))
    if markdown is not None:
        write_text(markdown, regress_formats.as_markdown(found))
    if update:
        return _update(known, found, asked.path, console, trained, yes=yes)
    if unchecked:
        raise RegressionError(
            f"{asked.path} has no record of {', '.join(found.unrecorded)}: make one with --update --strategies."
        )
    return status


def _update(known: Baseline, found: Check, path: Path, console: Console, trained: Trained | None, *, yes: bool) -> int:
    from suite.commands.regress_formats import changes, quality_changes
    from suite.regression.baseline import changing
    from suite.regression.checking import renewed
    from suite.regression.verdicts import EXIT_BROKEN, EXIT_FINE

    made = renewed(known.on_the_pool_of_now(), found)
    failed = [spec for spec, one in found.found.items() if one.failure]
    lines = changes(known, made) + ([] if trained is None else quality_changes(trained, path))
    if lines:
        console.print(f"\n{path} changes:", highlight=False)
        for line in lines:
            console.print(f"  {line}", highlight=False, markup=False)
        if not yes and not _agreed():
            raise RegressionError("Nothing was written.")
        with changing(path) as there:
            # What others recorded meanwhile stays.
            changed = {spec: entry for spec, entry in made.strategies.items() if known.strategies.get(spec) != entry}
            gone = [spec for spec in known.strategies if spec not in made.strategies]
            there.model_copy(update={"setting": made.setting}).merged(changed, gone).write(path)
        console.print(f"Written. {path} holds {len(made.strategies)} strategies.", highlight=False)
        if trained is not None:
            console.print(f"{trained.keep(path)} results of fine-tuned models are kept beside it.", highlight=False)
    else:
        console.print(f"\n{path} is as it should be: nothing was written.", highlight=False)
    if failed:
        console.print(f"Not recorded, because they fail: {', '.join(failed)}.", highlight=False)
    return EXIT_BROKEN if failed else EXIT_FINE


def _agreed() -> bool:
    try:
        return typer.confirm("Write it?", err=True)
    except typer.Abort as error:
        raise RegressionError("Nothing was written, because nobody answered: --yes writes without asking.") from error

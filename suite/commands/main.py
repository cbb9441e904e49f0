"""The root of the `breadth` command: finds its verbs by entry point and prints errors as one sentence."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from suite import __version__
from suite.errors import BreadthError, Interrupted
from suite.extras import explained

HELP = """Which samples should a model be fine-tuned on? Breadth selects, fine-tunes, evaluates and ranks.

Start here:

  breadth doctor                          what this machine can run
  breadth tracks                          the experiments there are
  breadth run --track microworld          rank strategies by really fine-tuned models
  breadth board --track microworld        look at the table again
"""

PANELS = {
    "Rank strategies": ("run", "board", "report", "leaderboard"),
    "Pools and selections": ("tracks", "strategies", "metrics", "select", "measure", "replay"),
    "Studies": ("ladder", "correlate", "levels", "overlap", "contamination"),
    "Models and judges": ("evaluate", "judge"),
    "Submissions": ("init", "check", "submit", "status", "withdraw"),
    "Boards": ("worker", "queue", "push", "pull", "recompute", "publish-space"),
    "This machine, and changes": ("doctor", "regress"),
}
"""How the help groups the verbs, in its order; those of other packages stand below, by name."""


def application() -> typer.Typer:
    """The command with every verb of the entry-point group `breadth.commands`, built-in or not."""
    app = typer.Typer(
        name="breadth",
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    panels = {verb: panel for panel, verbs in PANELS.items() for verb in verbs}
    order = list(panels)
    for entry_point in sorted(
        importlib.metadata.entry_points(group="breadth.commands"),
        key=lambda entry: (order.index(entry.name) if entry.name in panels else len(order), entry.name),
    ):
        try:
            app.command(entry_point.name, rich_help_panel=panels.get(entry_point.name))(_stoppable(entry_point.load()))
        except Exception as error:  # a stranger's broken verb must not take the others down
            print(f"breadth: the command {entry_point.name!r} ({entry_point.value}) failed: {error}", file=sys.stderr)
    return app


def run() -> None:
    """Entry point of the `breadth` script."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments or bool(os.environ.get("BREADTH_DEBUG"))
    try:
        application()(args=[argument for argument in arguments if argument != "--debug"])
    except Interrupted as stop:
        print(f"\n{stop}", file=sys.stderr)
        sys.exit(stop.exit_code)
    except BreadthError as error:
        if debug:
            raise
        _print_error(str(error))
        sys.exit(error.exit_code)
    except ImportError as error:
        missing = explained(error)
        if debug or missing is None:
            raise
        _print_error(str(missing))
        sys.exit(missing.exit_code)
    except BrokenPipeError:
        # The reader of our output (such as `head`) has gone; that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    # Inside the command, because typer turns a KeyboardInterrupt that reaches it into a bare "Aborted.".
    @functools.wraps(command)
    def call(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            raise Interrupted from None

    return call


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error (anywhere).")] = False,
) -> None:
    if version:
        typer.echo(f"breadth {__version__}")
        raise typer.Exit


def _print_error(message: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    console.print(Text.assemble(("Error: ", "bold red"), message))


if __name__ == "__main__":
    run()

"""`breadth pull`: mirror the results of a repository on the Hub into a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def pull(
    store: Annotated[str, typer.Argument(help="Where from, as hf://datasets/ORG/NAME.")],
    to: Annotated[
        Path | None, typer.Option("--to", "-o", help="The folder. Default: the mirror in BREADTH_HOME.")
    ] = None,
) -> None:
    """Mirror a store on the Hub into a folder of the same shape, which every command reads as file:FOLDER.

    Only what has changed is fetched, every file is checked, and a pull that was stopped goes on where it was. Files of
    the folder's own stay; those that came from the Hub and are gone there are removed.

    Examples:

      breadth pull hf://datasets/my-org/results

      breadth pull hf://datasets/my-org/results --to results

      breadth board --track microworld --store file:results
    """
    from rich.console import Console

    from suite.commands.display import Display
    from suite.stores import open_store
    from suite.stores.hub.mirror import mirror
    from suite.stores.hub.store import hub_store

    source = hub_store(open_store(store))
    folder = to.absolute() if to else source.folder
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        state = mirror(source.repository, folder, verify=True, progress=display.work("fetching"))
    console = Console(soft_wrap=True)
    kept = len(state.versions) - state.fetched
    console.print(
        f"{state.fetched:,} files fetched, {kept:,} were there, {state.removed:,} removed: "
        f"{source.url} at {state.commit[:12]}.",
        highlight=False,
    )
    for refused in state.refused:
        console.print(f"  not fetched: {refused.path}: {refused.reason}", highlight=False, markup=False)
    console.print(f"Read it with --store file:{folder}", highlight=False, markup=False)

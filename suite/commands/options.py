"""Options that several commands have, in the same words everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

TrackOption = Annotated[str, typer.Option(help="A track, or a .toml file of your own.")]
StudyBudgets = Annotated[list[str] | None, typer.Option(help="A budget of the track: a count (500) or a share.")]
StudyModel = Annotated[str | None, typer.Option(help="A base model of the track. Default: its first.")]
StudySeeds = Annotated[int | None, typer.Option(help="Only the first N registered seeds; the table says so.")]
StudyRuns = Annotated[bool, typer.Option("--run/--no-run", help="Train what is missing, or only tabulate.")]
StudyStore = Annotated[str | None, typer.Option(help="Where results go, as file:FOLDER.")]
StudyDryRun = Annotated[bool, typer.Option("--dry-run", help="Print the cells, what is cached, the time.")]
RequestsOption = Annotated[str | None, typer.Option(help="Where requests live: file:FOLDER or hf://datasets/ORG/NAME.")]
Lanes = Annotated[int | None, typer.Option(help="Lanes that work at once; default one a GPU or core.")]
DiscardModels = Annotated[bool, typer.Option("--discard-models", help="Delete weights once evaluated.")]
ExecutorOption = Annotated[str, typer.Option(help="local: this machine; ray: an existing Ray cluster.")]
RayAddress = Annotated[
    str | None, typer.Option(help="HOST:PORT of the cluster's head; default RAY_ADDRESS, or the one running here.")
]
GpusPerCell = Annotated[
    int, typer.Option(help="GPUs that hold one model, layer by layer, for models that do not fit one.")
]

"""`breadth tracks`: the experiments there are, and everything that one of them fixes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.errors import UsageError

if TYPE_CHECKING:
    from suite.track import Track


def tracks(
    name: Annotated[str | None, typer.Argument(help="A track (or a .toml file) to show whole.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print the track's file, to make one of your own.")] = False,
) -> None:
    """List the tracks, or show all that one of them fixes.

    Examples:

      breadth tracks

      breadth tracks alpaca-cpu

      breadth tracks my-own-track.toml --json

      breadth tracks m2m --toml > my-own-track.toml
    """
    from suite.track import load_track, track_names

    if as_toml:
        if name is None:
            raise UsageError("--toml prints one track: name it.")
        load_track(name)
        place = Path(name) if name.endswith(".toml") else files("suite.tracks").joinpath(f"{name}.toml")
        typer.echo(place.read_text(encoding="utf-8"), nl=False)
        return
    chosen = [load_track(name)] if name else [load_track(known) for known in track_names()]
    if as_json:
        import json

        typer.echo(json.dumps([track.model_dump(mode="json") for track in chosen], indent=1, ensure_ascii=False))
    elif name:
        _show(chosen[0])
    else:
        _list(chosen)


def _list(known: list[Track]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("track", "pool", "budgets", "base models", "seeds", "GPU-hours", "what it is"):
        table.add_column(heading, justify="right" if heading in ("pool", "GPU-hours") else "left")
    for track in known:
        table.add_row(
            f"[bold]{track.name}[/]",
            f"{track.pool.size:,}",
            ", ".join(f"{size:,}" for size in track.budget_sizes),
            ", ".join(model.name for model in track.base_models),
            str(len(track.seeds.training)),
            f"{track.gpu_hours:g}" if track.gpu_hours else "CPU",
            track.title,
        )
    Console().print(table)


def _show(track: Track) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{track.name}[/] v{track.version}: {track.title}", highlight=False)
    console.print(track.description.strip(), highlight=False, markup=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for key, value in _facts(track).items():
        table.add_row(key, value)
    console.print(table)


def _facts(track: Track) -> dict[str, str]:
    from rich.markup import escape

    recipe = track.recipe
    budgets = [f"{size:,}{' (default)' if size == track.default_budget else ''}" for size in track.budget_sizes]
    facts = {
        "pool": f"{track.pool.size:,} samples, fingerprint {track.pool.fingerprint or 'not pinned'}",
        "budgets": ", ".join(budgets),
        "base models": "; ".join(
            f"{model.name} ({model.hub} at {model.revision})"
            if model.kind == "hub"
            else f"{model.name} (built in place)"
            for model in track.base_models
        ),
        "recipe": (
            f"{recipe.method}, {recipe.epochs:g} epochs, learning rate {recipe.learning_rate:g}, batch "
            f"{recipe.batch_size}, length {recipe.max_length}, template {recipe.template}"
        ),
        "borrowed": ", ".join(recipe.borrowed) or "nothing: the source states every key",
        "tasks": ", ".join(f"{task.name} ({task.kind})" for task in track.evaluation.tasks),
        "seeds": f"training {list(track.seeds.training)}; random is drawn {track.seeds.random_draws} times for each",
        "GPU-hours": f"{track.gpu_hours:g} {track.gpu_hours_note}".strip(),
        "licence": track.licence,
        "citation": track.citation.strip(),
        "identity": track.identity,
    }
    return {key: escape(value) for key, value in facts.items()}

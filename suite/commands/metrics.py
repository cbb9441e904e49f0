"""`breadth metrics`: every registered metric with its facts and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from suite.registry import Metric

FAMILIES = ("lexical", "distance", "distribution", "both", "post-hoc")


def metrics(
    name: Annotated[str | None, typer.Argument(help="A metric to show whole.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the diversity metrics, or show one with its documentation and parameters.

    Examples:

      breadth metrics

      breadth metrics novelsum

      breadth metrics --json
    """
    from suite.registry import metrics as registry

    chosen = [registry.get(name)] if name else list(registry)
    if as_json:
        import json

        typer.echo(json.dumps([_facts(cls) for cls in chosen], indent=1, ensure_ascii=False))
    elif name:
        _show(chosen[0])
    else:
        _list(chosen, registry.broken)


def _facts(cls: type[Metric]) -> dict[str, Any]:
    import dataclasses
    import inspect

    from suite.features import TrackContext

    info = dataclasses.asdict(cls.info)
    del info["level"]  # of strategies alone
    plugin = cls()
    parameters = {
        field.name: {"type": str(field.type), "default": field.default}
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
    }
    return {
        **info,
        "higher_is_diverse": cls.higher_is_diverse,
        "view": plugin.parameters.get("view", ""),
        "features": [feature.kind for feature in plugin.requires(TrackContext(track="", pool_size=0))],
        "what": (inspect.getdoc(cls) or "").partition("\n")[0],
        "parameters": parameters,
    }


def _list(chosen: list[type[Metric]], broken: dict[str, str]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("metric", "family", "diverse", "reads", "what it measures [dim](cost; source)[/]"):
        table.add_column(heading)
    everything = sorted(map(_facts, chosen), key=lambda facts: (_place(facts["family"]), facts["name"]))
    for facts in everything:
        table.add_row(
            f"[bold]{facts['name']}[/]",
            facts["family"],
            "higher" if facts["higher_is_diverse"] else "lower",
            _reads(facts),
            escape(facts["what"]) + f"\n[dim]{escape('; '.join(filter(None, (facts['cost'], facts['paper']))))}[/]",
        )
    console.print(table)
    for place, reason in broken.items():
        console.print(f"[red]failed to import:[/] {escape(place)} ({escape(reason)})")


def _reads(facts: dict[str, Any]) -> str:
    what = ", ".join(facts["features"]) or "texts"
    return f"{what} of {facts['view']}" if facts["view"] else what


def _place(family: str) -> int:
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)


def _show(cls: type[Metric]) -> None:
    import inspect

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    facts = _facts(cls)
    direction = "higher" if facts["higher_is_diverse"] else "lower"
    console.print(
        f"[bold]{facts['name']}[/]  family {facts['family'] or 'not stated'}, {direction} is more diverse, "
        f"cost {escape(facts['cost']) or 'not stated'}, reads {_reads(facts)}",
        highlight=False,
    )
    console.print(escape(inspect.getdoc(cls) or ""), highlight=False)
    for key in ("paper", "licence", "origin"):
        if facts[key]:
            console.print(f"[bold]{key}[/] {escape(facts[key])}", highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("parameter", "type", "default"):
        table.add_column(heading)
    for key, field in facts["parameters"].items():
        table.add_row(key, escape(field["type"]), escape(repr(field["default"])))
    if facts["parameters"]:
        console.print(table)
        key, field = next(iter(facts["parameters"].items()))
        console.print(f"Write it as [bold]{facts['name']}:{key}={field['default']}[/].")

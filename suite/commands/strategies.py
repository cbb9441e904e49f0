"""`breadth strategies`: every registered strategy with its facts and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from suite.registry import Strategy


def strategies(
    name: Annotated[str | None, typer.Argument(help="A strategy to show whole.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the strategies, or show one with its documentation and parameters.

    Examples:

      breadth strategies

      breadth strategies k-means

      breadth strategies --json
    """
    from suite.registry import strategies as registry

    chosen = [registry.get(name)] if name else list(registry)
    if as_json:
        import json

        typer.echo(json.dumps([_facts(cls) for cls in chosen], indent=1, ensure_ascii=False))
    elif name:
        _show(chosen[0])
    else:
        _list(chosen, registry.broken)


def _facts(cls: type[Strategy]) -> dict[str, Any]:
    import dataclasses
    import inspect

    parameters = {
        field.name: {"type": str(field.type), "default": field.default}
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
    }
    return {
        **dataclasses.asdict(cls.info),
        "reference": cls.reference,
        "what": (inspect.getdoc(cls) or "").partition("\n")[0],
        "parameters": parameters,
    }


def _list(chosen: list[type[Strategy]], broken: dict[str, str]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("strategy", "level", "cost", "draws", "what it picks"):
        table.add_column(heading)
    for cls in chosen:
        facts = _facts(cls)
        table.add_row(
            f"[bold]{facts['name']}[/]" + (" [dim](reference)[/]" if cls.reference else ""),
            facts["level"],
            escape(facts["cost"]),
            "fixed" if facts["deterministic"] else "by seed",
            escape(facts["what"]),
        )
    console.print(table)
    for place, reason in broken.items():
        console.print(f"[red]failed to import:[/] {escape(place)} ({escape(reason)})")


def _show(cls: type[Strategy]) -> None:
    import inspect

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    facts = _facts(cls)
    console.print(f"[bold]{facts['name']}[/]  level {facts['level']}, cost {facts['cost'] or 'not stated'}")
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

"""How strategies and metrics are listed and shown: facts for programs, one line each, or one whole."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from suite.registry import Plugin

WIDE = 200
"""Columns of a list that no terminal shows: nothing is cut there."""


def plugin_facts(cls: type[Plugin]) -> dict[str, Any]:
    """Everything a plugin says of itself, ready for JSON; `what` is the first line of its documentation."""
    info = dataclasses.asdict(cls.info)
    return {
        **info,
        "features": _features(cls),
        "what": (inspect.getdoc(cls) or "").partition("\n")[0],
        "parameters": {
            field.name: {"type": str(field.type), "default": field.default}
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        },
    }


def print_list(
    headings: Sequence[str], rows: Iterable[Sequence[str]], broken: Mapping[str, str], *, command: str
) -> None:
    """One line a plugin, the name first and the explanation last; on a narrow terminal the explanation is cut."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for name, *rest in rows:
        table.add_row(f"[bold]{escape(name)}[/]", *map(escape, rest))
    console.print(table)
    for place, reason in broken.items():
        console.print(f"[red]failed to import:[/] {escape(place)} ({escape(reason)})")
    console.print(f"[dim]Parameters, cost and source of one: breadth {command} NAME[/]")


def print_whole(cls: type[Plugin], headline: str) -> None:
    """One plugin with its documentation, facts and parameters."""
    console = Console(soft_wrap=True)
    facts = plugin_facts(cls)
    console.print(f"[bold]{facts['name']}[/]  {escape(headline)}", highlight=False)
    console.print(escape(inspect.getdoc(cls) or ""), highlight=False)
    console.print(f"[bold]reads[/] {escape(', '.join(facts['features']) or 'the texts alone')}", highlight=False)
    for key in ("cost", "paper", "licence", "origin"):
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


def _features(cls: type[Plugin]) -> list[str]:
    """What the plugin reads with its default parameters, such as `embeddings (both)`."""
    from suite.features import TrackContext

    plugin: Any = cls()
    return [feature.label for feature in plugin.requires(TrackContext(track="", pool_size=0))]

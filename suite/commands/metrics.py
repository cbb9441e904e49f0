"""`breadth metrics`: every registered metric with its facts and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from suite.registry import Metric

FAMILIES = ("lexical", "distance", "distribution", "both", "post-hoc", "")


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
    from suite.commands.plugin_tables import print_list, print_whole
    from suite.registry import metrics as registry

    chosen = [registry.get(name)] if name else list(registry)
    if as_json:
        import json

        typer.echo(json.dumps([_facts(cls) for cls in chosen], indent=1, ensure_ascii=False))
    elif name:
        facts = _facts(chosen[0])
        print_whole(chosen[0], f"family {facts['family'] or 'not stated'}, {_direction(facts)} is more diverse")
    else:
        everything = sorted(map(_facts, chosen), key=lambda facts: (FAMILIES.index(facts["family"]), facts["name"]))
        rows = [
            [facts["name"], facts["family"], _direction(facts), facts["view"], facts["what"]] for facts in everything
        ]
        headings = ("metric", "family", "diverse", "view", "what it measures")
        print_list(headings, rows, registry.broken, command="metrics")


def _facts(cls: type[Metric]) -> dict[str, Any]:
    from suite.commands.plugin_tables import plugin_facts

    facts = plugin_facts(cls)
    del facts["level"]  # of strategies alone
    view = facts["parameters"].get("view", {}).get("default", "")
    return {**facts, "higher_is_diverse": cls.higher_is_diverse, "view": view}


def _direction(facts: dict[str, Any]) -> str:
    return "higher" if facts["higher_is_diverse"] else "lower"

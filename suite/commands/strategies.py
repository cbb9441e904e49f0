"""`breadth strategies`: every registered strategy with its facts and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from suite.registry import Strategy

LEVELS = ("macro", "meso", "micro", "embedding", "model-aware", "baseline")


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
    from suite.commands.plugin_tables import print_list, print_whole
    from suite.registry import strategies as registry

    chosen = [registry.get(name)] if name else list(registry)
    if as_json:
        import json

        typer.echo(json.dumps([_facts(cls) for cls in chosen], indent=1, ensure_ascii=False))
    elif name:
        facts = _facts(chosen[0])
        print_whole(chosen[0], f"level {facts['level']}, draws {_draws(facts)}")
    else:
        everything = sorted(map(_facts, chosen), key=lambda facts: (LEVELS.index(facts["level"]), facts["name"]))
        rows = [[facts["name"], facts["level"], _draws(facts), facts["what"]] for facts in everything]
        print_list(("strategy", "level", "draws", "what it picks"), rows, registry.broken, command="strategies")


def _facts(cls: type[Strategy]) -> dict[str, Any]:
    from suite.commands.plugin_tables import plugin_facts

    facts = {**plugin_facts(cls), "reference": cls.reference}
    del facts["family"]  # of metrics alone
    return facts


def _draws(facts: dict[str, Any]) -> str:
    draws = "fixed" if facts["deterministic"] else "by seed"
    return f"{draws}, never ranked" if facts["reference"] else draws

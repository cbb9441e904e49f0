"""A plan and its costs, as a dry run prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from suite.plain_text import duration

if TYPE_CHECKING:
    from rich.console import Console

    from suite.cost.reckoning import CellCost, Reckoned
    from suite.runner.plan import Plan

GIB = 2**30


def print_plan(console: Console, plan: Plan) -> None:
    """Every cell by its state, and how long the rest should take."""
    from collections import Counter

    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("strategy", "budget", "base model", "cells", "state"):
        table.add_column(heading, justify="right" if heading in ("budget", "cells") else "left")
    rows: Counter[tuple[str, int, str, str]] = Counter()
    for planned in plan.cells:
        identity = planned.cell.identity
        rows[identity.spec, identity.budget, identity.base_model, planned.state] += 1
    for (spec, size, model, state), count in rows.items():
        table.add_row(spec, f"{size:,}" if size else "-", model, str(count), state)
    console.print(table)
    states = Counter(planned.state for planned in plan.cells)
    console.print(f"{len(plan.cells)} cells: " + ", ".join(f"{count} {state}" for state, count in states.items()) + ".")
    if plan.seconds is None:
        console.print("Time: not known, because no cell of this track was run here and the track states no figure.")
    else:
        console.print(
            f"Time: about {duration(plan.seconds)} on {plan.lanes} lane(s), {plan.seconds_per_cell:.0f} s a cell "
            f"by {plan.basis}. Nothing was run."
        )


def print_costs(console: Console, reckoned: Reckoned) -> None:
    """GPU-hours, tokens, operations, memory and disk of every kind of cell, and in all."""
    from rich.table import Table

    if not reckoned.rows:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("strategy", "budget", "base model", "cells", "trained", "read", "PFLOP", "GPU-h", "GiB", "disk"):
        justify: Literal["left", "right"] = "left" if heading in ("strategy", "base model") else "right"
        name = justify == "left"
        # In a narrow terminal names go on in a second line, and numbers stay whole.
        table.add_column(heading, justify=justify, no_wrap=not name, overflow="fold", min_width=12 if name else None)
    for (size, model, cost), specs in _alike(reckoned).items():
        table.add_row(
            specs[0][0] if len(specs) == 1 else f"{specs[0][0]} and {len(specs) - 1} more",
            f"{size:,}" if size else "-",
            model,
            str(sum(count for _, count in specs)),
            _short(cost.training_tokens),
            _short(cost.evaluation_tokens),
            _number((cost.training_flops + cost.evaluation_flops) / 1e15),
            _number(reckoned.hours(cost)),
            f"{cost.memory / GIB:,.0f}",
            _bytes(cost.disk),
        )
    card = reckoned.card
    cards = f"{reckoned.gpus_per_cell} x {card.name}" if reckoned.gpus_per_cell > 1 else card.name
    console.print(
        f"\nEstimated for each cell on {cards} ({card.source}): tokens trained on, tokens read and written in "
        "evaluation, operations, GPU-hours, memory of the card, disk.",
        highlight=False,
    )
    console.print(table)
    for what, seconds in reckoned.features:
        console.print(f"Once for all cells: {what}, {_number(seconds / 3600)} GPU-hours.", highlight=False)
    tokens = sum(n * (cost.training_tokens + cost.evaluation_tokens) for *_, n, cost in reckoned.rows)
    flops = sum(n * (cost.training_flops + cost.evaluation_flops) for *_, n, cost in reckoned.rows)
    disk = sum(n * cost.disk for *_, n, cost in reckoned.rows)
    console.print(
        f"In all: {_number(reckoned.gpu_hours)} GPU-hours, {_short(tokens)} tokens, {_number(flops / 1e15)} PFLOP, "
        f"{_bytes(disk)} of weights (with --discard-models those of a cell at a time). Estimates: formulas and what "
        "was measured stand in docs/results/cost-model.md.",
        highlight=False,
    )
    for note in reckoned.notes:
        console.print(f"[dim]{note}[/]", highlight=False)
    for model, needed in reckoned.short_of_memory().items():
        console.print(
            f"[yellow]{model} needs about {needed / GIB:,.0f} GiB and {cards} has "
            f"{card.memory * reckoned.gpus_per_cell / GIB:,.0f}[/]: set --gpus-per-cell "
            f"{reckoned.gpus_for(model, needed)}, or take a card with more (--card).",
            highlight=False,
        )


def _alike(reckoned: Reckoned) -> dict[tuple[int, str, CellCost], list[tuple[str, int]]]:
    """Strategies with their cells, by budget, base model and cost: what is picked changes the cost little."""
    found: dict[tuple[int, str, CellCost], list[tuple[str, int]]] = {}
    for spec, size, model, count, cost in reckoned.rows:
        found.setdefault((size, model, cost), []).append((spec, count))
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _short(count: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:,.1f}{unit}"
    return f"{count:,.0f}"


def _bytes(count: float) -> str:
    return f"{count / GIB:,.1f} GiB" if count >= GIB else f"{count / 2**20:,.0f} MiB"

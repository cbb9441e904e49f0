"""How `breadth overlap` writes its outcome: for a terminal, as CSV, as Markdown, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from suite.commands.plugin_tables import WIDE
from suite.plain_text import Value, csv_text, markdown_text, visible

if TYPE_CHECKING:
    from suite.studies.overlap import OverlapOutcome, OverlapTable, Pair

COLUMNS = ("shared", "expected", "times_chance", "jaccard", "chance_jaccard", "p", "p_holm")
SHOWN = 20
"""Pairs that a terminal shows of each budget: those furthest from chance."""


def as_json(outcome: OverlapOutcome) -> str:
    """The outcome as it is kept."""
    return json.dumps(outcome.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(outcome: OverlapOutcome) -> str:
    """One line a pair of strategies and budget, the pair with itself (two draws of one strategy) included."""
    return csv_text(["track", "budget", "first", "second", *COLUMNS], _lines(outcome))


def as_markdown(outcome: OverlapOutcome) -> str:
    """For each budget the matrix of Jaccard indices in per cent, then the pairs that are not what chance gives."""
    parts = []
    for table in outcome.tables:
        names = [one.spec for one in table.strategies]
        parts += [f"### Budget {table.budget:,}", "", _reading(outcome, table), ""]
        parts += [f"| Jaccard, % | {' | '.join(str(number) for number in range(1, len(names) + 1))} |"]
        parts += [f"| --- |{' ---: |' * len(names)}"]
        for number, name in enumerate(names, start=1):
            cells = [f"{100 * value:.1f}" if value is not None else "-" for value in matrix_row(table, name)]
            parts.append(f"| {number} {markdown_text(name)} | {' | '.join(cells)} |")
        if beyond := furthest(table):
            parts += ["", "| pair | rows in common | by chance | times chance | Jaccard, % | p (Holm) |"]
            parts += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
            parts += [
                f"| {markdown_text(pair.first)}, {markdown_text(pair.second)} | {' | '.join(_cells(pair))} |"
                for pair in beyond
            ]
        parts += [
            "",
            *(f"- Left out: {markdown_text(one.spec)}: {markdown_text(one.reason)}" for one in table.left_out),
            "",
        ]
    return "\n".join(parts).rstrip() + "\n"


def show(outcome: OverlapOutcome) -> None:
    """The pairs furthest from chance as a table on the terminal, a table a budget."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(soft_wrap=True)
    if not console.is_terminal:
        console = Console(width=WIDE)
    for table in outcome.tables:
        page = Table(box=None, header_style="bold", pad_edge=False, title=f"{outcome.track}, budget {table.budget:,}")
        page.add_column("strategy")
        page.add_column("and")
        for heading in ("rows in common", "by chance", "times chance", "Jaccard, %", "p (Holm)"):
            page.add_column(heading, justify="right")
        ordered = sorted(table.pairs, key=_surprise)
        for pair in ordered[:SHOWN]:
            style = "bold" if pair.beyond_chance else ""
            page.add_row(escape(visible(pair.first)), escape(visible(pair.second)), *_cells(pair), style=style)
        console.print(page)
        rest = len(ordered) - SHOWN
        if rest > 0:
            console.print(f"{rest} more pairs are nearer to chance; --format csv writes all.", highlight=False)
        console.print(_reading(outcome, table), highlight=False, markup=False)
        for one in table.left_out:
            console.print(f"Left out: {visible(one.spec)}: {visible(one.reason)}", highlight=False, markup=False)


def matrix_row(table: OverlapTable, spec: str) -> list[float | None]:
    """The Jaccard indices of one strategy with every strategy of the table, in its order."""
    return [one.own_jaccard if one.spec == spec else table.pair(spec, one.spec).jaccard for one in table.strategies]


def furthest(table: OverlapTable) -> list[Pair]:
    """The pairs that share significantly more, or fewer, rows than chance gives, the furthest from it first."""
    return sorted((pair for pair in table.pairs if pair.beyond_chance), key=_surprise)


def _lines(outcome: OverlapOutcome) -> Iterator[list[Value]]:
    for table in outcome.tables:
        for one in table.strategies:
            own = [None, None, None, one.own_jaccard, None, None, None]
            yield [outcome.track, table.budget, one.spec, one.spec, *own]
        for pair in table.pairs:
            yield [outcome.track, table.budget, pair.first, pair.second, *(getattr(pair, name) for name in COLUMNS)]


def _surprise(pair: Pair) -> tuple[float, float]:
    return (pair.p if pair.p is not None else 2.0, -pair.times_chance)


def _cells(pair: Pair) -> list[str]:
    p_holm = "-" if pair.p_holm is None else f"{pair.p_holm:.3g}"
    return [
        f"{pair.shared:.1f}",
        f"{pair.expected:.1f}",
        f"{pair.times_chance:.2f}",
        f"{100 * pair.jaccard:.2f}",
        p_holm,
    ]


def _reading(outcome: OverlapOutcome, table: OverlapTable) -> str:
    from suite.statistics.set_overlap import expected_jaccard

    chance = expected_jaccard(outcome.pool_size, table.budget, table.budget)
    beyond = sum(pair.beyond_chance for pair in table.pairs)
    return (
        f"Two unrelated draws of {table.budget:,} of {outcome.pool_size:,} samples have a Jaccard index of "
        f"{100 * chance:.2f} % on average. {beyond} of {len(table.pairs)} pairs share more, or fewer, rows than "
        "chance gives (Holm-adjusted p below 0.05)."
    )

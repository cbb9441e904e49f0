"""Score against budget: what more samples bring, strategy by strategy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from leaderboard.page import Page
from leaderboard.views.shown import drawn_table, linked, no_table, shown_table, to_comparison, told_hidden
from suite.aggregate import Row, Table
from suite.figures.budget import HOW_TO_READ as READ_LINES
from suite.figures.budget import READ_SCORES, budget_figure, scores_figure
from suite.report.blocks import Block, Column, Command, Grid, Paragraph, Picture, Value

NAME, TITLE = "budget", "Budget"
HOW_TO_READ = READ_LINES
CONTROLS = ("track", "base_model", "tasks", "level", "kind", "search", "variants")
KEPT = ("random", "full")


def blocks(page: Page) -> Iterator[Block]:
    """Lines over every budget, or the scores of the only one; then a table with a group of columns a budget."""
    table = page.table
    if page.data is None or table is None:
        yield from no_table(page)
        return
    whole = _alike(page, table)
    shown = [shown_table(page, one, KEPT) for one in whole]
    board = replace(page.data.board, tables=tuple(drawn_table(one, KEPT) for one in shown))
    if len(shown) > 1:
        drawn = budget_figure(board)
        if drawn is not None:
            yield Picture("budget-lines", drawn, "Score against budget", READ_LINES)
    else:
        yield from _alone(page, table)
        drawn = scores_figure(board, board.tables[0])
        if drawn is not None:
            yield Picture("budget-scores", drawn, f"Score at {table.budget:,} samples", READ_SCORES)
    if drawn is None:
        yield Paragraph("No figure: no complete row has a score here.", "note")
    yield from told_hidden(page, table, shown_table(page, table))
    yield linked(_grid(shown), 0, to_comparison(page))


def _alike(page: Page, table: Table) -> list[Table]:
    """The tables of every budget on the same pool, weights and engine, narrowed to the chosen tasks; smallest first."""
    assert page.data is not None
    wanted = (table.pool, table.base_model, table.base_weights, table.engine)
    budgets = sorted({one.budget for one in page.data.board.tables if one.base_model == table.base_model})
    found = [table if one == table.budget else page.data.table(page.address.changed(budget=one)) for one in budgets]
    return [
        one for one in found if one is not None and (one.pool, one.base_model, one.base_weights, one.engine) == wanted
    ]


def _alone(page: Page, table: Table) -> Iterator[Block]:
    """There is one budget: said, with the command that makes another where the track has one."""
    assert page.data is not None
    said = (
        f"Only one budget has results on {table.base_model}, {table.budget:,} samples, so there is no line to draw: "
        "these are the scores at it."
    )
    track = page.data.track
    others = [size for size in track.budget_sizes if size != table.budget] if track is not None else []
    if not others:
        yield Paragraph(f"{said} The track has no other.")
        return
    names = ";".join(row.spec for row in table.rows if not row.reference and not row.variant)
    yield Paragraph(f"{said} The track also has {', '.join(f'{size:,}' for size in others)} samples; this runs them:")
    made = [f"breadth run --track {shlex.quote(page.data.name)} --budget {size} --strategies " for size in others]
    yield Command("\n".join(line + shlex.quote(names) for line in made))


def _grid(tables: Sequence[Table]) -> Grid:
    """A row a strategy, in the order of the largest budget it has."""
    columns = [Column("strategy", role="name"), Column("level", role="family")]
    for table in tables:
        at = f"at {table.budget:,}"
        columns += [
            Column(f"score {at} (points)", ".1f", 100, key=f"score-{table.budget}"),
            Column(f"± {at} (points)", ".1f", 100, key=f"half-{table.budget}"),
            Column(f"to random {at} (points)", "+.1f", 100, key=f"difference-{table.budget}"),
            Column(f"± to random {at} (points)", ".1f", 100, key=f"difference-half-{table.budget}"),
        ]
    standing: dict[str, Row] = {}
    for table in reversed(tables):
        for row in table.rows:
            standing.setdefault(row.spec, row)
    by_budget = [{row.spec: row for row in table.rows} for table in tables]
    rows: list[tuple[Value, ...]] = []
    for spec, row in standing.items():
        cells: list[Value] = [spec, "baseline" if row.reference else row.level]
        for own in by_budget:
            cells += _numbers(own.get(spec))
        rows.append(tuple(cells))
    muted = frozenset(at for at, row in enumerate(standing.values()) if row.reference or not row.complete)
    return Grid("budgets", "Score at every budget", tuple(columns), tuple(rows), muted)


def _numbers(row: Row | None) -> tuple[Value, Value, Value, Value]:
    if row is None:
        return None, None, None, None
    score, apart = row.score, row.difference
    return (
        score.mean if score else None,
        score.half_width if score and score.known else None,
        apart.mean if apart else None,
        apart.half_width if apart and apart.known else None,
    )

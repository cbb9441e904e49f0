"""A board in words: its numbers as readers see them, what they mean, and what is not in the tables and why."""

from __future__ import annotations

from collections import Counter

from suite.aggregate.board import Board, Power, Row, Table
from suite.aggregate.moments import DRAWS
from suite.aggregate.provenance import provenance_notes
from suite.statistics.intervals import Estimate

SHOWN_SKIPPED = 3


def points(estimate: Estimate | None, sign: bool = False) -> str:
    """An estimate in points (hundredths) with half its 95 % interval, such as `41.2 ± 1.5`."""
    if estimate is None:
        return "-"
    mean = f"{100 * estimate.mean:{'+' if sign else ''}.1f}"
    return f"{mean} ± {100 * estimate.half_width:.1f}" if estimate.known else mean


def ranks(row: Row) -> str:
    """The rank with the range it could as well have, such as `2 (1-4)`; alone where it is sure, empty without one."""
    sure = row.rank_low is None or row.rank_low == row.rank_high == row.rank
    return str(row.rank or "") if sure else f"{row.rank} ({row.rank_low}-{row.rank_high})"


def percent(share: float | None) -> str:
    """A probability as `62 %`; nothing is called certain that a bootstrap merely never saw."""
    if share is None:
        return "-"
    return "<1 %" if share < 0.01 else ">99 %" if share > 0.99 else f"{100 * share:.0f} %"


def table_title(board: Board, table: Table) -> str:
    """The line above a table."""
    alike = [other for other in board.tables if (other.base_model, other.budget) == (table.base_model, table.budget)]
    weights = f", base weights {table.base_weights[:8]}" if len(alike) > 1 else ""
    engine = f", {table.engine}" if len({other.engine for other in alike}) > 1 else ""
    return f"{board.track}: budget {table.budget:,}, {table.base_model}{weights}{engine}"


def table_notes(table: Table) -> list[str]:
    """Remarks that belong to one table."""
    notes = []
    if table.withheld:
        notes.append(f"Nothing is ranked: {table.withheld}.")
    notes += [f"{note[0].upper() if note[0].isalpha() else note[0]}{note[1:]}." for note in table.notes]
    incomplete = [f"{row.spec} ({row.cells_done}/{row.cells_registered})" for row in table.rows if not row.complete]
    if incomplete:
        notes.append(f"Incomplete, hence unranked: {', '.join(incomplete)}.")
    notes += provenance_notes(table)
    if table.power is not None:
        notes.append(_power(table.power))
    for gap in table.separation:
        apart = gap.difference
        seeds = f"{apart.seeds} seed{'s' if apart.seeds > 1 else ''}"
        size = f"{apart.standard_errors:.1f} standard errors" if apart.standard_error > 0 else apart.note
        notes.append(
            f"Separation: {gap.better} - {gap.worse} = {100 * apart.mean:+.1f} points, {size} of the difference "
            f"({seeds})."
        )
    for task in table.tasks:
        if not task.enters and not table.withheld:
            margin = ""
            if task.margin is not None:
                margin = (
                    f" (margin {task.margin.mean:.3g}, standard error {task.margin.standard_error:.2g}, {task.unit})"
                )
            notes.append(f"Task {task.name} is left out of the score: {task.reason}{margin}.")
    return notes


def _power(power: Power) -> str:
    one_point = (
        "no number of seeds on these items finds 1 point"
        if power.seeds_for_one_point is None
        else f"1 point would take {power.seeds_for_one_point} seeds"
    )
    return (
        f"Power: with {power.seeds} seeds this table detects a difference to random of {100 * power.detectable:.1f} "
        f"points at 80 %, as one comparison ({100 * power.detectable_after_holm:.1f} as the first of "
        f"{power.comparisons} under Holm); {one_point}."
    )


def legend(board: Board) -> list[str]:
    """What the signs and columns of a printed table mean; pages explain their own."""
    if not board.tables:
        return []
    return [
        "How to read: ▲ beats random, ▼ worse, = tied; ● is the difference to random, ─ its 95 % interval, │ random; "
        "grey rows are references or incomplete, and unranked.",
        f"# is the rank, in brackets the middle 95 % of ranks in {DRAWS:,} bootstrap draws of crossed seeds and items: "
        "rows whose ranges overlap are tied. best is the share of draws in which the row came first; with few seeds "
        "such shares look surer than the test, which alone decides.",
    ]


def board_notes(board: Board) -> list[str]:
    """Remarks on the whole board."""
    notes = [
        f"Score ({board.score_version}), in points: mean over tasks, 0 = chance or the untuned model, 100 = all right "
        "or as good as the full pool. ± is half the 95 % interval over crossed seeds and items, tasks fixed. "
        "Random is beaten where the item-paired t test, Holm-adjusted over the ranked rows, is below 0.05.",
    ]
    if not board.tables:
        notes = [f"No table: of {board.results} results of track {board.track} none counts."]
    places = Counter((table.base_model, table.budget) for table in board.tables)
    for (model, budget), count in places.items():
        if count > 1:
            notes.append(
                f"{count} tables have budget {budget:,} on {model}: their base weights, pool or task items differ, and "
                "such results are never paired."
            )
    notes += [f"Not used: {count} result{'s' if count > 1 else ''} {why}." for why, count in board.set_aside.items()]
    if board.superseded:
        notes.append(f"Not used: {board.superseded} corrected by a later record.")
    if board.skipped:
        reasons = Counter(reason for _, reason in board.skipped).most_common(SHOWN_SKIPPED)
        listed = "; ".join(f"{count} x {reason}" for reason, count in reasons)
        rest = len(board.skipped) - sum(count for _, count in reasons)
        notes.append(
            f"Skipped {len(board.skipped)} file{'s' if len(board.skipped) > 1 else ''} of the store: {listed}"
            f"{f'; {rest} more' if rest else ''} (--format json lists each)."
        )
    return notes

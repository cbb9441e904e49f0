"""A board in the terminal: the ranked table with a forest plot inside, reference rows in grey."""

from __future__ import annotations

from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from suite.aggregate import Board, Row, Table
from suite.aggregate.wording import board_notes, legend, percent, points, ranks, table_notes, table_title
from suite.plain_text import duration, visible

# Okabe-Ito: told apart by colour-blind readers, too.
BETTER, WORSE, GREY = "#009E73", "#D55E00", "grey58"
MARKS = {"beats": "▲", "worse": "▼", "tied": "=", "baseline": "", "not judged": ""}
STYLES = {"beats": BETTER, "worse": WORSE}
ASCII = str.maketrans("●─│┼◀▶‹›▲▼±·", "o-|+<><>^v~.")
CHANCE_FROM, DETAILS_FROM, SCORE_FROM = 88, 78, 58
WIDEST_NAME, FIXED_COLUMNS = 28, 71
NARROWEST_PLOT, WIDEST_PLOT = 11, 33


@dataclass(frozen=True)
class Axis:
    """The scale of the inline forest plot, shared by all rows of a table; zero is `random`."""

    low: float
    high: float
    width: int

    @classmethod
    def of(cls, table: Table, width: int) -> Axis:
        """Wide enough for the complete rows that are no references (all, where there are none); others stick out."""
        # The untuned base and half-finished rows lie so far out that they would flatten everything else.
        shown = [row for row in table.rows if row.difference and row.complete and not row.reference] or table.rows
        ends = [0.0]
        for row in shown:
            if row.difference is not None:
                known = row.difference.known
                ends += [row.difference.low, row.difference.high] if known else [row.difference.mean]
        return cls(min(ends), max(ends), width)

    def at(self, value: float) -> int:
        """The column of a value; outside of 0 .. width - 1 where it lies beyond the scale."""
        span = self.high - self.low
        return round((value - self.low) / span * (self.width - 1)) if span else self.width // 2

    def draw(self, row: Row) -> Text:
        """Dot, whisker and zero line of one row."""
        cells = [" "] * self.width
        zero = self.at(0.0)
        cells[zero] = "│"
        if row.difference is None:
            return Text("".join(cells), style=GREY)
        dot = self.at(row.difference.mean)
        if row.difference.known:
            left, right = self.at(row.difference.low), self.at(row.difference.high)
            for column in range(max(left, 0), min(right, self.width - 1) + 1):
                cells[column] = "┼" if column == zero else "─"
            if left < 0 <= right:
                cells[0] = "‹"
            if right >= self.width > left:
                cells[-1] = "›"
        if 0 <= dot < self.width:
            cells[dot] = "●"
        else:
            cells[0 if dot < 0 else -1] = "◀" if dot < 0 else "▶"
        drawn = Text("".join(cells), style=GREY if row.reference else STYLES.get(row.verdict, ""))
        # The zero line stays grey inside a coloured whisker, so that it can be followed down the table.
        if zero != dot:
            drawn.stylize(GREY, zero, zero + 1)
        return drawn


def print_board(board: Board, console: Console) -> None:
    """Print every table with its notes, fitted to the console's width and to the characters it knows."""
    if not console.options.ascii_only:
        _print(board, console)
        return
    # Each sign has one of the same width, so the columns stay where they are.
    with console.capture() as capture:
        _print(board, console)
    console.file.write(capture.get().translate(ASCII).encode("ascii", "replace").decode())


def _print(board: Board, console: Console) -> None:
    for table in board.tables:
        console.print()
        console.print(Text(visible(table_title(board, table)), style="bold"))
        console.print(_raw_grid(table) if _without_scores(table) else _grid(table, console.width))
        _print_notes(table_notes(table), console)
    console.print()
    _print_notes([*legend(board), *board_notes(board)], console)


def _without_scores(table: Table) -> bool:
    return all(row.score is None for row in table.rows)


def _grid(table: Table, width: int) -> Grid:
    """One line a row; a narrow console loses the plot first, then P(best), then level and cost, then the score."""
    chances, detailed, scored = width >= CHANCE_FROM, width >= DETAILS_FROM, width >= SCORE_FROM
    longest = min(max(len(row.spec) for row in table.rows), WIDEST_NAME)
    room = min(WIDEST_PLOT, width - longest - FIXED_COLUMNS)
    axis = Axis.of(table, room) if room >= NARROWEST_PLOT else None
    grid = _empty_grid()
    grid.add_column("#", no_wrap=True)
    grid.add_column("strategy", overflow="fold", min_width=12)
    for name in [*["level"] * detailed, *["score"] * scored, "vs random"]:
        grid.add_column(name, justify="left" if name == "level" else "right", no_wrap=True)
    if axis:
        grid.add_column(_axis_heading(axis), no_wrap=True)
    for name in [*["best"] * chances, "cells", *["select"] * detailed]:
        grid.add_column(name, justify="right", no_wrap=True)
    for row in table.rows:
        cells: list[str | Text] = [ranks(row), Text(visible(row.spec))]
        cells += [Text(visible(row.level) + " ")] * detailed + [points(row.score)] * scored
        cells += [_difference(row), *([axis.draw(row)] if axis else [])]
        cells += [percent(row.p_best)] * chances + [f"{row.cells_done}/{row.cells_registered}"]
        cells += [duration(row.costs.selection_seconds)] * detailed
        grid.add_row(*cells, style=GREY if row.reference or not row.complete else None)
    return grid


def _raw_grid(table: Table) -> Grid:
    """Raw task means, for a table that has no scores yet."""
    grid = _empty_grid()
    grid.add_column("strategy", overflow="fold", min_width=12)
    grid.add_column("cells", justify="right", no_wrap=True)
    for task in table.tasks:
        grid.add_column(Text(f"{visible(task.name)} ({'bits/byte' if task.unit == 'bits-per-byte' else '%'})"))
        grid.columns[-1].justify = "right"
    for row in table.rows:
        means = [
            f"{100 * row.tasks[task.name]:.1f}" if task.unit == "accuracy" else f"{row.tasks[task.name]:.3f}"
            for task in table.tasks
        ]
        grid.add_row(
            Text(visible(row.spec)),
            f"{row.cells_done}/{row.cells_registered}",
            *means,
            style=GREY if row.reference or not row.complete else None,
        )
    return grid


def _empty_grid() -> Grid:
    return Grid(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=0, show_edge=False)


def _axis_heading(axis: Axis) -> Text:
    """The scale's two ends in points, with the zero line's place between them."""
    left, right = f"{100 * axis.low:+.0f}", f"{100 * axis.high:+.0f}"
    heading = list(left.ljust(axis.width - len(right)) + right)
    zero = axis.at(0.0)
    if len(left) < zero < axis.width - len(right) - 1:
        heading[zero] = "0"
    return Text("".join(heading), style=GREY)


def _difference(row: Row) -> Text:
    if row.verdict == "baseline":
        return Text("baseline", style=GREY)
    written = points(row.difference, sign=True)
    return Text(f"{written} {MARKS[row.verdict] or ' '}", style=STYLES.get(row.verdict, ""))


def _print_notes(notes: list[str], console: Console) -> None:
    for note in notes:
        grid = Grid.grid(padding=(0, 1, 0, 0))
        grid.add_row(Text("·", style=GREY), Text(visible(note), style=GREY))
        console.print(grid)

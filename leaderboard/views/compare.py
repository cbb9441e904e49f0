"""Two strategies against each other: how far apart, on which tasks, under which seeds, and what they pick alike."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.page import Page
from leaderboard.views.picks import picked_alike
from leaderboard.views.shown import no_table
from suite.aggregate import Registration, Row, Table
from suite.aggregate.head_to_head import HeadToHead, head_to_head
from suite.errors import BreadthError
from suite.figures.head_to_head import HOW_TO_READ as READ_DIFFERENCES
from suite.figures.head_to_head import head_to_head_figure
from suite.report.blocks import P_VALUE, Block, Column, Grid, Heading, Listing, Paragraph, Picture, Value
from suite.report.sections.ranking import VERDICTS
from suite.results import Result
from suite.statistics.power import LEVEL
from suite.studies.correlate_table import CorrelateTable

NAME, TITLE = "compare", "Compare"
HOW_TO_READ = (
    "The first strategy less the second: both trained the same model under the same seeds and answered the same items, "
    "so what is left between them is what their samples made. Where a whisker crosses zero, it may be chance."
)
CONTROLS = ("track", "budget", "base_model", "tasks", "first", "second")
RANDOM = "random"
_VERDICTS = VERDICTS | {"beats": "one that beats random", "not judged": "not judged against random"}

TASKS = (
    Column("task", role="name"),
    Column("unit"),
    Column("enters the score"),
    Column("first", ".3f", key="first"),
    Column("second", ".3f", key="second"),
    Column("difference (points)", "+.2f", 100, key="difference"),
    Column("95 % low (points)", "+.2f", 100, key="low"),
    Column("95 % high (points)", "+.2f", 100, key="high"),
    Column("p", P_VALUE),
)
METRICS = (
    Column("metric", role="name"),
    Column("first", ".4g", key="first"),
    Column("second", ".4g", key="second"),
    Column("more diverse by it", key="more-diverse"),
)


def blocks(page: Page) -> Iterator[Block]:
    """The verdict in a sentence, the differences, the picks and the metrics of two rows."""
    table = page.table
    if page.data is None or table is None:
        yield from no_table(page)
        return
    first, second = chosen_pair(page, table)
    problem = _why_not(table, first, second)
    if problem:
        yield Paragraph(problem, "lead")
        return
    try:
        results = _results(page, table, first, second)
        found = head_to_head(results, registration_of(page), table, first, second)
    except (BreadthError, ValueError) as error:
        yield Paragraph(f"{first} and {second} cannot be compared: {error}", "lead")
        return
    yield Paragraph(in_a_sentence(table, found), "lead")
    yield Listing((*_how_sure(table, found), *_caveats(table, found)))
    drawn = head_to_head_figure(page.data.board.track, found)
    if drawn is not None:
        yield Picture("differences", drawn, f"{first} against {second}", READ_DIFFERENCES)
    yield _tasks(table, found)
    yield _seeds(found)
    yield Heading("What they pick alike")
    yield from picked_alike(page, table, found)
    yield Heading("How diverse their selections are")
    yield from _metrics(page, first, second)


def values(page: Page) -> dict[str, str]:
    """The pair that is shown, whether or not the address names it."""
    if page.table is None:
        return {}
    first, second = chosen_pair(page, page.table)
    return {"first": first, "second": second}


def chosen_pair(page: Page, table: Table) -> tuple[str, str]:
    """The specs of the address; what it leaves open is the best row there is, against random."""
    first, second = page.address.first, page.address.second
    ranked = sorted((row for row in table.rows if row.rank is not None), key=lambda row: row.rank or 0)
    # References come last: they are in every table, and say nothing of a strategy.
    order = [row.spec for row in (*ranked, *(row for row in table.rows if row.rank is None))]
    if not second:
        second = RANDOM if RANDOM in order and first != RANDOM else ""
    first = first or next((spec for spec in order if spec not in (second, RANDOM)), "")
    second = second or next((spec for spec in order if spec != first), "")
    return first, second


def _why_not(table: Table, first: str, second: str) -> str:
    there = {row.spec for row in table.rows}
    unknown = [spec for spec in (first, second) if spec and spec not in there]
    if unknown:
        return f"No row at a budget of {table.budget:,} on {table.base_model} is called {' or '.join(unknown)}."
    if not first or not second:
        return f"There is only one row at a budget of {table.budget:,}, so nothing to compare it with."
    return f"Both are {first}: choose another to compare it with." if first == second else ""


def registration_of(page: Page) -> Registration:
    """What the track registers, as its board was made."""
    assert page.data is not None
    return page.data.board.registration


def _results(page: Page, table: Table, first: str, second: str) -> list[Result]:
    """The records behind both rows, and those of `untuned`, by which likelihood tasks are normalised."""
    assert page.data is not None
    wanted = (first, second, "untuned")
    lines = [line for line in page.data.cells if line.spec in wanted and line.stands_in(table)]
    return [page.data.result(line.path) for line in lines]


def in_a_sentence(table: Table, found: HeadToHead) -> str:
    """Which is ahead, by how much, and how sure that is; against random by the board's one rule."""
    if not found.seeds:
        return f"{found.first} and {found.second} share no training seed yet, so nothing can be paired."
    if found.overall is None:
        return f"No task enters the score here, so {found.first} and {found.second} can be compared task by task only."
    if found.overall.mean == 0:
        return f"{found.first} and {found.second} score the same."
    ahead, behind = (found.first, found.second) if found.overall.mean > 0 else (found.second, found.first)
    said = f"{ahead} stands {abs(100 * found.overall.mean):.1f} points above {behind}"
    judged = _judged(table, found)
    if not found.overall.known:
        return f"{said}; how sure that is cannot be said: {found.overall.note}."
    if judged is not None and judged.p_holm is None:
        return f"{said}, without a verdict."
    return f"{said}." if _p_of(table, found) < LEVEL else f"{said}, and they are not told apart."


def _p_of(table: Table, found: HeadToHead) -> float:
    """The p that decides: with random it is the board's, for who beats random is decided once, after correction."""
    assert found.overall is not None
    judged = _judged(table, found)
    return found.overall.p if judged is None or judged.p_holm is None else judged.p_holm


def _how_sure(table: Table, found: HeadToHead) -> Iterator[str]:
    if found.overall is None or not found.overall.known:
        return
    apart = found.overall
    alone = (
        f"{found.first} less {found.second}: {100 * apart.mean:+.1f} points, 95 % interval {100 * apart.low:+.1f} to "
        f"{100 * apart.high:+.1f} points, {_p(apart.p)}"
    )
    judged = _judged(table, found)
    if judged is None or judged.p_holm is None:
        yield f"{alone}."
    else:
        yield f"{alone} alone and {_p(judged.p_holm)} after Holm's correction over all ranked rows, which decides."


def _judged(table: Table, found: HeadToHead) -> Row | None:
    """The row that is compared with random, where one of the two is random."""
    if RANDOM not in (found.first, found.second):
        return None
    other = found.second if found.first == RANDOM else found.first
    return next(row for row in table.rows if row.spec == other)


def _p(p: float) -> str:
    return "p below 0.001" if p < 0.001 else f"p {p:.3f}"


def _caveats(table: Table, found: HeadToHead) -> Iterator[str]:
    """What the comparison rests on, and what it must not be taken for."""
    entering = sum(task.task.enters for task in found.tasks)
    seeds = ", ".join(map(str, found.seeds)) or "none"
    yield f"Training seeds that both have: {seeds}; tasks of the score: {entering}."
    rows = {row.spec: row for row in table.rows}
    yield from (
        f"{row.spec} is incomplete: {row.cells_done} of {row.cells_registered} cells."
        for row in (rows[found.first], rows[found.second])
        if not row.complete
    )
    judged = _judged(table, found)
    if judged is not None:
        yield _verdict(judged)
    else:
        yield (
            "This p is of one comparison. Whoever looks through many pairs finds some below 0.05 by chance; only "
            "comparisons with random are adjusted for their number, on the leaderboard."
        )
    if found.p_sign_flip is not None:
        yield f"Sign flips over the {len(found.by_seed)} seeds: {_p(found.p_sign_flip)}."


def _verdict(row: Row) -> str:
    if row.p_holm is None:
        return f"{row.spec} has no verdict on the leaderboard: it is a reference or a variant, or a cell is missing."
    return f"On the leaderboard {row.spec} is {_VERDICTS[row.verdict]}."


def _tasks(table: Table, found: HeadToHead) -> Grid:
    rows = {row.spec: row for row in table.rows}
    one, other = rows[found.first], rows[found.second]
    lines: list[tuple[Value, ...]] = []
    for task in found.tasks:
        name, apart = task.task.name, task.difference
        numbers = (apart.mean, apart.low, apart.high, apart.p) if apart else (None, None, None, None)
        lines.append((name, task.task.unit, task.task.enters, one.tasks.get(name), other.tasks.get(name), *numbers))
    muted = frozenset(at for at, task in enumerate(found.tasks) if not task.task.enters)
    return Grid(
        "compared-tasks",
        f"Task by task: {found.first} (first) against {found.second} (second), raw means and normalised difference",
        TASKS,
        tuple(lines),
        muted,
    )


def _seeds(found: HeadToHead) -> Grid:
    """A row a seed: the difference overall and on each task, in points."""
    tasks = [task for task in found.tasks if task.by_seed]
    columns = [Column("training seed", "d", role="name")]
    if found.by_seed:
        columns.append(Column("all tasks (points)", "+.2f", 100, key="all-tasks"))
    columns += [Column(f"{task.task.name} (points)", "+.2f", 100, key=task.task.name) for task in tasks]
    rows = [
        (seed, *((found.by_seed[at],) if found.by_seed else ()), *(task.by_seed[at] for task in tasks))
        for at, seed in enumerate(found.seeds)
    ]
    return Grid(
        "compared-seeds", f"Seed by seed: {found.first} less {found.second}, in points", tuple(columns), tuple(rows)
    )


def _metrics(page: Page, first: str, second: str) -> Iterator[Block]:
    """What a kept study measured of both selections, as means over their draws."""
    assert page.data is not None
    study, why = page.data.kept("correlate", CorrelateTable)
    if study is None:
        yield Paragraph(why or "Not measured: no study of metrics has been run on this track yet.", "note")
        return
    panel = {spec: [row for row in study.panel if row.spec == spec] for spec in (first, second)}
    lacking = [spec for spec, rows in panel.items() if not rows]
    if lacking:
        yield Paragraph(f"The kept study of metrics does not hold {' or '.join(lacking)}.", "note")
        return
    directions = {row.metric: row.higher_is_diverse for one in study.correlations for row in one.metrics}
    names = list(dict.fromkeys(name for rows in panel.values() for row in rows for name in row.metrics))
    rows: list[tuple[Value, ...]] = []
    for name in names:
        one, other = (_mean([row.metrics.get(name) for row in panel[spec]]) for spec in (first, second))
        more: str | None = None
        if one is not None and other is not None and one != other and name in directions:
            more = first if (one > other) == directions[name] else second
        rows.append((name, one, other, more))
    yield Paragraph(
        f"Measured at a budget of {study.budget:,} on {study.base_model}; means over the draws of either.", "note"
    )
    yield Grid("compared-metrics", f"Metrics of {first} (first) and {second} (second)", METRICS, tuple(rows))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

"""Score, version 1: the mean over tasks of normalised task scores, and its difference to `random`.

A task's items are normalised to (a - chance)/(1 - chance) for accuracy, and to (untuned - x)/(untuned - full) for
bits per byte, with the means of the reference rows in the denominator (taken as known). A task enters the score only
where `full` beats chance, or untuned, by three standard errors. Intervals are those of `suite.statistics.intervals`;
p values are Holm-adjusted over the ranked rows of the table, `random` itself left out. Where a strategy stands with
its default parameters, its other settings are variants: they have scores and intervals, but no rank and no verdict.
Rank intervals, P(best) and P(beats random) come from the crossed bootstrap of `suite.statistics.ranks` over the
ranked rows, always the same draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from suite.aggregate.board import (
    BASE_MODEL,
    UNKNOWN_PLUGIN,
    Board,
    PluginFacts,
    Registration,
    Row,
    Table,
    TaskStanding,
)
from suite.aggregate.judging import judged, rankable
from suite.aggregate.moments import TableMoments, table_moments
from suite.aggregate.normalise import normalised, standing
from suite.aggregate.provenance import remarks_of, trainers_of
from suite.aggregate.rows import (
    FULL,
    RANDOM,
    UNTUNED,
    Comparable,
    RowResults,
    counted,
    select_registered,
    tables_of,
)
from suite.results import Result

VERSION = "score_v1"


def score_v1(
    results: Iterable[Result],
    registration: Registration,
    plugins: Mapping[str, PluginFacts] | None = None,
) -> Board:
    """The board of a track; deterministic, whatever the order of `results`.

    `plugins` maps strategy names to what is known about them.
    """
    return score_v1_with_moments(results, registration, plugins)[0]


def score_v1_with_moments(
    results: Iterable[Result],
    registration: Registration,
    plugins: Mapping[str, PluginFacts] | None = None,
) -> tuple[Board, tuple[TableMoments, ...]]:
    """The board, and for each of its tables what `suite.aggregate.narrowing` needs, draws quantised."""
    everything = sorted(results, key=lambda result: result.path)
    groups, set_aside = select_registered(everything, registration, plugins)
    found = [
        _table(group, budget, rows, registration, plugins or {})
        for group, members in sorted(groups.items(), key=lambda item: (item[0].base_model, -len(item[1])))
        for budget, rows in tables_of(members, registration).items()
    ]
    ranked = sorted({row.strategy for table, _ in found for row in table.rows})
    papers = {name: plugins[name].paper for name in ranked if plugins and name in plugins and plugins[name].paper}
    board = Board(
        track=registration.track,
        score_version=VERSION,
        registration=registration,
        tables=tuple(table for table, _ in found),
        results=len(everything),
        set_aside=counted(set_aside),
        papers=papers,
    )
    return board, tuple(moments for _, moments in found)


def _table(
    group: Comparable,
    budget: int,
    found: list[RowResults],
    registration: Registration,
    plugins: Mapping[str, PluginFacts],
) -> tuple[Table, TableMoments]:
    by_spec = {row.spec: row for row in found}
    tasks = [standing(task, by_spec.get(FULL), by_spec.get(UNTUNED), registration) for task in found[0].task_scores]
    entering = [task for task in tasks if task.enters]
    scores = {row.spec: normalised(row, entering, by_spec.get(UNTUNED)) for row in found} if entering else {}
    rows = [replace(_row(row, tasks, plugins), variant=_is_variant(row, by_spec)) for row in found]
    moments = table_moments(scores, entering, [row.spec for row in rows if row.spec in scores and rankable(row)])
    bare = Table(
        budget=budget,
        base_model=group.base_model,
        base_weights=group.base_weights,
        pool=group.pool,
        rows=tuple(rows),
        tasks=tuple(tasks),
        separation=(),
        withheld="",
        notes=(),
        engine=group.engine,
    )
    return judged(bare, moments), moments.quantised()


def _row(row: RowResults, tasks: Sequence[TaskStanding], plugins: Mapping[str, PluginFacts]) -> Row:
    """What is known of a row before anything is scored."""
    facts = BASE_MODEL if row.untuned else plugins.get(row.strategy, UNKNOWN_PLUGIN)
    return Row(
        strategy=row.strategy,
        spec=row.spec,
        level=facts.level,
        kind=facts.kind,
        reference=row.reference,
        cells_done=row.cells_done,
        cells_registered=row.cells_registered,
        score=None,
        difference=None,
        p_holm=None,
        verdict="baseline" if row.spec == RANDOM else "not judged",
        rank=None,
        tasks={task.name: float(row.values(task.name).mean()) for task in tasks},
        costs=row.costs(),
        selection=facts.selection,
        remarks=remarks_of(row.results),
        trained_by=trainers_of(row.results),
    )


def _is_variant(row: RowResults, by_spec: Mapping[str, RowResults]) -> bool:
    # Of many settings of one strategy the best looks good by luck, and each would make the correction stricter for all.
    return row.spec != row.strategy and row.strategy in by_spec

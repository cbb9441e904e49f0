"""What a study's cells came to: results of the very picks a study speaks of, and their scores seed by seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.aggregate import Registration, Row, Table, score_v1
from suite.aggregate.normalise import normalised
from suite.aggregate.rows import RANDOM, UNTUNED, Comparable, RowResults, counted, select_registered, tables_of
from suite.errors import BreadthError, StoreError
from suite.results import Result

if TYPE_CHECKING:
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment


@dataclass(frozen=True)
class Gathered:
    """Results of a study's cells in the store, and the cells that have none."""

    results: tuple[Result, ...]
    missing: tuple[Cell, ...]


@dataclass(frozen=True)
class SeedScores:
    """One strategy's normalised scores: its row of the board, and the score of each training seed."""

    row: Row
    seeds: tuple[int, ...]
    per_seed: tuple[float, ...]


@dataclass(frozen=True)
class Scored:
    """The board's table of a study's cells, and the seed scores of each spec where there is a score at all.

    `random_draws` holds a score a draw of `random` (the mean over its seeds): the band that chance leaves.
    """

    table: Table
    specs: dict[str, SeedScores]
    random_draws: tuple[float, ...]

    @property
    def why_no_score(self) -> str:
        """What keeps every row from a score, or nothing."""
        return "" if self.specs else self.table.withheld or "no task enters the score"


def gather(experiment: Experiment, cells: Sequence[Cell]) -> Gathered:
    """The store's results of `cells`, for the picks, base weights and items of today alone.

    A result of the same cell from an older version of a strategy belongs to other picks, and speaks of other lengths
    and metric values than those a study sets beside it. Where several engines answered, or versions of one, those
    count of the engine with the most results, of the latest among equals: others cannot stand in the same study.
    """
    found: list[list[Result]] = []
    for cell in cells:
        try:
            found.append(experiment.results(cell, experiment.pick(cell), by_now=True))
        except BreadthError:
            found.append([])
    engine = _prevailing([result for records in found for result in records])
    kept = [[result for result in records if result.answered_by == engine] for records in found]
    missing = [cell for cell, records in zip(cells, kept, strict=True) if not records]
    return Gathered(tuple(result for records in kept for result in records), tuple(missing))


def _prevailing(results: Sequence[Result]) -> str:
    """The engine of the most results, and of the latest of them among equals; none for no result."""
    by_engine: dict[str, list[Result]] = {}
    for result in results:
        by_engine.setdefault(result.answered_by, []).append(result)

    def weight(engine: str) -> tuple[int, str]:
        return len(by_engine[engine]), max(result.cost.finished_at for result in by_engine[engine])

    return max(by_engine, key=weight, default="")


def one_table(results: Iterable[Result], registration: Registration) -> tuple[list[Result], list[RowResults]]:
    """The results that count, one a cell, and their rows.

    Raises StoreError when there are none, or when they cannot stand in one study: of two budgets, pools, base models,
    weights, engines or sets of items.
    """
    groups, set_aside = select_registered(results, registration)
    if not groups:
        reasons = "; ".join(f"{count} {reason}" for reason, count in counted(set_aside).items()) or "none was found"
        raise StoreError(f"No result of track {registration.track} serves this study: {reasons}.")
    if len(groups) > 1:
        raise StoreError(f"These results cannot stand in one study: {_apart(list(groups))}. Give one of them.")
    (members,) = groups.values()
    tables = tables_of(members, registration)
    if len(tables) > 1:
        budgets = ", ".join(map(str, tables))
        raise StoreError(f"These results are of several budgets ({budgets}); a study is made within one budget.")
    (rows,) = tables.values()
    return members, rows


def scored(results: Iterable[Result], registration: Registration) -> Scored:
    """Scores (score_v1) of the results of one budget. Raises StoreError as `one_table`."""
    members, rows = one_table(results, registration)
    (table,) = score_v1(members, registration).tables
    entering = [task for task in table.tasks if task.enters]
    by_spec = {row.spec: row for row in rows}
    if not entering:
        return Scored(table, {}, ())
    specs: dict[str, SeedScores] = {}
    draws: tuple[float, ...] = ()
    for row in table.rows:
        scores = normalised(by_spec[row.spec], entering, by_spec.get(UNTUNED))
        composite = np.mean([task.mean(axis=1) for task in scores.values], axis=0)
        specs[row.spec] = SeedScores(row, scores.seeds or (), tuple(map(float, composite)))
        if row.spec == RANDOM:
            draws = tuple(map(float, scores.draws.mean(axis=1))) if len(scores.draws) else (float(composite.mean()),)
    return Scored(table, specs, draws)


def _apart(groups: Sequence[Comparable]) -> str:
    named = {"pool": "pools", "base_model": "base models", "base_weights": "sets of base weights", "engine": "engines"}
    for part, what in named.items():
        shown = 100 if part == "engine" else 12
        different = sorted({str(getattr(group, part))[:shown] for group in groups})
        if len(different) > 1:
            return f"they are of {len(different)} {what} ({', '.join(different)})"
    return f"their tasks differ in {len(groups)} ways"

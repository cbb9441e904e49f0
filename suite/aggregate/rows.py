"""Results sorted into what may be compared: one group per set of base weights and items, one entry per strategy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from suite.aggregate.board import UNKNOWN_PLUGIN, Costs, PluginFacts, Registration
from suite.results import CellIdentity, Result, TaskScore

ANOTHER_VERSION = "of another version of its submission than the one on the board"
RANDOM, FULL, UNTUNED, ORACLE, DUPLICATE = "random", "full", "untuned", "oracle", "duplicate"


@dataclass(frozen=True)
class Comparable:
    """What results must share to be paired item by item: pool, base model, its weights, the tasks' items, the engine.

    Versions of an engine differ by more than rounding now and then: a change of kernels changes greedy texts.
    """

    pool: str
    base_model: str
    base_weights: str
    tasks: tuple[tuple[str, str, str, float, int, str], ...]
    engine: str

    @classmethod
    def of(cls, result: Result) -> Comparable:
        """The group of one result; the order in which its tasks stand does not matter."""
        # Per-item values mean nothing unless they belong to the same items, scored in the same way.
        tasks = ((task.name, task.kind, task.unit, task.chance, task.items, task.items_sha256) for task in result.tasks)
        hashes = result.hashes
        facts = (hashes.pool, result.cell.base_model, hashes.base_weights)
        return cls(*facts, tuple(sorted(tasks)), result.answered_by)


class RowResults:
    """The registered cells of one strategy, as arrays.

    Selection draws are crossed with training seeds where every seed has the same two or more draws (`random`);
    otherwise a seed has one draw of its own, whose variation is part of the seed's.
    """

    def __init__(self, results: list[Result], registration: Registration):
        first = results[0]
        self.strategy = first.cell.strategy
        self.spec = first.cell.spec
        self.reference = any(result.reference for result in results)
        self.untuned = _is_anchor(first, UNTUNED)
        self._cells = {(result.cell.training_seed, result.cell.selection_seed): result for result in results}
        self.seeds = tuple(sorted({seed for seed, _ in self._cells}))
        seeds = 1 if self.untuned else len(registration.training_seeds)
        self.cells_registered = seeds * (registration.random_draws if self.strategy == RANDOM else 1)
        self.cells_done = len(self._cells) if self.strategy == RANDOM else len(self.seeds)

    @property
    def complete(self) -> bool:
        """Whether every registered cell is there."""
        return self.cells_done == self.cells_registered

    @cached_property
    def draws(self) -> tuple[int, ...]:
        """The selection draws that every seed has, when there are two or more and no others; else none."""
        each = [frozenset(draw for seed, draw in self._cells if seed == wanted) for wanted in self.seeds]
        return tuple(sorted(each[0])) if len(set(each)) == 1 and len(each[0]) > 1 else ()

    @cached_property
    def _unpacked(self) -> dict[str, dict[tuple[int, int], np.ndarray]]:
        by_task: dict[str, dict[tuple[int, int], np.ndarray]] = defaultdict(dict)
        for key, result in self._cells.items():
            for task in result.tasks:
                by_task[task.name][key] = task.unpack()
        return by_task

    def values(self, task: str) -> np.ndarray:
        """Raw per-item values of one task, shape (seeds, items), each the mean over the seed's draws."""
        cells = self._unpacked[task]
        return np.stack(
            [np.mean([values for key, values in cells.items() if key[0] == seed], axis=0) for seed in self.seeds]
        )

    def draw_means(self, task: str) -> np.ndarray:
        """Raw means over items of one task, shape (draws, seeds); no rows where draws are not crossed with seeds."""
        cells = self._unpacked[task]
        means = [[cells[seed, draw].mean() for seed in self.seeds] for draw in self.draws]
        return np.array(means).reshape(len(self.draws), len(self.seeds))

    @property
    def results(self) -> tuple[Result, ...]:
        """Its results, one a cell."""
        return tuple(self._cells.values())

    @property
    def task_scores(self) -> tuple[TaskScore, ...]:
        """The tasks of one of its cells, in the order they were evaluated."""
        return next(iter(self._cells.values())).tasks

    def costs(self) -> Costs:
        """Medians over the row's cells."""
        costs = [result.cost for result in self._cells.values()]
        names = ("feature_seconds", "selection_seconds", "training_seconds", "evaluation_seconds", "peak_memory_bytes")
        known = [one for cost in costs if (one := cost.model_flop_utilisation) is not None]
        return Costs(
            **{name: float(np.median([getattr(cost, name) for cost in costs])) for name in names},
            model_flop_utilisation=float(np.median(known)) if known else None,
        )


def select_registered(
    results: Iterable[Result], registration: Registration, plugins: Mapping[str, PluginFacts] | None = None
) -> tuple[dict[Comparable, list[Result]], list[tuple[Result, str]]]:
    """The results that count, by what they may be compared with, and those that were set aside, each with why."""
    set_aside: list[tuple[Result, str]] = []
    groups: dict[Comparable, dict[CellIdentity, Result]] = defaultdict(dict)
    for result in results:
        reason = _why_set_aside(result, registration, (plugins or {}).get(result.cell.strategy, UNKNOWN_PLUGIN))
        if reason:
            set_aside.append((result, reason))
            continue
        # But for `random` a seed has one draw: picks that once were fixed and now are drawn are of one cell here.
        cell = result.cell if result.cell.strategy == RANDOM else result.cell.undrawn
        cells = groups[Comparable.of(result)]
        rival = cells.get(cell)
        # The earliest counts, or a row could be improved by running it until it is lucky.
        if rival is None or _recorded(result) < _recorded(rival):
            cells[cell] = result
        if rival is not None:
            later = rival if cells[cell] is result else result
            set_aside.append((later, "a second record of the same cell (the earliest counts)"))
    return {group: list(cells.values()) for group, cells in groups.items()}, set_aside


def _why_set_aside(result: Result, registration: Registration, facts: PluginFacts) -> str:
    cell = result.cell
    if cell.track != registration.track:
        return "of another track"
    if cell.track_identity != registration.identity:
        return "made under another version of this track"
    if not result.tasks:
        return "without any task"
    if not _is_registered(result, registration):
        return "of seeds the track does not register"
    if facts.picks is not None and not _is_of_version(result, facts.picks.get(cell.budget, ()), registration):
        return ANOTHER_VERSION
    return ""


def counted(set_aside: Iterable[tuple[Result, str]]) -> dict[str, int]:
    """How many results were set aside for which reason, in the order of the reasons."""
    return dict(sorted(Counter(reason for _, reason in set_aside).items()))


class Spends(Protocol):
    """What tells in which tables a cell stands, whoever describes it."""

    @property
    def strategy(self) -> str:
        """Its name."""

    @property
    def budget(self) -> int:
        """In samples."""


def spends_nothing(strategy: str, *, reference: bool) -> bool:
    """Whether cells of a strategy spend no budget, and stand in the tables of each: `full` and `untuned`."""
    return reference and strategy in (FULL, UNTUNED)


def stands_at(budget: int, cell: Spends, *, reference: bool) -> bool:
    """Whether a cell stands in the tables of a budget: it is one of that budget, or of a row that spends none."""
    return cell.budget == budget or spends_nothing(cell.strategy, reference=reference)


def tables_of(results: list[Result], registration: Registration) -> dict[int, list[RowResults]]:
    """The rows of each budget of one comparable group; `full` and `untuned` spend no budget and stand in each."""
    anchors: list[Result] = []
    others: list[Result] = []
    for result in results:
        anchor = spends_nothing(result.cell.strategy, reference=result.reference)
        (anchors if anchor else others).append(result)
    budgets = sorted({result.cell.budget for result in others or anchors})
    tables = {}
    for budget in budgets:
        rows: dict[str, list[Result]] = defaultdict(list)
        for result in anchors + [result for result in others if result.cell.budget == budget]:
            rows[result.cell.spec].append(result)
        tables[budget] = [RowResults(found, registration) for found in rows.values()]
    return tables


def _is_anchor(result: Result, name: str) -> bool:
    return result.reference and result.cell.strategy == name


def _is_registered(result: Result, registration: Registration) -> bool:
    cell = result.cell
    if _is_anchor(result, UNTUNED):
        return True
    if cell.training_seed not in registration.training_seeds:
        return False
    if cell.strategy == RANDOM:
        return 0 <= cell.selection_seed < registration.random_draws
    # Deterministic strategies have selection seed 0; randomised ones pair draw i with the i-th training seed.
    return cell.selection_seed in (0, registration.training_seeds.index(cell.training_seed))


def _is_of_version(result: Result, picks: Sequence[str], registration: Registration) -> bool:
    """Whether a result has the picks of its draw; draw i belongs to the i-th training seed, the only one to all."""
    cell = result.cell
    draw = registration.training_seeds.index(cell.training_seed) if len(picks) > 1 else 0
    return cell.selection_seed == draw and result.hashes.selection in picks[draw : draw + 1]


def _recorded(result: Result) -> tuple[str, str]:
    return result.cost.finished_at, result.record_id

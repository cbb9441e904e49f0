"""Score, version 1: the mean over tasks of normalised task scores, and its difference to `random`.

A task's items are normalised to (a - chance)/(1 - chance) for accuracy, and to (untuned - x)/(untuned - full) for bits
per byte, with the means of the reference rows in the denominator (taken as known). A task enters the score only where
`full` beats chance, or untuned, by three standard errors. Intervals are those of `suite.statistics.intervals`;
p values are Holm-adjusted over the ranked rows of the table, `random` itself left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from suite.aggregate.board import (
    BASE_MODEL,
    UNKNOWN_PLUGIN,
    Board,
    PluginFacts,
    Registration,
    Row,
    Separation,
    Table,
    TaskStanding,
    Verdict,
)
from suite.aggregate.rows import (
    DUPLICATE,
    FULL,
    ORACLE,
    RANDOM,
    UNTUNED,
    Comparable,
    RowResults,
    select_registered,
    tables_of,
)
from suite.results import Result, TaskScore
from suite.statistics.holm import holm
from suite.statistics.intervals import Estimate, crossed_interval

VERSION = "score_v1"
LEVEL = 0.05
MARGIN_IN_STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class Scores:
    """A row's normalised values on the tasks of the score: per task (seeds, items), and the means of its draws.

    `seeds` is None for the untuned base, which is the same under every seed. `draws` has shape (draws, seeds).
    """

    seeds: tuple[int, ...] | None
    values: tuple[np.ndarray, ...]
    draws: np.ndarray


def score_v1(
    results: Iterable[Result],
    registration: Registration,
    plugins: Mapping[str, PluginFacts] | None = None,
) -> Board:
    """The board of a track; deterministic, whatever the order of `results`.

    `plugins` maps strategy names to what the registry knows about them.
    """
    everything = sorted(results, key=lambda result: result.path)
    groups, set_aside = select_registered(everything, registration)
    tables = [
        _table(group, budget, rows, plugins or {})
        for group, members in sorted(groups.items(), key=lambda item: (item[0].base_model, -len(item[1])))
        for budget, rows in tables_of(members, registration).items()
    ]
    return Board(
        track=registration.track,
        score_version=VERSION,
        registration=registration,
        tables=tuple(tables),
        results=len(everything),
        set_aside=dict(sorted(set_aside.items())),
    )


def _table(group: Comparable, budget: int, found: list[RowResults], plugins: Mapping[str, PluginFacts]) -> Table:
    by_spec = {row.spec: row for row in found}
    tasks = [_standing(task, by_spec.get(FULL), by_spec.get(UNTUNED)) for task in found[0].task_scores]
    withheld = _why_withheld(by_spec, tasks)
    entering = [task for task in tasks if task.enters]
    scores = {row.spec: _scores(row, entering, by_spec.get(UNTUNED)) for row in found} if entering else {}
    random = scores.get(RANDOM)
    rows = [_row(row, scores.get(row.spec), random, tasks, plugins) for row in found]
    random_is_complete = RANDOM in by_spec and by_spec[RANDOM].complete
    if not withheld:
        rows = _ranked(_judged(rows) if random_is_complete else rows)
    rows.sort(key=_place)
    return Table(
        budget=budget,
        base_model=group.base_model,
        base_weights=group.base_weights,
        rows=tuple(rows),
        tasks=tuple(tasks),
        separation=_separation(scores),
        withheld=withheld,
        notes=tuple(_notes(by_spec)),
    )


def _standing(task: TaskScore, full: RowResults | None, untuned: RowResults | None) -> TaskStanding:
    """Whether a task enters the score: `full` must beat chance (or untuned) by three standard errors."""
    of_full = full.values(task.name) if full else None
    of_untuned = untuned.values(task.name) if untuned else None
    margin: Estimate | None = None
    if of_full is None:
        enters, reason = False, "no `full` row"
    elif task.unit == "bits-per-byte" and of_untuned is None:
        enters, reason = False, "no `untuned` row to normalise by"
    else:
        gain = of_full - task.chance if task.unit == "accuracy" else of_untuned - of_full
        margin = _margin(gain)
        enters = margin.mean > 0 and margin.mean >= MARGIN_IN_STANDARD_ERRORS * margin.standard_error
        against = "chance" if task.unit == "accuracy" else "untuned"
        reason = "" if enters else f"`full` does not beat {against} by {MARGIN_IN_STANDARD_ERRORS:g} standard errors"
    return TaskStanding(
        name=task.name,
        kind=task.kind,
        unit=task.unit,
        chance=task.chance,
        items=task.items,
        full=None if of_full is None else float(of_full.mean()),
        untuned=None if of_untuned is None else float(of_untuned.mean()),
        margin=margin,
        enters=enters,
        reason=reason,
    )


def _margin(gain: np.ndarray) -> Estimate:
    """The crossed estimate of a gain of shape (seeds, items); over items alone while there is one seed."""
    estimate = crossed_interval([gain])
    if estimate.known:
        return estimate
    items = gain.mean(axis=0)
    error = float(items.std(ddof=1) / np.sqrt(len(items))) if len(items) > 1 else float("inf")
    return replace(estimate, standard_error=error, note=f"over items alone: {estimate.note}")


def _why_withheld(by_spec: Mapping[str, RowResults], tasks: Sequence[TaskStanding]) -> str:
    full, untuned = by_spec.get(FULL), by_spec.get(UNTUNED)
    if full is None:
        return "the `full` row is missing, so no task can be admitted to a score: raw task means only"
    if untuned is None and any(task.unit == "bits-per-byte" for task in tasks):
        return "the `untuned` row is missing, so likelihood tasks cannot be normalised"
    if not any(task.enters for task in tasks):
        return "`full` learned no task well enough for a score: raw task means only"
    if not full.complete:
        return f"the `full` row has {full.cells_done} of {full.cells_registered} registered cells"
    return ""


def _scores(row: RowResults, tasks: Sequence[TaskStanding], untuned: RowResults | None) -> Scores:
    values, draws = [], []
    for task in tasks:
        raw, raw_draws = row.values(task.name), row.draw_means(task.name)
        if task.unit == "accuracy":
            zero, one = np.float64(task.chance), 1.0
            scale = one - task.chance
            values.append((raw - zero) / scale)
            draws.append((raw_draws - zero) / scale)
        else:
            assert untuned is not None
            assert task.untuned is not None
            assert task.full is not None
            scale = task.untuned - task.full
            values.append((untuned.values(task.name).mean(axis=0) - raw) / scale)
            draws.append((task.untuned - raw_draws) / scale)
    return Scores(None if row.untuned else row.seeds, tuple(values), np.mean(draws, axis=0))


def difference(of: Scores, to: Scores) -> Estimate | None:
    """The item-paired difference of two rows over the seeds they share; None where they share none."""
    seeds = to.seeds if of.seeds is None else of.seeds if to.seeds is None else _shared(of.seeds, to.seeds)
    if not seeds:
        return None
    paired = [
        one[_positions(of, seeds)] - other[_positions(to, seeds)]
        for one, other in zip(of.values, to.values, strict=True)
    ]
    drawn = [scores.draws[:, _positions(scores, seeds)] for scores in (of, to) if len(scores.draws)]
    return crossed_interval(paired, drawn)


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(seed for seed in one if seed in other)


def _positions(scores: Scores, seeds: tuple[int, ...]) -> list[int]:
    """Where the seeds stand in a row's arrays; the untuned base is the same under each."""
    return [0] * len(seeds) if scores.seeds is None else [scores.seeds.index(seed) for seed in seeds]


def _row(
    row: RowResults,
    scores: Scores | None,
    random: Scores | None,
    tasks: Sequence[TaskStanding],
    plugins: Mapping[str, PluginFacts],
) -> Row:
    facts = BASE_MODEL if row.untuned else plugins.get(row.strategy, UNKNOWN_PLUGIN)
    return Row(
        strategy=row.strategy,
        spec=row.spec,
        level=facts.level,
        kind=facts.kind,
        reference=row.reference,
        cells_done=row.cells_done,
        cells_registered=row.cells_registered,
        score=crossed_interval(scores.values, [scores.draws] if len(scores.draws) else []) if scores else None,
        difference=difference(scores, random) if scores and random and row.spec != RANDOM else None,
        p_holm=None,
        verdict="baseline" if row.spec == RANDOM else "not judged",
        rank=None,
        tasks={task.name: float(row.values(task.name).mean()) for task in tasks},
        costs=row.costs(),
    )


def _judged(rows: list[Row]) -> list[Row]:
    """Verdicts by Holm's correction over the complete strategies that have an interval."""
    tested = [row for row in rows if _rankable(row) and row.difference is not None and row.difference.known]
    adjusted = holm([row.difference.p for row in tested if row.difference])
    verdicts: dict[str, tuple[float, Verdict]] = {}
    for row, p in zip(tested, adjusted, strict=True):
        assert row.difference is not None
        verdict: Verdict = "tied" if p >= LEVEL else "beats" if row.difference.mean > 0 else "worse"
        verdicts[row.spec] = (float(p), verdict)
    return [
        replace(row, p_holm=verdicts[row.spec][0], verdict=verdicts[row.spec][1]) if row.spec in verdicts else row
        for row in rows
    ]


def _ranked(rows: list[Row]) -> list[Row]:
    means = sorted((row.score.mean for row in rows if row.score and _rankable(row)), reverse=True)
    return [replace(row, rank=1 + means.index(row.score.mean)) if row.score and _rankable(row) else row for row in rows]


def _rankable(row: Row) -> bool:
    return row.complete and not row.reference


def _place(row: Row) -> tuple[bool, float, str]:
    """Best first, reference rows among the others, incomplete rows last."""
    return not row.complete, -row.score.mean if row.score else 0.0, row.spec


def _separation(scores: Mapping[str, Scores]) -> tuple[Separation, ...]:
    if ORACLE not in scores:
        return ()
    found = []
    for worse in (DUPLICATE, RANDOM):
        apart = difference(scores[ORACLE], scores[worse]) if worse in scores else None
        if apart is not None:
            found.append(Separation(ORACLE, worse, apart))
    return tuple(found)


def _notes(by_spec: Mapping[str, RowResults]) -> Iterable[str]:
    random = by_spec.get(RANDOM)
    if random is None:
        yield "`random` has no result here, so nothing can be compared with it"
    elif not random.complete:
        yield (
            f"`random` has {random.cells_done} of {random.cells_registered} registered cells, "
            "so no row is judged against it yet"
        )

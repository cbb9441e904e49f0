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
    Separation,
    Table,
    TaskStanding,
    Verdict,
)
from suite.aggregate.certainty import power_of_table, with_rank_intervals, with_sign_flips
from suite.aggregate.normalise import Scores, difference, normalised, standing
from suite.aggregate.rows import (
    DUPLICATE,
    FULL,
    ORACLE,
    RANDOM,
    UNTUNED,
    Comparable,
    RowResults,
    counted,
    select_registered,
    tables_of,
)
from suite.results import Result
from suite.statistics.holm import holm
from suite.statistics.intervals import crossed_interval
from suite.statistics.power import LEVEL

VERSION = "score_v1"


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
        set_aside=counted(set_aside),
    )


def _table(group: Comparable, budget: int, found: list[RowResults], plugins: Mapping[str, PluginFacts]) -> Table:
    by_spec = {row.spec: row for row in found}
    tasks = [standing(task, by_spec.get(FULL), by_spec.get(UNTUNED)) for task in found[0].task_scores]
    withheld = _why_withheld(by_spec, tasks)
    entering = [task for task in tasks if task.enters]
    scores = {row.spec: normalised(row, entering, by_spec.get(UNTUNED)) for row in found} if entering else {}
    random = scores.get(RANDOM)
    rows = [
        replace(_row(row, scores.get(row.spec), random, tasks, plugins), variant=_is_variant(row, by_spec))
        for row in found
    ]
    # Five draws are the registered comparison; against fewer of them, nobody may claim to beat random.
    random_is_complete = RANDOM in by_spec and by_spec[RANDOM].complete
    notes = list(_notes(by_spec))
    power = None
    if not withheld:
        rows = _ranked(_judged(rows) if random_is_complete else rows)
        rows, why = with_rank_intervals(rows, scores, random_is_complete)
        rows, notes = with_sign_flips(rows, scores), notes + [why] * bool(why)
        power = power_of_table(rows, scores)
    rows.sort(key=_place)
    return Table(
        budget=budget,
        base_model=group.base_model,
        base_weights=group.base_weights,
        pool=group.pool,
        rows=tuple(rows),
        tasks=tuple(tasks),
        separation=_separation(scores),
        withheld=withheld,
        notes=tuple(notes),
        power=power,
        random_draws=_draws_around_their_mean(random),
    )


def _why_withheld(by_spec: Mapping[str, RowResults], tasks: Sequence[TaskStanding]) -> str:
    # A partial score would rank rows by other tasks than the track's, so each gap below stops the ranking.
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
    # Reference and incomplete rows make no claim, so they must not make the correction stricter.
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
    # Equal means share a rank: the order of names must not decide.
    means = sorted((row.score.mean for row in rows if row.score and _rankable(row)), reverse=True)
    return [replace(row, rank=1 + means.index(row.score.mean)) if row.score and _rankable(row) else row for row in rows]


def _rankable(row: Row) -> bool:
    return row.complete and not row.reference and not row.variant


def _is_variant(row: RowResults, by_spec: Mapping[str, RowResults]) -> bool:
    # Of many settings of one strategy the best looks good by luck, and each would make the correction stricter for all.
    return row.spec != row.strategy and row.strategy in by_spec


def _place(row: Row) -> tuple[bool, float, str]:
    """Best first, reference rows among the others, incomplete rows last."""
    return not row.complete, -row.score.mean if row.score else 0.0, row.spec


def _draws_around_their_mean(random: Scores | None) -> tuple[float, ...]:
    if random is None or not len(random.draws):
        return ()
    means = random.draws.mean(axis=1)
    return tuple(float(mean) for mean in means - means.mean())


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

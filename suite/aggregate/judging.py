"""From the moments of a table's rows to its scores, verdicts and ranks, on all its tasks or on some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from suite.aggregate.board import Row, Separation, Table, TaskStanding, Verdict
from suite.aggregate.certainty import power_of_table, with_rank_intervals, with_sign_flips
from suite.aggregate.moments import TableMoments
from suite.aggregate.rows import DUPLICATE, FULL, ORACLE, RANDOM, UNTUNED
from suite.statistics.holm import holm
from suite.statistics.intervals import crossed_intervals
from suite.statistics.power import LEVEL


def judged(bare: Table, moments: TableMoments) -> Table:
    """The table with everything that follows from the moments on its tasks: its rows have raw means alone so far.

    `moments` may be of more tasks. Deterministic.
    """
    chosen = moments.positions(task.name for task in bare.tasks if task.enters)
    by_spec = {row.spec: row for row in bare.rows}
    withheld = _why_withheld(by_spec, bare.tasks)
    notes = list(_notes(by_spec))
    rows = _scored(bare.rows, moments, chosen) if chosen else list(bare.rows)
    power = None
    if not withheld:
        # Five draws are the registered comparison; against fewer of them, nobody may claim to beat random.
        random_is_complete = RANDOM in by_spec and by_spec[RANDOM].complete
        rows = _ranked(_with_verdicts(rows) if random_is_complete else rows)
        rows, why = with_rank_intervals(rows, moments, chosen, random_is_complete)
        rows, notes = with_sign_flips(rows, moments, chosen), notes + [why] * bool(why)
        power = power_of_table(rows, moments, chosen)
    rows.sort(key=_place)
    return replace(
        bare,
        rows=tuple(rows),
        separation=_separation(moments, chosen) if chosen else (),
        withheld=withheld,
        notes=tuple(notes),
        power=power,
        random_draws=_draws_around_their_mean(moments, chosen) if chosen else (),
    )


def rankable(row: Row) -> bool:
    """Whether a row is ranked and judged where anything is."""
    return row.complete and not row.reference and not row.variant


def _scored(bare: Sequence[Row], moments: TableMoments, chosen: list[int]) -> list[Row]:
    scores = crossed_intervals([moments.scores[row.spec] for row in bare], moments.items, chosen)
    compared = [spec for spec, other in moments.differences if other == RANDOM]
    found = crossed_intervals([moments.differences[spec, RANDOM] for spec in compared], moments.items, chosen)
    differences = dict(zip(compared, found, strict=True))
    return [
        replace(row, score=score, difference=differences.get(row.spec)) for row, score in zip(bare, scores, strict=True)
    ]


def _why_withheld(by_spec: Mapping[str, Row], tasks: Sequence[TaskStanding]) -> str:
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


def _with_verdicts(rows: list[Row]) -> list[Row]:
    """Verdicts by Holm's correction over the complete strategies that have an interval."""
    tested = [row for row in rows if rankable(row) and row.difference is not None and row.difference.known]
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
    means = sorted((row.score.mean for row in rows if row.score and rankable(row)), reverse=True)
    places: dict[float, int] = {}
    for place, mean in enumerate(means, 1):
        places.setdefault(mean, place)
    return [replace(row, rank=places[row.score.mean]) if row.score and rankable(row) else row for row in rows]


def _place(row: Row) -> tuple[bool, float, str]:
    """Best first, reference rows among the others, incomplete rows last."""
    return not row.complete, -row.score.mean if row.score else 0.0, row.spec


def _draws_around_their_mean(moments: TableMoments, chosen: list[int]) -> tuple[float, ...]:
    drawn = moments.scores[RANDOM].draws if RANDOM in moments.scores else ()
    if not drawn:
        return ()
    means = drawn[0][chosen].mean(axis=0).mean(axis=1)
    return tuple(float(mean) for mean in means - means.mean())


def _separation(moments: TableMoments, chosen: list[int]) -> tuple[Separation, ...]:
    pairs = [(ORACLE, worse) for worse in (DUPLICATE, RANDOM) if (ORACLE, worse) in moments.differences]
    apart = crossed_intervals([moments.differences[pair] for pair in pairs], moments.items, chosen)
    return tuple(Separation(*pair, estimate) for pair, estimate in zip(pairs, apart, strict=True))


def _notes(by_spec: Mapping[str, Row]) -> Iterable[str]:
    random = by_spec.get(RANDOM)
    if random is None:
        yield "`random` has no result here, so nothing can be compared with it"
    elif not random.complete:
        yield (
            f"`random` has {random.cells_done} of {random.cells_registered} registered cells, "
            "so no row is judged against it yet"
        )

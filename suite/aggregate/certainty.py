"""How sure a table is: rank intervals and P(best) by a crossed bootstrap, sign flips, and what it could have found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from suite.aggregate.board import Power, Row
from suite.aggregate.moments import TableMoments
from suite.aggregate.rows import RANDOM
from suite.statistics.intervals import components
from suite.statistics.permutation import sign_flip
from suite.statistics.power import LEVEL, minimum_detectable, seeds_needed
from suite.statistics.ranks import ranks

SEEDS_FOR_SIGN_FLIPS = 10
ONE_POINT = 0.01


def with_rank_intervals(
    rows: list[Row], moments: TableMoments, chosen: Sequence[int], random_is_complete: bool
) -> tuple[list[Row], str]:
    """Ranked rows with the intervals of their ranks, and why there are none (or nothing)."""
    draws = moments.draws
    baseline = RANDOM if random_is_complete and RANDOM in draws.names else None
    table = ranks(draws, chosen, baseline=baseline)
    if table.note:
        return rows, f"no rank intervals: {table.note}" if draws.names else ""
    place = {spec: at for at, spec in enumerate(table.names)}

    def completed(row: Row) -> Row:
        if row.spec not in place:
            return row
        at = place[row.spec]
        beats = float(table.p_beats[at])
        return replace(
            row,
            rank_low=int(table.rank_low[at]),
            rank_high=int(table.rank_high[at]),
            p_best=float(table.p_best[at]),
            p_beats_random=None if isnan(beats) else beats,
        )

    return [completed(row) for row in rows], ""


def with_sign_flips(rows: list[Row], moments: TableMoments, chosen: Sequence[int]) -> list[Row]:
    """Judged rows with the sign-flip p over seeds, where 10 or more make it worth showing."""
    return [
        replace(row, p_sign_flip=sign_flip(moments.differences[row.spec, RANDOM].composite(chosen)))
        if row.p_holm is not None and row.difference and row.difference.seeds >= SEEDS_FOR_SIGN_FLIPS
        else row
        for row in rows
    ]


def power_of_table(rows: list[Row], moments: TableMoments, chosen: Sequence[int]) -> Power | None:
    """What the table's judged rows say about the least difference it detects; None where none is judged."""
    judged = [moments.differences[row.spec, RANDOM] for row in rows if row.p_holm is not None]
    if not judged:
        return None
    pooled = components(judged, moments.items, chosen).averaged()
    seeds = judged[0].seed_means.shape[1]
    return Power(
        seeds=seeds,
        comparisons=len(judged),
        detectable=minimum_detectable(pooled, seeds),
        detectable_after_holm=minimum_detectable(pooled, seeds, level=LEVEL / len(judged)),
        seeds_for_one_point=seeds_needed(ONE_POINT, pooled),
    )

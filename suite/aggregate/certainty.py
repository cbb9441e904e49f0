"""How sure a table is: rank intervals and P(best) by a crossed bootstrap, sign flips, and what it could have found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isnan

from suite.aggregate.board import Power, Row
from suite.aggregate.normalise import Scores, composites, paired
from suite.aggregate.rows import RANDOM
from suite.statistics.intervals import crossed_components
from suite.statistics.permutation import sign_flip
from suite.statistics.power import LEVEL, minimum_detectable, pooled_components, seeds_needed
from suite.statistics.ranks import bootstrap_ranks

DRAWS = 2_000
"""Bootstrap draws of a board: a share of 0.5 is then known to 0.02, and a board is drawn in well under a second."""

SEEDS_FOR_SIGN_FLIPS = 10
ONE_POINT = 0.01


def with_rank_intervals(
    rows: list[Row], scores: Mapping[str, Scores], random_is_complete: bool
) -> tuple[list[Row], str]:
    """Ranked rows with the intervals of their ranks, and why there are none (or nothing)."""
    ranked = {row.spec: scores[row.spec] for row in rows if row.rank is not None}
    table = bootstrap_ranks(
        {spec: found.values for spec, found in ranked.items()},
        baseline=RANDOM if random_is_complete and RANDOM in ranked else None,
        selections={spec: found.draws for spec, found in ranked.items() if len(found.draws)},
        draws=DRAWS,
    )
    if table.note:
        return rows, f"no rank intervals: {table.note}" if ranked else ""
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


def with_sign_flips(rows: list[Row], scores: Mapping[str, Scores]) -> list[Row]:
    """Judged rows with the sign-flip p over seeds, where 10 or more make it worth showing."""
    return [
        replace(row, p_sign_flip=sign_flip(composites(scores[row.spec], scores[RANDOM])))
        if row.p_holm is not None and row.difference and row.difference.seeds >= SEEDS_FOR_SIGN_FLIPS
        else row
        for row in rows
    ]


def power_of_table(rows: list[Row], scores: Mapping[str, Scores]) -> Power | None:
    """What the table's judged rows say about the least difference it detects; None where none is judged."""
    judged = [row for row in rows if row.p_holm is not None and row.difference]
    pairs = [pair for row in judged if (pair := paired(scores[row.spec], scores[RANDOM])) is not None]
    if not pairs:
        return None
    pooled = pooled_components([crossed_components(*pair) for pair in pairs])
    seeds = len(pairs[0][0][0])
    return Power(
        seeds=seeds,
        comparisons=len(pairs),
        detectable=minimum_detectable(pooled, seeds),
        detectable_after_holm=minimum_detectable(pooled, seeds, level=LEVEL / len(pairs)),
        seeds_for_one_point=seeds_needed(ONE_POINT, pooled),
    )

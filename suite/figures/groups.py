"""Which neighbours of a ranked table nobody can tell apart: the brackets of the figures."""

from __future__ import annotations

from collections.abc import Sequence

from suite.aggregate import Row


def tied_groups(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """The first and last place of each group of two or more ranked rows that are tied, in order.

    Where rows carry rank intervals, a group is as long a stretch of ranked rows as there is in which every two
    intervals overlap; groups may overlap, too, for being tied is not transitive. Without rank intervals only one thing
    is known: which neighbours are tied with random. References between two rows of a group part nothing.
    """
    ranked = [place for place, row in enumerate(rows) if row.rank is not None]
    intervals = {place: rank_interval(rows[place]) for place in ranked}
    if None in intervals.values():
        return _tied_with_random(rows, ranked)
    groups: list[tuple[int, int]] = []
    for start in range(len(ranked)):
        low, high, end = 0.0, float("inf"), start
        for number in range(start, len(ranked)):
            own = intervals[ranked[number]]
            assert own is not None
            # Intervals overlap pairwise when all of them share a point.
            low, high = max(low, own[0]), min(high, own[1])
            if low > high:
                break
            end = number
        if end > start and (not groups or ranked[end] > groups[-1][1]):
            groups.append((ranked[start], ranked[end]))
    return groups


def rank_interval(row: Row) -> tuple[int, int] | None:
    """The 95 % interval of a row's rank, None where ranks were not drawn."""
    return None if row.rank_low is None or row.rank_high is None else (row.rank_low, row.rank_high)


def _tied_with_random(rows: Sequence[Row], ranked: Sequence[int]) -> list[tuple[int, int]]:
    groups: list[tuple[int, int]] = []
    run: list[int] = []
    for place in [*ranked, -1]:
        if place >= 0 and rows[place].verdict in ("tied", "baseline"):
            run.append(place)
            continue
        if len(run) > 1:
            groups.append((run[0], run[-1]))
        run = []
    return groups

"""What two compared rows pick alike: their samples in common, seed by seed, against what chance would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from leaderboard.page import Page
from suite.aggregate import Table
from suite.aggregate.head_to_head import HeadToHead
from suite.report.blocks import Block, Column, Grid, Paragraph, Value
from suite.results import Result
from suite.statistics.set_overlap import shared_rows
from suite.studies.overlap import NAME as STUDY
from suite.studies.overlap import OverlapOutcome

COLUMNS = (
    Column("training seed", "d", role="name"),
    Column("different samples, first", ",.0f", key="first"),
    Column("different samples, second", ",.0f", key="second"),
    Column("in common", ",.1f"),
    Column("by chance", ",.1f", key="expected"),
    Column("Jaccard (%)", ".2f", 100, key="jaccard"),
    Column("Jaccard by chance (%)", ".2f", 100, key="chance"),
)
NOT_DRAWN = ("full", "untuned")


def picked_alike(page: Page, table: Table, found: HeadToHead) -> Iterator[Block]:
    """The overlap of the picks that the results carry, what their hashes say, and the kept study of overlaps."""
    whole = [spec for spec in (found.first, found.second) if spec.partition(":")[0] in NOT_DRAWN]
    if whole:
        yield Paragraph(f"{' and '.join(whole)} picked nothing: there is no selection to compare.", "note")
        return
    outcome, _ = page.data.kept(STUDY, OverlapOutcome) if page.data is not None else (None, "")
    try:
        lines = list(_by_seed(found, _pool_size(page, table, outcome)))
    except ValueError as error:
        yield Paragraph(f"The picks of these results cannot be compared: {error}.", "note")
        return
    if lines:
        title = f"Samples that {found.first} (first) and {found.second} (second) have in common"
        yield Grid("compared-picks", title, COLUMNS, tuple(lines))
        if len({line[0] for line in lines}) < len(found.seeds):
            yield Paragraph("Seeds that are not listed: their picks were not recorded with the results.", "note")
    else:
        yield Paragraph(f"Picks were not recorded with these results. {_by_hash(found)}", "note")
    yield from _studied(table, found, outcome)


def _pool_size(page: Page, table: Table, outcome: OverlapOutcome | None) -> int | None:
    """How many samples the table's pool has, where that is known for sure."""
    if outcome is not None and outcome.pool_fingerprint == table.pool:
        return outcome.pool_size
    track = page.data.track if page.data is not None else None
    return track.pool.size if track is not None and track.pool.fingerprint == table.pool else None


def _by_seed(found: HeadToHead, pool: int | None) -> Iterator[tuple[Value, ...]]:
    """A line a shared seed, means over the draws that either row has under it."""
    for seed in found.seeds:
        one, other = (_draws(members, seed) for members in found.members)
        if not (one and other):
            continue
        largest = 1 + max(int(draw.max()) for draw in (*one, *other))
        if pool is not None and largest > pool:
            raise ValueError(f"row {largest - 1} of a pool of {pool:,} samples")
        shared = shared_rows(one, other, pool or largest)
        by_chance = (shared.expected, shared.chance_jaccard) if pool is not None else (None, None)
        sizes = (float(np.mean([len(draw) for draw in draws])) for draws in (one, other))
        yield seed, *sizes, shared.shared, by_chance[0], shared.jaccard, by_chance[1]


def _draws(members: Sequence[Result], seed: int) -> list[np.ndarray]:
    """The different rows of each selection that was trained under a seed; none where picks were not recorded."""
    picks = [result.unpack_picks() for result in members if result.cell.training_seed == seed]
    return [np.unique(rows) for rows in picks if rows is not None and len(rows)]


def _by_hash(found: HeadToHead) -> str:
    """What can be said without them: whether selections are the same, sample by sample."""
    one, other = ({result.hashes.selection for result in members} for members in found.members)
    if one & other:
        return "By their hashes some of the selections are the same, sample by sample."
    return "By their hashes no selection of one is the same as one of the other."


def _studied(table: Table, found: HeadToHead, outcome: OverlapOutcome | None) -> Iterator[Block]:
    """The pair's line of the kept study."""
    for studied in outcome.tables if outcome is not None else ():
        pair = next((pair for pair in studied.pairs if {pair.first, pair.second} == {found.first, found.second}), None)
        if studied.budget == table.budget and pair is not None:
            p = "" if pair.p_holm is None else f", p {'below 0.001' if pair.p_holm < 0.001 else f'{pair.p_holm:.3f}'}"
            yield Paragraph(
                f"In the kept study of overlaps, over all their draws, they share {pair.shared:.1f} samples where "
                f"unrelated draws would share {pair.expected:.1f}: Jaccard index {100 * pair.jaccard:.2f} % against "
                f"{100 * pair.chance_jaccard:.2f} % by chance{p} (Holm over all pairs)."
            )

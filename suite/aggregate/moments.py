"""What a table's scores, ranks and verdicts are made from, task by task: enough for any choice of its tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from suite.aggregate.board import TaskStanding
from suite.aggregate.normalise import Scores, paired
from suite.aggregate.rows import DUPLICATE, ORACLE, RANDOM
from suite.statistics.intervals import Moments, moments
from suite.statistics.ranks import Bootstrap, QuantisedBootstrap, bootstrap

DRAWS = 2_000
"""Bootstrap draws of a board: a share of 0.5 is then known to 0.02, and a board is drawn in well under a second."""


@dataclass(frozen=True)
class TableMoments:
    """The moments of every row of a table on the tasks that enter its score, in their order.

    `items` counts those of each task. `scores` holds each row's own moments by spec, `differences` those of pairs of
    rows, `(better or any, random or another)`; `draws` those of the rows that are ranked wherever anything is.
    """

    tasks: tuple[str, ...]
    items: tuple[int, ...]
    scores: Mapping[str, Moments]
    differences: Mapping[tuple[str, str], Moments]
    draws: Bootstrap | QuantisedBootstrap

    def positions(self, tasks: Iterable[str]) -> list[int]:
        """Where the tasks stand here. Raises ValueError on one that does not enter the score."""
        return [self.tasks.index(task) for task in tasks]

    def quantised(self) -> TableMoments:
        """The same with its draws in a quarter of the space, for a file."""
        return replace(self, draws=self.draws.quantised()) if isinstance(self.draws, Bootstrap) else self


def table_moments(
    scores: Mapping[str, Scores], entering: Sequence[TaskStanding], ranked: Collection[str]
) -> TableMoments:
    """The moments of rows by their specs; `ranked` names those whose ranks are drawn."""
    random = scores.get(RANDOM)
    pairs = [(spec, RANDOM) for spec in scores if random is not None and spec != RANDOM]
    pairs += [(ORACLE, DUPLICATE)] if ORACLE in scores and DUPLICATE in scores else []
    differences = {pair: paired(scores[pair[0]], scores[pair[1]]) for pair in pairs}
    return TableMoments(
        tasks=tuple(task.name for task in entering),
        items=tuple(task.items for task in entering),
        scores={spec: moments(found.values, _drawn(found), found.items) for spec, found in scores.items()},
        differences={pair: moments(*found) for pair, found in differences.items() if found is not None},
        draws=bootstrap(
            {spec: scores[spec].values for spec in ranked},
            selections={spec: scores[spec].task_draws for spec in ranked if _drawn(scores[spec])},
            items=next((found.items for found in scores.values()), None),
            draws=DRAWS,
        ),
    )


def _drawn(scores: Scores) -> list[np.ndarray]:
    return [scores.task_draws] if scores.task_draws.shape[1] else []

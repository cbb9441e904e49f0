"""The overlap study: how much the picks of any two strategies have in common, held against chance.

    study = OverlapStudy(experiment, base_model)
    outcome = study.run(specs, budgets, maps)
    keep(folder, track.name, "overlap", outcome)

Every strategy is drawn as a run would draw it (random: the registered draws; other randomised strategies: one draw a
training seed; deterministic ones once). Nothing is trained; selections come from the cache where they were made before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import FeatureError, SelectionError, UnknownNameError, UsageError
from suite.features import Embeddings
from suite.registry import Strategy, strategies
from suite.runner.cells import FULL, Wanted, plan_cells
from suite.statistics.holm import holm
from suite.statistics.set_overlap import overlap_p, shared_rows
from suite.studies.kept import KeptPart, KeptStudy, Number
from suite.studies.pool_map import PickMap, Plane, PoolDensity, density, pick_map, principal_plane

if TYPE_CHECKING:
    from suite.runner.experiment import Experiment
    from suite.runner.selecting import Selector

NAME = "overlap"
LEVEL = 0.05


class Drawn(KeptPart):
    """One strategy at one budget: how many draws were made, how many different rows each holds.

    `own_jaccard` is the mean Jaccard index of two of its own draws: 1 for a deterministic strategy.
    """

    spec: str
    level: str
    index_only: bool
    draws: int
    rows: int
    own_jaccard: Number


class Pair(KeptPart):
    """What two strategies share, as the mean over all pairs of their draws.

    `shared` rows in common where unrelated draws would share `expected`; `jaccard` where they would have
    `chance_jaccard`. `p` is two-sided (suite.statistics.set_overlap), `p_holm` adjusted over the table's pairs.
    """

    first: str
    second: str
    shared: float
    expected: float
    jaccard: float
    chance_jaccard: float
    p: Number
    p_holm: Number

    @property
    def times_chance(self) -> float:
        """Rows in common over what unrelated draws would share: 1 is chance."""
        return self.shared / self.expected

    @property
    def beyond_chance(self) -> bool:
        """Whether the strategies share significantly more, or fewer, rows than unrelated draws would."""
        return self.p_holm is not None and self.p_holm < LEVEL


class LeftOut(KeptPart):
    """A strategy that is not in a table, and why."""

    spec: str
    reason: str


class OverlapTable(KeptPart):
    """Every pair of strategies at one budget."""

    budget: int
    strategies: tuple[Drawn, ...]
    pairs: tuple[Pair, ...]
    left_out: tuple[LeftOut, ...]
    maps: tuple[PickMap, ...]

    def pair(self, first: str, second: str) -> Pair:
        """The pair of two strategies of the table, in either order."""
        return next(pair for pair in self.pairs if {pair.first, pair.second} == {first, second})


class OverlapOutcome(KeptStudy):
    """The study's outcome; `pool_map` is the pool that the tables' maps lie on, None where there are none."""

    schema_version: int = 1
    base_model: str
    pool_fingerprint: str
    pool_size: int
    tables: tuple[OverlapTable, ...]
    pool_map: PoolDensity | None


@dataclass(frozen=True)
class Family:
    """A strategy with its draws: each the different rows it holds, sorted."""

    strategy: Strategy
    draws: tuple[np.ndarray, ...]

    def counts(self, pool: int) -> np.ndarray:
        """How many draws hold each row, shape (pool,), int64."""
        return np.bincount(np.concatenate(self.draws), minlength=pool)


@dataclass
class OverlapStudy:
    """Selects with every strategy and compares what they picked, for one base model."""

    experiment: Experiment
    base_model: str

    def run(
        self, chosen: Sequence[Strategy], budgets: Sequence[int], maps: Sequence[tuple[str, str]] | None = ()
    ) -> OverlapOutcome:
        """Tables of all pairs at each budget, and the maps of the pairs named (two specs each; None: no map).

        With no pair named, one map shows the two strategies, baselines aside, that share most relative to chance.
        UsageError for fewer than two strategies, UnknownNameError for a map of a strategy that is not compared.
        """
        if sum(strategy.name != FULL for strategy in chosen) < 2:
            raise UsageError(
                "An overlap needs at least two strategies (`full` holds every selection); name more with --strategies."
            )
        named = {strategy.spec for strategy in chosen}
        for spec in (spec for pair in maps or () for spec in pair):
            if spec not in named:
                raise UnknownNameError("strategy among those compared", spec, named)
        selector = self.experiment.selector_for(self.base_model, chosen)
        drawn = [self._draw(selector, chosen, budget) for budget in budgets]
        plane = None if maps is None else self._plane(selector)
        tables = tuple(
            make_table(budget, families, left_out, len(selector.pool), plane, maps or ())
            for budget, (families, left_out) in zip(budgets, drawn, strict=True)
        )
        return OverlapOutcome(
            track=self.experiment.track.name,
            base_model=self.base_model,
            pool_fingerprint=selector.pool.fingerprint,
            pool_size=len(selector.pool),
            tables=tables,
            pool_map=None if plane is None else density(plane, selector.context.embedder),
        )

    def _draw(self, selector: Selector, chosen: Sequence[Strategy], budget: int) -> tuple[list[Family], list[LeftOut]]:
        """What each strategy picked; a strategy that cannot select at this budget is left out with the reason."""
        families: list[Family] = []
        left_out: list[LeftOut] = []
        progress = self.experiment.progress(f"selections of {budget:,}")
        for done, strategy in enumerate(chosen):
            progress(done, len(chosen))
            if strategy.name == FULL:
                left_out.append(LeftOut(spec=strategy.spec, reason="it is the whole pool and holds every selection"))
                continue
            try:
                families.append(Family(strategy, tuple(self._draws(selector, strategy, budget))))
            except (SelectionError, FeatureError) as error:
                self.experiment.notify(str(error))
                left_out.append(LeftOut(spec=strategy.spec, reason=str(error)))
        progress(len(chosen), len(chosen))
        return families, left_out

    def _draws(self, selector: Selector, strategy: Strategy, budget: int) -> Iterator[np.ndarray]:
        wanted = Wanted(budgets=(budget,), base_models=(self.base_model,))
        cells = plan_cells(self.experiment.track, [strategy], wanted)
        for seed in sorted({cell.selection_seed for cell in cells if cell.strategy is not None}):
            yield np.unique(selector.pick(strategy, budget, seed).selection.rows)

    def _plane(self, selector: Selector) -> Plane:
        from suite.features.store import compute_features

        wanted = Embeddings(view="both")
        found = compute_features(
            [wanted], selector.pool, selector.context, selector.features, progress_for=selector.progress
        )
        return principal_plane(found.features[wanted])


def make_table(
    budget: int,
    families: Sequence[Family],
    left_out: Sequence[LeftOut],
    pool: int,
    plane: Plane | None,
    maps: Sequence[tuple[str, str]],
) -> OverlapTable:
    """The table of one budget, with the maps named that can be drawn from it (one of its own where none is named)."""
    pairs = compare(families, pool)
    by_spec = {family.strategy.spec: family for family in families}
    wanted = [pair for pair in maps if set(pair) <= by_spec.keys()] if maps else _most_alike(pairs)
    return OverlapTable(
        budget=budget,
        strategies=tuple(map(_drawn, families)),
        pairs=tuple(pairs),
        left_out=tuple(left_out),
        maps=()
        if plane is None
        else tuple(pick_map(plane, _picks(by_spec[first]), _picks(by_spec[second])) for first, second in wanted),
    )


def compare(families: Sequence[Family], pool: int) -> list[Pair]:
    """Every pair of families over a pool of `pool` rows, p adjusted over them (Holm); in the order given."""
    counts = [family.counts(pool) for family in families]
    pairs = list(combinations(range(len(families)), 2))
    p = [overlap_p(counts[one], counts[other]) for one, other in pairs]
    found = []
    for (one, other), alone, adjusted in zip(pairs, p, holm(p).tolist(), strict=True):
        first, second = families[one], families[other]
        drawn = shared_rows(first.draws, second.draws, pool)
        found.append(
            Pair(
                first=first.strategy.spec,
                second=second.strategy.spec,
                shared=drawn.shared,
                expected=drawn.expected,
                jaccard=drawn.jaccard,
                chance_jaccard=drawn.chance_jaccard,
                p=alone,
                p_holm=adjusted,
            )
        )
    return found


def _drawn(family: Family) -> Drawn:
    own = [len(np.intersect1d(a, b)) / len(np.union1d(a, b)) for a, b in combinations(family.draws, 2)]
    deterministic = family.strategy.info.deterministic
    return Drawn(
        spec=family.strategy.spec,
        level=family.strategy.info.level,
        index_only=family.strategy.index_only,
        draws=len(family.draws),
        rows=round(float(np.mean([len(draw) for draw in family.draws]))),
        own_jaccard=1.0 if deterministic else (float(np.mean(own)) if own else None),
    )


def _picks(family: Family) -> tuple[str, str, np.ndarray]:
    return family.strategy.spec, family.strategy.info.level, family.draws[0]


def _most_alike(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """The pair that shares most relative to chance, baselines aside where there are others."""
    earnest = [pair for pair in pairs if not _is_baseline(pair.first) and not _is_baseline(pair.second)]
    best = max(earnest or pairs, key=lambda pair: pair.times_chance, default=None)
    return [(best.first, best.second)] if best else []


def _is_baseline(spec: str) -> bool:
    return strategies.parse(spec).info.level == "baseline"

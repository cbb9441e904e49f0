"""What the six diversity-controlled strategies (M2M) share: types, levels, and which types a level keeps."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from strategies.even_sampling import LengthTarget, TypeIncidences, even_selection
from suite.errors import SelectionError
from suite.features import Tokens, View
from suite.registry import LevelReport, Strategy

if TYPE_CHECKING:
    from strategies.kernels.pruning import PruningPath
    from suite.features.base import Feature, Features, TrackContext
    from suite.pool import Pool

PAPER = "M2M, arXiv 2505.24768 (AAAI 2026)"


@dataclass(frozen=True)
class DiversityControlled(Strategy):
    """A strategy that covers as many of its types as its level says, and draws evenly over them.

    `diversity` p in [0, 1] sets how many types k are kept: k = round(k_min + p (k_max - k_min)), where k_max is all
    types and k_min the fewest along the order in which types are dropped whose samples still reach the budget (our
    reading). Where lengths are matched, k_min is the fewest from which B samples of that mean length can be had.
    `least_types` puts a number of one's own in the place of k_min, so that levels of several budgets mean
    the same k; levels out of reach are then errors. `match_length` draws so that the mean response length (in tokens
    of the target model) is `target_length` at every level, or the pool's where that is None.

    A subclass says which types samples hold (`incidences`, from the features of `type_features`); it overrides
    `dropping` when types are not dropped by how few samples hold them.
    """

    formula: ClassVar[str] = (
        r"k(p) = \mathrm{round}\left( k_{\min} + p \, (k_{\max} - k_{\min}) \right), \qquad \text{then the } "
        r"B \text{ samples are spread evenly over the } k \text{ types that are kept}"
    )

    diversity: float = 1.0
    least_types: int | None = None
    match_length: bool = False
    target_length: float | None = None

    view: ClassVar[View]

    def __post_init__(self) -> None:
        if not 0.0 <= self.diversity <= 1.0:
            raise ValueError(f"diversity must lie between 0 and 1, not be {self.diversity}")
        if self.least_types is not None and self.least_types < 1:
            raise ValueError(f"least_types must be at least 1, not {self.least_types}")
        if self.target_length is not None and not (self.match_length and self.target_length > 0):
            raise ValueError("target_length goes with match_length=true and is more than 0")

    @abstractmethod
    def type_features(self, track: TrackContext) -> tuple[Feature, ...]:
        """The features that `incidences` reads."""

    @abstractmethod
    def incidences(self, features: Features) -> TypeIncidences:
        """Which types each sample of the pool holds."""

    def dropping(self, incidences: TypeIncidences) -> PruningPath:
        """The order in which types are dropped, over the samples that hold one: the least frequent types first."""
        return smallest_types_first(incidences)

    def requires(self, track: TrackContext) -> tuple[Feature, ...]:
        """What types are read from, and response tokens where lengths are matched."""
        responses = (Tokens(view="response"),) if self.match_length else ()
        return (*self.type_features(track), *responses)

    def select(self, pool: Pool, budget: int, *, features: Features, rng: np.random.Generator) -> np.ndarray:
        """Rows in the order drawn, shape (budget,), int64. Raises SelectionError when the budget is out of reach."""
        incidences = self.incidences(features)
        lengths = self._length_target(features)
        path, state, _ = self._level(incidences, budget, lengths)
        rows, types = incidences.holding[path.samples(state)], path.types(state)
        return even_selection(incidences, rows, types, budget, rng, lengths=lengths)

    def level_report(self, rows: np.ndarray, *, features: Features) -> LevelReport:
        """How many types there are, are kept at this level, and are covered by a selection `rows` of it."""
        incidences = self.incidences(features)
        path, state, fewest = self._level(incidences, len(rows), self._length_target(features))
        kept = path.types(state)
        return LevelReport(
            all_types=int(path.types_left[0]),
            fewest_types=fewest,
            kept_types=len(kept),
            covered_kept_types=incidences.count_types(rows, kept),
            covered_types=incidences.count_types(rows),
        )

    def _length_target(self, features: Features) -> LengthTarget | None:
        if not self.match_length:
            return None
        every = features[Tokens(view="response")].lengths
        return LengthTarget(every, self.target_length or float(every.mean()))

    def _level(
        self, incidences: TypeIncidences, budget: int, lengths: LengthTarget | None
    ) -> tuple[PruningPath, int, int]:
        """The path of dropping types, its state at this level, and the fewest types that reach the budget."""
        path = self.dropping(incidences)
        state, last = states_of_level(
            path,
            budget,
            self.diversity,
            holding=incidences.holding,
            strategy=self.spec,
            least=self.least_types,
            lengths=lengths,
        )
        return path, state, int(path.types_left[last])


def smallest_types_first(incidences: TypeIncidences) -> PruningPath:
    """Every state on the way from all types to none, one type a step, the one that fewest samples hold first.

    Of types that equally many samples hold, the higher goes first. A sample goes with the last of its types. Rows
    are positions in `incidences.holding`.
    """
    from strategies.kernels import PruningPath

    types, starts = incidences.of_holding
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    # A type may stand twice for a sample, which counts once.
    distinct = np.unique(owner * (int(types.max(initial=0)) + 1) + types) % (int(types.max(initial=0)) + 1)
    counts = np.bincount(distinct, minlength=int(types.max(initial=-1)) + 1)
    order = np.lexsort((-np.arange(len(counts)), counts))
    order = order[counts[order] > 0]
    removed_at = np.zeros(len(counts), dtype=np.int64)
    removed_at[order] = np.arange(1, len(order) + 1)
    dropped_at = np.zeros(len(starts) - 1, dtype=np.int64)
    np.maximum.at(dropped_at, owner, removed_at[types])
    gone = np.cumsum(np.bincount(dropped_at, minlength=len(order) + 1))
    return PruningPath(np.arange(len(order), -1, -1), len(dropped_at) - gone, dropped_at, removed_at)


def states_of_level(
    path: PruningPath,
    budget: int,
    diversity: float,
    *,
    holding: np.ndarray,
    strategy: str,
    least: int | None = None,
    lengths: LengthTarget | None = None,
) -> tuple[int, int]:
    """The state of a path at a level of diversity, and the last state that reaches the budget.

    Level 0 is the fewest types whose samples still number `budget`, or `least` where it is given, level 1 all types.
    `holding` are the samples with a type, which alone are candidates. Raises SelectionError when the budget is out of
    reach, naming how far the types reach or the smallest level that reaches it. Deterministic.
    """
    last = _last_state(path, budget, holding, lengths, strategy)
    return _state_at(path, budget, diversity, least, last, strategy), last


def _last_state(
    path: PruningPath, budget: int, holding: np.ndarray, lengths: LengthTarget | None, strategy: str
) -> int:
    """The state with the fewest types whose samples still number the budget, and can have the mean length.

    Samples only go along the path, so what a state can reach every state before it can.
    """
    if path.samples_left[0] < budget:
        raise SelectionError(
            f"{strategy} cannot pick {budget} samples: only {path.samples_left[0]} hold one of its "
            f"{path.types_left[0]} types, at any level. Ask for a smaller budget, or widen what counts as a type."
        )
    last = int(np.flatnonzero(path.samples_left >= budget)[-1])
    if lengths is None:
        return last

    def attainable(state: int) -> bool:
        ascending = np.sort(lengths.lengths[holding[path.samples(state)]])
        return bool(ascending[:budget].mean() <= lengths.mean <= ascending[-budget:].mean())

    first_bad = bisect_left(range(last + 1), True, key=lambda state: not attainable(state))
    if first_bad == 0:
        raise SelectionError(
            f"{strategy} cannot pick {budget} samples with a mean response of {lengths.mean:.1f} tokens, at any level. "
            "Ask for a smaller budget, or another target_length."
        )
    return first_bad - 1


def _state_at(path: PruningPath, budget: int, diversity: float, least: int | None, last: int, strategy: str) -> int:
    """The state of a level, where `last` is the last that reaches the budget; SelectionError when it lies behind."""
    every, fewest = int(path.types_left[0]), int(path.types_left[last])
    lowest = fewest if least is None else min(least, every)
    state = path.state(round(lowest + diversity * (every - lowest)))
    if state > last:
        # Rounded up, so that the level that the message names is one that works.
        smallest = np.ceil(1e4 * (fewest - lowest) / (every - lowest)) / 1e4
        raise SelectionError(
            f"{strategy} cannot pick {budget} samples at diversity {diversity:.4g}: {path.types_left[state]} of its "
            f"{every} types are too few. The smallest reachable level is {smallest:.4f} ({fewest} types)."
        )
    return state

"""Even sampling over types (M2M): the draw of all six diversity-controlled strategies, and every type present."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np

LENGTH_TOLERANCE = 0.005


@dataclass(frozen=True)
class TypeIncidences:
    """Which types each sample holds, end to end: sample i holds `types[offsets[i]:offsets[i + 1]]` (int64 both)."""

    types: np.ndarray
    offsets: np.ndarray

    def of(self, rows: np.ndarray, kept: np.ndarray | None = None) -> dict[int, list[int]]:
        """The different types of each of `rows`, ascending; of the types in `kept` alone where that is given."""
        types, starts = self.types.tolist(), self.offsets.tolist()
        if kept is None:
            return {row: sorted(set(types[starts[row] : starts[row + 1]])) for row in rows.tolist()}
        wanted = set(kept.tolist())
        return {row: sorted(wanted.intersection(types[starts[row] : starts[row + 1]])) for row in rows.tolist()}

    @cached_property
    def holding(self) -> np.ndarray:
        """Rows of the samples that hold a type, ascending, int64."""
        return np.flatnonzero(np.diff(self.offsets))

    @property
    def of_holding(self) -> tuple[np.ndarray, np.ndarray]:
        """Types and offsets of the samples in `holding` alone."""
        return self.types, np.append(self.offsets[self.holding], self.offsets[-1])

    def count_types(self, rows: np.ndarray, kept: np.ndarray | None = None) -> int:
        """How many different types (of those in `kept`, where that is given) `rows` hold together."""
        held = np.zeros(int(self.types.max(initial=-1)) + 1, dtype=np.bool_)
        for row in rows.tolist():
            held[self.types[self.offsets[row] : self.offsets[row + 1]]] = True
        return int(np.count_nonzero(held if kept is None else held[kept]))


@dataclass(frozen=True)
class LengthTarget:
    """Response lengths (n,), and the mean that a selection should have."""

    lengths: np.ndarray
    mean: float


def even_selection(
    incidences: TypeIncidences,
    rows: np.ndarray,
    types: np.ndarray,
    budget: int,
    rng: np.random.Generator,
    *,
    lengths: LengthTarget | None = None,
) -> np.ndarray:
    """Draw `budget` of `rows` evenly over `types`, then bring in the types that are still absent.

    Repeats: the type with the smallest count so far that still has unused samples (ties at random), one of its
    unused samples at random, one more for every type that sample holds. With `lengths`, the draw prefers the type's
    samples on that side of the mean which brings the selection's mean to it. An absent type takes the place of a
    sample whose types are all held elsewhere; where there is no such sample the budget cannot hold all types, and a
    warning says how many are absent. At last, with `lengths`, samples that no type needs give way to longer (or
    shorter) ones, few of them, until the mean is within half a per cent; a warning says so where it stays off.
    Returns (budget,), int64, in the order drawn.
    """
    held = incidences.of(rows, types)
    picked = EvenSampler(held, types, lengths, rng).draw(budget)
    presence = _Presence(held, types, picked)
    absent = presence.bring_in_absent(rng)
    if absent:
        warnings.warn(
            f"{absent} of {len(types)} types are absent: {budget} samples cannot hold them all.", stacklevel=2
        )
    if lengths is not None:
        presence.match_length(lengths)
        mean = float(lengths.lengths[picked].mean())
        if abs(mean - lengths.mean) > LENGTH_TOLERANCE * lengths.mean:
            warnings.warn(
                f"The mean response length is {mean:.4g} where {lengths.mean:.4g} is wanted: every type present comes "
                "first.",
                stacklevel=2,
            )
    return np.asarray(picked, dtype=np.int64)


class EvenSampler:
    """Types in levels by their count so far; the lowest level that is not empty is drawn from."""

    def __init__(
        self,
        held: dict[int, list[int]],
        types: np.ndarray,
        lengths: LengthTarget | None,
        rng: np.random.Generator,
    ):
        self.held = held
        self.lengths = lengths
        self.rng = rng
        self.levels: list[list[int]] = [[int(kind) for kind in types]]
        self.place = {kind: position for position, kind in enumerate(self.levels[0])}
        self.count = dict.fromkeys(self.levels[0], 0)
        self.used: set[int] = set()
        # Holders of each type: those at most as long as the mean, and the longer ones (empty without a target).
        self.holders: tuple[dict[int, list[int]], dict[int, list[int]]] = (
            {kind: [] for kind in self.count},
            {kind: [] for kind in self.count},
        )
        for row, kinds in held.items():
            side = int(lengths is not None and lengths.lengths[row] > lengths.mean)
            for kind in kinds:
                self.holders[side][kind].append(row)

    def draw(self, budget: int) -> list[int]:
        """`budget` different rows, in the order drawn."""
        picked: list[int] = []
        low, missing_length = 0, 0.0
        while len(picked) < budget:
            while not self.levels[low]:
                low += 1
            level = self.levels[low]
            kind = level[int(self.rng.integers(len(level)))]
            row = self._unused(kind, longer=missing_length > 0)
            if row is None:
                self._remove(kind)
                continue
            picked.append(row)
            self.used.add(row)
            if self.lengths is not None:
                missing_length += self.lengths.mean - float(self.lengths.lengths[row])
            for other in self.held[row]:
                self._lift(other)
        return picked

    def _unused(self, kind: int, *, longer: bool) -> int | None:
        for side in (int(longer), int(not longer)):
            rows = self.holders[side][kind]
            while rows:
                position = int(self.rng.integers(len(rows)))
                row = rows[position]
                rows[position] = rows[-1]
                rows.pop()
                if row not in self.used:
                    return row
        return None

    def _remove(self, kind: int) -> None:
        level, position = self.levels[self.count[kind]], self.place.pop(kind)
        last = level.pop()
        if last != kind:
            level[position] = last
            self.place[last] = position

    def _lift(self, kind: int) -> None:
        if kind not in self.place:  # all of its samples are used
            return
        self._remove(kind)
        self.count[kind] += 1
        if self.count[kind] == len(self.levels):
            self.levels.append([])
        level = self.levels[self.count[kind]]
        self.place[kind] = len(level)
        level.append(kind)


class _Presence:
    """Who of the picked rows holds each type, and which rows could go without a type becoming absent."""

    def __init__(self, held: dict[int, list[int]], types: np.ndarray, picked: list[int]):
        self.held = held
        self.picked = picked
        self.place = {row: position for position, row in enumerate(picked)}
        self.holders: dict[int, set[int]] = {int(kind): set() for kind in types}
        self.alone = dict.fromkeys(held, 0)  # of how many types a picked row is the only holder
        self.spare: list[int] = []
        for row in picked:
            self._enter(row)
        self.spare = [row for row in picked if self.alone[row] == 0]

    def bring_in_absent(self, rng: np.random.Generator) -> int:
        """Swap samples of absent types into `picked`, in place; how many types stay absent."""
        candidates: dict[int, list[int]] = {kind: [] for kind, rows in self.holders.items() if not rows}
        for row, kinds in self.held.items():
            for kind in kinds:
                if kind in candidates:
                    candidates[kind].append(row)
        for kind in rng.permutation(sorted(candidates)).tolist():
            if not self.holders[kind]:
                self._swap_in(candidates[kind][int(rng.integers(len(candidates[kind])))])
        return sum(not rows for rows in self.holders.values())

    def match_length(self, target: LengthTarget) -> None:
        """Bring the mean length to the target, in place: the picks furthest on its wrong side, but for those that a
        type needs, give way to the unused rows furthest on the other, so that few are swapped.
        """
        length = {row: float(target.lengths[row]) for row in self.held}
        missing = target.mean * len(self.picked) - sum(length[row] for row in self.picked)
        slack = LENGTH_TOLERANCE * target.mean * len(self.picked)
        way = 1 if missing > 0 else -1
        unused = iter(sorted(self.held.keys() - self.place.keys(), key=lambda row: (-way * length[row], row)))
        row = next(unused, None)
        for out in sorted(self.picked, key=lambda row: (way * length[row], row)):
            if abs(missing) <= slack:
                return
            if self.alone[out] > 0:
                continue
            # A row that would carry the mean past the target is left to nobody: later picks lie nearer to it.
            while row is not None and way * (length[row] - length[out]) > abs(missing) + slack:
                row = next(unused, None)
            if row is None or way * (length[row] - length[out]) <= 0:
                return
            missing -= length[row] - length[out]
            self._replace(out, row)
            row = next(unused, None)

    def _swap_in(self, row: int) -> None:
        self._enter(row)
        # A row noted as spare may have gone, or may be the only holder of a type by now.
        while self.spare and (self.spare[-1] not in self.place or self.alone[self.spare[-1]] > 0):
            self.spare.pop()
        if not self.spare:
            self._leave(row)
            return
        self._replace(self.spare.pop(), row, entered=True)

    def _replace(self, out: int, row: int, *, entered: bool = False) -> None:
        if not entered:
            self._enter(row)
        self._leave(out)
        position = self.place.pop(out)
        self.picked[position] = row
        self.place[row] = position

    def _enter(self, row: int) -> None:
        for kind in self.held[row]:
            if len(self.holders[kind]) == 1:
                (other,) = self.holders[kind]
                self.alone[other] -= 1
                if self.alone[other] == 0:
                    self.spare.append(other)
            self.holders[kind].add(row)
            self.alone[row] += len(self.holders[kind]) == 1

    def _leave(self, row: int) -> None:
        for kind in self.held[row]:
            self.holders[kind].discard(row)
            if len(self.holders[kind]) == 1:
                (other,) = self.holders[kind]
                self.alone[other] += 1
        self.alone[row] = 0

"""The panel of selections over which metrics are correlated with performance: what it holds, and what it must lack.

NovelSum's protocol (Yang et al., ACL 2025, section 5) wants many selections of one size from methods of every kind,
duplicates and skewed sources among them. The default panel varies the parameters of every strategy; one of one's own
is a file of specs. A strategy that is not installed, or cannot select here, is left out and said to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from suite.errors import UnknownNameError, UsageError
from suite.registry import strategies
from suite.runner.cells import FULL, RANDOM, Cell, Wanted, plan_cells
from suite.studies.levels import DEFAULT_LEVELS, at_level, evenly_spaced, levelled_strategies

if TYPE_CHECKING:
    from suite.registry import Strategy
    from suite.track import Track

REGISTERED_SIZE = 40
"""Selections below which a panel is a reduced one."""
FEWEST = 3
RUNGS = (0, 2, 6)
"""Of the seven levels of a ladder: the lowest, a third of the way, all; the very floats, so that cells are shared."""

OTHERS = (
    "novelselect",
    "novelselect:density_power=0",
    "novelselect:distance_power=0.5",
    "k-center",
    "farthest",
    "facility-location",
    "k-means:clusters=20",
    "k-means:clusters=100",
    "k-means:clusters=300",
    "repr-filter:threshold=0.9",
    "repr-filter:threshold=0.5",
    "longest",
    "random-length-matched",
    "mads",
    "mads:density=0.05",
    "duplicate:times=2",
    "duplicate:times=5",
    "duplicate:times=10",
    "skewed",
    "skewed:power=2",
    "skewed:clusters=100,power=4",
)


@dataclass(frozen=True)
class Entry:
    """One selection of the panel. `draw` is that of `random`; others pair draw i with training seed i (None)."""

    strategy: Strategy
    draw: int | None = None

    @property
    def name(self) -> str:
        """The entry's name in tables."""
        return self.strategy.spec if self.draw is None else f"{self.strategy.spec} draw {self.draw}"

    def has(self, cell: Cell) -> bool:
        """Whether a cell is one of this entry's."""
        return (
            cell.strategy is not None
            and cell.strategy.spec == self.strategy.spec
            and self.draw in (None, cell.selection_seed)
        )


@dataclass(frozen=True)
class LeftOut:
    """A selection that the panel wanted and does not have, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Panel:
    """The selections, each once, and those that were left out."""

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class PanelPlan:
    """A panel on one budget and base model with its cells."""

    track: Track
    budget: int
    base_model: str
    training_seeds: tuple[int, ...]
    panel: Panel
    cells: tuple[Cell, ...]

    def reduced(self, selections: int | None = None) -> tuple[str, ...]:
        """In what the study falls short where this many selections could be made (None: all of them)."""
        count = len(self.panel.entries) if selections is None else selections
        registered = len(self.track.seeds.training)
        short = [f"{count} of at least {REGISTERED_SIZE} selections"] if count < REGISTERED_SIZE else []
        if len(self.training_seeds) < registered:
            short.append(f"{len(self.training_seeds)} of {registered} registered seeds")
        return tuple(short)

    def cells_of(self, entry: Entry) -> list[Cell]:
        """The cells of one entry, one a training seed."""
        return [cell for cell in self.cells if entry.has(cell)]


def default_panel(track: Track) -> Panel:
    """Random's draws, every levelled strategy at three levels, every other strategy with varied parameters."""
    ladder = evenly_spaced(DEFAULT_LEVELS)
    levelled = [at_level(family, ladder[rung]) for family in levelled_strategies() for rung in RUNGS]
    left_out: list[LeftOut] = []
    others = []
    for spec in OTHERS:
        try:
            others.append(strategies.parse(spec))
        except UnknownNameError:
            left_out.append(LeftOut(spec, "not installed here"))
    return Panel(tuple(_entries([strategies.parse(RANDOM), *levelled, *others], track)), tuple(left_out))


def read_panel(path: Path, track: Track) -> Panel:
    """A panel from a file of specs, one a line; `#` begins a comment, `random` stands for all of its draws.

    Raises UsageError naming file and line for a spec that cannot be built, and for a reference row.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"The panel {path} cannot be read: {reason}.") from error
    chosen = []
    for number, line in enumerate(lines, 1):
        spec = line.partition("#")[0].strip()
        if not spec:
            continue
        try:
            strategy = strategies.parse(spec)
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error}") from error
        if strategy.reference:
            raise UsageError(f"{path}, line {number}: {spec!r} is a reference row, no selection of the budget.")
        chosen.append(strategy)
    if not chosen:
        raise UsageError(f"The panel {path} holds no strategy; write one spec a line, such as k-means:clusters=50.")
    return Panel(tuple(_entries(chosen, track)))


def plan_panel(
    track: Track,
    panel: Panel,
    *,
    budget: int | None = None,
    base_model: str | None = None,
    seeds: int | None = None,
) -> PanelPlan:
    """The cells of a panel, with `full` and the untuned base that say which tasks enter the score.

    Raises UsageError for fewer than 3 selections and for seeds the track does not register.
    """
    if len(panel.entries) < FEWEST:
        raise UsageError(f"A panel of {len(panel.entries)} selections has no correlation; name at least {FEWEST}.")
    size = budget or track.default_budget
    model = track.base_model(base_model).name
    chosen = {entry.strategy.spec: entry.strategy for entry in panel.entries}
    cells = plan_cells(
        track,
        [strategies.parse(FULL), *chosen.values()],
        Wanted(budgets=(size,), base_models=(model,), seeds=seeds),
    )
    training = tuple(dict.fromkeys(cell.training_seed for cell in cells if cell.strategy is not None))
    return PanelPlan(track, size, model, training, panel, tuple(cells))


def _entries(chosen: Sequence[Strategy], track: Track) -> Iterable[Entry]:
    for strategy in {strategy.spec: strategy for strategy in chosen}.values():
        if strategy.name == RANDOM:
            yield from (Entry(strategy, draw) for draw in range(track.seeds.random_draws))
        else:
            yield Entry(strategy)

"""The board as plain data: what a table, a page or a file shows, with nothing left out in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from suite.statistics.intervals import Estimate

if TYPE_CHECKING:
    from suite.track import Source, Track

Verdict = Literal["beats", "worse", "tied", "baseline", "not judged"]


@dataclass(frozen=True)
class Registration:
    """What a track registers and a board must hold rows against.

    `same_items` groups the tasks that are asked on the same items in the same order.
    """

    track: str
    identity: str
    training_seeds: tuple[int, ...]
    random_draws: int
    same_items: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, track: Track) -> Registration:
        """The registration of a parsed track."""
        seeds = track.seeds
        return cls(track.name, track.identity, seeds.training, seeds.random_draws, _same_items(track))

    def items_of(self, task: str) -> str:
        """The first task with the items of this one."""
        return next((group[0] for group in self.same_items if task in group), task)


def _same_items(track: Track) -> tuple[tuple[str, ...], ...]:
    """The tasks that read all of one file in one format; with a limit each draws its own (`formats.subsample`)."""
    reading: dict[tuple[str, Source | None], list[str]] = {}
    for task in track.evaluation.tasks:
        if task.format and task.limit is None and not task.kind.endswith("-judge"):
            reading.setdefault((task.format, task.data), []).append(task.name)
    return tuple(tuple(names) for names in reading.values() if len(names) > 1)


@dataclass(frozen=True)
class PluginFacts:
    """What is known about a strategy and a result does not carry; `paper` is what to cite."""

    level: str
    kind: str
    paper: str = ""
    selection: str = ""
    """How a submission's picks came about: `given`, `reproduced`, or `varies` with how far."""
    picks: Mapping[int, Sequence[str]] | None = None
    """By budget the sha256 of the picks of each draw of a submission's version on the board, one where they are fixed;
    results with others are of another version. None where any picks will do: versions are a submission's alone."""


BASE_MODEL = PluginFacts(level="baseline", kind="built-in")
UNKNOWN_PLUGIN = PluginFacts(level="unknown", kind="not installed here")


@dataclass(frozen=True)
class Costs:
    """Medians over a row's cells: seconds, bytes of peak memory, and what training reached of the card's peak (0 to 1).

    The last is None where no cell of the row knows it: on a processor, and on a card whose peak is not listed.
    """

    feature_seconds: float
    selection_seconds: float
    training_seconds: float
    evaluation_seconds: float
    peak_memory_bytes: float
    model_flop_utilisation: float | None = None


@dataclass(frozen=True)
class TaskStanding:
    """One task: whether it enters the score, with the numbers behind that.

    `full` and `untuned` are raw means (None where missing); `margin` is how far `full` is above chance (accuracy) or
    below untuned (bits per byte), in the task's unit, with its standard error. `items_of` is the first task with the
    same items, the task itself where it has its own.
    """

    name: str
    kind: str
    unit: str
    chance: float
    items: int
    full: float | None
    untuned: float | None
    margin: Estimate | None
    enters: bool
    reason: str
    items_of: str


@dataclass(frozen=True)
class Row:
    """One strategy at one budget. Scores and differences are normalised: 0 is chance or untuned, 1 perfect or full."""

    strategy: str
    spec: str
    level: str
    kind: str
    reference: bool
    cells_done: int
    cells_registered: int
    score: Estimate | None
    difference: Estimate | None
    p_holm: float | None
    verdict: Verdict
    rank: int | None
    tasks: dict[str, float]
    costs: Costs
    rank_low: int | None = None
    rank_high: int | None = None
    """The middle 95 % of the row's ranks in the bootstrap; rows whose ranges overlap are tied."""
    p_best: float | None = None
    p_beats_random: float | None = None
    p_sign_flip: float | None = None
    """Over the seeds' differences to random, from 10 seeds on."""
    variant: bool = False
    """Another setting of a strategy whose default stands in the table: shown on demand, never ranked or judged."""
    selection: str = ""
    """How a submission's picks came about; empty for what no record of a submission tells of."""
    remarks: str = ""
    """What the strategy said of its selections, such as that they are approximate (see `provenance.remarks_of`)."""
    trained_by: str = ""
    """The libraries that trained its models, with their versions (see `provenance.trainers_of`)."""

    @property
    def complete(self) -> bool:
        """Whether every registered cell is there."""
        return self.cells_done == self.cells_registered


@dataclass(frozen=True)
class Separation:
    """How far apart two rows are; a track whose oracle is not apart from the rest can rank nothing."""

    better: str
    worse: str
    difference: Estimate


@dataclass(frozen=True)
class Power:
    """What a table with so many seeds finds at 80 %, by the mean variance of its differences to `random`.

    Differences are normalised. `detectable` is the least that one comparison at 0.05 finds, `detectable_after_holm`
    the least that is found as the first of all `comparisons`, the strictest case. `seeds_for_one_point` is None where
    no number of seeds finds 0.01 on these items.
    """

    seeds: int
    comparisons: int
    detectable: float
    detectable_after_holm: float
    seeds_for_one_point: int | None


@dataclass(frozen=True)
class Table:
    """All rows of one budget on one base model (one set of weights), best first, unranked incomplete rows last.

    All were evaluated by one `engine`, its versions included (empty in boards that were prepared before it was told).
    `withheld` says why nothing is ranked, or is empty; `notes` are remarks for the reader. `random_draws` holds what
    each selection draw of `random` scored, the mean over its seeds less the mean of all draws: the band of a picture.
    """

    budget: int
    base_model: str
    base_weights: str
    pool: str
    rows: tuple[Row, ...]
    tasks: tuple[TaskStanding, ...]
    separation: tuple[Separation, ...]
    withheld: str
    notes: tuple[str, ...]
    power: Power | None = None
    random_draws: tuple[float, ...] = ()
    engine: str = ""

    def without_variants(self, but: Collection[str] = ()) -> Table:
        """The same table with its variants, but for the specs named, counted in a note instead of listed."""
        rows = tuple(row for row in self.rows if not row.variant or row.spec in but)
        if len(rows) == len(self.rows):
            return self
        note = (
            f"{len(self.rows) - len(rows)} more rows are other settings of these strategies, which are never ranked: "
            "`breadth board --variants` lists them"
        )
        return replace(self, rows=rows, notes=(*self.notes, note))


@dataclass(frozen=True)
class Board:
    """Every table of a track. `set_aside` counts results that were read and not used, by reason.

    `papers` maps the strategies of its tables to what to cite for them, those without a paper left out.
    """

    track: str
    score_version: str
    registration: Registration
    tables: tuple[Table, ...]
    results: int
    set_aside: dict[str, int] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()
    superseded: int = 0
    papers: dict[str, str] = field(default_factory=dict)

    def narrowed(self, budget: int | None = None, base_model: str | None = None) -> Board:
        """The board with the tables of one budget or base model alone."""
        tables = tuple(
            table for table in self.tables if budget in (None, table.budget) and base_model in (None, table.base_model)
        )
        return replace(self, tables=tables)

    def without_variants(self, but: Collection[str] = ()) -> Board:
        """The board with the variants of each table, but for the specs named, counted instead of listed."""
        return replace(self, tables=tuple(table.without_variants(but) for table in self.tables))

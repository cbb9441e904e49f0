"""The cost of cells: for each what it computes, holds and keeps, from the track, the base model's shape and a card."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.cost.features import feature_costs, wanted_features
from suite.cost.formulas import (
    DISK_BYTES_A_SECOND,
    START_SECONDS,
    VLLM_START_SECONDS,
    decoding_seconds,
    evaluation_memory,
    forward_flops,
    reading_seconds,
    recomputed,
    training_flops,
    training_memory,
    training_seconds,
)
from suite.cost.judges import judges_too_large, room_for_a_judge
from suite.cost.lengths import VERDICT, Asked, Lengths, padded_share
from suite.cost.shapes import Shape, ShapeUnknown, shape_of, shape_of_named
from suite.cost.splitting import least_split
from suite.evaluation.rows import judges_rows, rows_stated
from suite.runner.together import LARGEST_GROUP
from suite.sources import nothing_fetched

if TYPE_CHECKING:
    from suite.cost.cards import Card
    from suite.runner.cells import Cell
    from suite.runner.experiment import Experiment
    from suite.runner.plan import Plan
    from suite.track import Recipe, Track

HEADROOM = 1.05
CONTEXT_BYTES = 2**30
"""Of a CUDA context with its libraries; HEADROOM stands for fragments between allocations. Both are assumptions."""


@dataclass(frozen=True)
class CellCost:
    """What one cell is reckoned to take; seconds are those of one card (of `gpus` cards at once for training)."""

    training_tokens: float
    evaluation_tokens: float
    training_flops: float
    evaluation_flops: float
    training_seconds: float
    evaluation_seconds: float
    judge_seconds: float
    training_memory: float
    evaluation_memory: float
    disk: float

    @property
    def memory(self) -> float:
        """Bytes that the card must have."""
        return max(self.training_memory, self.evaluation_memory) * HEADROOM + CONTEXT_BYTES


@dataclass(frozen=True)
class Reckoned:
    """Costs of a plan's cells: `rows` are (spec, budget, base model, cells left to do, cost of one).

    `features` are (what, seconds of the card) of those that models compute once a pool; `notes` say what was assumed.
    """

    card: Card
    gpus_per_cell: int
    rows: tuple[tuple[str, int, str, int, CellCost], ...]
    notes: tuple[str, ...]
    shapes: Mapping[str, Shape]
    features: tuple[tuple[str, float], ...] = ()

    @property
    def gpu_hours(self) -> float:
        """All cells that are left to do, and the features that they read."""
        return sum(count * self.hours(cost) for _, _, _, count, cost in self.rows) + self.feature_hours

    @property
    def feature_hours(self) -> float:
        """GPU-hours of the features."""
        return sum(seconds for _, seconds in self.features) / 3600

    def hours(self, cost: CellCost) -> float:
        """GPU-hours of one cell: a cell holds its cards from beginning to end."""
        own = (cost.training_seconds + cost.evaluation_seconds) * self.gpus_per_cell
        return (own + cost.judge_seconds) / 3600

    def short_of_memory(self) -> dict[str, float]:
        """Base models whose cells do not fit, with the bytes that they need."""
        needed: dict[str, float] = {}
        for _, _, model, _, cost in self.rows:
            if cost.memory > self.card.memory * self.gpus_per_cell:
                needed[model] = max(cost.memory, needed.get(model, 0.0))
        return needed

    def gpus_for(self, model: str, memory: float) -> int:
        """How many cards hold so many bytes of a base model, and can be shared out to by an engine as well."""
        return least_split(math.ceil(memory / self.card.memory), self.shapes[model])


def reckon(experiment: Experiment, plan: Plan, card: Card, gpus_per_cell: int = 1) -> Reckoned:
    """The cost of each kind of cell in a plan; finished and evaluated ones cost nothing more.

    Nothing is computed or downloaded.
    """
    with nothing_fetched():
        return _reckon(experiment, plan, card, gpus_per_cell)


def _reckon(experiment: Experiment, plan: Plan, card: Card, gpus_per_cell: int) -> Reckoned:
    track = experiment.track
    lengths = Lengths(track)
    counts: dict[tuple[str, int, str], list[Cell]] = {}
    for planned in plan.cells:
        identity = planned.cell.identity
        if planned.state not in ("finished", "evaluated"):
            counts.setdefault((identity.spec, identity.budget, identity.base_model), []).append(planned.cell)
    asked = lengths.asked()
    samples = {
        name: lengths.samples(experiment.base(name).folder if experiment.base_ready(name) else None)
        for name in dict.fromkeys(model for _, _, model in counts)
    }
    vllm = (experiment.engine_asked or track.evaluation.engine) == "vllm"
    rows = []
    for (spec, budget, model), cells in counts.items():
        open_cells = sum(len(those) for (_, _, name), those in counts.items() if name == model)
        running = Running(vllm, gpus_per_cell, _together(open_cells) if vllm and track.recipe.lora else 1.0)
        try:
            cost = cell_cost(track, cells[0], card, samples[model], asked, running)
        except ShapeUnknown as error:
            lengths.notes.append(str(error))
            continue
        rows.append((spec, budget, model, len(cells), cost))
    for judge in judges_too_large(track, card.memory, gpus_per_cell):
        lengths.notes.append(
            f"The judge of {judge.task.name} ({judge.task.judge}) needs {judge.weights / 2**30:,.0f} GiB for its "
            f"weights alone, and an engine takes {judge.room / 2**30:,.0f} of {gpus_per_cell} x {card.name} at most: "
            f"set --gpus-per-cell {judge.needed}."
        )
    features = _features(track, plan, card, samples, lengths.notes)
    shapes = {model: shape_of(track.base_model(model)) for _, _, model, _, _ in rows}
    notes = dict.fromkeys(lengths.notes)
    return Reckoned(card, gpus_per_cell, tuple(rows), tuple(notes), shapes, tuple(features.items()))


def _features(
    track: Track, plan: Plan, card: Card, samples: Mapping[str, np.ndarray], notes: list[str]
) -> dict[str, float]:
    """Seconds of the card of each feature that the cells without a selection read and a model computes."""
    costs: dict[str, float] = {}
    for model, lengths in samples.items():
        cells = [one.cell for one in plan.cells if one.state == "to do" and one.cell.base_model == model]
        chosen = {cell.strategy.spec: cell.strategy for cell in cells if cell.strategy is not None}
        found = wanted_features(track, model, chosen.values())
        costs |= dict(sorted(feature_costs(track, found, card, lengths.tolist(), notes)))
    return costs


@dataclass(frozen=True)
class Running:
    """How a cell is run: on how many GPUs, with vLLM or not, and how many cells share a start of it and of judges."""

    vllm: bool = False
    gpus: int = 1
    together: float = 1.0


def _together(cells: int) -> float:
    """Cells that share a start where so many of one base model are evaluated in groups."""
    return cells / math.ceil(cells / LARGEST_GROUP)


def cell_cost(
    track: Track, cell: Cell, card: Card, samples: np.ndarray, asked: Sequence[Asked], running: Running | None = None
) -> CellCost:
    """What one cell takes; `samples` are token lengths of the pool, of which its picks are taken to be typical."""
    running = running or Running()
    shape = shape_of(track.base_model(cell.base_model))
    recipe = track.recipe_for(cell.base_model)
    trained = _Trained.of(track, cell, recipe, samples)
    evaluation = track.evaluation
    width = 2 if evaluation.dtype == "bfloat16" else 4
    length = min(float(np.max(samples)), recipe.max_length)
    weights = float(shape.parameters * width)
    read = written = flops = seconds = 0.0
    for task in asked:
        rows = evaluation.batch_size
        read, written = read + task.read, written + task.written * task.new
        flops += forward_flops(shape, task.read + task.written * task.new, task.length + task.new)
        seconds += reading_seconds(shape, card, evaluation.dtype, tokens=task.read, length=task.length, rows=rows)
        if task.written:
            seconds += decoding_seconds(
                shape,
                card,
                evaluation.dtype,
                sequences=task.written,
                new=task.new,
                length=task.length + task.new,
                rows=rows,
            )
    longest = max((task.length + task.new for task in asked), default=1.0)
    return CellCost(
        training_tokens=trained.tokens,
        evaluation_tokens=read + written,
        training_flops=training_flops(shape, recipe, trained.tokens, trained.length) if trained.tokens else 0.0,
        evaluation_flops=flops,
        training_seconds=trained.seconds(shape, recipe, card),
        evaluation_seconds=seconds + _start_seconds(weights, running),
        judge_seconds=_judge_seconds(track, asked, card, running),
        training_memory=training_memory(shape, recipe, trained.micro, length).total if trained.tokens else 0.0,
        evaluation_memory=evaluation_memory(
            shape, width, evaluation.batch_size, longest, writes=any(task.written for task in asked)
        ),
        disk=_kept(shape, recipe) if trained.tokens else 0.0,
    )


@dataclass(frozen=True)
class _Trained:
    """What a cell's fine-tune goes through."""

    tokens: float
    length: float
    micro: int
    micro_batches: float
    padded: float

    @classmethod
    def of(cls, track: Track, cell: Cell, recipe: Recipe, samples: np.ndarray) -> _Trained:
        from suite.training.finetune import step_count

        micro = recipe.micro_batch_size or recipe.batch_size
        if cell.strategy is None:
            return cls(0.0, 1.0, micro, 0.0, 1.0)
        mean = float(np.mean(samples))
        rows = cell.strategy.size(track.pool.size, cell.budget)
        if recipe.packing:
            rows = math.ceil(rows * mean / recipe.max_length)
            mean = float(recipe.max_length)
        steps = step_count(rows, recipe)
        seen = min(rows * recipe.epochs, steps * recipe.batch_size)
        padded = 1.0 if recipe.packing else padded_share(samples, micro)
        # Attention grows with the square of a length, so it is the long samples that count.
        length = mean if recipe.packing else float(np.mean(samples**2) / mean)
        return cls(seen * mean, length, micro, steps * (recipe.batch_size // micro), padded)

    def seconds(self, shape: Shape, recipe: Recipe, card: Card) -> float:
        if not self.tokens:
            return 0.0
        tokens = self.tokens * self.padded
        flops = training_flops(shape, recipe, tokens, self.length) + recomputed(shape, recipe, tokens, self.length)
        steps = training_seconds(shape, recipe, card, flops=flops, micro_batches=self.micro_batches)
        read = shape.parameters * (2 if recipe.dtype == "bfloat16" else 4)
        return steps + START_SECONDS + (read + _kept(shape, recipe)) / DISK_BYTES_A_SECOND


def _kept(shape: Shape, recipe: Recipe) -> float:
    """Bytes of what a fine-tune leaves: a float32 adapter, or weights in the recipe's precision."""
    if recipe.lora is not None:
        return 4.0 * shape.lora_parameters(recipe.lora)
    return shape.parameters * (2.0 if recipe.dtype == "bfloat16" else 4.0)


def _start_seconds(weights: float, running: Running) -> float:
    """A cell's share of loading the model that answers."""
    if not running.vllm:
        return START_SECONDS + weights / DISK_BYTES_A_SECOND
    return (VLLM_START_SECONDS + weights / DISK_BYTES_A_SECOND) / running.together


def _judge_seconds(track: Track, asked: Sequence[Asked], card: Card, running: Running) -> float:
    """Card-seconds of the judges: each is started once for all that waits for it, reads, and writes its verdicts.

    A judge runs in bfloat16 and with vLLM; what it computes on however many cards it takes adds up to one card's.
    """
    total = 0.0
    for judge in dict.fromkeys(task.judge for task in asked if task.judge):
        shape = shape_of_named(judge, "not pinned")
        weights = 2.0 * shape.parameters
        start = VLLM_START_SECONDS + weights / DISK_BYTES_A_SECOND
        total += start * running.gpus / running.together
        for task in asked:
            if task.judge != judge:
                continue
            length = task.shown + VERDICT
            # Rows wait whose keys and values have no place.
            place = room_for_a_judge(card.memory * running.gpus) - weights
            held = int(place // (length * shape.kv_bytes_per_token(2)))
            rows = max(1, min(judges_rows("vllm", rows_stated(track.evaluation)), held))
            read = task.verdicts * task.shown
            total += reading_seconds(shape, card, "bfloat16", tokens=read, length=task.shown, rows=rows)
            total += decoding_seconds(
                shape, card, "bfloat16", sequences=task.verdicts, new=VERDICT, length=length, rows=rows
            )
    return total

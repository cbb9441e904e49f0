"""A track: the frozen definition of one experiment, parsed from TOML and checked whole.

A track file states pool, budgets, base models, recipe, evaluation, registered seeds, features, GPU-hours and
citation. Anything wrong in it is one TrackError that names file, key and rule.
"""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from suite.engines.layout import VllmLayout
from suite.errors import TrackError, UnknownNameError, UsageError
from suite.evaluation.drawing import CodeSpec
from suite.hashing import content_key
from suite.pool.shapes import MAX_SAMPLE_BYTES, DropReason
from suite.track_identity import what_counts
from suite.track_problems import first_problem

Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$|^not pinned$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=60)]


class Frozen(BaseModel):
    """Base of every part of a track: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where a file of data comes from: a pinned URL by default, a copy under BREADTH_DATA where that is set.

    `sha256` is that of the uncompressed bytes, so a gzipped local copy and the original agree; for a parquet file
    of a corpus it is the pool's fingerprint, which does not change with the writer's version.
    """

    local: str
    url: str = ""
    sha256: Sha256 | None = None


class MicroworldPool(Frozen):
    """The generated pool of the embedded world."""

    kind: Literal["microworld"]
    world_seed: int
    size: int = Field(gt=0)
    fingerprint: Sha256 | None = None


class DatasetPool(Frozen):
    """A pool from the Hub (`hub`, `revision`, `split`), or from a file under BREADTH_DATA (`local`).

    `size` counts samples after the drop rules; `approximate` says that the source only states it rounded, so that
    a pool of another size is taken and reported. `id_prefix` is taken off the ids of a local copy (and leading
    zeros off a number that remains), so that both places give the row numbers of the source as ids. `drop` lists
    the reasons a row may be left out for, and `max_sample_bytes` bounds the texts of one sample.
    """

    kind: Literal["dataset"]
    hub: str = ""
    revision: Revision = "not pinned"
    split: str = "train"
    local: str = ""
    id_prefix: str = ""
    drop: tuple[DropReason, ...] = tuple(DropReason)
    max_sample_bytes: int = Field(default=MAX_SAMPLE_BYTES, gt=0)
    size: int = Field(gt=0)
    approximate: bool = False
    fingerprint: Sha256 | None = None
    hub_agreement: Literal["verified", "not verified"] = "not verified"
    note: str = ""

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if not self.hub and not self.local:
            raise ValueError("a dataset pool names a Hub dataset (hub) or a local file (local)")
        return self


class Budget(Frozen):
    """How many samples a strategy may pick: a count, or a share of the pool."""

    count: int | None = Field(default=None, gt=0)
    share: float | None = Field(default=None, gt=0, le=1)
    default: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.count is None) == (self.share is None):
            raise ValueError("a budget is either a count or a share of the pool")
        return self

    def resolve(self, pool_size: int) -> int:
        """The number of samples in a pool of `pool_size`."""
        if self.count is not None:
            return self.count
        # As it is written: 0.29 of 100 is 29, though the nearest float to 0.29 lies below it.
        return int(Fraction(str(self.share)) * pool_size)


class HubModel(Frozen):
    """A base model of the Hub, pinned by commit where the commit is known.

    `epochs` replaces the recipe's on this model alone.
    """

    kind: Literal["hub"]
    name: Slug
    hub: str
    revision: Revision = "not pinned"
    epochs: float | None = Field(default=None, gt=0)
    note: str = ""


class BuiltModel(Frozen):
    """A small Llama built and pretrained in place on a corpus: `microworld` text, or the files of `corpus`."""

    kind: Literal["built"]
    name: Slug
    text: Literal["microworld", "corpus"]
    vocabulary: int = Field(ge=256)
    hidden: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    intermediate: int = Field(gt=0)
    positions: int = Field(gt=0)
    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    sequence_length: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    seed: int = 0
    corpus: tuple[Source, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    exclude_ids: tuple[str, ...] = ()


class Lora(Frozen):
    """Low-rank adaptation: rank, scale and the projections that are adapted."""

    rank: int = Field(gt=0)
    alpha: float = Field(gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"


class Recipe(Frozen):
    """How a model is fine-tuned.

    `batch_size` is the effective one (samples a step). `max_steps` caps long runs such as `full`. `borrowed`
    lists the keys that the track's source leaves unstated and that follow the field's common recipe.
    """

    method: Literal["full", "lora"]
    template: str
    epochs: float = Field(gt=0)
    max_steps: int | None = Field(default=None, gt=0)
    learning_rate: float = Field(gt=0)
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    batch_size: int = Field(gt=0)
    micro_batch_size: int | None = Field(default=None, gt=0)
    max_length: int = Field(gt=0)
    packing: bool = False
    dtype: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False
    lora: Lora | None = None
    borrowed: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.method == "lora") != (self.lora is not None):
            raise ValueError("a [recipe.lora] table goes with method = 'lora', and only with it")
        micro = self.micro_batch_size or self.batch_size
        if self.batch_size % micro:
            raise ValueError("micro_batch_size must divide batch_size")
        return self


class TaskSpec(Frozen):
    """One evaluation.

    Kinds: `exact-match` (greedy text), `likelihood` (bits per byte of the reference response), `multiple-choice`
    (choice of highest likelihood), `code` (unit tests of a completed function), and, at full size on a GPU, `harness`
    (lm-evaluation-harness), `pairwise-judge` and `graded-judge`. A judge compares with the answers of `baseline`
    (in `data`, or in `baseline_data`), in both orders where `both_orders` says so, and may read `references`.
    """

    name: Slug
    kind: Literal["exact-match", "likelihood", "multiple-choice", "code", "harness", "pairwise-judge", "graded-judge"]
    title: str = ""
    data: Source | None = None
    format: str = ""
    limit: int | None = Field(default=None, gt=0)
    chance: float = Field(default=0.0, ge=0, lt=1)
    max_new_tokens: int = Field(default=32, gt=0)
    shots: int = Field(default=0, ge=0)
    harness_task: str = ""
    judge: str = ""
    judge_revision: Revision = "not pinned"
    baseline: str = ""
    baseline_data: Source | None = None
    both_orders: bool = True
    references: Source | None = None
    code: CodeSpec | None = None
    note: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.code and self.kind != "code":
            raise ValueError("a table [evaluation.tasks.code] goes with kind = 'code' alone")
        if self.kind == "harness" and not self.harness_task:
            raise ValueError("a harness task names its harness_task")
        if self.kind.endswith("-judge") and not (self.judge and self.data):
            raise ValueError(f"a {self.kind} task names its judge and its data")
        if self.kind == "pairwise-judge" and not self.baseline:
            raise ValueError("a pairwise-judge task names its baseline")
        return self


class Evaluation(Frozen):
    """What runs after training: the engine and its tasks.

    `source_score` says in words how the track's source combines the tasks, where that differs from Breadth's score.
    """

    engine: Literal["auto", "transformers", "vllm"] = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"
    batch_size: int = Field(default=64, gt=0)
    source_score: str = ""
    vllm: VllmLayout = VllmLayout()
    tasks: tuple[TaskSpec, ...] = Field(min_length=1)

    @field_validator("tasks")
    @classmethod
    def _unique(cls, tasks: tuple[TaskSpec, ...]) -> tuple[TaskSpec, ...]:
        names = [task.name for task in tasks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"task {name!r} stands twice")
        return tasks


class Seeds(Frozen):
    """The registered seeds: training seeds for every cell, and the selection draws of `random`."""

    training: tuple[int, ...] = Field(min_length=1)
    random_draws: int = Field(default=5, gt=0)

    @field_validator("training")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("training seeds must differ from each other")
        return seeds


class FeatureDefaults(Frozen):
    """What features fall back on in this track: the embedder, and the band of mid-frequency tokens (occurrences).

    `selector` is the small model whose activations are read, where a strategy of the track reads any.
    """

    embedder: str = "tfidf-svd"
    rare_token_count: int = Field(default=10, gt=0)
    common_token_count: int = Field(default=500, gt=0)
    selector: HubModel | None = None


class Track(Frozen):
    """A frozen experiment definition; see the module's docstring.

    `strategies` names the rows that are ranked; one that is not installed is reported when the track runs.
    `diversity_levels` are the levels of the ladder, a study of its own: rows at a level below 1 are not ranked.
    """

    name: Slug
    version: int = Field(ge=1)
    title: str
    description: str
    citation: str
    licence: str
    gpu_hours: float = Field(ge=0)
    gpu_hours_note: str = ""
    seconds_per_cell: float | None = Field(default=None, gt=0)
    pool: Annotated[MicroworldPool | DatasetPool, Field(discriminator="kind")]
    budgets: tuple[Budget, ...] = Field(min_length=1)
    base_models: tuple[Annotated[HubModel | BuiltModel, Field(discriminator="kind")], ...] = Field(min_length=1)
    recipe: Recipe
    evaluation: Evaluation
    seeds: Seeds
    features: FeatureDefaults = FeatureDefaults()
    strategies: tuple[str, ...] = ()
    diversity_levels: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    reference_rows: tuple[str, ...] = ("full", "duplicate")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if sum(budget.default for budget in self.budgets) != 1:
            raise ValueError("exactly one budget is marked default = true")
        for budget in self.budgets:
            size = budget.resolve(self.pool.size)
            if not 0 < size <= self.pool.size:
                raise ValueError(f"a budget of {size} is impossible in a pool of {self.pool.size}")
        return self

    @property
    def identity(self) -> str:
        """The sha256 of what a result depends on: pool, budgets, models, recipe, evaluation, features, seeds.

        Words for readers, estimates and the list of strategies may change without orphaning results.
        """
        fixed = {"name", "version", "pool", "budgets", "base_models", "recipe", "evaluation", "features", "seeds"}
        return content_key(what_counts(self.model_dump(mode="json", include=fixed)))

    def base_model(self, name: str | None = None) -> HubModel | BuiltModel:
        """The base model of that name, or the first; UnknownNameError lists those there are."""
        named = {model.name: model for model in self.base_models}
        if name is not None and name not in named:
            raise UnknownNameError(f"base model of track {self.name}", name, named)
        return named[name] if name is not None else self.base_models[0]

    def recipe_for(self, base_model: str) -> Recipe:
        """The recipe as it applies to one base model."""
        model = self.base_model(base_model)
        if isinstance(model, HubModel) and model.epochs is not None:
            return self.recipe.model_copy(update={"epochs": model.epochs})
        return self.recipe

    @property
    def default_budget(self) -> int:
        """The budget used when none is asked for."""
        return next(budget.resolve(self.pool.size) for budget in self.budgets if budget.default)

    @property
    def budget_sizes(self) -> tuple[int, ...]:
        """Every budget as a number of samples."""
        return tuple(budget.resolve(self.pool.size) for budget in self.budgets)

    def check_budget(self, written: str | None) -> int:
        """The number of samples meant by `--budget`: one of the track's budgets, as a count or a share (`15%`)."""
        if written is None:
            return self.default_budget
        if match := re.fullmatch(r"(-?\d+(?:\.\d+)?)%", written.strip()):
            size = int(Fraction(match[1]) / 100 * self.pool.size)
        elif re.fullmatch(r"-?\d+", written.strip()):
            size = int(written)
        else:
            raise UsageError(f"Budget {written!r} is neither a count (500) nor a share (15%).")
        known = ", ".join(map(str, self.budget_sizes))
        if size <= 0:
            raise UsageError(f"A budget must be at least 1 sample, not {written}; track {self.name} has: {known}.")
        if size > self.pool.size:
            raise UsageError(
                f"Budget {written} is larger than the pool of track {self.name} ({self.pool.size} samples), "
                f"whose budgets are: {known}."
            )
        if size not in self.budget_sizes:
            raise UsageError(f"Budget {written} is not one of track {self.name}, whose budgets are fixed: {known}.")
        return size


def track_names() -> list[str]:
    """Names of the tracks that come with Breadth."""
    names = (path.name for path in files("suite.tracks").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_track(name_or_path: str) -> Track:
    """Load a track by name, or from a `.toml` file of one's own."""
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise UsageError(f"There is no track file {path}. `breadth tracks` lists those that come with Breadth.")
        return parse_track(path.read_bytes(), str(path))
    if name_or_path not in track_names():
        raise UnknownNameError("track", name_or_path, track_names())
    resource = files("suite.tracks").joinpath(f"{name_or_path}.toml")
    return parse_track(resource.read_bytes(), f"{name_or_path}.toml")


def parse_track(content: bytes, file: str) -> Track:
    """Parse and check a track's TOML; raises TrackError naming `file`, key and rule."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # of syntax, characters, nesting, or numbers of thousands of digits
        raise TrackError(f"{file} is not valid TOML: {error}.") from error
    try:
        return Track.model_validate(document)
    except ValidationError as error:
        raise TrackError(f"{file}: {first_problem(error)}.") from error

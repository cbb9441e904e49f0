"""The Result: the immutable, schema-checked record of one finished cell.

Everything but the `cost` block is reproducible byte for byte on one kind of machine; the record's content hash
leaves `cost` out, so running a cell again gives the same file name.

Schema 2 added `picks` and `first_prompt`, schema 3 the last three fields of `cost`, schema 4 `remarks` and the
`versions` of `training`. A record of an older schema has none of them, not even as null: it is written, hashed and
named as it always was.
"""

from __future__ import annotations

import base64
import zlib
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, StrictBool, field_validator, model_validator

from suite.hashing import canonical_json, content_key
from suite.remarks import Remarks
from suite.reproducible import Determinism

SCHEMA_VERSION = 4
SINCE_SCHEMA_2 = ("picks", "first_prompt")
COSTS_SINCE_SCHEMA_3 = ("training_loop_seconds", "model_flop_utilisation", "determinism")
SINCE_SCHEMA_4 = ("remarks",)
OF_TRAINING_SINCE_SCHEMA_4 = ("versions",)
LONGEST_PROMPT = 8_000
"""Characters kept of the first prompt."""
MOST_PICKS = 16_000_000
MAY_REPEAT = frozenset({"duplicate"})
"""The strategies that may pick a row more than once: a reference of ours that does nothing else."""

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=60)]
# Numbers are written as numbers: a text of digits could name one that no reader of JSON takes back.
Whole = Annotated[int, Strict()]
Real = Annotated[float, Strict()]
Count = Annotated[int, Strict(), Field(ge=0)]
Amount = Annotated[float, Strict(), Field(ge=0)]
Library = Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=60)]
Release = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!_-]*$", max_length=80)]
Versions = Annotated[dict[Library, Release], Field(max_length=20)]


class Record(BaseModel):
    """Base of every part of a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CellIdentity(Record):
    """One point of the experiment."""

    track: Name
    track_identity: Hash
    strategy: Name
    spec: str = Field(max_length=400)
    budget: Count
    base_model: Name
    selection_seed: Whole
    training_seed: Whole

    @model_validator(mode="after")
    def _named_alike(self) -> Self:
        if self.spec.partition(":")[0] != self.strategy:
            raise ValueError(f"the spec {self.spec!r} is not one of strategy {self.strategy!r}")
        return self

    @property
    def id(self) -> str:
        """The first 16 hex digits of the cell's hash; names its folder."""
        return content_key(self.model_dump(mode="json"))[:16]

    @property
    def undrawn(self) -> CellIdentity:
        """The cell as it would be were its picks fixed."""
        return self.model_copy(update={"selection_seed": 0})


class TaskScore(Record):
    """One task's per-item values and their mean.

    `values` holds float32 values, compressed; `items_sha256` says which items they belong to.
    """

    name: Name
    kind: str
    unit: Literal["accuracy", "bits-per-byte"]
    chance: Real
    items: Whole = Field(gt=0, le=1_000_000)
    items_sha256: Hash
    mean: Real
    values: str = Field(max_length=2_000_000)

    @classmethod
    def pack(cls, values: np.ndarray, **facts: Any) -> TaskScore:
        """Build a score from per-item values, shape (items,)."""
        packed = np.ascontiguousarray(values, dtype="<f4")
        text = base64.b64encode(zlib.compress(packed.tobytes(), 9)).decode()
        return cls(values=text, items=len(packed), mean=float(packed.astype(np.float64).mean()), **facts)

    def unpack(self) -> np.ndarray:
        """Per-item values, shape (items,), float64. Raises ValueError when they are not what they claim."""
        raw = _inflated(self.values, 4 * self.items, f"task {self.name}: the per-item values")
        values = np.frombuffer(raw, dtype="<f4").astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"task {self.name}: not every per-item value is a finite number")
        # Processors may sum in another order; a mean that was made up differs by far more.
        if not np.isclose(values.mean(), self.mean, rtol=1e-9, atol=1e-12):
            raise ValueError(f"task {self.name}: the mean {self.mean} is not that of its per-item values")
        return values


class Training(Record):
    """What training did: samples used and dropped, steps, tokens, and the loss curve as (step, loss).

    `versions` are those of the libraries that trained, by name: what evaluates may lie in another environment, with
    others of the same names. Empty where the training is from before they were kept.
    """

    samples: Count
    dropped_by_truncation: Count
    steps: Count
    tokens_seen: Count
    trained_tokens: Count
    final_loss: Real | None
    loss_curve: tuple[tuple[Whole, Real], ...] = ()
    versions: Versions = {}


class Hashes(Record):
    """Content hashes of what the result was made from."""

    pool: Hash
    selection: Hash | None
    base_weights: Hash
    weights: Hash


class Cost(Record):
    """What the cell cost on the machine that ran it; never part of the result's identity.

    `training_loop_seconds` are those of the optimiser steps alone; `model_flop_utilisation` is what they made of the
    card's peak, None where that is not known (see `suite.training.utilisation`); `determinism` says whether every
    operation of the training was deterministic (`strict`) or one had no such form (`warn-only`).
    """

    host: str
    hardware: str
    finished_at: str
    feature_seconds: Amount
    selection_seconds: Amount
    training_seconds: Amount
    evaluation_seconds: Amount
    peak_memory_bytes: Count
    training_flops: Amount
    evaluation_tokens: Count
    training_loop_seconds: Amount | None = None
    model_flop_utilisation: Amount | None = None
    determinism: Determinism | None = None


class Result(Record):
    """One finished cell.

    `picks` holds the rows of the pool that were trained on, in the order picked, compressed (see `pack_picks`); None
    for the untuned base model and where it was not recorded. Ids, and with them the hash in `hashes.selection`, follow
    from rows only with the pool at hand: whoever has it can check them (`suite.selection.Selection.sha256`).
    `first_prompt` is the text of `first_prompt_ids`, special tokens and all, cut after 8,000 characters. `engine` is
    the name of what answered, followed (after a comma) by how requests shared batches where that can change an answer:
    "vllm, up to 64 requests of 16 adapters at once". `versions` are those of the engine's libraries; `remarks` is what
    the strategy said of its selection, such as that it is approximate.
    """

    schema_version: Literal[1, 2, 3, 4] = 4
    cell: CellIdentity
    reference: StrictBool
    selection_size: Count
    parameters: dict[str, Any]
    hashes: Hashes
    engine: str
    versions: dict[str, str]
    training: Training | None
    tasks: tuple[TaskScore, ...]
    first_prompt_ids: tuple[Whole, ...]
    cost: Cost
    supersedes: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    """The `record_id` of the record of the same cell that this one corrects."""
    picks: Annotated[str, Field(max_length=6 * MOST_PICKS)] | None = None
    first_prompt: Annotated[str, Field(max_length=LONGEST_PROMPT)] | None = None
    remarks: Remarks = ()

    @field_validator("tasks")
    @classmethod
    def _distinct(cls, tasks: tuple[TaskScore, ...]) -> tuple[TaskScore, ...]:
        if len({task.name for task in tasks}) != len(tasks):
            raise ValueError("a task stands twice")
        return tasks

    @model_validator(mode="after")
    def _of_its_schema(self) -> Self:
        if self.schema_version == 1 and (self.picks is not None or self.first_prompt is not None):
            raise ValueError("picks and first_prompt came with schema 2")
        if self.schema_version < 3 and any(getattr(self.cost, name) is not None for name in COSTS_SINCE_SCHEMA_3):
            raise ValueError(f"{', '.join(COSTS_SINCE_SCHEMA_3)} came with schema 3")
        if self.schema_version < 4 and (self.remarks or (self.training and self.training.versions)):
            raise ValueError("remarks and the versions of training came with schema 4")
        if self.picks is not None and self.hashes.selection is None:
            raise ValueError("picks without the hash of a selection")
        return self

    def unpack_picks(self) -> np.ndarray | None:
        """The rows picked, in order, shape (selection_size,), int64; None where they were not recorded.

        Raises ValueError when they are not what they claim: damaged, of another number, below zero, or picked twice
        by a strategy that may not.
        """
        if self.picks is None:
            return None
        if self.selection_size > MOST_PICKS:
            raise ValueError(f"picks: {self.selection_size:,} are more than a record may hold ({MOST_PICKS:,})")
        raw = _inflated(self.picks, 4 * self.selection_size, "picks")
        rows = np.frombuffer(raw, dtype="<i4").astype(np.int64)
        if rows.size and rows.min() < 0:
            raise ValueError(f"picks: row {rows.min()} lies before the pool")
        if self.cell.strategy not in MAY_REPEAT and len(np.unique(rows)) != len(rows):
            raise ValueError(f"picks: {self.cell.strategy} may not pick a row twice")
        return rows

    def _written(self, **options: Any) -> dict[str, Any]:
        written = self.model_dump(mode="json", **options)
        if self.schema_version == 1:
            for name in SINCE_SCHEMA_2:
                del written[name]
        if self.schema_version < 3:
            for name in COSTS_SINCE_SCHEMA_3:
                written.get("cost", {}).pop(name, None)
        if self.schema_version < 4:
            for name in SINCE_SCHEMA_4:
                del written[name]
            for name in OF_TRAINING_SINCE_SCHEMA_4:
                (written["training"] or {}).pop(name, None)
        return written

    @property
    def engine_name(self) -> str:
        """What answered, without how it batched."""
        return self.engine.partition(",")[0]

    @property
    def answered_by(self) -> str:
        """The engine with every version: values of different ones are never paired."""
        versions = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        return f"{self.engine_name} ({versions})"

    @cached_property
    def content_sha256(self) -> str:
        """Hash of everything but `cost`."""
        return content_key(self._written(exclude={"cost"}))

    @property
    def record_id(self) -> str:
        """The first 16 hex digits of the content hash; names the record's file."""
        return self.content_sha256[:16]

    @property
    def path(self) -> str:
        """Where the record lives in a store."""
        cell = self.cell
        return f"results/{cell.track}/{cell.strategy}/{cell.id}/{self.record_id}.json"

    def to_json(self) -> str:
        """Canonical JSON text, one line."""
        return canonical_json(self._written()) + "\n"


def pack_picks(rows: np.ndarray) -> str:
    """Row positions of a pool, shape (m,), as a record holds them: little-endian int32, compressed, base64."""
    packed = np.asarray(rows)
    if packed.size and not 0 <= packed.min() <= packed.max() <= np.iinfo(np.int32).max:
        raise ValueError("picks are row positions from 0 to 2,147,483,647")
    return base64.b64encode(zlib.compress(packed.astype("<i4").tobytes(), 9)).decode()


def _inflated(text: str, size: int, what: str) -> bytes:
    """The bytes behind compressed base64. Raises ValueError unless there are exactly `size`."""
    # A stranger's record may hold a decompression bomb: read no more than the claimed number of values.
    engine = zlib.decompressobj()
    try:
        raw = engine.decompress(base64.b64decode(text, validate=True), size + 1)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"{what}: damaged ({error})") from error
    if len(raw) != size:
        raise ValueError(f"{what}: {len(raw)} bytes where {size} are due")
    return raw

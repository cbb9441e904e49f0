"""The Result: the immutable, schema-checked record of one finished cell.

Everything but the `cost` block is reproducible byte for byte on one kind of machine; the record's content hash
leaves `cost` out, so running a cell again gives the same file name.
"""

from __future__ import annotations

import base64
import zlib
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from suite.hashing import canonical_json, content_key

SCHEMA_VERSION = 1

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=60)]


class Record(BaseModel):
    """Base of every part of a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CellIdentity(Record):
    """One point of the experiment."""

    track: Name
    track_identity: Hash
    strategy: Name
    spec: str = Field(max_length=400)
    budget: int = Field(ge=0)
    base_model: Name
    selection_seed: int
    training_seed: int

    @model_validator(mode="after")
    def _named_alike(self) -> Self:
        if self.spec.partition(":")[0] != self.strategy:
            raise ValueError(f"the spec {self.spec!r} is not one of strategy {self.strategy!r}")
        return self

    @property
    def id(self) -> str:
        """The first 16 hex digits of the cell's hash; names its folder."""
        return content_key(self.model_dump(mode="json"))[:16]


class TaskScore(Record):
    """One task's per-item values and their mean.

    `values` holds float32 values, compressed; `items_sha256` says which items they belong to.
    """

    name: Name
    kind: str
    unit: Literal["accuracy", "bits-per-byte"]
    chance: float
    items: int = Field(gt=0, le=1_000_000)
    items_sha256: Hash
    mean: float
    values: str = Field(max_length=2_000_000)

    @classmethod
    def pack(cls, values: np.ndarray, **facts: Any) -> TaskScore:
        """Build a score from per-item values, shape (items,)."""
        packed = np.ascontiguousarray(values, dtype="<f4")
        text = base64.b64encode(zlib.compress(packed.tobytes(), 9)).decode()
        return cls(values=text, items=len(packed), mean=float(packed.astype(np.float64).mean()), **facts)

    def unpack(self) -> np.ndarray:
        """Per-item values, shape (items,), float64. Raises ValueError when they are not what they claim."""
        # A stranger's record may hold a decompression bomb: read no more than the claimed number of values.
        engine = zlib.decompressobj()
        try:
            raw = engine.decompress(base64.b64decode(self.values, validate=True), 4 * self.items + 1)
        except (ValueError, zlib.error) as error:
            raise ValueError(f"task {self.name}: the per-item values are damaged ({error})") from error
        if len(raw) != 4 * self.items:
            raise ValueError(f"task {self.name}: {len(raw)} bytes of per-item values where {4 * self.items} are due")
        values = np.frombuffer(raw, dtype="<f4").astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"task {self.name}: not every per-item value is a finite number")
        # Processors may sum in another order; a mean that was made up differs by far more.
        if not np.isclose(values.mean(), self.mean, rtol=1e-9, atol=1e-12):
            raise ValueError(f"task {self.name}: the mean {self.mean} is not that of its per-item values")
        return values


class Training(Record):
    """What training did: samples used and dropped, steps, tokens, and the loss curve as (step, loss)."""

    samples: int = Field(ge=0)
    dropped_by_truncation: int = Field(ge=0)
    steps: int = Field(ge=0)
    tokens_seen: int = Field(ge=0)
    trained_tokens: int = Field(ge=0)
    final_loss: float | None
    loss_curve: tuple[tuple[int, float], ...] = ()


class Hashes(Record):
    """Content hashes of what the result was made from."""

    pool: Hash
    selection: Hash | None
    base_weights: Hash
    weights: Hash


class Cost(Record):
    """What the cell cost on the machine that ran it; never part of the result's identity."""

    host: str
    hardware: str
    finished_at: str
    feature_seconds: float = Field(ge=0)
    selection_seconds: float = Field(ge=0)
    training_seconds: float = Field(ge=0)
    evaluation_seconds: float = Field(ge=0)
    peak_memory_bytes: int = Field(ge=0)
    training_flops: float = Field(ge=0)
    evaluation_tokens: int = Field(ge=0)


class Result(Record):
    """One finished cell."""

    schema_version: Literal[1] = 1
    cell: CellIdentity
    reference: bool
    selection_size: int = Field(ge=0)
    parameters: dict[str, Any]
    hashes: Hashes
    engine: str
    versions: dict[str, str]
    training: Training | None
    tasks: tuple[TaskScore, ...]
    first_prompt_ids: tuple[int, ...]
    cost: Cost
    supersedes: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    """The `record_id` of the record of the same cell that this one corrects."""

    @field_validator("tasks")
    @classmethod
    def _distinct(cls, tasks: tuple[TaskScore, ...]) -> tuple[TaskScore, ...]:
        if len({task.name for task in tasks}) != len(tasks):
            raise ValueError("a task stands twice")
        return tasks

    @cached_property
    def content_sha256(self) -> str:
        """Hash of everything but `cost`."""
        return content_key(self.model_dump(mode="json", exclude={"cost"}))

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
        return canonical_json(self.model_dump(mode="json")) + "\n"

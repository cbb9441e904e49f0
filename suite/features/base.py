"""What a feature is, and what strategies see of it.

A feature is a frozen dataclass: a description of what to compute. The same description is written in
`requires` and used as the key in `select`:

    embeddings = features[Embeddings(view="both")]

Fields left at None take the track's defaults (its embedder, its base model's tokenizer) when the feature is
resolved, so a strategy need not know them.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.atomic import storage_errors
from suite.errors import FeatureError
from suite.reporting import Progress, no_progress

if TYPE_CHECKING:
    from suite.pool import Pool


@dataclass(frozen=True)
class TrackContext:
    """What a strategy or metric may know of the track: names and sizes, never the evaluation.

    `embedder` and `tokenizer` are the defaults of features; `tokenizer` is the folder or Hub name of the
    target model's own tokenizer and `base_model` that of its weights. `world_seed` is set on embedded tracks
    alone: the reference strategy `oracle` finds the hidden families by it.
    """

    track: str
    pool_size: int
    embedder: str = "tfidf-svd"
    tokenizer: str = ""
    base_model: str = ""
    rare_token_count: int = 10
    common_token_count: int = 500
    world_seed: int | None = None


@dataclass(frozen=True)
class Feature(ABC):
    """A description of something computed once per pool; its fields are its parameters."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)
    reference_only: ClassVar[bool] = False
    """Whether it tells what the pool hides: then it is computed for reference strategies alone."""

    def resolve(self, track: TrackContext) -> Feature:
        """The same feature with the track's defaults filled in; the default has nothing to fill."""
        return self

    def requires(self) -> tuple[Feature, ...]:
        """Other (resolved) features this one is computed from."""
        return ()

    def identity(self) -> dict[str, Any]:
        """Extra content that its key must hold, such as a hash of a local model's files."""
        return {}

    @abstractmethod
    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Named arrays, stored one file each; rows follow the pool's order."""

    def open(self, arrays: Mapping[str, np.ndarray]) -> Any:
        """The object handed to strategies; by default the only array, memory-mapped."""
        (array,) = arrays.values()
        return array

    @property
    def label(self) -> str:
        """A few words for a progress bar, such as `tokens (response)`."""
        view = getattr(self, "view", None)
        return f"{self.kind} ({view})" if view else self.kind

    @property
    def parameters(self) -> dict[str, Any]:
        """The feature's fields, part of its key."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


class Features(Mapping[Feature, Any]):
    """The features a plugin declared, by description; asking for another is an error that says what to add.

    `progress` is for a plugin whose own work is long: call it as progress(done, total).
    """

    def __init__(
        self,
        track: TrackContext,
        opened: Mapping[Feature, Any],
        progress: Progress = no_progress,
        *,
        scratch: Path | None = None,
    ):
        self.track = track
        self.progress = progress
        self._opened = dict(opened)
        self._scratch = scratch

    @property
    def scratch(self) -> Path:
        """A folder of the feature that is being computed, for work that a killed process should not lose.

        It belongs to the feature's key alone, so what lies in it came from the same version, parameters and pool;
        it is kept until the feature is stored. Made when first asked for; write into it through `suite.atomic`.
        FeatureError outside `Feature.compute`, StorageError where it cannot be made.
        """
        if self._scratch is None:
            raise FeatureError("Only a feature that is being computed has a scratch folder.")
        with storage_errors(self._scratch):
            self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    def __getitem__(self, feature: Feature) -> Any:
        resolved = feature.resolve(self.track)
        if resolved not in self._opened:
            raise FeatureError(
                f"{feature} was read but not declared. Return it from `requires(track)`; "
                f"declared are: {', '.join(map(str, self._opened)) or 'none'}."
            )
        return self._opened[resolved]

    def __iter__(self) -> Any:
        return iter(self._opened)

    def __len__(self) -> int:
        return len(self._opened)

"""The rows that a published selection kept, as a feature of the pool it was kept from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.features.base import Feature, Features
from suite.pool.published import published_rows, published_set
from suite.reporting import Progress

if TYPE_CHECKING:
    from suite.pool import Pool


@dataclass(frozen=True)
class PublishedRows(Feature):
    """Row positions that the published set `set` kept, shape (m,), int64, each once, in the order published.

    Read from BREADTH_DATA or from the authors' repository (`suite/pool/published.py`); the same rows either way.
    UnknownNameError for a set that is not listed; computing it for another pool is a FeatureError.
    """

    set: str

    kind: ClassVar[str] = "published-rows"

    def __post_init__(self) -> None:
        published_set(self.set)

    def identity(self) -> dict[str, Any]:
        """The pinned hash of the rows."""
        return {"rows": published_set(self.set).rows_sha256}

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Read and check the rows."""
        return {"rows": published_rows(self.set, pool, progress=progress)}

"""Embeddings: one unit vector a sample, from any of the embedders in EMBEDDERS.

An embedder is written `name`, `name:model` or `name:model?key=value&key=value`:

- `tfidf-svd` (`?dimensions=256`): offline, no model; terms of this pool alone (see `suite.features.tfidf`).
- `hashed` (`?dimensions=256`): offline, no model; whole numbers, the same on every processor (see
  `suite.features.hashed`).
- `sentence-transformers:<folder or Hub name>`: any sentence-transformers model.
- `causal-lm:<folder or Hub name>` (`?pooling=last&max_length=256`): hidden states of any causal language model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from suite.errors import FeatureError
from suite.features.base import Feature, Features, TrackContext
from suite.features.written import Options, Written, parse_written
from suite.hashing import library_versions
from suite.pool.pool import View
from suite.reporting import Progress

if TYPE_CHECKING:
    from suite.pool import Pool

DEFAULT_DIMENSIONS = 256
OFFLINE = ("tfidf-svd", "hashed")
OPTIONS: dict[str, Options] = {
    "tfidf-svd": {"dimensions": int},
    "hashed": {"dimensions": int},
    "sentence-transformers": {},
    "causal-lm": {"pooling": str, "max_length": int},
}
LIBRARIES = {
    "tfidf-svd": ("scikit-learn", "scipy"),
    "hashed": (),
    "sentence-transformers": ("sentence-transformers", "torch", "transformers"),
    "causal-lm": ("torch", "transformers"),
}


@dataclass(frozen=True)
class Embeddings(Feature):
    """Unit rows of one view of every sample: shape (n, d), float32, in the pool's order.

    `embedder` None takes the track's; `dimensions` is for the embedders without a model (d of `tfidf-svd` may be
    smaller on a small pool). A text of which the embedder knows nothing (an empty one, for instance) has no
    direction: where a pool holds such texts, one more dimension is added and they all are its unit vector, at cosine
    0 to the rest and 1 to each other. Deterministic on one kind of machine, `hashed` on all.
    """

    view: View = "both"
    embedder: str | None = None
    dimensions: int | None = None

    kind: ClassVar[str] = "embeddings"

    def resolve(self, track: TrackContext) -> Embeddings:
        """The track's embedder filled in, and its options checked."""
        written = self.embedder or track.embedder
        embedder = parse_embedder(written)
        if embedder.name not in OFFLINE:
            if self.dimensions is not None:
                raise FeatureError(
                    f"`dimensions` belongs to {' and '.join(OFFLINE)}; the model of {written!r} fixes its own."
                )
            return replace(self, embedder=written)
        dimensions = self.dimensions or embedder.options.get("dimensions", DEFAULT_DIMENSIONS)
        if dimensions < 1:
            raise FeatureError(f"Embeddings need at least 1 dimension, not {dimensions}.")
        return replace(self, embedder=embedder.name, dimensions=dimensions)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its key: where a model lies is left out, its content stands in `identity`."""
        embedder = parse_embedder(self.embedder or "")
        return {
            "view": self.view,
            "embedder": embedder.name,
            "options": embedder.options,
            "dimensions": self.dimensions,
        }

    def identity(self) -> dict[str, Any]:
        """The embedder's libraries; for a model, its content and the device it runs on."""
        embedder = parse_embedder(self.embedder or "")
        facts: dict[str, Any] = {"libraries": library_versions(LIBRARIES[embedder.name])}
        if embedder.model:
            from suite.features.pretrained import locate_model
            from suite.features.text_models import device_name

            facts |= {"model": locate_model(embedder.model).identity, "device": device_name()}
        return facts

    def compute(self, pool: Pool, features: Features, progress: Progress) -> dict[str, np.ndarray]:
        """Embed every sample; FeatureError when a model gives a value that is not a number."""
        embedder = parse_embedder(self.embedder or "")
        dimensions = self.dimensions or DEFAULT_DIMENSIONS
        if embedder.name == "tfidf-svd":
            from suite.features.tfidf import tfidf_svd

            rows = tfidf_svd(pool.texts(self.view), len(pool), dimensions, progress)
        elif embedder.name == "hashed":
            from suite.features.hashed import hashed_terms

            rows = hashed_terms(pool.texts(self.view), len(pool), dimensions, progress)
        else:
            from suite.features.pretrained import locate_model
            from suite.features.text_models import embed_with_causal_lm, embed_with_sentence_transformers

            folder = locate_model(embedder.model).path
            texts = list(pool.texts(self.view))
            if embedder.name == "causal-lm":
                rows = embed_with_causal_lm(
                    texts, folder, scratch=features.scratch, progress=progress, **embedder.options
                )
            else:
                rows = embed_with_sentence_transformers(texts, folder, scratch=features.scratch, progress=progress)
        return {"embeddings": unit_rows(rows)}


def parse_embedder(written: str) -> Written:
    """Parse the one-line form of an embedder; errors name what is unknown or missing."""
    embedder = parse_written("embedder", written, OPTIONS, offline=OFFLINE)
    options = embedder.options
    if options.get("pooling", "last") not in ("last", "mean"):
        raise FeatureError(f"Pooling {options['pooling']!r} is unknown: write pooling=last or pooling=mean.")
    if options.get("max_length", 1) < 1:
        raise FeatureError(f"max_length must be at least 1 token, not {options['max_length']}.")
    return embedder


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, float32; rows of zeros become the unit vector of one added dimension."""
    rows = np.asarray(rows, dtype=np.float32)
    if not np.isfinite(rows).all():
        first = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise FeatureError(f"The embedding of row {first} holds a value that is not a number; check the embedder.")
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    empty = lengths == 0
    unit = rows / np.where(empty, 1.0, lengths)[:, None].astype(np.float32)
    if empty.any():
        unit = np.column_stack([unit, empty.astype(np.float32)])
    return np.ascontiguousarray(unit)

"""The corpus a built base model is pretrained on: local pools of real text, shuffled, as plain documents.

A document is the instruction, the input and the output of one sample on lines of their own. None of the marks of a
chat template stands between them, so what a prompt and a response are is left for fine-tuning to teach.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from suite.errors import PoolError
from suite.home import data_folder
from suite.pool.loading import open_pool

if TYPE_CHECKING:
    from suite.pool import Pool, Sample
    from suite.track import BuiltModel, Source

BATCH = 512
REBUILD = "build them with `python -m suite.pool.rebuild` and set BREADTH_DATA to the folder that holds pools/"


def corpus_texts(model: BuiltModel, *, seed: int | None = None) -> Iterator[str]:
    """Every document of `model.corpus` once, in an order drawn from `seed` (the model's own when None).

    Left out are samples whose source or id the model excludes. The files are memory-mapped and read in batches, so
    memory holds row numbers and one batch. Raises PoolError when a file is missing, is not the one pinned, or when
    an exclusion names nothing. Deterministic for equal files and seed.
    """
    pools = [_open(source) for source in model.corpus]
    kept = _kept_rows(pools, model)
    order = np.random.default_rng(model.seed if seed is None else seed).permutation(len(kept))
    for start in range(0, len(order), BATCH):
        yield from _documents(pools, kept[order[start : start + BATCH]])


def document(sample: Sample) -> str:
    """One sample as plain text: its prompt, a line break, its response."""
    return f"{sample.prompt.strip()}\n{sample.response.strip()}"


def _open(source: Source) -> Pool:
    folder = data_folder()
    if folder is None:
        raise PoolError(f"The base model's corpus ({source.local}) is not on this machine: {REBUILD}.")
    path = folder / source.local
    if not path.is_file():
        raise PoolError(f"The base model's corpus needs {path}, which does not exist: {REBUILD}.")
    pool = open_pool(path)
    if source.sha256 is not None and pool.fingerprint != source.sha256:
        raise PoolError(
            f"{path} has fingerprint {pool.fingerprint} where the track pins {source.sha256}: "
            f"a base model trained on it would be another; {REBUILD}."
        )
    return pool


def _kept_rows(pools: list[Pool], model: BuiltModel) -> np.ndarray:
    """(pool, row) of every sample that is not excluded, shape (m, 2), int64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    excluded = {"source": model.exclude_sources, "id": model.exclude_ids}
    missing = {column: set(values) for column, values in excluded.items()}
    kept = []
    for number, pool in enumerate(pools):
        keep = np.ones(len(pool), dtype=bool)
        for column, values in excluded.items():
            found = pc.is_in(pool.table.column(column), value_set=pa.array(values, pa.string()))
            mask = found.to_numpy(zero_copy_only=False)
            keep &= ~mask
            missing[column] -= set(pc.unique(pool.table.column(column).filter(pa.array(mask))).to_pylist())
        rows = np.flatnonzero(keep)
        kept.append(np.stack([np.full(len(rows), number), rows], axis=1))
    for column, unmatched in missing.items():
        if unmatched:
            # A misspelt exclusion would let the very text in that it was written to keep out.
            raise PoolError(
                f"The corpus has no {column} {min(unmatched)!r}, which the base model excludes; mend its name."
            )
    return np.concatenate(kept)


def _documents(pools: list[Pool], places: np.ndarray) -> Iterator[str]:
    texts: list[str] = [""] * len(places)
    for number, pool in enumerate(pools):
        positions = np.flatnonzero(places[:, 0] == number)
        for position, sample in zip(positions, pool.samples(places[positions, 1]), strict=True):
            texts[position] = document(sample)
    yield from texts

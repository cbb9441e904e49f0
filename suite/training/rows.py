"""Training rows: token ids and labels, cut to length, with nothing left that would train on no token."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.errors import TrainingError
from suite.templates import Template, encode_samples

if TYPE_CHECKING:
    from datasets import Dataset

    from suite.pool import Sample

IGNORED = -100


@dataclass(frozen=True)
class Rows:
    """Encoded samples, flat: row i is `ids[offsets[i]:offsets[i + 1]]`, all int64.

    `labels` equal the ids where a token is trained and IGNORED elsewhere. `read` counts samples read,
    `dropped` those of them whose response lay wholly beyond the maximum length.
    """

    ids: np.ndarray
    labels: np.ndarray
    offsets: np.ndarray
    read: int
    dropped: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def square_mean(self) -> float:
        """The mean length of rows weighted by length: attention costs each token as many steps as its row is long."""
        lengths = np.diff(self.offsets).astype(np.float64)
        return float((lengths**2).sum() / lengths.sum())

    def dataset(self) -> Dataset:
        """A datasets.Dataset over the same memory, with columns `input_ids` and `labels`."""
        import datasets
        import pyarrow as pa

        offsets = pa.array(self.offsets.astype(np.int32))
        columns = {
            "input_ids": pa.ListArray.from_arrays(offsets, pa.array(self.ids)),
            "labels": pa.ListArray.from_arrays(offsets, pa.array(self.labels)),
        }
        return datasets.Dataset(pa.table(columns))


def encode_rows(template: Template, tokenizer: Any, samples: Iterable[Sample], max_length: int) -> Rows:
    """Encode samples and keep the first `max_length` tokens of each.

    A sample that this leaves without one trained token is dropped and counted: trl would drop it silently, and the
    budget would be a lie. Raises TrainingError when there is no sample, or when none is left.
    """
    ids, labels, offsets = array("q"), array("q"), array("q", [0])
    read = dropped = 0
    for encoded in encode_samples(template, tokenizer, samples):
        read += 1
        # Position 0 is never predicted, so a response token there would train nothing.
        if not any(encoded.trained[1:max_length]):
            dropped += 1
            continue
        row = encoded.input_ids[:max_length]
        ids.extend(row)
        labels.extend(
            token if trained else IGNORED for token, trained in zip(row, encoded.trained[:max_length], strict=True)
        )
        offsets.append(len(ids))
    if not read:
        raise TrainingError("There is no sample to train on: the selection is empty.")
    if len(offsets) == 1:
        raise TrainingError(
            f"Not one of {read} samples has a response within max_length = {max_length} tokens. "
            "Raise max_length in the recipe."
        )
    return Rows(
        ids=np.frombuffer(ids, dtype=np.int64),
        labels=np.frombuffer(labels, dtype=np.int64),
        offsets=np.frombuffer(offsets, dtype=np.int64),
        read=read,
        dropped=dropped,
    )

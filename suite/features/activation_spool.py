"""Streaming neuron states out of a model: statistics first, then the states themselves, resumable after a kill.

Neither pass holds more than one batch of one layer's activations. What is finished lies in a scratch folder: sums of
the first pass, and the rows of the second, each file with a note of how many batches it holds. Batches are the same
whatever was finished before, so a computation that was killed ends with the same bytes as one that was not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from suite.atomic import atomic_file, storage_errors, write_text
from suite.errors import FeatureError
from suite.features.chats import Chats
from suite.features.gated_layers import Activation, Aggregate, GatedLayers
from suite.features.neuron_states import Scale, SignStates, TopStates
from suite.features.text_models import TOKENS_A_BATCH, batches_of_like_length
from suite.reporting import Progress

if TYPE_CHECKING:
    import torch

SECONDS_BETWEEN_NOTES = 10.0
SUMS, NOTE = "sums.npz", "rows.json"


@dataclass
class Reader:
    """Runs a model over conversations and hands each layer's reduced activations to a consumer."""

    layers: GatedLayers
    chats: Chats
    device: torch.device
    activation: Activation
    aggregate: Aggregate

    def batches(self, rows: np.ndarray) -> list[np.ndarray]:
        """`rows` in batches of like length, longest first."""
        lengths = self.chats.lengths[rows].tolist()
        return [rows[batch] for batch in batches_of_like_length(lengths, TOKENS_A_BATCH[self.device.type])]

    def run(self, rows: np.ndarray, take: Callable[[int, torch.Tensor], None]) -> None:
        """One batch; FeatureError names the first row with an activation that is not a number."""
        import torch

        def checked(layer: int, values: torch.Tensor) -> None:
            if not bool(torch.isfinite(values).all()):
                bad = int(rows[int(torch.isfinite(values).all(1).int().argmin())])
                raise FeatureError(f"Layer {layer} gives an activation that is not a number for row {bad}.")
            take(layer, values)

        ids, response = self._padded(rows)
        self.layers.run(ids, response, checked, activation=self.activation, aggregate=self.aggregate)

    def _padded(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        lengths = self.chats.lengths[rows]
        inside = np.arange(lengths.max())[None, :] < lengths[:, None]
        places = np.concatenate([np.arange(*self.chats.offsets[row : row + 2]) for row in rows])
        ids = np.zeros(inside.shape, dtype=np.int64)
        response = np.zeros(inside.shape, dtype=np.bool_)
        ids[inside], response[inside] = self.chats.ids[places], self.chats.response[places]
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(response).to(self.device)


def measure_scale(reader: Reader, rows: np.ndarray, scratch: Path, progress: Progress) -> Scale:
    """Mean and standard deviation over `rows` (float64 sums), going on from what lies in `scratch`."""
    import torch

    widths = reader.layers.widths
    file = scratch / SUMS
    sums, squares, done = np.zeros(sum(widths)), np.zeros(sum(widths)), 0
    if file.exists():
        with np.load(file) as found:
            sums, squares, done = found["sums"], found["squares"], int(found["batches"])
    of_layer = [torch.from_numpy(part).to(reader.device) for part in np.split(sums, np.cumsum(widths)[:-1])]
    squares_of_layer = [torch.from_numpy(part).to(reader.device) for part in np.split(squares, np.cumsum(widths)[:-1])]

    def take(layer: int, values: torch.Tensor) -> None:
        exact = values.double()
        of_layer[layer] += exact.sum(0)
        squares_of_layer[layer] += (exact * exact).sum(0)

    def note(batches: int) -> None:
        with atomic_file(file) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                sums=torch.cat(of_layer).cpu().numpy(),
                squares=torch.cat(squares_of_layer).cpu().numpy(),
                batches=batches,
            )

    for batch in _resumed(reader.batches(rows), done, note, progress):
        reader.run(batch, take)
    scale = Scale([], [])
    for total, square in zip(of_layer, squares_of_layer, strict=True):
        mean = total / len(rows)
        variance = (square / len(rows) - mean * mean).clamp(min=0.0)
        # What rounding leaves of a constant's variance is no variance.
        varies = variance > 1e-12 * mean * mean
        scale.means.append(mean.float())
        scale.inverses.append(torch.where(varies, variance.rsqrt(), 0.0).float())
    return scale


def spool_states(
    reader: Reader, rows: np.ndarray, states: TopStates | SignStates, scratch: Path, progress: Progress
) -> dict[str, np.ndarray]:
    """States of `rows` (ascending), memory-mapped from files of `scratch`, going on from the batches it holds."""
    files = {name: (scratch / f"{name}.bin", width, dtype) for name, (width, dtype) in states.files.items()}
    place_of = np.full(int(rows.max(initial=-1)) + 1, -1, dtype=np.int64)
    place_of[rows] = np.arange(len(rows))
    note_file = scratch / NOTE
    whole = note_file.exists() and all(path.exists() for path, _, _ in files.values())
    done = int(json.loads(note_file.read_text())["batches"]) if whole else 0
    with ExitStack() as opened, storage_errors(scratch):
        streams: dict[str, BinaryIO] = {}
        for name, (path, width, dtype) in files.items():
            path.touch()
            streams[name] = opened.enter_context(path.open("r+b"))
            streams[name].truncate(len(rows) * width * dtype.itemsize)

        def note(batches: int) -> None:
            for stream in streams.values():
                stream.flush()
                os.fsync(stream.fileno())
            write_text(note_file, json.dumps({"batches": batches}))

        for batch in _resumed(reader.batches(rows), done, note, progress):
            parts: dict[str, list[np.ndarray]] = {name: [] for name in files}

            def take(layer: int, values: torch.Tensor, parts: dict[str, list[np.ndarray]] = parts) -> None:
                for name, part in states.of(layer, values).items():
                    parts[name].append(part)

            reader.run(batch, take)
            for name, (_, width, dtype) in files.items():
                block = np.concatenate(parts[name], axis=1).astype(dtype)
                for place, row in zip(place_of[batch], block, strict=True):
                    streams[name].seek(int(place) * width * dtype.itemsize)
                    streams[name].write(row.tobytes())
    return {
        # An empty file cannot be mapped.
        name: np.memmap(path, dtype=dtype, mode="r", shape=(len(rows), width))
        if len(rows)
        else np.zeros((0, width), dtype)
        for name, (path, width, dtype) in files.items()
    }


def _resumed(
    batches: Sequence[np.ndarray], done: int, note: Callable[[int], None], progress: Progress
) -> Iterator[np.ndarray]:
    """The batches after the first `done`; notes what is finished from time to time and at the end."""
    total = sum(len(batch) for batch in batches)
    finished = sum(len(batch) for batch in batches[:done])
    progress(finished, total)
    noted = time.monotonic()
    for number, batch in enumerate(batches[done:], start=done + 1):
        yield batch
        finished += len(batch)
        progress(finished, total)
        if number == len(batches) or time.monotonic() - noted > SECONDS_BETWEEN_NOTES:
            note(number)
            noted = time.monotonic()

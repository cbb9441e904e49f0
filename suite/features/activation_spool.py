"""Streaming neuron states out of a model: statistics first, then the states themselves, resumable after a kill.

Neither pass holds more than one batch of one layer's activations. What is finished lies in a scratch folder: sums of
the first pass, and the rows of the second (`suite.features.row_spool`), each with a note of how many batches it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from suite.atomic import atomic_file
from suite.errors import FeatureError
from suite.features.chats import Chats
from suite.features.gated_layers import Activation, Aggregate, GatedLayers
from suite.features.neuron_states import Scale, SignStates, TopStates
from suite.features.row_spool import resumed, row_spool
from suite.features.text_models import TOKENS_A_BATCH, batches_of_like_length, within_memory
from suite.reporting import Progress

if TYPE_CHECKING:
    import torch

SUMS = "sums.npz"
Part = TypeVar("Part")


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

    def read(self, rows: np.ndarray, of: Callable[[int, torch.Tensor], Part]) -> list[tuple[np.ndarray, list[Part]]]:
        """What `of` makes of each layer of a batch: rows with their parts, one a layer.

        In two pieces where memory runs out. FeatureError names the first row with an activation that is not a number,
        and says when memory ran out again.
        """

        def in_parts(size: int) -> list[tuple[np.ndarray, list[Part]]]:
            pieces = (rows[start : start + size] for start in range(0, len(rows), size))
            return [(piece, self._run(piece, of)) for piece in pieces]

        return within_memory(in_parts, len(rows))

    def _run(self, rows: np.ndarray, of: Callable[[int, torch.Tensor], Part]) -> list[Part]:
        import torch

        made = []

        def checked(layer: int, values: torch.Tensor) -> None:
            if not bool(torch.isfinite(values).all()):
                bad = int(rows[int(torch.isfinite(values).all(1).int().argmin())])
                raise FeatureError(f"Layer {layer} gives an activation that is not a number for row {bad}.")
            made.append(of(layer, values))

        ids, response = self._padded(rows)
        self.layers.run(ids, response, checked, activation=self.activation, aggregate=self.aggregate)
        return made

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

    def summed(_: int, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        exact = values.double()
        return exact.sum(0), (exact * exact).sum(0)

    def note(batches: int) -> None:
        with atomic_file(file) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                sums=torch.cat(of_layer).cpu().numpy(),
                squares=torch.cat(squares_of_layer).cpu().numpy(),
                batches=batches,
            )

    for batch in resumed(reader.batches(rows), done, note, progress):
        for _, parts in reader.read(batch, summed):
            for layer, (total, square) in enumerate(parts):
                of_layer[layer] += total
                squares_of_layer[layer] += square
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
    place_of = np.full(int(rows.max(initial=-1)) + 1, -1, dtype=np.int64)
    place_of[rows] = np.arange(len(rows))
    with row_spool(scratch, states.files, len(rows)) as spool:
        for batch in resumed(reader.batches(rows), spool.done, spool.note, progress):
            for piece, parts in reader.read(batch, states.of):
                for name in states.files:
                    spool.write(name, place_of[piece], np.concatenate([part[name] for part in parts], axis=1))
    return spool.arrays()

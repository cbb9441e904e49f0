"""What is kept of a sample's activations: the neurons that stand out, or the sign of every neuron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Scale:
    """Mean, and one over the deviation (0 where a neuron never varies): float32, one tensor a layer."""

    means: list[torch.Tensor]
    inverses: list[torch.Tensor]

    def standardised(self, layer: int, values: torch.Tensor) -> torch.Tensor:
        """z-scores of one layer, shape and dtype of `values`."""
        return (values - self.means[layer]) * self.inverses[layer]


@dataclass(frozen=True)
class TopStates:
    """The `density` share of each layer's neurons with the largest z (ties to the lower), ascending, and their z."""

    widths: Sequence[int]
    density: float
    scale: Scale

    @property
    def kept(self) -> list[int]:
        """Neurons kept of each layer: at least 1."""
        return [max(1, round(self.density * width)) for width in self.widths]

    @property
    def files(self) -> dict[str, tuple[int, np.dtype[Any]]]:
        """Values a row and their dtype, by the name of the file."""
        return {"ids": (sum(self.kept), neuron_dtype(self.widths)), "scores": (sum(self.kept), np.dtype(np.float16))}

    def of(self, layer: int, values: torch.Tensor) -> dict[str, np.ndarray]:
        """One layer's part of each row, by the name of the file."""
        import torch

        z = self.scale.standardised(layer, values)
        count = self.kept[layer]
        least = torch.topk(z, count, dim=1, sorted=True).values[:, -1:]
        above, level = z > least, z == least
        missing = count - above.sum(1, keepdim=True)
        chosen = above | (level & (level.cumsum(1) <= missing))
        ids = chosen.nonzero()[:, 1].reshape(len(z), count)
        limit = float(np.finfo(np.float16).max)
        scores = z.gather(1, ids).clamp(-limit, limit).half()
        return {"ids": (ids + sum(self.widths[:layer])).cpu().numpy(), "scores": scores.cpu().numpy()}


@dataclass(frozen=True)
class SignStates:
    """Neurons whose aggregated activation is above `threshold`, as bits, eight to a byte, each layer from a new one."""

    widths: Sequence[int]
    threshold: float

    @property
    def files(self) -> dict[str, tuple[int, np.dtype[Any]]]:
        """Values a row and their dtype, by the name of the file."""
        return {"bits": (sum((width + 7) // 8 for width in self.widths), np.dtype(np.uint8))}

    def of(self, layer: int, values: torch.Tensor) -> dict[str, np.ndarray]:
        """One layer's part of each row, by the name of the file."""
        return {"bits": np.packbits((values > self.threshold).cpu().numpy(), axis=1)}

    def unpacked(self, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Neurons of rows of bits, end to end, and how many each row holds."""
        ends = np.cumsum([(width + 7) // 8 for width in self.widths])
        parts = np.split(bits, ends[:-1], axis=1)
        on = np.concatenate(
            [np.unpackbits(part, axis=1, count=width) for part, width in zip(parts, self.widths, strict=True)], axis=1
        )
        return np.nonzero(on)[1].astype(neuron_dtype(self.widths)), np.count_nonzero(on, axis=1)


def neuron_dtype(widths: Sequence[int]) -> np.dtype[Any]:
    """The smallest unsigned integer that numbers all neurons of a model."""
    return np.dtype(np.uint16 if sum(widths) <= 2**16 else np.uint32)

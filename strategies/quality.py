"""The quality weight that embedding strategies may put on their samples: none, length, or a column of scores."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.features import Tokens
from suite.features.quality import Quality

if TYPE_CHECKING:
    from suite.features.base import Feature, Features

SCORES = "quality"
"""The column of a scores file that is read unless another is named."""


@dataclass(frozen=True)
class QualityWeight:
    """What a strategy's parameters `quality` and `quality_column` name; ValueError when they name nothing.

    `quality` is `none`, `length` (the share of the pool whose response is not longer, in tokens), or a parquet file
    with the columns `id` and `column`.
    """

    quality: str = "none"
    column: str = SCORES

    def __post_init__(self) -> None:
        if not (self.quality in ("none", "length") or self.is_file):
            raise ValueError(
                f"quality is 'none', 'length' or a .parquet file with the columns id and {self.column}, "
                f"not {self.quality!r}"
            )
        if self.column != SCORES and not self.is_file:
            raise ValueError(f"quality_column={self.column} needs quality=FILE.parquet")
        for text in (self.quality, self.column):
            # The one-line form of a strategy must give it back, and parts its parameters at commas.
            if "," in text or text != text.strip():
                raise ValueError(f"{text!r} holds a comma or outer spaces; rename it, or link to it by another name")

    @property
    def is_file(self) -> bool:
        """Whether scores are read from a file."""
        return self.quality.endswith(".parquet")

    def requires(self) -> tuple[Feature, ...]:
        """The feature it is read from, if any."""
        if self.is_file:
            return (Quality(self.quality, self.column),)
        return (Tokens(view="response"),) if self.quality == "length" else ()

    def read(self, features: Features, power: float = 1.0) -> np.ndarray | None:
        """The weights to the given power, shape (n,), float64, not negative; None where there is no quality.

        Warns when the file scores ids that the pool does not have. ValueError when a power is too large for float64.
        """
        if self.quality == "none":
            return None
        if self.is_file:
            scores = features[Quality(self.quality, self.column)]
            if scores.unknown_ids:
                warnings.warn(
                    f"{scores.unknown_ids:,} ids of {self.quality} are not in the pool; their scores are not used",
                    stacklevel=2,
                )
            values = np.asarray(scores.values)
        else:
            lengths = features[Tokens(view="response")].lengths
            values = np.searchsorted(np.sort(lengths), lengths, side="right") / len(lengths)
        with np.errstate(over="ignore"):
            weights = np.asarray(values**power, dtype=np.float64)
        if not np.isfinite(weights).all():
            raise ValueError(f"the largest quality, {values.max():g}, to the power {power:g} is no finite number")
        return weights

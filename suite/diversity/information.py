"""Information-based measures of the picked texts: how far they compress, and the entropy of their tokens."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.diversity.reading import TokenMetric
from suite.errors import SelectionError
from suite.features import View
from suite.registry import Metric, register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool
    from suite.selection import Selection


@register(
    "compression-ratio",
    family="post-hoc",
    paper="M2M, arXiv 2505.24768, post-hoc measures; Shaib et al. (2024), arXiv 2403.00553",
    cost="bytes",
    deterministic=True,
)
@dataclass(frozen=True)
class CompressionRatio(Metric):
    """Bytes of the picks' texts over their bytes under gzip; lower is more diverse.

    Texts are UTF-8, joined by line ends in the pool's order (gzip looks back 32 KiB, so order matters and the
    picking order is put aside), at `level` 1 to 9. Picks whose texts are all empty have no value.
    """

    formula: ClassVar[str] = (
        r"\frac{\text{bytes}(x_S)}{\text{bytes}(\mathrm{gzip}(x_S))}, \qquad x_S = \text{the texts of the "
        r"picks, joined}"
    )

    view: View = "response"
    level: int = 9

    higher_is_diverse: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 1 <= self.level <= 9:
            raise ValueError("level must be from 1 to 9")

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """Raw over compressed; repeated picks stand side by side and compress well."""
        text = "\n".join(pool.texts(self.view, np.sort(selection.rows))).encode()
        if not text.strip():
            raise SelectionError(f"compression-ratio has no value: the {self.view} of every picked sample is empty.")
        return len(text) / len(gzip.compress(text, compresslevel=self.level, mtime=0))


@register(
    "token-entropy",
    family="post-hoc",
    paper="M2M, arXiv 2505.24768, post-hoc measures; Shannon (1948)",
    cost="tokens",
    deterministic=True,
)
@dataclass(frozen=True)
class TokenEntropy(TokenMetric):
    """Shannon entropy, in bits, of the token frequencies over all picks; higher is more diverse.

    From 0 (one token only) to log2 of the different tokens. Picks whose texts are all empty have no value.
    """

    formula: ClassVar[str] = (
        r"- \sum_{v} p_v \log_2 p_v, \qquad p_v = \text{share of token } v \text{ in all tokens of the picks}"
    )

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """-sum of p log2 p over the tokens."""
        ids, _ = self.tokens(selection.rows, features)
        _, counts = np.unique(ids, return_counts=True)
        shares = counts / len(ids)
        return max(0.0, float(-(shares * np.log2(shares)).sum()))

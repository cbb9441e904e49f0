"""Lexical diversity: how many different tokens a selection holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.diversity.reading import TokenMetric
from suite.errors import SelectionError
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool
    from suite.selection import Selection


@register("ttr", family="lexical", paper="Johnson (1944)", cost="tokens", deterministic=True)
@dataclass(frozen=True)
class TypeTokenRatio(TokenMetric):
    """Different tokens over all tokens of the picks; higher is more diverse, and longer texts score lower."""

    formula: ClassVar[str] = r"\mathrm{TTR} = \frac{|\{\text{tokens of } S\}|}{\sum_{i \in S} |x_i|}"

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """Distinct over all, repeats counted; SelectionError when the picks hold no token."""
        ids, _ = self.tokens(selection.rows, features)
        return len(np.unique(ids)) / len(ids)


@register(
    "vocd-d",
    family="lexical",
    paper="Malvern and Richards (1997); McCarthy and Jarvis (2010) for the exact expectation",
    cost="tokens",
    deterministic=True,
)
@dataclass(frozen=True)
class VocdD(TokenMetric):
    """vocd-D: the D whose curve fits the type-token ratio of N tokens drawn from the picks; higher is more diverse.

    Fits TTR(N) = D / N (sqrt(1 + 2 N / D) - 1), N = `shortest`..`longest`, by least squares. *Our reading:* vocd
    estimates TTR(N) by random draws without replacement from the pooled tokens; here it is their exact expectation
    (the hypergeometric one), to which more and more draws come, so no seed is needed. Needs `longest` tokens, of
    which two are alike.
    """

    formula: ClassVar[str] = (
        r"\mathrm{TTR}(N) = \frac{D}{N} \left( \sqrt{1 + \frac{2N}{D}} - 1 \right), \qquad N = 35, \dots, 50"
    )

    shortest: int = 35
    longest: int = 50

    def __post_init__(self) -> None:
        if not 2 <= self.shortest <= self.longest:
            raise ValueError("shortest must be at least 2 and longest at least shortest")

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """D, above 0; SelectionError when the picks hold too few tokens or no token twice."""
        from scipy.optimize import curve_fit

        ids, _ = self.tokens(selection.rows, features)
        _, counts = np.unique(ids, return_counts=True)
        if len(ids) < self.longest:
            raise SelectionError(f"vocd-d needs at least {self.longest} tokens; the picks hold {len(ids)}.")
        if len(counts) == len(ids):
            raise SelectionError("vocd-d has no finite value: no token of the picks occurs twice.")
        drawn = np.arange(self.shortest, self.longest + 1)
        ratios = expected_types(counts, self.longest)[drawn - 1] / drawn
        # Each point alone gives a D in closed form; their median is where the fit begins.
        start = np.log(np.median(drawn * ratios**2 / (2.0 * (1.0 - ratios))))
        (log_d,), _ = curve_fit(_ratio, drawn, ratios, p0=[start], xtol=1e-12, ftol=1e-12)
        return float(np.exp(log_d))


def expected_types(counts: np.ndarray, longest: int) -> np.ndarray:
    """Expected number of types among 1..`longest` tokens drawn without replacement, shape (longest,), float64.

    `counts` are the occurrences of each type. A type of f among T tokens is missed by N draws with probability
    C(T - f, N) / C(T, N), a product of N factors 1 - f / (T - j).
    """
    total = int(counts.sum())
    frequencies, types = np.unique(counts, return_counts=True)
    share = frequencies[:, None] / (total - np.arange(longest))[None, :]
    with np.errstate(divide="ignore"):
        log_missed = np.cumsum(np.log1p(-np.minimum(share, 1.0)), axis=1)
    return np.asarray(types @ -np.expm1(log_missed))


def _ratio(drawn: np.ndarray, log_d: float) -> np.ndarray:
    d = np.exp(log_d)
    return np.asarray(d / drawn * (np.sqrt(1.0 + 2.0 * drawn / d) - 1.0))

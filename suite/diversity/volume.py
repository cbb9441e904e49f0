"""Volume-based diversity: how much of the embedding space the picks span."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.diversity.reading import EmbeddingMetric
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool
    from suite.selection import Selection

# Embeddings are kept in float32, where equal texts may differ in the last digit.
EQUAL = 1e-6


def smaller_gram(unit: np.ndarray) -> np.ndarray:
    """X X^T or X^T X of rows X (m, d), whichever is smaller: their eigenvalues other than 0 are the same."""
    return unit @ unit.T if len(unit) <= unit.shape[1] else unit.T @ unit


def effective_number(unit: np.ndarray) -> float:
    """exp of the entropy of the eigenvalues of K / m, with K the cosine matrix of unit rows (m, d)."""
    eigenvalues = np.linalg.eigvalsh(smaller_gram(unit) / len(unit))
    eigenvalues = eigenvalues[eigenvalues > 0]
    return float(np.exp(-(eigenvalues * np.log(eigenvalues)).sum()))


@register(
    "radius",
    family="distance",
    paper="Lai et al. (2020), arXiv 2003.08529",
    cost="k d",
    deterministic=True,
)
@dataclass(frozen=True)
class Radius(EmbeddingMetric):
    """Geometric mean of the standard deviation of the picks along each dimension; higher is more diverse.

    Deviations are those of a population (divided by k). *Our reading:* dimensions in which all picks are equal, to
    within 1e-6, are left out, for one of them would make every value 0 (such as the dimension that marks empty texts).
    Picks that are all alike, and a single pick, give 0.
    """

    formula: ClassVar[str] = (
        r"\left( \prod_{c=1}^{d} \sigma_c \right)^{1/d}, \qquad \sigma_c = \text{standard deviation of the "
        r"picks along dimension } c"
    )

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """exp of the mean log deviation."""
        unit = self.unit_rows(selection, features)
        varied = unit[:, np.ptp(unit, axis=0) > EQUAL]
        if not varied.size:
            return 0.0
        return float(np.exp(np.log(varied.std(axis=0)).mean()))


@register(
    "log-det",
    family="distance",
    paper="Wang et al. (2024), arXiv 2402.02318; Yang et al. (ACL 2025), arXiv 2502.17184, section 2",
    cost="k d min(k, d)",
    deterministic=True,
)
@dataclass(frozen=True)
class LogDeterminant(EmbeddingMetric):
    """Log determinant of the picks' cosine matrix with `regularisation` added on its diagonal; higher is more diverse.

    log det(X X^T + r I), k x k, taken through the d x d side when k > d. *Our reading:* r = 1, which keeps the
    determinant of more picks than dimensions from being 0 and the value from being ruled by r. Defined for any
    picks: a single one gives log(1 + r).
    """

    formula: ClassVar[str] = r"\log \det \left( X X^{\top} + r I \right)"

    regularisation: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.regularisation < math.inf:
            raise ValueError("regularisation must be a number above 0")

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The sum of the logs of the eigenvalues, those equal to `regularisation` included."""
        unit = self.unit_rows(selection, features)
        gram = smaller_gram(unit)
        side = len(gram)
        gram[np.diag_indices(side)] += self.regularisation
        _, value = np.linalg.slogdet(gram)
        return float(value) + (len(unit) - side) * math.log(self.regularisation)


@register(
    "vendi",
    family="distribution",
    paper="Friedman and Dieng (TMLR 2023), arXiv 2210.02410",
    cost="k d min(k, d)",
    deterministic=True,
)
@dataclass(frozen=True)
class Vendi(EmbeddingMetric):
    """Vendi score: the effective number of different picks, from 1 (all alike) to k; higher is more diverse.

    exp of the entropy of the eigenvalues of K / k, with K the picks' cosine matrix; through the d x d side when
    k > d. Defined for any picks: a single one gives 1.
    """

    formula: ClassVar[str] = (
        r"\exp \left( - \sum_{i=1}^{m} \lambda_i \log \lambda_i \right), \qquad \lambda = \text{eigenvalues "
        r"of } K / m, \quad K_{ij} = \cos(i, j)"
    )

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """exp(-sum of l log l) over the eigenvalues l > 0 of K / k."""
        return effective_number(self.unit_rows(selection, features))

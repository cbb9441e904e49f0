"""Overlap-based measures: how often the picked texts say the same run of tokens again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from suite.diversity.reading import TokenMetric
from suite.errors import SelectionError
from suite.features import Tokens
from suite.registry import register

if TYPE_CHECKING:
    from suite.features.base import Features
    from suite.pool import Pool
    from suite.selection import Selection

EPSILON = 0.1


@register(
    "ngram-ratio",
    family="post-hoc",
    paper="M2M, arXiv 2505.24768, post-hoc measures; Li et al. (NAACL 2016) for distinct-n",
    cost="tokens",
    deterministic=True,
)
@dataclass(frozen=True)
class NgramRatio(TokenMetric):
    """Different n-grams over all n-grams of the picks, averaged over n = 1..`longest`; higher is more diverse.

    N-grams of tokens within a sample, counted over all picks together. Lengths of which the picks hold no n-gram
    are left out of the mean; picks whose texts are all empty have no value.
    """

    formula: ClassVar[str] = (
        r"\frac{1}{4} \sum_{n=1}^{4} \frac{|\{n\text{-grams of } S\}|}{\sum_{i \in S} \max(0, |x_i| - n + 1)}"
    )

    longest: int = 4

    def __post_init__(self) -> None:
        if self.longest < 1:
            raise ValueError("longest must be at least 1")

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The mean of up to `longest` ratios; longer texts score lower."""
        ids, lengths = self.tokens(selection.rows, features)
        ratios = []
        for n, (_, grams, different) in enumerate(ngrams(ids, lengths, self.longest), start=1):
            features.progress(n, self.longest)
            if len(grams):
                ratios.append(different / len(grams))
        return float(np.mean(ratios))


@register(
    "self-bleu",
    family="post-hoc",
    paper="Zhu et al. (SIGIR 2018), arXiv 1802.01886; M2M, arXiv 2505.24768, post-hoc measures",
    cost="tokens of `samples` picks",
    deterministic=True,
)
@dataclass(frozen=True)
class SelfBleu(TokenMetric):
    """Mean BLEU of each pick against all other picks, of 1,000 drawn by a fixed seed; lower is more diverse.

    BLEU of n-grams up to `longest` tokens with equal weights, clipped counts, the brevity penalty of the reference
    closest in length (the shorter of two), and 0.1 in place of a count of 0 (smoothing method 1 of Chen and Cherry,
    2014); 0 for a text without a token, or without one that another holds. Fewer picks than `samples` are all used;
    one pick, and picks whose texts are all empty, have no value.
    """

    formula: ClassVar[str] = r"\frac{1}{m} \sum_{i \in S} \mathrm{BLEU}\left( x_i; \{x_j : j \in S, j \ne i\} \right)"

    samples: int = 1000
    longest: int = 4
    seed: int = 0

    higher_is_diverse: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.samples < 2 or self.longest < 1 or self.seed < 0:
            raise ValueError("samples must be at least 2, longest at least 1, seed at least 0")

    def measure(self, selection: Selection, pool: Pool, features: Features) -> float:
        """The mean over the drawn picks."""
        rows = np.sort(selection.rows)
        if len(rows) < 2:
            raise SelectionError("self-bleu needs at least two picks: each is compared with the others.")
        if len(rows) > self.samples:
            rows = np.random.default_rng(self.seed).choice(rows, self.samples, replace=False)
        if not features[Tokens(view=self.view)].lengths[rows].any():
            raise SelectionError(f"self-bleu has no value: the {self.view} of every drawn sample is empty.")
        ids, lengths = self.tokens(rows, features)
        return float(bleu_against_the_rest(ids, lengths, self.longest).mean())


def ngrams(ids: np.ndarray, lengths: np.ndarray, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """For n = 1..longest: (positions where an n-gram begins, its number, how many differ), equal for equal n-grams.

    `ids` (tokens,) int64 are texts end to end, `lengths` (m,) their tokens; no n-gram crosses from one to the next.
    Numbers are exact (no hashing): an n-gram is its first n - 1 tokens' number and its last token.
    """
    from suite.diversity.kernels.numbering import number_pairs

    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(ids))
    number = np.zeros(len(ids), dtype=np.int64)
    for n in range(1, longest + 1):
        begins = np.flatnonzero(left >= n)
        grams, different = number_pairs(number[begins], ids[begins + n - 1])
        number[begins] = grams
        yield begins, grams, different


def bleu_against_the_rest(ids: np.ndarray, lengths: np.ndarray, longest: int) -> np.ndarray:
    """BLEU of each text against all others as its references, shape (m,), float64; see `SelfBleu`.

    Of each n-gram only the two largest counts in any text matter: the largest count among the *other* texts is the
    second where the text itself holds the largest.
    """
    count = len(lengths)
    owner = np.repeat(np.arange(count), lengths)
    log_precision = np.zeros(count)
    shared = np.zeros(count, dtype=bool)
    for n, (begins, grams, _) in enumerate(ngrams(ids, lengths, longest), start=1):
        matched = np.bincount(*_clipped(grams, owner[begins], count), minlength=count)
        if n == 1:
            shared = matched > 0
        held = np.maximum(lengths - n + 1, 1)
        log_precision += np.log(np.where(matched > 0, matched, EPSILON) / held) / longest
    closest = _closest_lengths(lengths)
    with np.errstate(divide="ignore", invalid="ignore"):
        brevity = np.where(lengths > closest, 0.0, 1.0 - closest / lengths)
    return np.asarray(np.where(shared, np.exp(brevity + log_precision), 0.0))


def _clipped(grams: np.ndarray, owner: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each (n-gram, text): the text, and the n-gram's count in it, at most its largest count in another text."""
    pairs, counts = np.unique(grams * count + owner, return_counts=True)
    gram, text = np.divmod(pairs, count)
    starts = np.flatnonzero(np.diff(gram, prepend=-1))
    if not len(starts):
        return text, counts
    largest = np.maximum.reduceat(counts, starts)
    sizes = np.diff(starts, append=len(gram))
    is_largest = counts == np.repeat(largest, sizes)
    alone = np.repeat(np.add.reduceat(is_largest.astype(np.int64), starts) == 1, sizes)
    second = np.maximum.reduceat(np.where(is_largest, 0, counts), starts)
    others = np.where(is_largest & alone, np.repeat(second, sizes), np.repeat(largest, sizes))
    return text, np.minimum(counts, others)


def _closest_lengths(lengths: np.ndarray) -> np.ndarray:
    """For each text the length, among the others, that is closest to its own (the shorter of two)."""
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order].astype(np.float64)
    below = np.concatenate([[-np.inf], ascending[:-1]])
    above = np.concatenate([ascending[1:], [np.inf]])
    closest = np.empty(len(lengths))
    closest[order] = np.where(ascending - below <= above - ascending, below, above)
    return closest
